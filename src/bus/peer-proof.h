/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Proves which process has a given pid, if the bus knows only the pid.
 *
 * The process that connected to the bus may have ended, and its pid may now belong to a process of another unit. So
 * the process is challenged: its pid is turned into a pidfd, a random nonce is sent over a Unix socket that the
 * caller passed to us, and the kernel reports which process sent the answer. An answer from that pid proves that the
 * process of the pidfd sent it: the pid has been that process's from before the challenge until after the answer.
 * The messages are defined in host/peer-process.h. */

#include <stdint.h>
#include <systemd/sd-event.h>

#include "basic/macro.h"

#define PEER_PROOF_USEC (5 * USEC_PER_SEC)

typedef struct PeerProof PeerProof;

/* r: the pidfd of the process, owned by the callee; -ETIMEDOUT; -EACCES: another process answered, or the answer was
 * wrong; -ESRCH: the process has ended. Not called from within peer_proof_new(); the callee frees the PeerProof. */
typedef void (*peer_proof_fn)(int r, void *userdata);

/* Sends the challenge. fd: borrowed, one end of a pair of AF_UNIX, SOCK_SEQPACKET sockets; never blocks. -EINVAL: it
 * is not; -ESRCH: there is no process with this pid. */
int peer_proof_new(sd_event *event, int fd, uint32_t pid, peer_proof_fn fn, void *userdata, PeerProof **ret);
PeerProof *peer_proof_free(PeerProof *p);

DEFINE_CLEANUP_FUNC(PeerProof *, peer_proof_free)
