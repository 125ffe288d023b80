/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Name servers of a job's own: sockets bound to port 53 of the loopback. A query to one of them stays there if its sender is
 * of the same actor; what the server asks in turn is judged as its own. Whoever answers for others would be a way past the
 * policy of the sender, so the query goes to the proxy otherwise. The socket hooks leave it alone, and the packet hook looks
 * again for the socket that will receive it: between the two, the port may have another owner. */

#include "address.bpf.h"

struct listener {
        __u64 cgroup_id; /* of the task that bound it */
        __u32 actor;
        __u8 bound;  /* to port 53 */
        __u8 steers; /* has a program that chooses the receiver among sockets that share a port */
        __u8 pad[2];
};

struct {
        __uint(type, BPF_MAP_TYPE_SK_STORAGE);
        __uint(map_flags, BPF_F_NO_PREALLOC);
        __type(key, int);
        __type(value, struct listener);
} listeners SEC(".maps");

/* Actors with a socket that steers. Another user's server may share the port of theirs (SO_REUSEPORT), and no lookup says
 * which of them the program chooses. 0: an actor that is not known, so all of them. */
struct {
        __uint(type, BPF_MAP_TYPE_HASH);
        __uint(map_flags, BPF_F_NO_PREALLOC);
        __uint(max_entries, 65536);
        __type(key, __u32);
        __type(value, __u8);
} steering_actors SEC(".maps");

const __u32 any_actor = 0;

/* The actor of its cgroup now, or if that is not known (a nested one, or removed) that of the task. 0: none. */
static __always_inline __u32 listener_actor(const struct listener *l) {
        __u64 cgroup = l->cgroup_id;
        bool known;

        if (!many_layers)
                return 0;
        __u64 subject = cached_subject(cgroup, &known);
        if (known)
                return subject_actor(subject);
        struct cw_subject *s = bpf_map_lookup_elem(&subjects, &cgroup);
        return s ? s->actor : l->actor;
}

/* Returns 0 if it cannot be noted. */
static __noinline int note_steering(const struct listener *l) {
        __u32 actor = listener_actor(l);

        return bpf_map_update_elem(&steering_actors, &actor, &present, BPF_ANY) == 0;
}

/* A socket was bound. Returns 0 to refuse that. */
static __always_inline int on_bound(struct bpf_sock *ctx) {
        if (ctx->src_port != 53)
                return 1;
        struct listener *l = bpf_sk_storage_get(&listeners, ctx, NULL, BPF_SK_STORAGE_GET_F_CREATE);
        if (!l) /* nobody's own: its queries go to the proxy */
                return 1;
        l->cgroup_id = bpf_get_current_cgroup_id();
        l->actor = subject_actor(subject_of_task());
        l->bound = 1;
        return l->steers ? note_steering(l) : 1;
}

/* SO_ATTACH_REUSEPORT_CBPF, SO_ATTACH_REUSEPORT_EBPF. Returns 0 to refuse it. */
static __always_inline int on_steering(struct bpf_sockopt *ctx) {
        if (!ctx->sk)
                return 1;
        struct listener *l = bpf_sk_storage_get(&listeners, ctx->sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
        if (!l)
                return 0;
        l->steers = 1;
        return l->bound ? note_steering(l) : 1;
}

/* many_layers: an actor that is not known owns nothing. */
static __always_inline bool listener_is_of(const struct listener *l, __u32 actor) {
        if (!l->bound || (many_layers && (!actor || listener_actor(l) != actor)))
                return false;
        return !bpf_map_lookup_elem(&steering_actors, &any_actor) && !bpf_map_lookup_elem(&steering_actors, &actor);
}

/* Where a query goes to, and from where if that is known already. */
struct local_query {
        struct cw_addr src, dst;
        __u16 src_port;
        __u8 protocol;
        __u8 pad[5];
};

/* Is the socket that receives it one of this actor? In the network namespace of ctx, whatever its type is. */
static __noinline int query_is_own(void *ctx, const struct local_query *q, __u32 actor) {
        struct bpf_sock_tuple tuple = {};
        __u32 size = sizeof(tuple.ipv6);
        struct bpf_sock *sk;
        bool own = false;

        if (addr_is_v4(&q->dst)) {
                size = sizeof(tuple.ipv4);
                tuple.ipv4.saddr = addr_v4(&q->src);
                tuple.ipv4.daddr = addr_v4(&q->dst);
                tuple.ipv4.sport = bpf_htons(q->src_port);
                tuple.ipv4.dport = bpf_htons(53);
        } else {
                __builtin_memcpy(tuple.ipv6.saddr, q->src.b, 16);
                __builtin_memcpy(tuple.ipv6.daddr, q->dst.b, 16);
                tuple.ipv6.sport = bpf_htons(q->src_port);
                tuple.ipv6.dport = bpf_htons(53);
        }
        if (q->protocol == IP_TCP)
                sk = bpf_sk_lookup_tcp(ctx, &tuple, size, BPF_F_CURRENT_NETNS, 0);
        else
                sk = bpf_sk_lookup_udp(ctx, &tuple, size, BPF_F_CURRENT_NETNS, 0);
        if (!sk)
                return 0;
        struct listener *l = bpf_sk_storage_get(&listeners, sk, NULL, 0);
        if (l && (q->protocol == IP_UDP || sk->state == BPF_TCP_LISTEN))
                own = listener_is_of(l, actor);
        bpf_sk_release(sk);
        return own;
}
