/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Which cgroup belongs to which scope, and which sockets are the service's own, as the kernel has it. */

#include "kernel/programs.h"

/* subject: CW_SUBJECT() of two scopes' indexes. slice: a cgroup that only holds others; what is below it waits for an entry
 * of its own. -ENOSPC: full. */
int subjects_set(Programs *p, uint64_t cgroup_id, uint32_t subject, bool slice);
int subjects_remove(Programs *p, uint64_t cgroup_id);
/* CW_SCOPE_UNKNOWN when it has no entry. */
uint32_t subjects_get(const Programs *p, uint64_t cgroup_id);

/* By the socket's cookie: before it sends, and when it is closed. */
int own_sockets_set(Programs *p, int socket_fd, bool own);

/* A connection older than the service: it goes on. addr and port of the peer, by the socket's cookie. */
int flows_keep(Programs *p, uint64_t cookie, const InAddr *peer, uint16_t port);
