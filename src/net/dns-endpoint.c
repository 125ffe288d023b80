/* SPDX-License-Identifier: Apache-2.0 */
#include "net/dns-endpoint.h"

#include <assert.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "basic/endpoint.h"
#include "basic/macro.h"

#define BIND_TRIES 16 /* free UDP ports tried to find one that is also free for TCP */

typedef union SockAddr {
        struct sockaddr sa;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
} SockAddr;

void dns_endpoints_of_service(DnsEndpoint ret[static DNS_ENDPOINTS_SERVICE]) {
        static const uint8_t protocols[] = { IPPROTO_UDP, IPPROTO_TCP };
        InAddr addr4, addr6;

        (void) in_addr_parse(DNS_ENDPOINT_ADDR4, &addr4);
        (void) in_addr_parse(DNS_ENDPOINT_ADDR6, &addr6);
        for (size_t i = 0; i < ELEMENTSOF(protocols); i++) {
                ret[2 * i] = (DnsEndpoint) { addr4, DNS_ENDPOINT_PORT4, protocols[i], 0 };
                ret[2 * i + 1] = (DnsEndpoint) { addr6, DNS_ENDPOINT_PORT6, protocols[i], 0 };
        }
}

bool dns_endpoint_is_of_service(const InAddr *addr, uint16_t port) {
        InAddr addr4, addr6;

        assert(addr);

        (void) in_addr_parse(DNS_ENDPOINT_ADDR4, &addr4);
        (void) in_addr_parse(DNS_ENDPOINT_ADDR6, &addr6);
        return in_addr_equal(addr, &addr4) || (in_addr_equal(addr, &addr6) && port == DNS_ENDPOINT_PORT6);
}

int dns_endpoint_of_socket(int fd, DnsEndpoint *ret) {
        struct sockaddr_storage sa = {};
        DnsEndpoint e = {};
        int type = 0;

        assert(fd >= 0);
        assert(ret);

        if (getsockname(fd, (struct sockaddr *) &sa, &(socklen_t) { sizeof(sa) }) < 0 ||
            getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &(socklen_t) { sizeof(type) }) < 0 ||
            getsockopt(fd, SOL_SOCKET, SO_COOKIE, &e.cookie, &(socklen_t) { sizeof(e.cookie) }) < 0)
                return -errno;
        int r = in_addr_from_sockaddr((const struct sockaddr *) &sa, &e.addr, &e.port);
        if (r < 0)
                return r;
        e.protocol = type == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP;
        *ret = e;
        return 0;
}

int dns_endpoint_claim(int fd) {
        const int off = 0;

        assert(fd >= 0);

        if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &off, sizeof(off)) < 0 ||
            setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &off, sizeof(off)) < 0)
                return -errno;
        return 0;
}

/* A new socket bound to *address, whose port is filled in if it was 0. Without SO_REUSEADDR and SO_REUSEPORT, so
 * that nobody else can bind the port. */
static int socket_bound(int type, SockAddr *address) {
        socklen_t length = sizeof(*address);

        _cleanup_close_ int fd = socket(address->sa.sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -errno;
        if (address->sa.sa_family == AF_INET6 &&
            setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &(int) { 1 }, sizeof(int)) < 0)
                return -errno;
        if (bind(fd, &address->sa, sizeof(*address)) < 0)
                return -errno;
        if (getsockname(fd, &address->sa, &length) < 0)
                return -errno;
        if (type == SOCK_STREAM && listen(fd, SOMAXCONN) < 0)
                return -errno;
        return TAKE_FD(fd);
}

/* Binding to 127.0.0.1 succeeds even while lo is down; a route to it shows that clients can reach us. Sends nothing. */
static int check_route(const SockAddr *address) {
        _cleanup_close_ int fd = socket(address->sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        if (fd < 0)
                return -errno;
        return connect(fd, &address->sa, sizeof(*address)) < 0 ? -errno : 0;
}

/* -EADDRINUSE: the port is free for UDP but not for TCP. */
static int try_bind(SockAddr address, int ret_fds[static 2]) {
        _cleanup_close_ int udp = socket_bound(SOCK_DGRAM, &address);
        if (udp < 0)
                return udp;

        _cleanup_close_ int tcp = socket_bound(SOCK_STREAM, &address);
        if (tcp < 0)
                return tcp;

        int r = check_route(&address);
        if (r < 0)
                return r;
        ret_fds[0] = TAKE_FD(udp);
        ret_fds[1] = TAKE_FD(tcp);
        return 0;
}

int dns_endpoint_bind_free(int family, int ret_fds[static 2]) {
        const SockAddr v4 = { .in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) } };
        const SockAddr v6 = { .in6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT } };
        int r = -EADDRINUSE;

        assert(family == AF_INET || family == AF_INET6);
        assert(ret_fds);

        for (unsigned i = 0; i < BIND_TRIES && r == -EADDRINUSE; i++)
                r = try_bind(family == AF_INET ? v4 : v6, ret_fds);
        return r;
}

const char *dns_endpoint_format(const DnsEndpoint *e, char buf[static DNS_ENDPOINT_TEXT_MAX]) {
        const Endpoint endpoint = { .addr = e->addr, .port = e->port };
        char text[ENDPOINT_TEXT_MAX];

        (void) snprintf(buf, DNS_ENDPOINT_TEXT_MAX, "%s %s", e->protocol == IPPROTO_TCP ? "TCP" : "UDP",
                        endpoint_format(&endpoint, text));
        return buf;
}
