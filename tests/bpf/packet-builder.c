/* SPDX-License-Identifier: Apache-2.0 */

#include "packet-builder.h"

#include <string.h>

#include "policy/port.h"

#define ETHERNET 14

typedef struct Writer {
        uint8_t *data;
        size_t n;
} Writer;

static uint8_t *put(Writer *w, size_t n) {
        uint8_t *p = w->data + w->n;

        memset(p, 0, n);
        w->n += n;
        return p;
}

static bool has(const PacketSpec *s, const char *word) {
        return s->variant && strstr(s->variant, word);
}

static void put_transport(Writer *w, const PacketSpec *s) {
        uint8_t *p = put(w, s->protocol == PROTOCOL_TCP ? 20 : 8);

        if (s->protocol == PROTOCOL_ICMP || s->protocol == PROTOCOL_ICMP6) {
                p[0] = s->icmp_type;
                return;
        }
        p[0] = 0xc0; /* source port 49152 */
        p[2] = s->dst_port >> 8;
        p[3] = s->dst_port & 0xff;
        if (s->protocol == PROTOCOL_TCP) {
                p[12] = 5 << 4;
                p[13] = has(s, "flags ACK") ? 0x10 : 0x02;
        }
}

static void put_v4(Writer *w, const PacketSpec *s) {
        bool options = has(s, "IP options");
        uint8_t *p = put(w, options ? 24 : 20);

        p[0] = 4 << 4 | (has(s, "invalid IHL") ? 2 : options ? 6 : 5);
        p[8] = 64;
        p[9] = s->protocol;
        memcpy(p + 12, "\x0a\x63\x00\x02", 4);
        memcpy(p + 16, s->dst.b + 12, 4);
        if (has(s, "first fragment"))
                p[6] = 0x20;
        if (has(s, "later fragment"))
                p[7] = 0x10;
        if (options)
                memset(p + 20, 1, 4); /* no operation */
}

/* Appends one 8-byte extension header and hooks it into the chain. */
static void put_extension(Writer *w, uint8_t **next, uint8_t type) {
        **next = type;
        *next = put(w, 8);
}

static void put_v6(Writer *w, const PacketSpec *s) {
        uint8_t *p = put(w, 40), *next = p + 6;

        p[0] = 6 << 4;
        p[7] = s->protocol == PROTOCOL_ICMP6 ? 255 : 64;
        memcpy(p + 8, "\xfd\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02", 16);
        memcpy(p + 24, s->dst.b, 16);
        if (has(s, "hop-by-hop") || has(s, "truncated ext header"))
                put_extension(w, &next, 0);
        if (has(s, "routing"))
                put_extension(w, &next, 43);
        if (has(s, "dest options"))
                put_extension(w, &next, 60);
        if (has(s, "fragment")) {
                put_extension(w, &next, 44);
                next[2] = 0;
                next[3] = has(s, "later fragment") ? 0x40 : 0x01;
        }
        *next = s->protocol;
}

/* Where to cut, from the end of what was written before the cut header: some bytes of it stay. */
static size_t cut(const PacketSpec *s, const Writer *w, size_t transport_at) {
        if (!has(s, "truncated"))
                return w->n;
        if (has(s, "IP header") || has(s, "IPv6 header"))
                return ETHERNET + 10;
        if (has(s, "ext header") || has(s, "fragment header"))
                return ETHERNET + 40 + 4;
        return transport_at + 2;
}

size_t packet_build(const PacketSpec *s, uint8_t ret[static PACKET_MAX]) {
        Writer w = { .data = ret };
        uint8_t *ethernet = put(&w, ETHERNET);

        if (has(s, "802.1Q") || has(s, "VLAN") || has(s, "arp"))
                return 0;
        ethernet[12] = s->family == 6 ? 0x86 : 0x08;
        ethernet[13] = s->family == 6 ? 0xdd : 0x00;
        if (s->family == 6)
                put_v6(&w, s);
        else
                put_v4(&w, s);

        size_t transport_at = w.n;
        put_transport(&w, s);
        return cut(s, &w, transport_at);
}
