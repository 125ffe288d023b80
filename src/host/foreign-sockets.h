/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Sockets of other processes in this network namespace that share the proxy's endpoints.
 *
 * A UDP socket at the same address and port can receive instead of the proxy: the kernel prefers one that is bound
 * to a device or connected, and otherwise the newest. A socket bound to the wildcard address receives nothing, but
 * may connect() and so get an address of its own without a bind that would be refused. A TCP socket prevents the
 * proxy from listening.
 *
 * The kernel cannot take an address back: SOCK_DESTROY wakes the owner of a bound socket with an error, but leaves
 * it bound, and UDP sockets keep working. Only the end of its processes ends such a socket. */

#include "host/existing-sockets.h"
#include "net/dns-endpoint.h"

/* own: the shared endpoint. */
typedef void (*foreign_socket_fn)(const DnsEndpoint *own, const ExistingSocket *s, void *userdata);

/* Pure: does s, with the same protocol as own, share the endpoint? users_may_bind: every user may bind such ports.
 * Then sockets bound to the wildcard address count as well, unless they are root's: those belong to a resolver that
 * the administrator runs. */
bool foreign_socket_shares(const DnsEndpoint *own, const ExistingSocket *s, bool users_may_bind);

/* Calls fn for each socket that shares one of the endpoints and is not one of ours by its cookie. Never blocks. */
int foreign_sockets_list(const DnsEndpoint *own, size_t n_own, foreign_socket_fn fn, void *userdata);

/* The first port that needs no privilege to bind, ip_unprivileged_port_start in ip-sysctl(7). */
uint16_t unprivileged_port_start(void);
