/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A process identified by a descriptor, pidfd_open(2), which unlike its pid never refers to another process. */

#include <stdbool.h>
#include <stdint.h>

/* How a process proves that it has its pid, over a Unix socket that it passed to us: it receives a packet of
 * PEER_PROOF_QUESTION and a nonce, and sends PEER_PROOF_ANSWER with the same nonce. An echo is not an answer. */
#define PEER_PROOF_QUESTION 'Q'
#define PEER_PROOF_ANSWER 'A'
#define PEER_PROOF_NONCE 16 /* bytes */

/* Returns a new descriptor. -ESRCH: there is no such process. */
int peer_process_open(uint32_t pid);
/* False once the process has ended, even before its parent has waited for it. */
bool peer_process_is_alive(int pidfd);
/* Unit and control group, both owned by the caller. -ESRCH: it has ended; -EAGAIN: it is being moved; -ENODATA: it
 * is in no unit. */
int peer_process_unit(int pidfd, char **ret_unit, char **ret_cgroup);
/* Its effective user, as seen by the peer of a socket that it connects. */
int peer_process_uid(int pidfd, uint32_t *ret);
