/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Sockets created by one task and used by another. The socket hooks judge the task, the packet hook judges the
 * socket's cgroup. If the task was not allowed a destination, or has not been judged yet, and the hook still lets it
 * continue, the flow records that for the packet hook. Flows may be evicted by a task that opens many, so the socket's
 * local storage keeps the requesters: it is freed with the socket, and other sockets cannot evict it. A packet without
 * a flow then also needs the permission of each of them for the destination in the packet, whatever they requested: it
 * may have waited in the socket since any of their calls. */

#include "record.bpf.h"
#include "verdict.bpf.h"

#define REQUESTERS_MAX 4 /* per socket, never removed: of one more, what would have to wait is denied at once */

/* All tasks of one cgroup, or of one chain. */
struct requester {
        struct cw_process process; /* the last one; cgroup 0: free slot */
        __u32 chain;
        __u32 actor;
        __u32 policies; /* of the chain, mixed into one number */
        __u32 several;  /* 1: of more than one cgroup, or user */
};

struct asked {
        struct bpf_spin_lock lock; /* two tasks may use one socket at the same time */
        __u32 pad;
        struct requester requesters[REQUESTERS_MAX];
};

struct {
        __uint(type, BPF_MAP_TYPE_SK_STORAGE);
        __uint(map_flags, BPF_F_NO_PREALLOC);
        __type(key, int);
        __type(value, struct asked);
} asked_sockets SEC(".maps");

/* Notes the task of f as a requester. 0: no free slot, to be denied. */
static __noinline int asked_note(struct bpf_sock_addr *ctx, const struct cw_flow *f) {
        struct requester *e, *place = NULL;

        if (!many_layers)
                return 1;
        struct asked *a = bpf_sk_storage_get(&asked_sockets, ctx->sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
        if (!a)
                return 0;
        __u64 cgroup = f->process.cgroup_id;
        __u32 chain = f->chain, policies = chain_epoch(chain, 0);
        bpf_spin_lock(&a->lock);
#pragma unroll
        for (int i = 0; i < REQUESTERS_MAX; i++) {
                e = &a->requesters[i];
                if (!place && (!e->process.cgroup_id || e->chain == chain ||
                               (e->process.cgroup_id == cgroup && e->process.uid == f->process.uid && !e->several)))
                        place = e;
        }
        if (place) {
                if (place->process.cgroup_id &&
                    (place->process.cgroup_id != cgroup || place->process.uid != f->process.uid))
                        place->several = 1;
                place->process = f->process;
                place->chain = chain;
                place->actor = f->actor;
                place->policies = policies;
        }
        bpf_spin_unlock(&a->lock);
        return place != NULL;
}

/* The chain that judges a process now: that of its cgroup and user. CW_CHAIN_UNASSIGNED: it is not known (a nested cgroup, or
 * removed). */
__noinline __u32 chain_of_process(__u64 cgroup, __u32 uid) {
        bool known = false;
        __u64 subject = cached_subject(cgroup, &known);

        if (!known) {
                struct cw_subject *s = bpf_map_lookup_elem(&subjects, &cgroup);
                if (!s)
                        return CW_CHAIN_UNASSIGNED;
                subject = subject_pack(s);
        }
        return subject_chain(subject_of_user(subject, uid));
}

static __always_inline struct asked *asked_of_packet(struct __sk_buff *skb) {
        struct bpf_sock *sk = skb->sk;

        sk = sk ? bpf_sk_fullsock(sk) : NULL;
        return sk ? bpf_sk_storage_get(&asked_sockets, sk, NULL, 0) : NULL;
}

/* A task outside the socket's cgroup, or of another user, requested this destination and its own chain does not allow it, whatever the
 * socket's chain says. */
static __always_inline bool task_may_not(struct __sk_buff *skb, const struct policy_chain *c, const struct cw_flow *f,
                                         __u64 verdict) {
        if (!(verdict & CW_VERDICT_ASKED) || verdict & CW_VERDICT_ALLOW || CW_VERDICT_MODE(verdict) != CW_ENFORCE)
                return false;
        if (f->chain == c->chain)
                return false;
        if (f->process.cgroup_id != bpf_skb_cgroup_id(skb))
                return true;
        return follows_users() && chain_of_process(f->process.cgroup_id, f->process.uid) != c->chain;
}

/* The chain that judges the requester now. If that is not known, the chain noted, while its policies are in force: later its
 * layers may be others. */
static __always_inline __u32 requester_chain(const struct requester *e) {
        __u32 chain = e->several ? CW_CHAIN_UNASSIGNED : chain_of_process(e->process.cgroup_id, e->process.uid);

        if (chain != CW_CHAIN_UNASSIGNED)
                return chain;
        return (__u32) chain_epoch(e->chain, 0) == e->policies ? e->chain : CW_CHAIN_UNASSIGNED;
}

#define NO_REQUESTER (~0ULL)

/* The chain of the socket's requester i, or that of the socket itself if the requester is of its cgroup (and users do
 * not matter). NO_REQUESTER:
 * there are no more. Without the lock: a packet comes after its requester was noted. */
static __noinline __u64 asked_get(struct __sk_buff *skb, __u32 chain, __u32 i) {
        struct asked *a = asked_of_packet(skb);

        if (!a || i >= REQUESTERS_MAX)
                return NO_REQUESTER;
        const struct requester *e = &a->requesters[i];
        if (!e->process.cgroup_id)
                return NO_REQUESTER;
        if (!e->several && e->process.cgroup_id == bpf_skb_cgroup_id(skb) && !follows_users())
                return chain;
        return requester_chain(e);
}

/* The refusal of a requester by its own chain, as in verdict_fold(); 0: it does not refuse. Numbers as there. */
__noinline __u64 requester_verdict(__u32 chain, __u64 dst0, __u64 dst1, __u32 how) {
        const struct cw_layer none = { .policy_id = CW_POLICY_UNASSIGNED };

        if (chain == CW_CHAIN_UNASSIGNED)
                return verdict_pack(&none, CW_DENY, CW_REASON_FAULT, CW_NO_RULE);
        struct cw_layer base = layer_unpack(chain_base(chain));
        if (base.policy_id && (base.mode == CW_OFF || (how & LOOKUP_ANSWER && base.flags & CW_LAYER_INBOUND)))
                return 0;
        __u64 word = verdict_fold(chain, dst0, dst1, how);
        return word & CW_VERDICT_ALLOW || CW_VERDICT_MODE(word) != CW_ENFORCE ? 0 : word;
}
