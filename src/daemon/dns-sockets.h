/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The sockets that the DNS proxy listens on: each is the proxy's alone. A predecessor that was killed, and a socket
 * unit before the service started, leave sockets that others can share; see host/foreign-sockets.h. */

#include "daemon/actors.h"
#include "host/foreign-sockets.h"

typedef struct DnsSockets DnsSockets;

/* actors: borrowed, to name who holds a socket. */
int dns_sockets_new(const Context *c, Actors *actors, DnsSockets **ret);
DnsSockets *dns_sockets_free(DnsSockets *d);
DEFINE_CLEANUP_FUNC(DnsSockets *, dns_sockets_free)

/* Those of the socket units that nobody shares, at most DNS_ENDPOINTS_MAX, the caller's from here on. What is not used
 * is logged, and why. */
size_t dns_sockets_take(DnsSockets *d, int fds[static DNS_ENDPOINTS_MAX]);
/* The event about those that were not taken, once events can be emitted. */
void dns_sockets_report(const DnsSockets *d);
/* Of the proxy that runs. -EADDRINUSE: somebody shares one, which is logged and reported; or why that cannot be found
 * out. */
int dns_sockets_check(const DnsSockets *d);
