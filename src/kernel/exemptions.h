/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Writes to the kernel what passes although no rule names it: the service's own sockets, and connections older than the
 * service. */

#include "kernel/programs.h"

/* By the socket's cookie. Call before the socket sends, and when it is closed. */
int exemptions_set_own_socket(Programs *p, int socket_fd, bool own);

/* One of the proxy's own, which shows the kernel where the proxy's network namespace is. */
int exemptions_set_proxy_socket(Programs *p, int socket_fd);

/* Lets a connection older than the service continue. addr and port of the peer, by the socket's cookie. -ENOSPC: no
 * more fit. */
int exemptions_add_connection(Programs *p, uint64_t cookie, const InAddr *peer, uint16_t port);
