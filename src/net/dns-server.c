/* SPDX-License-Identifier: Apache-2.0 */
#include "net/dns-upstream.h"

#include <assert.h>
#include <string.h>

#include "basic/macro.h"

#define DNS_PORT 53

/* "1" to "65535": digits only, no leading zero. */
static int parse_port(const char *s, uint16_t *ret) {
        unsigned port = 0;

        if (*s < '1' || *s > '9')
                return -EINVAL;
        for (; *s; s++) {
                if (*s < '0' || *s > '9')
                        return -EINVAL;
                port = port * 10 + (unsigned) (*s - '0');
                if (port > UINT16_MAX)
                        return -EINVAL;
        }

        *ret = (uint16_t) port;
        return 0;
}

/* Parses the address in the n characters at s; bracketed ones must be IPv6, as in a URI (RFC 3986 3.2.2). */
static int parse_addr(const char *s, size_t n, bool bracketed, InAddr *ret) {
        char text[IN_ADDR_TEXT_MAX];

        if (n >= sizeof(text))
                return -EINVAL;
        memcpy(text, s, n);
        text[n] = 0;

        if (bracketed && !strchr(text, ':'))
                return -EINVAL;
        return in_addr_parse(text, ret);
}

int dns_server_parse(const char *s, DnsServer *ret) {
        assert(s);
        assert(ret);

        DnsServer server = { .port = DNS_PORT };
        bool bracketed = s[0] == '[';
        const char *addr = bracketed ? s + 1 : s;
        const char *end = bracketed ? strchr(s, ']') : strchr(s, ':');
        const char *port = NULL;

        if (bracketed) {
                if (!end || (end[1] != 0 && end[1] != ':'))
                        return -EINVAL;
                if (end[1] == ':')
                        port = end + 2;
        } else if (end && !strchr(end + 1, ':'))
                port = end + 1; /* a single colon: IPv4 and port */
        else
                end = s + strlen(s);

        int r = parse_addr(addr, (size_t) (end - addr), bracketed, &server.addr);
        if (r < 0)
                return r;
        if (port) {
                r = parse_port(port, &server.port);
                if (r < 0)
                        return r;
        }

        *ret = server;
        return 0;
}
