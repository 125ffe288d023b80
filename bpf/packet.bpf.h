/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The headers of an outgoing IP packet, which starts with its IP header. */

#include "address.bpf.h"

#define IPV6_EXTENSIONS_MAX 8

struct packet {
        struct cw_addr src, dst;
        __u32 length;  /* IP bytes, headers included */
        __u16 src_port, dst_port;
        __u8 protocol;
        __u8 family;
        __u8 hop_limit; /* IPv6, if extension headers or ICMP follow */
        __u8 icmp_type;
        __u8 tcp_flags;
        bool has_port;  /* TCP and UDP in a first or only fragment; ICMP counts as port 0 */
        bool continues; /* TCP that does not open a connection: anything but a lone SYN */
        bool routed;    /* has an IPv6 routing header, with no segments left: goes to dst */
        /* Set by cw_egress(), not by the parser: */
        bool foreign; /* its source is not an address of this machine */
        bool astray;  /* addressed to the proxy, but leaves by a device */
        bool moved;   /* by NAT or IPsec: dst and dst_port are those that the program chose */
        bool answers; /* a connection request, which was judged; IPsec hides the packet */
        __u32 sequence, acknowledgment; /* TCP */
        __u32 payload;                  /* TCP: bytes after its header */
};
_Static_assert(sizeof(struct packet) % 8 == 0, "barrier_scrub() goes by words");

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

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10

struct tcp_header {
        __u16 src_port, dst_port;
        __u32 sequence, acknowledgment;
        __u8 data_offset, flags;
        __u16 window;
};

struct udp_header {
        __u16 src_port, dst_port;
        __u16 length, checksum;
};

/* Always 0, but the verifier does not know. */
__u64 opaque_zero;

static __always_inline void set_tcp(struct packet *p, const struct tcp_header *h, __u32 offset) {
        __u32 end = offset + (h->data_offset >> 4) * 4;

        p->has_port = true;
        p->src_port = bpf_ntohs(h->src_port);
        p->dst_port = bpf_ntohs(h->dst_port);
        p->tcp_flags = h->flags;
        p->continues = (h->flags & (TCP_SYN | TCP_ACK)) != TCP_SYN;
        p->sequence = bpf_ntohl(h->sequence);
        p->acknowledgment = bpf_ntohl(h->acknowledgment);
        p->payload = p->length > end ? p->length - end : 0;
}

static __always_inline void set_udp(struct packet *p, const struct udp_header *h) {
        p->has_port = true;
        p->src_port = bpf_ntohs(h->src_port);
        p->dst_port = bpf_ntohs(h->dst_port);
}

/* ------------------------------------------------------------------ IPv4 options (RFC 791 3.1) */

#define IP_OPTIONS_MAX 40 /* bytes */
#define IP_OPTION_END 0
#define IP_OPTION_NOOP 1

/* Loose and strict source routing: the actual destination is elsewhere. */
static __always_inline bool ip_option_is_route(__u8 type) {
        return type == 131 || type == 137;
}

/* The options are walked byte by byte, so that every offset is a constant, and only whether an option begins there is
 * not; the result is unknown to the verifier, so that all options look alike. */
static __always_inline __u64 ip_option_next(__u64 at, __u8 type, __u8 length) {
        return at + (type == IP_OPTION_NOOP ? 1 : length) + *(volatile __u64 *) &opaque_zero;
}

/* length: of the options, in bytes, a multiple of 4. Global, so that the verifier walks the loop once. */
__noinline __u32 is_source_routed(struct __sk_buff *skb, __u64 length) {
        __u64 next = *(volatile __u64 *) &opaque_zero;
        __u8 options[IP_OPTIONS_MAX + 1] = {};

        if (length < 4)
                return 0;
        asm volatile("" : "+r"(length)); /* one comparison for both limits would not give old verifiers the lower one */
        if (length > IP_OPTIONS_MAX ||
            bpf_skb_load_bytes(skb, sizeof(struct ipv4_header), options, length) < 0)
                return 0;
        for (__u64 i = 0; i < IP_OPTIONS_MAX; i++) {
                if (i != next)
                        continue;
                if (ip_option_is_route(options[i]))
                        return 1;
                if (options[i] == IP_OPTION_END)
                        return 0;
                next = ip_option_next(i, options[i], options[i + 1]);
        }
        return 0;
}

/* ------------------------------------------------------------------ headers */

/* Location of the transport header in one number: the offset in the upper 16 bits, flags, the protocol in the lowest
 * byte. Walks IPv6 extension headers (RFC 8200 4); an unknown one ends the walk, and the protocol is then an unsupported
 * one. A global function, so that the verifier walks the loop once. */
#define LATER_FRAGMENT 0x100U
#define ROUTED 0x200U
#define MALFORMED 0xffffffffU

__noinline __u32 find_transport(struct __sk_buff *skb) {
        struct ipv6_header v6;
        struct ipv4_header v4;
        __u32 offset = sizeof(v6), later = 0, routed = 0;
        __u8 e[8], next;

        if (bpf_skb_load_bytes(skb, 0, &v4, sizeof(v4)) < 0)
                return MALFORMED;
        if (v4.version_ihl >> 4 == 4) {
                __u32 length = (v4.version_ihl & 0xf) * 4;
                later = v4.fragment & bpf_htons(0x1fff) ? LATER_FRAGMENT : 0;
                if (length < sizeof(v4) || (length > sizeof(v4) && is_source_routed(skb, length - sizeof(v4))))
                        return MALFORMED;
                return length << 16 | later | v4.protocol;
        }
        if (v4.version_ihl >> 4 != 6 || bpf_skb_load_bytes(skb, 0, &v6, sizeof(v6)) < 0)
                return MALFORMED;

        next = v6.next;
        for (int i = 0; i < IPV6_EXTENSIONS_MAX; i++) {
                if (later || (next != 0 && next != 43 && next != 44 && next != 60))
                        return offset << 16 | later | routed | next; /* what follows the header of a later fragment is payload */
                if (bpf_skb_load_bytes(skb, offset, e, sizeof(e)) < 0)
                        return MALFORMED;
                if (next == 44) { /* fragment: offset in the upper 13 bits */
                        later = e[2] || (e[3] & 0xf8) ? LATER_FRAGMENT : 0;
                        offset += 8;
                } else {
                        /* A routing header with segments left has the actual destination elsewhere (RFC 8200 4.4). */
                        if (next == 43 && e[3] != 0)
                                return MALFORMED;
                        if (next == 43)
                                routed = ROUTED;
                        offset += ((__u32) e[1] + 1) * 8;
                }
                next = e[0];
        }
        return MALFORMED; /* more extension headers than any real packet has */
}

static __always_inline bool parse_addresses(struct __sk_buff *skb, struct packet *p) {
        struct ipv4_header v4;
        struct ipv6_header v6;

        if (bpf_skb_load_bytes(skb, 0, &v4, sizeof(v4)) < 0)
                return false;
        if (v4.version_ihl >> 4 == 4) {
                p->family = 4;
                addr_from_v4(&p->src, v4.src);
                addr_from_v4(&p->dst, v4.dst);
                return true;
        }
        if (bpf_skb_load_bytes(skb, 0, &v6, sizeof(v6)) < 0)
                return false;
        p->family = 6;
        p->hop_limit = v6.hop_limit;
        __builtin_memcpy(p->src.b, v6.src, 16);
        __builtin_memcpy(p->dst.b, v6.dst, 16);
        return true;
}

/* Parses any packet. false: unreadable header. */
static __always_inline bool parse_any(struct __sk_buff *skb, struct packet *p) {
        __u32 found = find_transport(skb), offset = found >> 16;
        struct tcp_header tcp;
        struct udp_header udp;

        if (found == MALFORMED || !parse_addresses(skb, p))
                return false;
        p->protocol = (__u8) found;
        p->routed = found & ROUTED;
        /* Rules name ICMP by protocol, its port is 0. */
        p->has_port = p->protocol == IP_ICMP || p->protocol == IP_ICMP6;
        if (found & LATER_FRAGMENT)
                return true;
        if (p->has_port)
                return bpf_skb_load_bytes(skb, offset, &p->icmp_type, 1) == 0;
        if (p->protocol == IP_TCP) {
                if (bpf_skb_load_bytes(skb, offset, &tcp, sizeof(tcp)) < 0)
                        return false;
                set_tcp(p, &tcp, offset);
        } else if (p->protocol == IP_UDP) {
                if (bpf_skb_load_bytes(skb, offset, &udp, sizeof(udp)) < 0)
                        return false;
                set_udp(p, &udp);
        }
        return true;
}

/* The usual packet: TCP or UDP directly after a plain IP header, both in the linear part. false: use the general
 * parser. */
static __always_inline bool parse_plain(struct __sk_buff *skb, struct packet *p) {
        void *data = (void *) (long) skb->data, *end = (void *) (long) skb->data_end;
        struct ipv4_header *v4 = data;
        struct ipv6_header *v6 = data;
        void *transport;
        __u32 offset;

        if ((void *) (v4 + 1) > end)
                return false;
        if (v4->version_ihl == 0x45 && !(v4->fragment & bpf_htons(0x3fff))) {
                p->family = 4;
                p->protocol = v4->protocol;
                addr_from_v4(&p->src, v4->src);
                addr_from_v4(&p->dst, v4->dst);
                transport = v4 + 1;
                offset = sizeof(*v4);
        } else if (v4->version_ihl >> 4 == 6 && (void *) (v6 + 1) <= end) {
                p->family = 6;
                p->protocol = v6->next;
                __builtin_memcpy(p->src.b, v6->src, 16);
                __builtin_memcpy(p->dst.b, v6->dst, 16);
                transport = v6 + 1;
                offset = sizeof(*v6);
        } else
                return false;

        if (p->protocol == IP_TCP && transport + sizeof(struct tcp_header) <= end) {
                set_tcp(p, transport, offset);
                return true;
        }
        if (p->protocol == IP_UDP && transport + sizeof(struct udp_header) <= end) {
                set_udp(p, transport);
                return true;
        }
        return false;
}

/* Each path through the parser leaves different constants, and the verifier would walk everything that follows once
 * for each path, at the expense of its budget and the load time. This makes all paths look alike: values unknown to
 * the verifier. */
static __always_inline void barrier_scrub(struct packet *p) {
        __u64 *words = (__u64 *) p, none = *(volatile __u64 *) &opaque_zero;

        for (unsigned i = 0; i < sizeof(*p) / sizeof(*words); i++)
                words[i] |= none;
}

/* Returns false if the packet is malformed. */
static __always_inline bool packet_parse(struct __sk_buff *skb, struct packet *p) {
        __builtin_memset(p, 0, sizeof(*p));
        p->length = skb->len;
        if (!parse_plain(skb, p) && !parse_any(skb, p))
                return false;
        barrier_scrub(p);
        return true;
}

/* Neighbour discovery (RFC 4861): types 133 to 137; a hop limit of 255 proves that no router forwarded it. */
static __always_inline bool packet_is_neighbour_discovery(const struct packet *p) {
        return p->family == 6 && p->protocol == IP_ICMP6 && p->hop_limit == 255 && p->icmp_type >= 133 &&
               p->icmp_type <= 137;
}
