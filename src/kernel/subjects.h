/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Writes to the kernel which layers judge a cgroup, and which sockets are the service's own. */

#include "kernel/programs.h"

/* chain: CW_CHAIN(); actor below CW_ACTOR_MAX; flags: enum cw_subject_flags. -ENOSPC: full. */
int subjects_set(Programs *p, uint64_t cgroup_id, uint32_t chain, uint32_t actor, uint32_t flags);
int subjects_remove(Programs *p, uint64_t cgroup_id);
/* Without an entry: CW_CHAIN_UNASSIGNED, actor 0. */
struct cw_subject subjects_get(const Programs *p, uint64_t cgroup_id);

/* By the socket's cookie. Call before the socket sends, and when it is closed. */
int self_sockets_set(Programs *p, int socket_fd, bool own);

/* Lets a connection older than the service continue. addr and port of the peer, by the socket's cookie. */
int flows_keep(Programs *p, uint64_t cookie, const InAddr *peer, uint16_t port);
