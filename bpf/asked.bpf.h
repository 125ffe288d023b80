/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Sockets that one task made and another one uses. The socket hooks judge the task, the packet hook the socket's cgroup; where a
 * task was not allowed a destination, or nobody has judged it yet, and the hook still lets it continue, its flow says so to
 * the packet hook. Flows may be pushed out by whoever opens many, so this is also kept with the socket itself: there it
 * ends with the socket, and nobody else's sockets take its room. */

#include "record.bpf.h"

#define ASKED_MAX 4 /* destinations of one socket; one more is refused at once */

struct asked_entry {
        struct cw_flow_key key;
        struct cw_flow flow; /* verdict 0: a free place */
        __u64 reported;
};

struct asked {
        struct bpf_spin_lock lock; /* two tasks of one socket may ask at the same time */
        __u32 pad;
        struct asked_entry entries[ASKED_MAX];
};

struct {
        __uint(type, BPF_MAP_TYPE_SK_STORAGE);
        __uint(map_flags, BPF_F_NO_PREALLOC);
        __type(key, int);
        __type(value, struct asked);
} asked_sockets SEC(".maps");

static __always_inline bool asked_matches(const struct asked_entry *e, __u64 dst0, __u64 dst1,
                                          const struct cw_flow_key *key) {
        __u64 dst[2];

        __builtin_memcpy(dst, e->key.dst.b, sizeof(dst));
        return e->flow.verdict && dst[0] == dst0 && dst[1] == dst1 && e->key.port == key->port &&
               e->key.protocol == key->protocol;
}

/* 0: there is no place for it, to be refused. */
static __noinline int asked_note(struct bpf_sock_addr *ctx, const struct cw_flow_key *key, const struct cw_flow *f) {
        struct asked_entry *e, *place = NULL;
        __u64 dst[2];

        if (!many_layers)
                return 1;
        struct asked *a = bpf_sk_storage_get(&asked_sockets, ctx->sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
        if (!a)
                return 0;
        addr_split(&key->dst, dst);
        bpf_spin_lock(&a->lock);
#pragma unroll
        for (int i = 0; i < ASKED_MAX; i++) {
                e = &a->entries[i];
                if (asked_matches(e, dst[0], dst[1], key) || (!e->flow.verdict && !place))
                        place = e;
        }
        if (place) {
                place->key = *key;
                place->flow = *f;
                place->reported = 0;
        }
        bpf_spin_unlock(&a->lock);
        return place != NULL;
}

static __always_inline struct asked *asked_of_packet(struct __sk_buff *skb) {
        struct bpf_sock *sk = skb->sk;

        sk = sk ? bpf_sk_fullsock(sk) : NULL;
        return sk ? bpf_sk_storage_get(&asked_sockets, sk, NULL, 0) : NULL;
}

/* A task of another cgroup than the socket's asked for this, by another chain, and may not: whatever the socket's own
 * chain says. */
static __always_inline bool asker_may_not(struct __sk_buff *skb, const struct policy_chain *c, const struct cw_flow *f,
                                          __u64 verdict) {
        if (!(verdict & CW_VERDICT_ASKED) || verdict & CW_VERDICT_ALLOW || CW_VERDICT_MODE(verdict) != CW_ENFORCE)
                return false;
        return f->chain != c->chain && f->process.cgroup_id != bpf_skb_cgroup_id(skb);
}

/* What is kept for a flow that was pushed out, or NULL. Without the lock: the packet that this is about comes after it was
 * noted. */
static __always_inline struct asked_entry *asked_find(struct __sk_buff *skb, const struct cw_flow_key *key) {
        struct asked *a = asked_of_packet(skb);
        struct asked_entry *found = NULL;
        __u64 dst[2];

        if (!a)
                return NULL;
        addr_split(&key->dst, dst);
#pragma unroll
        for (int i = 0; i < ASKED_MAX; i++)
                if (asked_matches(&a->entries[i], dst[0], dst[1], key))
                        found = &a->entries[i];
        return found;
}

/* The last to ask for this destination may have it, or asked over a socket of its own. */
static __noinline int asked_forget(struct __sk_buff *skb, const struct cw_flow_key *key, const struct cw_flow *f) {
        struct asked *a;
        __u64 dst[2];

        if (!(f->verdict & CW_VERDICT_ALLOW) && f->process.cgroup_id != bpf_skb_cgroup_id(skb))
                return 0;
        a = asked_of_packet(skb);
        if (!a)
                return 0;
        addr_split(&key->dst, dst);
        bpf_spin_lock(&a->lock);
#pragma unroll
        for (int i = 0; i < ASKED_MAX; i++)
                if (asked_matches(&a->entries[i], dst[0], dst[1], key))
                        a->entries[i].flow.verdict = 0;
        bpf_spin_unlock(&a->lock);
        return 0;
}
