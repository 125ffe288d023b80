/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Packets in which the kernel has wrapped others, by the administrator's IPsec. The packet hook sees only the result, with
 * the socket of what is inside: that is judged, as far as the socket shows what it is. What a program wraps itself comes from
 * a raw socket. Only in the proxy's network namespace: in one of its own, a job can have IPsec. What other tunnels carry
 * (WireGuard, VXLAN, GRE) comes to the packet hook at their device, and the kernel sends what they make of it. */

#include "flow.bpf.h"
#include "source.bpf.h"

#define LOOPBACK4_IPV6 bpf_htonl(0x7f000006) /* in the place of an IPv6 socket's IPv4 address; linux: net/ipv6.h */

static __always_inline bool is_wrapper(__u8 protocol) {
        return protocol == IP_ESP || protocol == IP_AH || protocol == IP_COMP || protocol == IPPROTO_IPIP ||
               protocol == IPPROTO_IPV6 || protocol == IP_UDP;
}

static __always_inline bool is_home_stream(struct __sk_buff *skb, struct bpf_sock *sk) {
        struct cw_socket_flow *s = bpf_sk_storage_get(&socket_flows, sk, NULL, 0);

        return (s && s->flow.marks & CW_FLOW_HOME) || in_home_netns(skb);
}

/* Where the socket is connected to. false: that may be another address than the one it sends to. The kernel keeps sending
 * IPv4 after an IPv6 socket was connected to a mapped address, and then to another one. */
static __always_inline bool stream_peer(struct bpf_sock *sk, struct cw_addr *ret) {
        volatile const struct bpf_sock *v = sk; /* as in chosen_source() */
        __u32 v4 = v->dst_ip4, w[4];

        w[0] = v->dst_ip6[0];
        w[1] = v->dst_ip6[1];
        w[2] = v->dst_ip6[2];
        w[3] = v->dst_ip6[3];
        if (v->family == AF_INET) {
                addr_from_v4(ret, v4);
                return true;
        }
        __builtin_memcpy(ret->b, w, sizeof(ret->b));
        return addr_is_v4(ret) ? addr_v4(ret) == v4 : !v4 || v4 == LOOPBACK4_IPV6;
}

/* Header fields of TCP as the socket has them. */
static __noinline int unwrap_stream(struct __sk_buff *skb, struct packet *p) {
        struct bpf_sock *sk = skb->sk;
        struct cw_addr peer;

        sk = sk ? bpf_sk_fullsock(sk) : NULL;
        if (!sk || !is_home_stream(skb, sk))
                return 0;
        volatile const struct bpf_sock *v = sk;
        __u32 state = v->state;
        p->answers = state == BPF_TCP_LISTEN;
        if (!p->answers && !stream_peer(sk, &peer))
                return 0;
        p->src_port = v->src_port;
        p->dst_port = 0;
        if (!p->answers) {
                p->dst = peer;
                p->dst_port = bpf_ntohs((__u16) v->dst_port);
        }
        p->protocol = IP_TCP;
        p->has_port = p->moved = true;
        p->continues = state != BPF_TCP_SYN_SENT;
        p->tcp_flags = state == BPF_TCP_SYN_SENT ? TCP_SYN : TCP_ACK;
        if (state == BPF_TCP_FIN_WAIT1 || state == BPF_TCP_LAST_ACK || state == BPF_TCP_CLOSING)
                p->tcp_flags |= TCP_FIN;
        struct bpf_tcp_sock *t = bpf_tcp_sock(sk);
        if (t) {
                p->sequence = t->snd_nxt;
                p->acknowledgment = t->rcv_nxt;
        }
        return 0;
}

static __noinline int unwrap_datagram(struct __sk_buff *skb, struct packet *p) {
        struct bpf_sock *sk = skb->sk;

        sk = sk ? bpf_sk_fullsock(sk) : NULL;
        struct datagram_target *t = sk ? bpf_sk_storage_get(&datagram_targets, sk, NULL, 0) : NULL;
        if (!t || t->state != TARGET_ONE || addr_is_unspecified(&t->dst))
                return 0;
        p->dst = t->dst;
        p->dst_port = t->port;
        p->src_port = ((volatile const struct bpf_sock *) sk)->src_port;
        p->protocol = IP_UDP;
        p->has_port = p->moved = true;
        return 0;
}

/* Makes the packet the one that it contains, if that is known. */
static __noinline int packet_unwrap(struct __sk_buff *skb, struct packet *p) {
        struct bpf_sock *sk = skb->sk;

        sk = sk ? bpf_sk_fullsock(sk) : NULL;
        if (!sk)
                return 0;
        volatile const struct bpf_sock *v = sk;
        if (v->type == SOCK_STREAM && v->protocol == IP_TCP)
                unwrap_stream(skb, p);
        else if (v->type == SOCK_DGRAM && v->protocol == IP_UDP && p->protocol != IP_UDP) /* see datagram_moved() */
                unwrap_datagram(skb, p);
        else
                return 0;
        barrier_scrub(p);
        return 0;
}
