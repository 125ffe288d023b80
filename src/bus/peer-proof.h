/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Which process has this process id, beyond doubt, where the bus knows no more than the id.
 *
 * The process that connected to the bus may have ended, and its id may be another unit's process by now. So it is
 * asked: the id is turned into a descriptor, a random question is sent over a Unix socket that the caller gave us, and
 * the kernel says which process sent the answer. An answer from that id shows that the process of the descriptor sent
 * it: the id was that process's from before the question until after the answer.
 * The messages are in host/peer-process.h. */

#include <stdint.h>
#include <systemd/sd-event.h>

#include "basic/macro.h"

#define PEER_PROOF_USEC (5 * USEC_PER_SEC)

typedef struct PeerProof PeerProof;

/* r: the process's descriptor, which the callee owns; -ETIMEDOUT, -EACCES: another process answered, or with something
 * else; -ESRCH: the process has ended. Not called from within peer_proof_new(); the callee frees the PeerProof. */
typedef void (*peer_proof_fn)(int r, void *userdata);

/* Asks. fd: borrowed, one end of a pair of AF_UNIX, SOCK_SEQPACKET sockets; never waited for. -EINVAL: it is none;
 * -ESRCH: there is no process with the id. */
int peer_proof_new(sd_event *event, int fd, uint32_t pid, peer_proof_fn fn, void *userdata, PeerProof **ret);
PeerProof *peer_proof_free(PeerProof *p);

DEFINE_CLEANUP_FUNC(PeerProof *, peer_proof_free)
