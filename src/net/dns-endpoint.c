/* SPDX-License-Identifier: Apache-2.0 */
#include "net/dns-endpoint.h"

#include <assert.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

#include "basic/endpoint.h"
#include "basic/macro.h"

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

const char *dns_endpoint_format(const DnsEndpoint *e, char buf[static DNS_ENDPOINT_TEXT_MAX]) {
        const Endpoint endpoint = { .addr = e->addr, .port = e->port };
        char text[ENDPOINT_TEXT_MAX];

        (void) snprintf(buf, DNS_ENDPOINT_TEXT_MAX, "%s %s", e->protocol == IPPROTO_TCP ? "TCP" : "UDP",
                        endpoint_format(&endpoint, text));
        return buf;
}
