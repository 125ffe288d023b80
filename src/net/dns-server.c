/* SPDX-License-Identifier: Apache-2.0 */
#include "net/dns-server.h"

#include <assert.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An index, or the name of an interface. */
static int zone_parse(const char *s, uint32_t *ret) {
        char *end = NULL;
        unsigned long n;

        if (*s >= '0' && *s <= '9') {
                errno = 0;
                n = strtoul(s, &end, 10);
                if (errno != 0 || *end != '\0' || n == 0 || n > INT32_MAX)
                        return -EINVAL;
                *ret = (uint32_t) n;
                return 0;
        }
        if (*s == '\0' || strlen(s) >= IF_NAMESIZE)
                return -EINVAL;
        *ret = if_nametoindex(s);
        return *ret == 0 ? -ENODEV : 0;
}

int dns_server_parse(const char *s, uint16_t default_port, DnsServer *ret) {
        char text[DNS_SERVER_TEXT_MAX];
        EndpointText parts;
        DnsServer server = { .port = default_port };
        char *zone;
        int r;

        assert(s && ret);

        size_t size = strlen(s) + 1;
        if (size > sizeof(text))
                return -EINVAL;
        memcpy(text, s, size);
        r = endpoint_split(text, &parts);
        if (r < 0)
                return r;
        zone = strchr(parts.host, '%');
        if (zone)
                *zone++ = '\0';
        if (in_addr_parse(parts.host, &server.addr) < 0 || (parts.bracketed && in_addr_is_v4(&server.addr)) ||
            (parts.port && port_parse(parts.port, &server.port) < 0) || (zone && !in_addr_is_link_local(&server.addr)))
                return -EINVAL;
        r = zone ? zone_parse(zone, &server.zone) : 0;
        if (r < 0)
                return r;
        *ret = server;
        return 0;
}

const char *dns_server_format(const DnsServer *s, char buf[static DNS_SERVER_TEXT_MAX]) {
        char addr[IN_ADDR_TEXT_MAX + IF_NAMESIZE + 1], name[IF_NAMESIZE];
        size_t n;

        assert(s);

        n = strlen(in_addr_format(&s->addr, addr));
        if (s->zone != 0 && if_indextoname(s->zone, name))
                (void) snprintf(addr + n, sizeof(addr) - n, "%%%s", name);
        else if (s->zone != 0)
                (void) snprintf(addr + n, sizeof(addr) - n, "%%%u", s->zone);
        (void) endpoint_format_host(addr, s->port, buf, DNS_SERVER_TEXT_MAX);
        return buf;
}

bool dns_server_equal(const DnsServer *a, const DnsServer *b) {
        assert(a && b);

        return in_addr_equal(&a->addr, &b->addr) && a->port == b->port && a->flags == b->flags && a->group == b->group &&
               a->zone == b->zone;
}

bool dns_server_is_asked(const DnsServer *s, const DnsServer *asked) {
        assert(s && asked);

        return in_addr_equal(&s->addr, &asked->addr) && s->port == asked->port &&
               (asked->zone == 0 || s->zone == asked->zone);
}
