/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The sockets that exist in this network namespace at one moment, from the kernel's own list: sock_diag(7). */

#include <stddef.h>

#include "basic/in-addr.h"

#define EXISTING_SOCKETS_MAX (1U << 20)

typedef struct ExistingSocket {
        uint64_t cookie;      /* what SO_COOKIE and bpf_get_socket_cookie() return */
        uint64_t cgroup_id;   /* of the cgroup2 it was made in; 0: unknown (kernel before 5.8, half-open) */
        InAddr local, remote;
        uint16_t local_port, remote_port; /* host byte order */
        uint32_t uid;         /* owner: who made it */
        uint32_t inode;       /* N of the "socket:[N]" in /proc/PID/fd; 0: no process ever had a descriptor */
        uint8_t state;        /* TCP_ESTABLISHED, … of <netinet/tcp.h> */
        bool is_v6_socket;    /* of family AF_INET6, whatever its addresses are */
        bool v6_only;         /* a listener that takes no IPv4 */
        bool accepted;        /* opened by the peer, as far as can be told */
} ExistingSocket;

typedef void (*existing_socket_fn)(const ExistingSocket *s, void *userdata);

/* Pure: calls fn for each socket in what one recv(2) brought, accepted false. Host byte order in netlink and attribute
 * headers. Returns 1 when more is to come, 0 at the end of the list, -EBADMSG, or the kernel's error: -ENOENT, it
 * cannot list sockets of this kind. What precedes a fault has been handed to fn. */
int existing_sockets_parse(const void *data, size_t size, existing_socket_fn fn, void *userdata);

/* Calls fn for each connection that may still carry data: neither listening nor in TIME_WAIT, and not over loopback.
 * The kernel does not keep who opened one: it counts as accepted when its local port is one that is listened on, at its
 * address or at any, at this time. So a program that listens on a port can make its own connections from there look
 * accepted. Connections that come and go meanwhile may be left out, or told twice. Needs no privilege; never waits.
 * max: the most of each family, connections and listeners each, EXISTING_SOCKETS_MAX. -ENOENT: the kernel lacks
 * tcp_diag; -E2BIG: more than max, which have been handed to fn. */
int existing_sockets_list(size_t max, existing_socket_fn fn, void *userdata);

/* Calls fn for each socket bound to this local port, at any address: of UDP all, of TCP those that listen and, where the
 * kernel lists them (6.8), those that are only bound. Needs no privilege; never waits. max as above. -ENOENT: the kernel
 * lacks udp_diag or tcp_diag; -E2BIG: more than max, which have been handed to fn. */
int existing_sockets_at_port(uint8_t protocol, uint16_t port, size_t max, existing_socket_fn fn, void *userdata);

/* The one socket of UDP or TCP with these two ends, a wildcard address included: who sent a packet that nobody attributed.
 * -ENOENT: there is none any more, or the kernel lacks udp_diag or tcp_diag. */
int existing_socket_find(uint8_t protocol, const InAddr *local, uint16_t local_port, const InAddr *remote,
                         uint16_t remote_port, ExistingSocket *ret);
/* Ends the TCP connection, or the attempt at one, that has these ends and this cookie, and never a listener: whoever waits
 * for it is told ECONNABORTED. Needs CAP_NET_ADMIN. -ENOENT: there is none any more in this network namespace; -EOPNOTSUPP: a kernel
 * without CONFIG_INET_DIAG_DESTROY. */
int existing_socket_abort(uint64_t cookie, const InAddr *local, uint16_t local_port, const InAddr *remote,
                          uint16_t remote_port);
