/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/port.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "basic/macro.h"

static const struct {
        uint8_t protocol;
        const char *name;
} protocol_names[] = {
        { 1, "ICMP" },         { 2, "IGMP" }, { 4, "IPv4-in-IPv4" }, { 6, "TCP" },     { 17, "UDP" },
        { 33, "DCCP" },        { 47, "GRE" }, { 50, "ESP" },         { 51, "AH" },     { 58, "ICMPv6" },
        { 41, "IPv6-in-IPv4" }, { 89, "OSPF" }, { 132, "SCTP" },      { 136, "UDP-Lite" },
};

const char *protocol_to_string(uint8_t protocol, char buf[static PORT_TEXT_MAX]) {
        for (size_t i = 0; i < ELEMENTSOF(protocol_names); i++)
                if (protocol_names[i].protocol == protocol)
                        return strcpy(buf, protocol_names[i].name);

        (void) snprintf(buf, PORT_TEXT_MAX, "Protocol-%u", protocol);
        return buf;
}

bool protocol_is_judged(uint8_t protocol) {
        return protocol == PROTOCOL_TCP || protocol == PROTOCOL_UDP || protocol == PROTOCOL_ICMP ||
               protocol == PROTOCOL_ICMP6;
}

static int parse_number(const char *s, size_t n, uint16_t *ret) {
        uint32_t value = 0;

        if (n == 0 || strspn(s, "0123456789") < n)
                return -EINVAL;
        for (size_t i = 0; i < n; i++) {
                value = value * 10 + (uint32_t) (s[i] - '0');
                if (value > UINT16_MAX)
                        return -ERANGE;
        }

        *ret = (uint16_t) value;
        return 0;
}

static int parse_protocol(const char *s, uint8_t *ret) {
        static const struct {
                const char *name;
                uint8_t protocol;
        } names[] = {
                { "all", PROTOCOL_ALL },
                { "icmp", PROTOCOL_ICMP },
                { "tcp", PROTOCOL_TCP },
                { "udp", PROTOCOL_UDP },
        };

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (strcasecmp(names[i].name, s) == 0) {
                        *ret = names[i].protocol;
                        return 0;
                }
        return -EINVAL;
}

int port_range_parse(const char *s, PortRange *ret) {
        PortRange range = { .protocol = PROTOCOL_ALL };
        int r;

        assert(s);
        assert(ret);

        size_t n = strcspn(s, "/"), low = strcspn(s, "-/");
        if (s[n] == '/') {
                r = parse_protocol(s + n + 1, &range.protocol);
                if (r < 0)
                        return r;
        }

        r = parse_number(s, low, &range.low);
        if (r < 0)
                return r;
        range.high = range.low;
        if (low < n) {
                r = parse_number(s + low + 1, n - low - 1, &range.high);
                if (r < 0)
                        return r;
        }

        if (range.protocol == PROTOCOL_ICMP) {
                /* "0/icmp" is how the format spells it: ICMP has no ports. */
                if (range.low != 0 || range.high != 0)
                        return -ERANGE;
                range.high = UINT16_MAX;
        } else if (range.low == 0 || range.low > range.high)
                return -ERANGE;

        *ret = range;
        return 0;
}

const char *port_range_format(const PortRange *r, char buf[static PORT_TEXT_MAX]) {
        assert(r);

        const char *suffix = r->protocol == PROTOCOL_TCP ? "/tcp" : r->protocol == PROTOCOL_UDP ? "/udp" : "";

        if (r->protocol == PROTOCOL_ICMP)
                (void) snprintf(buf, PORT_TEXT_MAX, "0/icmp");
        else if (r->low == r->high)
                (void) snprintf(buf, PORT_TEXT_MAX, "%u%s", r->low, suffix);
        else
                (void) snprintf(buf, PORT_TEXT_MAX, "%u-%u%s", r->low, r->high, suffix);
        return buf;
}

static bool port_range_equal(const PortRange *a, const PortRange *b) {
        return a->low == b->low && a->high == b->high && a->protocol == b->protocol;
}

int port_ranges_union(const PortRange *a, size_t n_a, const PortRange *b, size_t n_b, PortRange *ret) {
        assert(a || n_a == 0);
        assert(b || n_b == 0);
        assert(ret);

        size_t n = 0;

        if (n_a == 0 || n_b == 0)
                return 0;
        for (size_t i = 0; i < n_a + n_b; i++) {
                const PortRange *next = i < n_a ? &a[i] : &b[i - n_a];
                size_t j = 0;

                while (j < n && !port_range_equal(&ret[j], next))
                        j++;
                if (j < n)
                        continue;
                if (n == RULE_PORTS_MAX)
                        return -E2BIG;
                ret[n++] = *next;
        }
        return (int) n;
}

static bool is_icmp(uint8_t protocol) {
        return protocol == PROTOCOL_ICMP || protocol == PROTOCOL_ICMP6;
}

bool port_range_matches(const PortRange *r, uint8_t protocol, uint16_t port) {
        assert(r);

        if (protocol != PROTOCOL_ALL && r->protocol != PROTOCOL_ALL && r->protocol != protocol)
                return false;
        if (is_icmp(protocol))
                port = 0; /* no ports: only a range from 0 matches ICMP */
        return port >= r->low && port <= r->high;
}

PortVerdict port_set_judge(const PortSet *set, Action default_action, uint8_t protocol, uint16_t port) {
        assert(set);
        assert(set->n <= CW_PORT_RULES_MAX);

        if (!protocol_is_judged(protocol))
                return (PortVerdict) { ACTION_DENY, CW_REASON_PROTOCOL, RULE_NONE };

        for (uint32_t i = 0; i < set->n; i++) {
                const struct cw_port_rule *e = &set->rules[i];
                PortRange range = { .low = e->low, .high = e->high, .protocol = e->protocol };

                if (port_range_matches(&range, protocol, port))
                        return (PortVerdict) { (Action) e->action, CW_REASON_RULE, e->rule };
        }
        return (PortVerdict) { default_action, CW_REASON_DEFAULT, RULE_NONE };
}
