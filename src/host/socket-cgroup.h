/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Does this kernel still know the cgroup of new sockets? Before Linux 5.15, the controllers net_cls and net_prio of cgroup v1 take
 * its place in each socket from their first use until the next boot: the packets of all new sockets then count as those of the
 * root cgroup, and no program of another cgroup sees them. */

#include <stdbool.h>
#include <stdint.h>

#define SOCKET_CGROUP_ADVICE "boot Linux 5.15 or later, or with cgroup_no_v1=net_cls,net_prio"

/* Makes a socket that listens on the loopback for a moment. Returns 1, 0: no; or a negative errno: not known. Always 1 in the
 * root cgroup itself. Needs no privilege. */
int socket_cgroup_is_known(void);

/* Pure. own: of the process, found: of its socket, ids as in Cgroup.id. */
bool socket_cgroup_is_lost(uint64_t own, uint64_t found);
