/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A process by its descriptor, pidfd_open(2): unlike its id, that never comes to mean another one. */

#include <stdbool.h>
#include <stdint.h>

/* How a process shows, over a Unix socket that it gave somebody, that it has its process id: it gets a packet of
 * PEER_PROOF_QUESTION and a nonce, and sends one of PEER_PROOF_ANSWER and the same nonce. An echo is no answer. */
#define PEER_PROOF_QUESTION 'Q'
#define PEER_PROOF_ANSWER 'A'
#define PEER_PROOF_NONCE 16 /* bytes */

/* A new descriptor. -ESRCH: there is no such process. */
int peer_process_open(uint32_t pid);
/* False once it has ended, also where nobody has waited for it yet. */
bool peer_process_is_alive(int pidfd);
/* Unit and control group, both owned by the caller then. -ESRCH: it has ended; -EAGAIN: it is being moved; -ENODATA: it
 * has no unit. */
int peer_process_unit(int pidfd, char **ret_unit, char **ret_cgroup);
/* Its effective user, as a socket has it that the process connects. */
int peer_process_uid(int pidfd, uint32_t *ret);
