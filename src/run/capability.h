/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The capabilities COMMAND must not have, root or not: capabilities(7).
 *
 * Packet sockets (CAP_NET_RAW), tunnel devices, routes and namespaces' links (CAP_NET_ADMIN) send without an inet
 * socket and so go round the socket hooks; CAP_BPF and CAP_PERFMON could take the hooks themselves away. Out of the
 * bounding set they stay out: no set-uid program, file capability or later sudo brings them back. CAP_SYS_ADMIN stays,
 * since package builds and containers mount; a COMMAND that is root can therefore leave its cgroup. */

/* Before the change of user: it needs CAP_SETPCAP for those of the four that are still there. */
int capability_drop_bounding(void);
/* After it: permitted, effective, inheritable and ambient. */
int capability_drop_own(void);
