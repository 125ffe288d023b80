/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Replies. A machine that is reached from outside, by ssh or as a server, sends packets to addresses that no policy
 * names. They pass if the layer permits it, and only they. */

#include "packet.bpf.h"

/* Does a socket of this host listen on the local port? If the policy would have denied the first SYN of a connection
 * from such a port, the peer opened the connection. */
static __always_inline bool port_listens(struct __sk_buff *skb, const struct packet *p) {
        struct bpf_sock_tuple tuple = {};
        __u32 size = sizeof(tuple.ipv6);

        if (p->family == 4) {
                size = sizeof(tuple.ipv4);
                tuple.ipv4.daddr = addr_v4(&p->src);
                tuple.ipv4.dport = bpf_htons(p->src_port);
        } else {
                __builtin_memcpy(tuple.ipv6.daddr, p->src.b, 16);
                tuple.ipv6.dport = bpf_htons(p->src_port);
        }
        /* The tuple has no peer: only a listener matches. */
        struct bpf_sock *sk = bpf_sk_lookup_tcp(skb, &tuple, size, BPF_F_CURRENT_NETNS, 0);
        if (!sk)
                return false;
        bool listens = sk->state == BPF_TCP_LISTEN;
        bpf_sk_release(sk);
        return listens;
}

static __always_inline bool is_raw(struct __sk_buff *skb) {
        struct bpf_sock *sk = skb->sk;

        sk = sk ? bpf_sk_fullsock(sk) : NULL;
        return sk && sk->type == SOCK_RAW;
}

/* A packet of a connection whose start was not seen here. The listener may be gone by the time of the first reply. A
 * function of its own for its stack frame: all frames of a call chain share 512 bytes. */
static __noinline bool is_tcp_answer(struct __sk_buff *skb, const struct packet *p) {
        struct cw_inbound_key key = {
                .cgroup_id = bpf_skb_cgroup_id(skb), .peer = p->dst, .peer_port = p->dst_port, .port = p->src_port,
        };

        if (p->protocol != IP_TCP || !p->continues || is_raw(skb))
                return false;
        return bpf_map_lookup_elem(&inbound_conns, &key) || port_listens(skb, p);
}

static __always_inline bool is_for_listener(struct __sk_buff *skb) {
        struct bpf_sock *sk = skb->sk;

        sk = sk ? bpf_sk_fullsock(sk) : NULL;
        return sk && sk->state == BPF_TCP_LISTEN;
}

/* The last packet of a handshake reaches the listener: no socket exists yet, and the SYN-ACK was sent by the
 * listener (or, in older kernels, bypassed the hook). */
static __always_inline void remember_handshake(struct __sk_buff *skb, const struct packet *p) {
        if (!p->continues || p->tcp_flags & (TCP_SYN | TCP_RST))
                return;
        struct cw_inbound_key key = {
                .cgroup_id = bpf_skb_cgroup_id(skb), .peer = p->src, .peer_port = p->src_port, .port = p->dst_port,
        };
        bpf_map_update_elem(&inbound_conns, &key, &present, BPF_ANY);
}

static __always_inline bool is_datagram_answer(const struct cw_flow_key *key) {
        return key->protocol == IP_UDP && bpf_map_lookup_elem(&datagram_peers, key);
}

static __always_inline bool is_dhcp_port(__u8 protocol, __u16 port) {
        return protocol == IP_UDP && (port == 67 || port == 547);
}

/* 255.255.255.255 (RFC 2131 4.4.1) and ff02::1:2 (RFC 8415 7.1): no router forwards them. */
static __always_inline bool addr_is_dhcp_group(const struct cw_addr *a) {
        __u32 w[4];

        if (addr_is_v4(a))
                return addr_v4(a) == 0xffffffff;
        __builtin_memcpy(w, a->b, 16);
        return w[0] == bpf_htonl(0xff020000) && !w[1] && !w[2] && w[3] == bpf_htonl(0x10002);
}

/* A DHCP client asks all servers of its network. Only a renewal goes to one server, which may be behind routers (RFC 2131
 * 4.4.5): the kernel does not know which, so a service that configures the network is believed, and nobody else. Any
 * other client, by root, asks all again when its lease is about to end; not in a chain of several layers, as of a job. */
static __noinline bool dhcp_may_ask(const struct policy_chain *c, const struct cw_addr *dst, __u32 uid) {
        if (!(c->base.flags & CW_LAYER_SYSTEM) || (uid && !(network_uid && uid == network_uid)))
                return false;
        return c->base.flags & LAYER_NETWORK || (chain_is_single(c->chain) && addr_is_dhcp_group(dst));
}

/* Sent by a DHCP client of this machine; the ports alone prove nothing if low ports are open to all users. */
static __always_inline bool is_dhcp(struct __sk_buff *skb, const struct policy_chain *c, const struct packet *p) {
        if (p->protocol != IP_UDP || !p->has_port || is_raw(skb))
                return false;
        if (!(p->src_port == 68 && p->dst_port == 67) && !(p->src_port == 546 && p->dst_port == 547))
                return false;
        return dhcp_may_ask(c, &p->dst, bpf_get_socket_uid(skb));
}

/* Packets that the kernel sends on its own: resets, ICMP errors and echo replies, group memberships. */
static __always_inline bool is_of_kernel(struct __sk_buff *skb) {
        return root_cgroup && bpf_skb_cgroup_id(skb) == root_cgroup;
}

/* Types 133 to 137 with a hop limit of 255. To a global address they only come from the kernel, for a neighbour it
 * knows; from a raw socket they would be routed. */
static __always_inline bool is_neighbour_discovery(struct __sk_buff *skb, const struct packet *p) {
        if (!packet_is_neighbour_discovery(p))
                return false;
        return p->dst.b[0] == 0xff || (p->dst.b[0] == 0xfe && (p->dst.b[1] & 0xc0) == 0x80) || is_of_kernel(skb);
}

static __always_inline bool is_kernel_answer(struct __sk_buff *skb, const struct packet *p) {
        if (!is_of_kernel(skb))
                return false;
        switch (p->protocol) {
        case IP_TCP:
                return p->tcp_flags & TCP_RST && !p->payload;
        case IP_ICMP:
                return p->icmp_type == 0 || p->icmp_type == 3 || p->icmp_type == 11 || p->icmp_type == 12;
        case IP_ICMP6:
                return (p->icmp_type >= 1 && p->icmp_type <= 4) || p->icmp_type == 129 ||
                       (p->icmp_type >= 130 && p->icmp_type <= 132) || p->icmp_type == 143;
        case IP_UDP: /* which wraps one of these, or ESP does (see wrapped.bpf.h) */
                return is_raw(skb);
        default:
                return p->protocol == IP_IGMP || p->protocol == IP_ESP || p->protocol == IP_AH;
        }
}
