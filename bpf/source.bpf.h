/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The source of a packet: an address of this machine, or a reply goes to whoever has that address, whom no policy
 * judged. A program can choose any IPv6 source (IPV6_FREEBIND with bind() or IPV6_PKTINFO), and any IPv4 one with
 * CAP_NET_ADMIN (IP_TRANSPARENT). Judged is the address that the program chose, not that of the packet: the packet
 * hook comes after NAT, and an administrator may rewrite sources to addresses that no interface has. */

#include "home.bpf.h"
#include "inbound.bpf.h"

__noinline int address_is_foreign(__u64 first, __u64 second) {
        struct cw_addr a;

        addr_join(&a, first, second);
        return !addr_is_loopback(&a) && !addr_is_unspecified(&a) && !bpf_map_lookup_elem(&local_addrs, &a);
}

/* That of the socket, unspecified if it has none. Of the packet if the socket's does not say: raw sockets, ping. */
static __always_inline void chosen_source(struct __sk_buff *skb, const struct packet *p, struct cw_addr *ret) {
        struct bpf_sock *sk = skb->sk;
        __u32 w[4];

        *ret = p->src;
        if (!sk || (p->protocol != IP_TCP && p->protocol != IP_UDP))
                return;
        sk = bpf_sk_fullsock(sk);
        if (!sk || sk->type == SOCK_RAW)
                return;
        /* Both are read before the choice, or compilers choose the pointer, which the verifier rejects. */
        volatile const struct bpf_sock *s = sk;
        __u32 v4 = s->src_ip4;
        w[0] = s->src_ip6[0];
        w[1] = s->src_ip6[1];
        w[2] = s->src_ip6[2];
        w[3] = s->src_ip6[3];
        if (s->family == AF_INET)
                addr_from_v4(ret, v4);
        else
                __builtin_memcpy(ret->b, w, sizeof(ret->b));
}

/* A datagram socket may be bound again at any time; if it is not connected, the sendmsg hook has checked the source. */
static __noinline bool source_is_foreign(struct __sk_buff *skb, const struct packet *p) {
        struct cw_addr chosen;
        __u64 words[2];

        chosen_source(skb, p, &chosen);
        addr_split(&chosen, words);
        return address_is_foreign(words[0], words[1]) && in_known_netns(skb);
}

/* A packet to the loopback address: the kernel's answer goes to its source, for example an ICMP error that quotes it. */
static __noinline bool answer_leaves(struct __sk_buff *skb, const struct packet *p) {
        __u64 words[2];

        addr_split(&p->src, words);
        return address_is_foreign(words[0], words[1]) && in_known_netns(skb);
}

/* The source of a datagram from a socket that is not connected: its own, or one from ancillary data; unspecified: the
 * kernel chooses. v6: of the hook. */
static __always_inline void named_source(struct bpf_sock_addr *ctx, bool v6, struct cw_addr *ret) {
        if (!v6) {
                addr_from_v4(ret, ctx->msg_src_ip4);
                return;
        }
        __u32 w[4] = { ctx->msg_src_ip6[0], ctx->msg_src_ip6[1], ctx->msg_src_ip6[2], ctx->msg_src_ip6[3] };
        __builtin_memcpy(ret->b, w, sizeof(ret->b));
}

/* A connection between ::1, where the proxy is, and another address of this machine. What the kernel answers on its own, for want
 * of a socket or in TIME_WAIT, it sends to ::1 by the device that has the other address (it takes ::1 for an address that needs
 * one), and no hook of the cgroup sees it. Programs do not choose such a pair: they would have to bind() to either address. */
static __always_inline bool crosses_loopback(struct bpf_sock_addr *ctx, const struct cw_addr *dst) {
        struct bpf_sock *sk = ctx->sk;
        struct cw_addr src;
        bool to_proxy = proxy_port6 && is_dns(IP_TCP, bpf_ntohs(ctx->user_port)); /* which is at ::1 */

        if (!sk || ctx->type != SOCK_STREAM || addr_is_v4(dst))
                return false;
        __u32 w[4] = { sk->src_ip6[0], sk->src_ip6[1], sk->src_ip6[2], sk->src_ip6[3] };
        __builtin_memcpy(src.b, w, 16);
        if (addr_is_loopback(&src))
                return bpf_map_lookup_elem(&local_addrs, dst) && !addr_is_loopback(dst);
        return (to_proxy || addr_is_loopback(dst)) && bpf_map_lookup_elem(&local_addrs, &src);
}

/* Only in the namespace with the known addresses. */
static __always_inline bool named_source_is_foreign(struct bpf_sock_addr *ctx, bool v6) {
        struct cw_addr a;
        __u64 words[2];

        named_source(ctx, v6, &a);
        if (addr_is_unspecified(&a))
                return false;
        addr_split(&a, words);
        return address_is_foreign(words[0], words[1]) && in_proxy_netns(ctx);
}
