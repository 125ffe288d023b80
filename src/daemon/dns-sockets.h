/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The sockets on which the DNS proxy listens, which must not be shared. A killed predecessor, or a socket unit
 * before the service started, may leave sockets that others share; see host/foreign-sockets.h. */

#include "daemon/actors.h"
#include "host/foreign-sockets.h"

typedef struct DnsSockets DnsSockets;

/* actors: borrowed, to identify who holds a socket. */
int dns_sockets_new(const Context *c, Actors *actors, DnsSockets **ret);
DnsSockets *dns_sockets_free(DnsSockets *d);
DEFINE_CLEANUP_FUNC(DnsSockets *, dns_sockets_free)

/* Takes the socket units' sockets that nobody shares, and for a family without them sockets on a free port of the
 * loopback, which a successor gets; at most DNS_ENDPOINTS_MAX, owned by the caller. Logs which are not used, and
 * why. */
size_t dns_sockets_take(DnsSockets *d, int fds[static DNS_ENDPOINTS_MAX]);
/* Emits the event about sockets that were not taken, once events can be emitted. */
void dns_sockets_report(const DnsSockets *d);
/* Checks the sockets of the running proxy. -EADDRINUSE: one is shared, which is logged and reported; other errors:
 * this cannot be determined. */
int dns_sockets_check(const DnsSockets *d);
