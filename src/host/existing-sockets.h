/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The sockets that currently exist in this network namespace, as listed by the kernel: sock_diag(7). */

#include <stddef.h>

#include "basic/in-addr.h"

#define EXISTING_SOCKETS_MAX (1U << 20)

typedef struct ExistingSocket {
        uint64_t cookie;      /* as returned by SO_COOKIE and bpf_get_socket_cookie() */
        uint64_t cgroup_id;   /* of the cgroup2 it was created in; 0: unknown (kernel before 5.8, half-open) */
        InAddr local, remote;
        uint16_t local_port, remote_port; /* host byte order */
        uint32_t uid;         /* the user who created it */
        uint32_t inode;       /* N of "socket:[N]" in /proc/PID/fd; 0: no process has, or ever had, a descriptor */
        uint32_t device;      /* index of the network device it is bound to; 0: none */
        uint32_t n_queued;    /* TCP: bytes written but not yet acknowledged by the peer, and 1 for a FIN */
        uint8_t state;        /* TCP_ESTABLISHED, … of <netinet/tcp.h> */
        bool is_v6_socket;    /* of family AF_INET6, whatever its addresses */
        bool v6_only;         /* a listener that does not accept IPv4 */
        bool accepted;        /* opened by the peer, as far as can be determined */
} ExistingSocket;

typedef void (*existing_socket_fn)(const ExistingSocket *s, void *userdata);

/* Pure: calls fn for each socket in the data of one recv(2), with accepted false. Netlink and attribute headers are
 * in host byte order. Returns 1 if more data follows, 0 at the end of the list; -EBADMSG, or the kernel's error:
 * -ENOENT if it cannot list sockets of this kind. Sockets before an error have been passed to fn. */
int existing_sockets_parse(const void *data, size_t size, existing_socket_fn fn, void *userdata);

/* Calls fn for each connection that may still carry data: not listening, not in TIME_WAIT, and not over loopback.
 * The kernel does not record who opened a connection: it counts as accepted if its local port is listened on now, at
 * its address or at any. So a program that listens on a port can make its own connections from that port look
 * accepted. Connections that come and go meanwhile may be missed or passed twice. Needs no privilege; never blocks.
 * max: limit per family, for connections and listeners each; at most EXISTING_SOCKETS_MAX. -ENOENT: the kernel lacks
 * tcp_diag; -E2BIG: there are more than max, which have been passed to fn. */
int existing_sockets_list(size_t max, existing_socket_fn fn, void *userdata);

/* Calls fn for each TCP socket that may still send data or a FIN, over any device, also if its process has closed it:
 * FIN_WAIT2 and TIME_WAIT have nothing left. Needs no privilege; never blocks. max: limit per family; errors as above. */
int existing_sockets_sending(size_t max, existing_socket_fn fn, void *userdata);

/* Calls fn for each socket bound to this local port, at any address: all UDP sockets; TCP sockets that listen and,
 * if the kernel lists them (6.8), those that are only bound. Needs no privilege; never blocks. max as above.
 * -ENOENT: the kernel lacks udp_diag or tcp_diag; -E2BIG: there are more than max, which have been passed to fn. */
int existing_sockets_at_port(uint8_t protocol, uint16_t port, size_t max, existing_socket_fn fn, void *userdata);

/* Finds the UDP or TCP socket with these two ends, possibly bound to a wildcard address: the sender of a packet that
 * could not be attributed. -ENOENT: it does not exist any more, or the kernel lacks udp_diag or tcp_diag. */
int existing_socket_find(uint8_t protocol, const InAddr *local, uint16_t local_port, const InAddr *remote,
                         uint16_t remote_port, ExistingSocket *ret);
/* Ends a TCP socket as it was listed: its queued data is discarded, and a process that waits for it gets ECONNABORTED.
 * Needs CAP_NET_ADMIN. -ENOENT: it does not exist any more; -EOPNOTSUPP: the kernel lacks CONFIG_INET_DIAG_DESTROY. */
int existing_socket_destroy(const ExistingSocket *s);
/* Whether the kernel can list and end TCP sockets; needs no privilege. -ENOENT: it lacks tcp_diag; -EOPNOTSUPP: it lacks
 * CONFIG_INET_DIAG_DESTROY. */
int existing_sockets_can_end(void);
/* Ends the TCP connection, or the attempt at one, with these ends and this cookie, but never a listener: a process
 * that waits for it gets ECONNABORTED. Needs CAP_NET_ADMIN. -ENOENT: no such connection in this network namespace;
 * -EOPNOTSUPP: the kernel lacks CONFIG_INET_DIAG_DESTROY. */
int existing_socket_abort(uint64_t cookie, const InAddr *local, uint16_t local_port, const InAddr *remote,
                          uint16_t remote_port);
