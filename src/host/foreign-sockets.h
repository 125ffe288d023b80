/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Sockets of others in this network namespace that share the proxy's endpoints.
 *
 * A UDP socket at the same address and port can receive in the proxy's place: of equals the kernel takes the newest, and
 * one that is bound to a device or connected comes first. One bound to every address receives nothing, but may connect()
 * and then has an address of its own without a bind that would be refused. A TCP socket keeps the proxy from listening.
 *
 * The kernel cannot take an address back: SOCK_DESTROY wakes the owner of a bound socket with an error and leaves it
 * bound, UDP sockets working. What ends such a socket is the end of its processes. */

#include "host/existing-sockets.h"
#include "net/dns-endpoint.h"

/* own: the endpoint that is shared. */
typedef void (*foreign_socket_fn)(const DnsEndpoint *own, const ExistingSocket *s, void *userdata);

/* Pure: does s, of the protocol of own, share the endpoint? users_may_bind: ports like this one are open to every user.
 * Then sockets bound to every address count as well, unless they are root's: a resolver of the administrator's. */
bool foreign_socket_shares(const DnsEndpoint *own, const ExistingSocket *s, bool users_may_bind);

/* Calls fn for each socket that shares one of the endpoints and has the cookie of none. Never waits. */
int foreign_sockets_list(const DnsEndpoint *own, size_t n_own, foreign_socket_fn fn, void *userdata);

/* Below this port only the privileged may bind, ip_unprivileged_port_start in ip-sysctl(7). */
uint16_t unprivileged_port_start(void);
