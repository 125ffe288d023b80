/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The policies that judge a socket: the subject of the nearest cgroup above it that has one, and its chain of
 * layers. */

#include "follow.bpf.h"

enum subject_state {
        SUBJECT_JUDGED,
        SUBJECT_OFF,        /* no layer judges it */
        SUBJECT_UNASSIGNED, /* its cgroup is too new to have an entry: its policy is not known yet */
        SUBJECT_FAULT,      /* a layer has no policy: fail closed */
};

/* Read once, so that a concurrent swap is seen whole or not at all. */
struct policy_chain {
        struct cw_layer base; /* the most general layer that judges. Its flags apply to the chain */
        __u64 epoch;          /* of the chain: a change of any policy or, with several layers, any mode changes it */
        __u32 chain, actor;
};

/* User space increments it after each change of subjects, starting above every value that a predecessor may have
 * reached: entries that it left in inherited maps never become valid again. */
__u64 subjects_generation;

#define CGROUP_LEVELS_MAX 16 /* deeper cgroups count as the one at this level: they were made by its owner */

/* A subject in one number: the chain in the lower half, actor and flags (follow.bpf.h) in the upper. */
static __always_inline __u64 subject_pack(const struct cw_subject *s) {
        return s->chain | (__u64) s->actor << 32 | (s->flags & CW_SUBJECT_FORWARDER ? SUBJECT_FORWARDER : 0) |
               (s->flags & CW_SUBJECT_NETWORK ? SUBJECT_NETWORK : 0) |
               (s->flags & CW_SUBJECT_CONTAINER ? SUBJECT_CONTAINER : 0);
}

static __always_inline __u32 subject_chain(__u64 subject) {
        return (__u32) subject;
}

static __always_inline __u32 subject_actor(__u64 subject) {
        return (subject & ~(SUBJECT_FORWARDER | SUBJECT_NETWORK | SUBJECT_CONTAINER)) >> 32;
}

static __always_inline __u64 generation_now(void) {
        return *(volatile __u64 *) &subjects_generation;
}

/* Return a subject, or UNASSIGNED. Global functions, so that the verifier walks each one once. A level that does not
 * exist has id 0, which has no entry; a branch for it would double the verifier's work. */
static __always_inline __u64 walk_task_inline(void) {
        __u64 own = bpf_get_current_cgroup_id();

        for (int level = CGROUP_LEVELS_MAX; level >= 0; level--) {
                __u64 id = bpf_get_current_ancestor_cgroup_id(level);
                struct cw_subject *s = bpf_map_lookup_elem(&subjects, &id);
                if (s)
                        return s->flags & CW_SUBJECT_SLICE && id != own ? UNASSIGNED : subject_pack(s);
        }
        return CW_CHAIN(CW_LAYER_HOST, 0, 0, 0);
}

__noinline __u64 walk_task(void) {
        return walk_task_inline();
}

__noinline __u64 walk_packet(struct __sk_buff *skb) {
        __u64 own = bpf_skb_cgroup_id(skb);

        for (int level = CGROUP_LEVELS_MAX; level >= 0; level--) {
                __u64 id = bpf_skb_ancestor_cgroup_id(skb, level);
                struct cw_subject *s = bpf_map_lookup_elem(&subjects, &id);
                if (s)
                        return s->flags & CW_SUBJECT_SLICE && id != own ? UNASSIGNED : subject_pack(s);
        }
        return CW_CHAIN(CW_LAYER_HOST, 0, 0, 0);
}

/* A single lookup if the walk was done before. */
static __always_inline __u64 cached_subject(__u64 cgroup, bool *known) {
        struct cw_subject_cache *c = bpf_map_lookup_elem(&subject_cache, &cgroup);

        *known = false;
        if (!c)
                return 0;
        __u64 subject = *(volatile __u64 *) &c->subject;
        *known = c->proof == (subject ^ generation_now() ^ cgroup);
        return subject;
}

/* generation: read before the walk, so that a change during it invalidates the entry. */
static __always_inline void cache_subject(__u64 cgroup, __u64 subject, __u64 generation) {
        struct cw_subject_cache c = { .subject = subject, .proof = subject ^ generation ^ cgroup };

        if (subject != UNASSIGNED)
                bpf_map_update_elem(&subject_cache, &cgroup, &c, BPF_ANY);
}

static __always_inline __u64 cgroup_subject_of_task(void) {
        bool known;
        __u64 cgroup = bpf_get_current_cgroup_id();
        __u64 subject = cached_subject(cgroup, &known), generation = generation_now();
        if (known)
                return subject;
        subject = walk_task();
        cache_subject(cgroup, subject, generation);
        return subject;
}

__noinline __u64 subject_of_task(void) {
        return many_layers ? subject_of_current(cgroup_subject_of_task()) : CW_CHAIN(CW_LAYER_HOST, 0, 0, 0);
}

static __always_inline __u64 cgroup_subject_of_packet(struct __sk_buff *skb) {
        bool known;
        __u64 cgroup = bpf_skb_cgroup_id(skb);
        __u64 subject = cached_subject(cgroup, &known), generation = generation_now();
        if (known)
                return subject;
        subject = walk_packet(skb);
        cache_subject(cgroup, subject, generation);
        return subject;
}

__noinline __u64 subject_of_packet(struct __sk_buff *skb) {
        if (!many_layers)
                return CW_CHAIN(CW_LAYER_HOST, 0, 0, 0);
        __u64 subject = cgroup_subject_of_packet(skb);
        return follows_users() ? subject_of_owner(skb, subject) : subject;
}

/* ------------------------------------------------------------------ layers */

static __always_inline struct cw_layer layer_unpack(__u64 word) {
        struct cw_layer layer;

        _Static_assert(sizeof(layer) == sizeof(word), "a layer is one number");
        __builtin_memcpy(&layer, &word, sizeof(layer));
        return layer;
}

static __always_inline __u64 layer_word(__u32 index) {
        volatile __u64 *value = bpf_map_lookup_elem(&layers, &index);

        return value ? *value : 0;
}

static __always_inline bool chain_is_single(__u32 chain) {
        return !many_layers || chain >> 8 == 0;
}

/* For several layers: their policies and modes, mixed into the upper 56 bits that a flow stores, a value that no
 * single layer has. Each step is a bijection, so two chains can only collide by chance. modes: EPOCH_MODES, or 0 for
 * a number that no change of mode changes. */
#define EPOCH_MODES 3

__noinline __u64 chain_epoch(__u32 chain, __u32 modes) {
        __u64 epoch = 0;

        for (int i = 0; i < CW_CHAIN_MAX; i++) {
                __u32 index = CW_CHAIN_LAYER(chain, i);
                if (i && !index)
                        continue;
                struct cw_layer layer = layer_unpack(layer_word(index));
                epoch = (epoch ^ ((__u64) layer.policy_id << 2 | (layer.mode & modes))) * 0x9e3779b97f4a7c15ULL;
                epoch ^= epoch >> 29;
        }
        return epoch >> CW_FLOW_EPOCH_SHIFT | 1ULL << 55;
}

/* The most general layer that judges, otherwise the base, which is off; 0 if one of them has no policy. */
__noinline __u64 chain_base(__u32 chain) {
        __u64 base = layer_word(CW_CHAIN_LAYER(chain, 0));
        struct cw_layer layer = layer_unpack(base);

        if (chain_is_single(chain))
                return base;
        if (!layer.policy_id)
                return 0;
        bool judges = layer.mode != CW_OFF;
        for (int i = 1; i < CW_CHAIN_MAX; i++) {
                __u32 index = CW_CHAIN_LAYER(chain, i);
                if (!index)
                        continue;
                __u64 word = layer_word(index);
                layer = layer_unpack(word);
                if (!layer.policy_id)
                        return 0;
                if (judges || layer.kind == CW_LAYER_GRANT || layer.mode == CW_OFF)
                        continue;
                base = word;
                judges = true;
        }
        return base;
}

/* The layer named in a denial that all layers agree on: the most general one that enforces, otherwise the most
 * general one that judges. first: 1 skips the base. 0: none. */
__noinline __u64 deciding_layer(__u32 chain, __u32 first) {
        __u64 audited = 0;

        for (__u32 i = 0; i < CW_CHAIN_MAX; i++) {
                __u32 index = CW_CHAIN_LAYER(chain, i);
                if (i < first || (i && !index))
                        continue;
                __u64 word = layer_word(index);
                struct cw_layer layer = layer_unpack(word);
                if (layer.kind == CW_LAYER_GRANT || layer.mode == CW_OFF)
                        continue;
                if (layer.mode == CW_ENFORCE)
                        return word;
                if (!audited)
                        audited = word;
        }
        return audited;
}

static __always_inline bool chain_enforces(__u32 chain) {
        struct cw_layer layer = layer_unpack(deciding_layer(chain, 0));

        return layer.policy_id && layer.mode == CW_ENFORCE;
}

/* Beside those of enum cw_layer_flags, in a copy: the subject is a service that configures the network. */
#define LAYER_NETWORK 0x80

/* Reads the epoch first: a verdict may be newer than the epoch stored with it, and is then evaluated again, but
 * never older. */
static __always_inline enum subject_state chain_read(__u64 subject, struct policy_chain *c) {
        __u64 base;

        c->chain = subject_chain(subject);
        c->actor = subject_actor(subject);
        c->epoch = 0;
        if (subject == UNASSIGNED) {
                base = 0;
                __builtin_memcpy(&c->base, &base, sizeof(base));
                return SUBJECT_UNASSIGNED;
        }
        if (!chain_is_single(c->chain))
                c->epoch = chain_epoch(c->chain, EPOCH_MODES);
        base = many_layers ? chain_base(c->chain) : layer_word(CW_LAYER_HOST);
        __builtin_memcpy(&c->base, &base, sizeof(base));
        if (!c->base.policy_id) {
                count(CW_COUNT_FAULT);
                return SUBJECT_FAULT;
        }
        if (subject & SUBJECT_NETWORK)
                c->base.flags |= LAYER_NETWORK;
        if (chain_is_single(c->chain))
                c->epoch = c->base.policy_id;
        return c->base.mode == CW_OFF ? SUBJECT_OFF : SUBJECT_JUDGED;
}

static __always_inline bool is_own_socket(__u64 cookie) {
        return many_layers && bpf_map_lookup_elem(&self_sockets, &cookie);
}
