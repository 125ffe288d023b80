/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The network namespace of a packet: is it the one that the proxy listens in? */

#include "maps.bpf.h"

/* Whoever has the proxy's address in the network namespace of the packet. To be released. */
static __always_inline struct bpf_sock *find_proxy(struct __sk_buff *skb) {
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
        return bpf_sk_lookup_tcp(skb, &tuple, size, BPF_F_CURRENT_NETNS, 0);
}

/* Is this the namespace of local_addrs? The packet hook has no helper for that, but the proxy listens there: elsewhere
 * nobody does, or somebody who only makes the check stricter for that namespace. */
static __always_inline bool in_known_netns(struct __sk_buff *skb) {
        struct bpf_sock *sk = find_proxy(skb);

        if (!sk)
                return false;
        bool listens = sk->state == BPF_TCP_LISTEN;
        bpf_sk_release(sk);
        return listens;
}

/* The same, proved: nobody else's socket is marked. */
static __always_inline bool in_home_netns(struct __sk_buff *skb) {
        struct bpf_sock *sk = find_proxy(skb);

        if (!sk)
                return false;
        bool is_proxy = bpf_sk_storage_get(&proxy_sockets, sk, NULL, 0) != NULL;
        bpf_sk_release(sk);
        return is_proxy;
}
