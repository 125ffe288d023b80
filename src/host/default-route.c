/* SPDX-License-Identifier: Apache-2.0 */

#include "host/default-route.h"

#include <assert.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "basic/macro.h"
#include "host/read-file.h"

#define TEXT_MAX (1024U * 1024)
#define FLAG_UP 1
#define FLAG_GATEWAY 2

typedef struct Gateways {
        InAddr *addrs; /* borrowed */
        uint32_t metrics[GATEWAYS_MAX];
        size_t n, max;
} Gateways;

static void gateways_add(Gateways *g, const InAddr *addr, uint32_t metric) {
        size_t at = g->n;

        for (size_t i = 0; i < g->n; i++)
                if (in_addr_equal(&g->addrs[i], addr))
                        return;
        while (at > 0 && g->metrics[at - 1] > metric)
                at--;
        if (at >= g->max)
                return;
        if (g->n < g->max)
                g->n++;
        memmove(g->addrs + at + 1, g->addrs + at, (g->n - at - 1) * sizeof(*g->addrs));
        memmove(g->metrics + at + 1, g->metrics + at, (g->n - at - 1) * sizeof(*g->metrics));
        g->addrs[at] = *addr;
        g->metrics[at] = metric;
}

static void read_line4(const char *line, Gateways *g) {
        unsigned destination, gateway, flags, metric, mask;
        InAddr addr;

        /* Iface Destination Gateway Flags RefCnt Use Metric Mask; addresses as the processor stores them */
        if (sscanf(line, "%*15s %8x %8x %4x %*u %*u %u %8x", &destination, &gateway, &flags, &metric, &mask) != 5)
                return;
        if (destination != 0 || mask != 0 || (flags & (FLAG_UP | FLAG_GATEWAY)) != (FLAG_UP | FLAG_GATEWAY))
                return;
        in_addr_from_v4((const uint8_t *) &gateway, &addr);
        gateways_add(g, &addr, metric);
}

static bool read_hex(const char *text, uint8_t ret[static 16]) {
        for (size_t i = 0; i < 16; i++) {
                char digits[3] = { text[2 * i], digits[0] ? text[2 * i + 1] : '\0', '\0' }, *end;

                ret[i] = (uint8_t) strtoul(digits, &end, 16);
                if (end != digits + 2)
                        return false;
        }
        return true;
}

static void read_line6(const char *line, Gateways *g) {
        static const uint8_t nothing[16];
        char destination[33], gateway[33];
        uint8_t to[16], by[16];
        unsigned length, metric, flags;
        InAddr addr;

        /* destination length source length gateway metric references use flags interface */
        if (sscanf(line, "%32s %2x %*32s %*2x %32s %8x %*8x %*8x %8x", destination, &length, gateway, &metric, &flags) != 5)
                return;
        if (strlen(destination) != 32 || strlen(gateway) != 32 || !read_hex(destination, to) || !read_hex(gateway, by))
                return;
        if (length != 0 || memcmp(to, nothing, sizeof(to)) != 0 || memcmp(by, nothing, sizeof(by)) == 0 ||
            (flags & (FLAG_UP | FLAG_GATEWAY)) != (FLAG_UP | FLAG_GATEWAY))
                return;
        in_addr_from_v6(by, &addr);
        gateways_add(g, &addr, metric);
}

static size_t parse(const char *text, void (*read_line)(const char *line, Gateways *g), InAddr *ret, size_t max) {
        Gateways g = { .addrs = ret, .max = MIN(max, (size_t) GATEWAYS_MAX) };
        char line[256];

        for (const char *p = text; *p;) {
                size_t n = strcspn(p, "\n");

                if (n < sizeof(line)) {
                        memcpy(line, p, n);
                        line[n] = '\0';
                        read_line(line, &g);
                }
                p += n + (p[n] == '\n');
        }
        return g.n;
}

size_t default_route_parse(const char *text, InAddr *ret, size_t max) {
        assert(text);
        assert(ret);

        return parse(text, read_line4, ret, max);
}

size_t default_route_parse6(const char *text, InAddr *ret, size_t max) {
        assert(text);
        assert(ret);

        return parse(text, read_line6, ret, max);
}

size_t default_route_read(bool v6, InAddr *ret, size_t max) {
        _cleanup_free_ char *text = NULL;

        assert(ret);

        if (read_file_at(AT_FDCWD, v6 ? "/proc/self/net/ipv6_route" : "/proc/self/net/route", TEXT_MAX, &text, NULL) < 0)
                return 0;
        return v6 ? default_route_parse6(text, ret, max) : default_route_parse(text, ret, max);
}
