/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The TCP connections of some cgroups in this network namespace, also those without a process: the kernel still sends
 * what was written before the process ended. */

#include <stddef.h>
#include <stdint.h>

typedef struct CgroupSockets {
        const uint64_t *cgroups; /* ids, in ascending order; borrowed */
        size_t n_cgroups;
} CgroupSockets;

typedef struct CgroupSocketsState {
        size_t n;          /* connections that may still send */
        uint64_t n_queued; /* bytes that their peers have not acknowledged */
} CgroupSocketsState;

/* Needs no privilege; never blocks. -ENOENT: the kernel lacks tcp_diag. */
int cgroup_sockets_look(const CgroupSockets *c, CgroupSocketsState *ret);
/* Ends them, so that nothing more is sent. Those that the kernel would not end completely are left as they are: without
 * a process, before Linux 6.12. Needs CAP_NET_ADMIN. Returns 0 also if single ones could not be ended. */
int cgroup_sockets_end(const CgroupSockets *c);
