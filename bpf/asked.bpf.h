/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Sockets created by one task and used by another. The socket hooks judge the task, the packet hook judges the
 * socket's cgroup. If the task was not allowed a destination, or has not been judged yet, and the hook still lets it
 * continue, the flow records that for the packet hook. Flows may be evicted by a task that opens many, so the
 * information is also kept in the socket's local storage: it is freed with the socket, and other sockets cannot
 * evict it. */

#include "record.bpf.h"

#define ASKED_MAX 4 /* destinations per socket; one more is denied at once */

struct asked_entry {
        struct cw_flow_key key;
        struct cw_flow flow; /* verdict 0: free slot */
        __u64 reported;
};

struct asked {
        struct bpf_spin_lock lock; /* two tasks may use one socket at the same time */
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

/* 0: no free slot, to be denied. */
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

/* A task outside the socket's cgroup requested this destination and its own chain does not allow it, whatever the
 * socket's chain says. */
static __always_inline bool task_may_not(struct __sk_buff *skb, const struct policy_chain *c, const struct cw_flow *f,
                                         __u64 verdict) {
        if (!(verdict & CW_VERDICT_ASKED) || verdict & CW_VERDICT_ALLOW || CW_VERDICT_MODE(verdict) != CW_ENFORCE)
                return false;
        return f->chain != c->chain && f->process.cgroup_id != bpf_skb_cgroup_id(skb);
}

/* What is kept for an evicted flow, or NULL. Without the lock: the packet comes after it was noted. */
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

/* The last task to request this destination may have it, or used its own socket. */
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
