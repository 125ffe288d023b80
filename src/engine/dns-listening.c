/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/dns-listening.h"

#include <assert.h>
#include <errno.h>
#include <unistd.h>

#include "net/dns-endpoint.h"

static int add_socket(DnsStub *stub, int fd, DnsListening *l) {
        struct sockaddr_storage sa;
        socklen_t size = sizeof(sa);
        int type;
        socklen_t type_size = sizeof(type);
        uint16_t port;
        InAddr addr;

        if (getsockname(fd, (struct sockaddr *) &sa, &size) < 0 ||
            getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_size) < 0) {
                int r = -errno;
                (void) close(fd);
                return r;
        }
        int r = in_addr_from_sockaddr((const struct sockaddr *) &sa, &addr, &port);
        if (r >= 0 && in_addr_is_v4(&addr) && addr.b[12] == 127) {
                l->addr4 = addr;
                l->port4 = port;
        } else if (r >= 0 && !in_addr_is_v4(&addr))
                l->port6 = port;
        return type == SOCK_STREAM ? dns_stub_add_tcp(stub, fd) : dns_stub_add_udp(stub, fd);
}

/* For a family without a passed socket: a free port that nobody else can bind while we run. */
static int listen_free(DnsStub *stub, int family, DnsListening *l) {
        int fds[2], r, k;

        r = dns_endpoint_bind_free(family, fds);
        if (r < 0)
                return r;
        r = add_socket(stub, fds[0], l);
        k = add_socket(stub, fds[1], l);
        return r < 0 ? r : k;
}

int dns_listening_start(DnsStub *stub, const int *fds, size_t n_fds, DnsListening *ret) {
        DnsListening l = {};
        int r = 0;

        assert(stub);
        assert(fds || n_fds == 0);
        assert(ret);

        for (size_t i = 0; i < n_fds; i++) {
                int k = add_socket(stub, fds[i], &l);
                if (k < 0)
                        r = k;
        }
        if (r >= 0 && l.port4 == 0)
                r = listen_free(stub, AF_INET, &l);
        if (r >= 0 && l.port6 == 0) {
                r = listen_free(stub, AF_INET6, &l);
                if (r == -EAFNOSUPPORT || r == -EADDRNOTAVAIL || r == -ENETUNREACH)
                        r = 0;
        }
        if (r < 0)
                return r;
        *ret = l;
        return 0;
}

bool dns_listening_is_at(const DnsListening *l, const DnsServer *asked, bool by_forwarder) {
        assert(l);
        assert(asked);

        if (by_forwarder && dns_endpoint_is_of_service(&asked->addr, asked->port))
                return true;
        if (in_addr_is_v4(&asked->addr))
                return asked->port == l->port4 && in_addr_equal(&asked->addr, &l->addr4);
        return asked->port == l->port6;
}
