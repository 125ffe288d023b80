/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What an outgoing IP packet says of itself. The packet begins with its IP header. */

#include "address.bpf.h"

#define IPV6_EXTENSIONS_MAX 8

struct packet {
        struct cw_addr src, dst;
        __u32 length;  /* IP bytes, headers included */
        __u16 src_port, dst_port;
        __u8 protocol;
        __u8 family;
        __u8 hop_limit;
        __u8 icmp_type;
        bool has_port;     /* TCP and UDP of a first or only fragment; ICMP counts as port 0 */
        bool continues;    /* TCP that does not ask for a connection: anything but a lone SYN */
};

struct ipv4_header {
        __u8 version_ihl, tos;
        __u16 total_length;
        __u16 id, fragment;
        __u8 ttl, protocol;
        __u16 checksum;
        __u32 src, dst;
};

struct ipv6_header {
        __u32 version_class_flow;
        __u16 payload_length;
        __u8 next, hop_limit;
        __u8 src[16], dst[16];
};

/* Ports, flags, ICMP type. false: the header is cut short. */
static __always_inline bool parse_transport(struct __sk_buff *skb, __u32 offset, bool first, struct packet *p) {
        __u8 h[16];

        if (p->protocol == IP_ICMP || p->protocol == IP_ICMP6) {
                p->has_port = true; /* rules name ICMP by protocol, the port is 0 */
                if (first && bpf_skb_load_bytes(skb, offset, h, 8) == 0) {
                        p->icmp_type = h[0];
                        return true;
                }
                return !first;
        }
        if (!first || (p->protocol != IP_TCP && p->protocol != IP_UDP))
                return true;

        if (bpf_skb_load_bytes(skb, offset, h, p->protocol == IP_TCP ? 14 : 8) < 0)
                return false;
        p->has_port = true;
        p->src_port = (__u16) h[0] << 8 | h[1];
        p->dst_port = (__u16) h[2] << 8 | h[3];
        p->continues = p->protocol == IP_TCP && (h[13] & 0x12) != 0x02;
        return true;
}

static __always_inline bool parse4(struct __sk_buff *skb, struct packet *p) {
        struct ipv4_header h;

        if (bpf_skb_load_bytes(skb, 0, &h, sizeof(h)) < 0)
                return false;
        __u32 header_length = (h.version_ihl & 0xf) * 4;
        if (header_length < sizeof(h))
                return false;

        p->family = 4;
        addr_from_v4(&p->src, h.src);
        addr_from_v4(&p->dst, h.dst);
        p->protocol = h.protocol;
        p->hop_limit = h.ttl;
        return parse_transport(skb, header_length, (h.fragment & bpf_htons(0x1fff)) == 0, p);
}

/* Walks extension headers (RFC 8200 4). Unknown ones end the walk: the protocol is then not one that is judged. */
static __always_inline bool parse6(struct __sk_buff *skb, struct packet *p) {
        struct ipv6_header h;
        __u32 offset = sizeof(h);
        bool first = true;
        __u8 e[8];

        if (bpf_skb_load_bytes(skb, 0, &h, sizeof(h)) < 0)
                return false;
        p->family = 6;
        __builtin_memcpy(p->src.b, h.src, 16);
        __builtin_memcpy(p->dst.b, h.dst, 16);
        p->hop_limit = h.hop_limit;
        __u8 next = h.next;

        for (int i = 0; i < IPV6_EXTENSIONS_MAX; i++) {
                if (next != 0 && next != 43 && next != 44 && next != 60) {
                        p->protocol = next;
                        return parse_transport(skb, offset, first, p);
                }
                if (bpf_skb_load_bytes(skb, offset, e, sizeof(e)) < 0)
                        return false;
                if (next == 44) { /* fragment: offset in the upper 13 bits */
                        if (e[2] || (e[3] & 0xf8))
                                first = false;
                        offset += 8;
                } else {
                        /* A routing header names the real destination elsewhere (RFC 8200 4.4). */
                        if (next == 43 && e[3] != 0)
                                return false;
                        offset += ((__u32) e[1] + 1) * 8;
                }
                next = e[0];
                if (!first) { /* what follows a later fragment's header is payload */
                        p->protocol = next;
                        return parse_transport(skb, offset, false, p);
                }
        }
        return false; /* more extension headers than anybody needs */
}

/* false: malformed. */
static __always_inline bool packet_parse(struct __sk_buff *skb, struct packet *p) {
        __u8 version;

        __builtin_memset(p, 0, sizeof(*p));
        p->length = skb->len;
        if (bpf_skb_load_bytes(skb, 0, &version, 1) < 0)
                return false;
        if (version >> 4 == 4)
                return parse4(skb, p);
        if (version >> 4 == 6)
                return parse6(skb, p);
        return false;
}

/* Neighbour discovery (RFC 4861): types 133 to 137; a hop limit of 255 means that no router can have passed it on. */
static __always_inline bool packet_is_neighbour_discovery(const struct packet *p) {
        return p->family == 6 && p->protocol == IP_ICMP6 && p->hop_limit == 255 && p->icmp_type >= 133 &&
               p->icmp_type <= 137;
}
