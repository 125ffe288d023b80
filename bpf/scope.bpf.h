/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Which scope a socket belongs to: the nearest cgroup above it that user space has given to one. */

#include "maps.bpf.h"

enum subject {
        SUBJECT_JUDGED,
        SUBJECT_OFF,   /* of a scope that nobody judges */
        SUBJECT_WAITS, /* of a cgroup that is too new to have been given to a scope: no policy may be guessed for it */
        SUBJECT_FAULT, /* of a scope without a policy: closed */
};

/* User space counts it up after each change of subjects. */
__u32 subjects_generation;

#define CGROUP_LEVELS_MAX 16 /* deeper ones count as the one at this level: their owner made them */
#define WAITING_SCOPE CW_SCOPE_UNKNOWN

static __always_inline __u32 generation_now(void) {
        return *(volatile __u32 *) &subjects_generation;
}

/* Returns the index of a scope, or WAITING_SCOPE. Global functions, so that the verifier walks each once. */
__noinline __u32 walk_task(void) {
        __u64 own = bpf_get_current_cgroup_id();

        for (int level = CGROUP_LEVELS_MAX; level >= 0; level--) {
                __u64 id = bpf_get_current_ancestor_cgroup_id(level);
                struct cw_subject *s = id ? bpf_map_lookup_elem(&subjects, &id) : NULL;
                if (s)
                        return s->slice && id != own ? WAITING_SCOPE : s->scope;
        }
        return CW_SCOPE_HOST;
}

__noinline __u32 walk_packet(struct __sk_buff *skb) {
        __u64 own = bpf_skb_cgroup_id(skb);

        for (int level = CGROUP_LEVELS_MAX; level >= 0; level--) {
                __u64 id = bpf_skb_ancestor_cgroup_id(skb, level);
                struct cw_subject *s = id ? bpf_map_lookup_elem(&subjects, &id) : NULL;
                if (s)
                        return s->slice && id != own ? WAITING_SCOPE : s->scope;
        }
        return CW_SCOPE_HOST;
}

/* One look-up where the walk was made before. */
static __always_inline __u32 cached_scope(__u64 cgroup, bool *known) {
        struct cw_subject_cache *c = bpf_map_lookup_elem(&subject_cache, &cgroup);

        *known = c && c->generation == generation_now();
        return *known ? c->scope : 0;
}

/* generation: from before the walk, so that a change during it voids the entry. */
static __always_inline void cache_scope(__u64 cgroup, __u32 scope, __u32 generation) {
        struct cw_subject_cache c = { .scope = scope, .generation = generation };

        if (scope != WAITING_SCOPE)
                bpf_map_update_elem(&subject_cache, &cgroup, &c, BPF_ANY);
}

__noinline __u32 scope_of_task(void) {
        bool known;

        if (!many_scopes)
                return CW_SCOPE_HOST;
        __u64 cgroup = bpf_get_current_cgroup_id();
        __u32 scope = cached_scope(cgroup, &known), generation = generation_now();
        if (known)
                return scope;
        scope = walk_task();
        cache_scope(cgroup, scope, generation);
        return scope;
}

__noinline __u32 scope_of_packet(struct __sk_buff *skb) {
        bool known;

        if (!many_scopes)
                return CW_SCOPE_HOST;
        __u64 cgroup = bpf_skb_cgroup_id(skb);
        __u32 scope = cached_scope(cgroup, &known), generation = generation_now();
        if (known)
                return scope;
        scope = walk_packet(skb);
        cache_scope(cgroup, scope, generation);
        return scope;
}

/* A copy, so that a swap in the middle of a program is seen whole or not at all. */
static __always_inline enum subject scope_read(__u32 index, struct cw_scope *scope) {
        if (index == WAITING_SCOPE) {
                __builtin_memset(scope, 0, sizeof(*scope));
                return SUBJECT_WAITS;
        }
        volatile __u64 *value = bpf_map_lookup_elem(&scopes, &index);
        __u64 copy = value ? *value : 0;

        __builtin_memcpy(scope, &copy, sizeof(*scope));
        if (!scope->policy_id) {
                count(CW_COUNT_FAULT);
                return SUBJECT_FAULT;
        }
        return scope->mode == CW_OFF ? SUBJECT_OFF : SUBJECT_JUDGED;
}

static __always_inline bool is_own_socket(__u64 cookie) {
        return many_scopes && bpf_map_lookup_elem(&own_sockets, &cookie);
}
