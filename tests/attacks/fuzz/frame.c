/* SPDX-License-Identifier: Apache-2.0 */
#include "frame.h"

#include <string.h>

#include "token.h"
#include "values.h"

enum {
        PROTOCOL_HOP = 0,
        PROTOCOL_IGMP = 2,
        PROTOCOL_ICMP = 1,
        PROTOCOL_TCP = 6,
        PROTOCOL_UDP = 17,
        PROTOCOL_ROUTING = 43,
        PROTOCOL_FRAGMENT = 44,
        PROTOCOL_ICMP6 = 58,
        PROTOCOL_OPTIONS = 60
};

typedef struct Packet {
        uint8_t src[16], dst[16];
        uint8_t protocol;
        bool later_fragment, source_route, truncated;
        const uint8_t *data; /* of the transport protocol */
        size_t size;
} Packet;

static uint16_t get16(const uint8_t *p) {
        return (uint16_t) (p[0] << 8 | p[1]);
}

static bool same(const uint8_t a[16], const uint8_t b[16]) {
        return memcmp(a, b, 16) == 0;
}

static void map4(uint8_t ret[16], const uint8_t *v4) {
        memset(ret, 0, 10);
        ret[10] = ret[11] = 0xff;
        memcpy(ret + 12, v4, 4);
}

const void *frame_token(const uint8_t *frame, size_t size) {
        const uint8_t *found = memmem(frame, size, TOKEN_MAGIC, TOKEN_MAGIC_SIZE);

        return found && size - (size_t) (found - frame) >= sizeof(Token) ? found : NULL;
}

static bool has_magic(const uint8_t *data, size_t size) {
        return memmem(data, size, TOKEN_MAGIC, TOKEN_MAGIC_SIZE) ||
               memmem(data, size, TOKEN_LABEL, strlen(TOKEN_LABEL));
}

/* ------------------------------------------------------------------ headers */

/* Loose and strict source routes (RFC 791 3.1). */
static bool options_have_route(const uint8_t *o, size_t size) {
        for (size_t i = 0; i < size && o[i] != 0;) {
                if (o[i] == 0x83 || o[i] == 0x89)
                        return true;
                if (o[i] != 1 && (i + 1 >= size || o[i + 1] < 2))
                        return false;
                i += o[i] == 1 ? 1 : o[i + 1];
        }
        return false;
}

static bool parse4(const uint8_t *d, size_t size, Packet *p) {
        size_t header = size >= 20 ? (size_t) (d[0] & 15) * 4 : 0, length;

        if (header < 20 || size < header)
                return false;
        length = get16(d + 2) >= header && get16(d + 2) <= size ? get16(d + 2) : size; /* 0: larger than 64 KB */
        map4(p->src, d + 12);
        map4(p->dst, d + 16);
        p->protocol = d[9];
        p->later_fragment = (get16(d + 6) & 0x1fff) != 0;
        p->source_route = options_have_route(d + 20, header - 20);
        p->data = d + header;
        p->size = length - header;
        return true;
}

static bool parse6(const uint8_t *d, size_t size, Packet *p) {
        size_t at = 40;

        if (size < at)
                return false;
        memcpy(p->src, d + 8, 16);
        memcpy(p->dst, d + 24, 16);
        p->protocol = d[6];
        for (int n = 0; n < 16 && !p->later_fragment; n++) {
                uint8_t protocol = p->protocol;

                if (protocol != PROTOCOL_HOP && protocol != PROTOCOL_ROUTING && protocol != PROTOCOL_FRAGMENT &&
                    protocol != PROTOCOL_OPTIONS)
                        break;
                if (at + 8 > size)
                        return false;
                if (protocol == PROTOCOL_ROUTING)
                        p->source_route = true;
                if (protocol == PROTOCOL_FRAGMENT)
                        p->later_fragment = (get16(d + at + 2) & 0xfff8) != 0;
                p->protocol = d[at];
                at += protocol == PROTOCOL_FRAGMENT ? 8 : (size_t) (d[at + 1] + 1) * 8;
                if (at > size)
                        return false;
        }
        p->data = d + at;
        p->size = size - at;
        return true;
}

/* ------------------------------------------------------------------ DNS */

/* A query for the allowed name or one below it, without anything that the job chose. */
static bool query_is_honest(const uint8_t *m, size_t size) {
        static const uint8_t name[] = "\7example\3com";
        size_t at = 12, end;
        uint8_t text[256], n = 0;

        if (size < 17 || get16(m + 4) != 1 || get16(m + 6) || get16(m + 8) || get16(m + 10) > 1)
                return false;
        while (at < size && m[at] && at + m[at] + 1 < size && m[at] < 64)
                for (end = at + m[at] + 1; at < end; at++) {
                        if (n == 255)
                                return false;
                        text[n++] = m[at] >= 'A' && m[at] <= 'Z' ? (uint8_t) (m[at] + 32) : m[at];
                }
        if (n < sizeof(name) - 1 || memcmp(text + n - (sizeof(name) - 1), name, sizeof(name) - 1) != 0)
                return false;
        end = at + 5;
        return end <= size && get16(m + at + 3) == 1 && !has_magic(m + end, size - end);
}

static bool to_resolver(const Plan *plan, const Packet *p) {
        return (same(p->dst, plan->resolvers[0]) || same(p->dst, plan->resolvers[1])) && !p->later_fragment &&
               p->size >= 8 && get16(p->data + 2) == 53;
}

static enum frame_class judge_query(const Packet *p, const char **why) {
        size_t header = p->protocol == PROTOCOL_UDP ? 8 : p->size >= 20 ? (size_t) (p->data[12] >> 4) * 4 : SIZE_MAX;

        *why = "not a query that the proxy may send";
        if (header > p->size)
                return FRAME_VIOLATION;
        const uint8_t *message = p->data + header;
        size_t size = p->size - header;
        if (p->protocol == PROTOCOL_TCP) {
                if (size == 0)
                        return FRAME_QUERY;
                if (size < 2)
                        return FRAME_VIOLATION;
                message += 2;
                size -= 2;
        }
        return query_is_honest(message, size) ? FRAME_QUERY : FRAME_VIOLATION;
}

static bool is_loopback(const uint8_t a[16]) {
        static const uint8_t one[16] = {[15] = 1}, net4[13] = {[10] = 0xff, [11] = 0xff, [12] = 127};

        return same(a, one) || memcmp(a, net4, sizeof(net4)) == 0;
}

/* A source that no answer can go to, but to whoever answers; unspecified: a race of the kernel between send() and the
 * end of an association. */
static bool is_nobody(const uint8_t a[16]) {
        static const uint8_t none[16], none4[16] = {[10] = 0xff, [11] = 0xff};

        return is_loopback(a) || same(a, none) || same(a, none4);
}

static bool is_stranger(const Plan *plan, const uint8_t a[16]) {
        return same(a, plan->strangers[0]) || same(a, plan->strangers[1]) || same(a, plan->allowed[0]) ||
               same(a, plan->allowed[1]);
}

/* ------------------------------------------------------------------ neighbors */

static bool is_solicited_node(const uint8_t dst[16], const uint8_t of[16]) {
        static const uint8_t prefix[13] = {0xff, 2, [11] = 1, [12] = 0xff};

        return memcmp(dst, prefix, sizeof(prefix)) == 0 && memcmp(dst + 13, of + 13, 3) == 0;
}

/* Groups that the kernel joins for its own addresses. */
static bool is_own_group(const Plan *plan, const uint8_t group[16]) {
        static const uint8_t all_nodes[16] = {0xff, 2, [15] = 1};

        return is_solicited_node(group, plan->client6) || is_solicited_node(group, plan->link_local) ||
               same(group, all_nodes);
}

static bool report_is_own(const Plan *plan, const Packet *p) {
        static const uint8_t routers[16] = {0xff, 2, [15] = 0x16};

        if (!same(p->dst, routers) || p->size < 8 || p->data[0] != 143)
                return false;
        for (size_t at = 8, n = get16(p->data + 6); n; n--, at += 20) {
                if (at + 20 > p->size || get16(p->data + at + 2) != 0 || !is_own_group(plan, p->data + at + 4))
                        return false;
        }
        return true;
}

/* A router; itself; or an allowed host, which the job takes for a neighbor with MSG_DONTROUTE. */
static bool is_neighbor(const Plan *plan, const uint8_t a[16]) {
        const uint8_t(*const neighbors)[16][16] = (const void *) plan;

        for (size_t i = 0; i < offsetof(Plan, strangers) / 16; i++)
                if (same(a, (*neighbors)[i]))
                        return true;
        return false;
}

static enum frame_class judge_icmp6(const Plan *plan, const Packet *p, const char **why) {
        uint8_t type = p->size >= 4 ? p->data[0] : 0;
        const uint8_t *target = p->data + 8;

        *why = "ICMPv6";
        if (type == 143)
                return report_is_own(plan, p) ? FRAME_NEIGHBOR : FRAME_VIOLATION;
        if (type == 133)
                return p->size <= 16 ? FRAME_NEIGHBOR : FRAME_VIOLATION;
        if (type == 135 && p->size >= 24 && p->size <= 32)
                return is_neighbor(plan, target) ? FRAME_NEIGHBOR : FRAME_VIOLATION;
        if (type == 136 && p->size >= 24 && p->size <= 32)
                return same(target, plan->client6) || same(target, plan->link_local) ? FRAME_NEIGHBOR : FRAME_VIOLATION;
        return type >= 1 && type <= 4 && !has_magic(p->data, p->size) && is_stranger(plan, p->dst) ? FRAME_REFUSAL
                                                                                                   : FRAME_VIOLATION;
}

static enum frame_class judge_arp(const Plan *plan, const uint8_t *d, size_t size, const char **why) {
        uint8_t target[16];

        *why = "ARP for somebody else";
        if (size < 28)
                return FRAME_VIOLATION;
        map4(target, d + 24);
        return is_neighbor(plan, target) ? FRAME_NEIGHBOR : FRAME_VIOLATION;
}

/* ------------------------------------------------------------------ packets */

/* The kernel resets a connection with a loopback address by way of the device that the socket is bound to. */
static bool is_refusal(const Plan *plan, const Packet *p) {
        if (!is_stranger(plan, p->dst) && !(is_loopback(p->dst) && p->protocol == PROTOCOL_TCP))
                return false;
        if (p->protocol == PROTOCOL_TCP)
                return p->size >= 20 && p->data[13] & 4 && p->size == (size_t) (p->data[12] >> 4) * 4;
        return p->protocol == PROTOCOL_ICMP && p->size >= 8 &&
               (p->data[0] == 3 || p->data[0] == 11 || p->data[0] == 12) && !has_magic(p->data, p->size);
}

/* ICMP errors about what an allowed host sent may quote the job: they go where its data may go. */
static bool is_error_to_allowed(const Packet *p) {
        return (p->protocol == PROTOCOL_ICMP && p->size >= 8 && (p->data[0] == 3 || p->data[0] == 11)) ||
               (p->protocol == PROTOCOL_ICMP6 && p->size >= 8 && p->data[0] >= 1 && p->data[0] <= 4);
}

static enum frame_class judge_packet(const Plan *plan, const Packet *p, const char **why) {
        bool is_allowed = same(p->dst, plan->allowed[0]) || same(p->dst, plan->allowed[1]);
        bool is_named = same(p->dst, plan->named[0]) || same(p->dst, plan->named[1]);
        bool has_ports = p->protocol == PROTOCOL_TCP || p->protocol == PROTOCOL_UDP;

        if (p->source_route) {
                *why = "source route";
                return FRAME_VIOLATION;
        }
        if (p->protocol == PROTOCOL_ICMP6 && !is_allowed && !is_named)
                return judge_icmp6(plan, p, why);
        if (p->protocol == PROTOCOL_UDP && same(p->dst, plan->mark))
                return FRAME_MARK;
        if (!same(p->src, plan->client4) && !same(p->src, plan->client6) && !same(p->src, plan->link_local) &&
            !is_nobody(p->src) && !same(p->src, p->dst)) {
                *why = "source that is not the client's";
                return FRAME_VIOLATION;
        }
        if (has_ports && to_resolver(plan, p))
                return judge_query(p, why);
        if (!is_allowed && !is_named) {
                *why = "destination";
                return is_refusal(plan, p) ? FRAME_REFUSAL : FRAME_VIOLATION;
        }
        if (p->later_fragment)
                return FRAME_ALLOWED;
        *why = "protocol to an allowed host";
        if (!has_ports || p->size < 8)
                return is_error_to_allowed(p) ? FRAME_REFUSAL : FRAME_VIOLATION;
        *why = "port of an allowed host";
        if (get16(p->data + 2) == (is_allowed ? PORT_CIDR : PORT_NAME))
                return FRAME_ALLOWED;
        return is_refusal(plan, p) ? FRAME_REFUSAL : FRAME_VIOLATION;
}

enum frame_class frame_judge(const Plan *plan, const uint8_t *frame, size_t size, const char **ret_why) {
        const uint8_t *data = frame + 14;
        Packet p = {};

        *ret_why = "a frame that is neither ARP, IPv4 nor IPv6";
        if (size < 14)
                return FRAME_VIOLATION;
        size -= 14;
        switch (get16(frame + 12)) {
        case 0x0806:
                return judge_arp(plan, data, size, ret_why);
        case 0x0800:
                if (parse4(data, size, &p))
                        return judge_packet(plan, &p, ret_why);
                break;
        case 0x86dd:
                if (parse6(data, size, &p))
                        return judge_packet(plan, &p, ret_why);
                break;
        default:
                return FRAME_VIOLATION;
        }
        *ret_why = "a packet that does not parse";
        return FRAME_VIOLATION;
}
