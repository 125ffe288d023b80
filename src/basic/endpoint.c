/* SPDX-License-Identifier: Apache-2.0 */
#include "basic/endpoint.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

int port_parse(const char *s, uint16_t *ret) {
        unsigned port = 0;

        assert(s);
        assert(ret);

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

int endpoint_split(char *s, EndpointText *ret) {
        EndpointText e = { .host = s, .bracketed = s[0] == '[' };

        assert(ret);

        if (e.bracketed) {
                char *end = strchr(s, ']');

                if (!end || (end[1] != '\0' && end[1] != ':'))
                        return -EINVAL;
                *end = '\0';
                e.host = s + 1;
                e.port = end[1] == ':' ? end + 2 : NULL;
        } else {
                char *colon = strchr(s, ':');

                if (colon && !strchr(colon + 1, ':')) {
                        *colon = '\0';
                        e.port = colon + 1;
                }
        }
        *ret = e;
        return 0;
}

int endpoint_parse(const char *s, uint16_t default_port, Endpoint *ret) {
        Endpoint e = { .port = default_port };
        char buf[ENDPOINT_TEXT_MAX];
        EndpointText text;
        int r;

        assert(s);
        assert(ret);

        size_t n = strnlen(s, sizeof(buf));
        if (n == sizeof(buf))
                return -EINVAL;
        memcpy(buf, s, n + 1);
        r = endpoint_split(buf, &text);
        if (r < 0)
                return r;
        if (text.bracketed && !strchr(text.host, ':'))
                return -EINVAL;
        r = in_addr_parse(text.host, &e.addr);
        if (r >= 0 && text.port)
                r = port_parse(text.port, &e.port);
        if (r < 0)
                return r;
        *ret = e;
        return 0;
}

int endpoint_format_host(const char *host, uint16_t port, char *buf, size_t size) {
        assert(host);

        return snprintf(buf, size, strchr(host, ':') ? "[%s]:%u" : "%s:%u", host, port);
}

const char *endpoint_format(const Endpoint *e, char buf[static ENDPOINT_TEXT_MAX]) {
        char addr[IN_ADDR_TEXT_MAX];

        assert(e);

        (void) endpoint_format_host(in_addr_format(&e->addr, addr), e->port, buf, ENDPOINT_TEXT_MAX);
        return buf;
}
