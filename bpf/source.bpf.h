/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The source of a packet: an address of this machine, or a reply goes to whoever has that address, whom no policy
 * judged. A program can choose any IPv6 source (IPV6_FREEBIND with bind() or IPV6_PKTINFO), and any IPv4 one with
 * CAP_NET_ADMIN (IP_TRANSPARENT). */

#include "inbound.bpf.h"

static __always_inline bool addr_equal(const struct cw_addr *a, const struct cw_addr *b) {
        __u64 x[2], y[2];

        addr_split(a, x);
        addr_split(b, y);
        return x[0] == y[0] && x[1] == y[1];
}

/* Is this the namespace of local_addrs? The packet hook has no helper for that, but the proxy listens there: elsewhere
 * nobody does, or somebody who only makes the check stricter for that namespace. */
static __always_inline bool in_known_netns(struct __sk_buff *skb) {
        struct bpf_sock_tuple tuple = {};
        __u32 size = sizeof(tuple.ipv4);

        if (proxy_port4) {
                tuple.ipv4.daddr = proxy_addr4;
                tuple.ipv4.dport = bpf_htons(proxy_port4);
        } else {
                size = sizeof(tuple.ipv6);
                tuple.ipv6.daddr[3] = bpf_htonl(1);
                tuple.ipv6.dport = bpf_htons(proxy_port6);
        }
        struct bpf_sock *sk = bpf_sk_lookup_tcp(skb, &tuple, size, BPF_F_CURRENT_NETNS, 0);
        if (!sk)
                return false;
        bool listens = sk->state == BPF_TCP_LISTEN;
        bpf_sk_release(sk);
        return listens;
}

/* Checked before: a connection has the source of its first packet, and a flow remembers one. f may be NULL. */
static __always_inline bool source_is_checked(const struct cw_flow *f, const struct packet *p) {
        if (p->protocol == IP_TCP && p->continues)
                return true;
        return f && f->marks & CW_FLOW_SOURCE && addr_equal(&f->src, &p->src);
}

static __noinline bool source_is_foreign(struct __sk_buff *skb, const struct packet *p) {
        if (addr_equal(&p->src, &p->dst) || addr_is_loopback(&p->src) || addr_is_unspecified(&p->src) ||
            bpf_map_lookup_elem(&local_addrs, &p->src))
                return false;
        return in_known_netns(skb);
}

/* Before flow_see(), which takes the source of the first packet of a flow. */
static __always_inline void source_note(struct cw_flow *f, const struct packet *p) {
        if (f->marks & CW_FLOW_SOURCE && f->state != CW_FLOW_JUDGED)
                return;
        if (p->foreign)
                f->marks &= ~CW_FLOW_SOURCE;
        else if (f->state == CW_FLOW_JUDGED || addr_equal(&f->src, &p->src))
                f->marks |= CW_FLOW_SOURCE;
}
