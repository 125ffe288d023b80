/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Whom a socket answers to: the scope of the nearest cgroup above it that user space has given to one, and the scope of the
 * job that runs there, if it has one. */

#include "maps.bpf.h"

enum subject {
        SUBJECT_JUDGED,
        SUBJECT_OFF,   /* of a scope that nobody judges */
        SUBJECT_WAITS, /* of a cgroup that is too new to have been given to a scope: no policy may be guessed for it */
        SUBJECT_FAULT, /* of a scope without a policy: closed */
};

/* Copies, so that a swap in the middle of a program is seen whole or not at all. */
struct judges {
        struct cw_scope scope;
        struct cw_scope job; /* policy_id 0: there is none */
        __u32 chain, actor;
};

/* User space counts it up after each change of subjects, from a number that no predecessor has reached: what it left in maps
 * that go on is never taken for found now. */
__u64 subjects_generation;

#define CGROUP_LEVELS_MAX 16 /* deeper ones count as the one at this level: their owner made them */

/* A subject as one number: the chain in the lower half, actor and flag in the upper. */
#define FORWARDER (1ULL << 63)
#define WAITING ((__u64) CW_CHAIN_UNASSIGNED)

static __always_inline __u64 subject_word(const struct cw_subject *s) {
        return s->chain | (__u64) s->actor << 32 | (s->flags & CW_SUBJECT_FORWARDER ? FORWARDER : 0);
}

static __always_inline __u32 subject_chain(__u64 subject) {
        return (__u32) subject;
}

static __always_inline __u32 subject_actor(__u64 subject) {
        return (subject & ~FORWARDER) >> 32;
}

static __always_inline __u64 generation_now(void) {
        return *(volatile __u64 *) &subjects_generation;
}

/* Returns a subject, or WAITING. Global functions, so that the verifier walks each once. A level that is not there has
 * the id 0, which has no entry; a branch for it would double what the verifier walks. */
__noinline __u64 walk_task(void) {
        __u64 own = bpf_get_current_cgroup_id();

        for (int level = CGROUP_LEVELS_MAX; level >= 0; level--) {
                __u64 id = bpf_get_current_ancestor_cgroup_id(level);
                struct cw_subject *s = bpf_map_lookup_elem(&subjects, &id);
                if (s)
                        return s->flags & CW_SUBJECT_SLICE && id != own ? WAITING : subject_word(s);
        }
        return CW_SCOPE_HOST;
}

__noinline __u64 walk_packet(struct __sk_buff *skb) {
        __u64 own = bpf_skb_cgroup_id(skb);

        for (int level = CGROUP_LEVELS_MAX; level >= 0; level--) {
                __u64 id = bpf_skb_ancestor_cgroup_id(skb, level);
                struct cw_subject *s = bpf_map_lookup_elem(&subjects, &id);
                if (s)
                        return s->flags & CW_SUBJECT_SLICE && id != own ? WAITING : subject_word(s);
        }
        return CW_SCOPE_HOST;
}

/* One look-up where the walk was made before. */
static __always_inline __u64 cached_subject(__u64 cgroup, bool *known) {
        struct cw_subject_cache *c = bpf_map_lookup_elem(&subject_cache, &cgroup);

        *known = c && c->generation == generation_now();
        return *known ? c->subject : 0;
}

/* generation: from before the walk, so that a change during it voids the entry. */
static __always_inline void cache_subject(__u64 cgroup, __u64 subject, __u64 generation) {
        struct cw_subject_cache c = { .subject = subject, .generation = generation };

        if (subject != WAITING)
                bpf_map_update_elem(&subject_cache, &cgroup, &c, BPF_ANY);
}

__noinline __u64 subject_of_task(void) {
        bool known;

        if (!many_scopes)
                return CW_SCOPE_HOST;
        __u64 cgroup = bpf_get_current_cgroup_id();
        __u64 subject = cached_subject(cgroup, &known), generation = generation_now();
        if (known)
                return subject;
        subject = walk_task();
        cache_subject(cgroup, subject, generation);
        return subject;
}

__noinline __u64 subject_of_packet(struct __sk_buff *skb) {
        bool known;

        if (!many_scopes)
                return CW_SCOPE_HOST;
        __u64 cgroup = bpf_skb_cgroup_id(skb);
        __u64 subject = cached_subject(cgroup, &known), generation = generation_now();
        if (known)
                return subject;
        subject = walk_packet(skb);
        cache_subject(cgroup, subject, generation);
        return subject;
}

static __always_inline __u64 scope_word(__u32 index) {
        volatile __u64 *value = bpf_map_lookup_elem(&scopes, &index);

        return value ? *value : 0;
}

static __always_inline bool word_is_off(__u64 word) {
        struct cw_scope scope;

        __builtin_memcpy(&scope, &word, sizeof(scope));
        return scope.mode == CW_OFF;
}

static __always_inline bool word_is_closed(__u64 word) {
        struct cw_scope scope;

        __builtin_memcpy(&scope, &word, sizeof(scope));
        return scope.policy_id == 0;
}

/* Who is off has nothing to say; where the job alone judges, it is the scope. Both as struct cw_scope in a number, 0 for
 * none, and global for the verifier's sake as above: it need not tell apart what follows each way through here. */
__noinline __u64 first_judge(__u32 chain) {
        __u64 scope = scope_word(CW_CHAIN_LAYER(chain, 0)), job;

        if (!CW_CHAIN_LAYER(chain, 1))
                return scope;
        job = scope_word(CW_CHAIN_LAYER(chain, 1));
        if (word_is_closed(scope) || word_is_closed(job))
                return 0;
        return word_is_off(scope) ? job : scope;
}

/* Its last byte has the modes of both, since who decides may be another one when a mode changes. */
__noinline __u64 second_judge(__u32 chain) {
        struct cw_scope scope, job;
        __u64 word;

        if (!CW_CHAIN_LAYER(chain, 1))
                return 0;
        word = scope_word(CW_CHAIN_LAYER(chain, 0));
        __builtin_memcpy(&scope, &word, sizeof(scope));
        word = scope_word(CW_CHAIN_LAYER(chain, 1));
        __builtin_memcpy(&job, &word, sizeof(job));
        if (scope.mode == CW_OFF || job.mode == CW_OFF)
                return 0;
        job.pad = scope.mode | job.mode << 4;
        __builtin_memcpy(&word, &job, sizeof(word));
        return word;
}

static __always_inline enum subject judges_read(__u64 subject, struct judges *j) {
        __u64 scope = 0, job = 0;

        if (!many_scopes)
                scope = scope_word(CW_SCOPE_HOST);
        else if (subject != WAITING) {
                scope = first_judge(subject_chain(subject));
                job = second_judge(subject_chain(subject));
        }
        __builtin_memcpy(&j->scope, &scope, sizeof(scope));
        __builtin_memcpy(&j->job, &job, sizeof(job));
        j->chain = subject_chain(subject);
        j->actor = subject_actor(subject);
        if (subject == WAITING)
                return SUBJECT_WAITS;
        if (!j->scope.policy_id) {
                count(CW_COUNT_FAULT);
                return SUBJECT_FAULT;
        }
        return j->scope.mode == CW_OFF ? SUBJECT_OFF : SUBJECT_JUDGED;
}

/* The one that gave the verdict, as a value: a choice between two places of the stack is refused by old verifiers. */
static __always_inline struct cw_scope who_said(const struct judges *j, bool by_job) {
        __u64 scope, job;
        struct cw_scope said;

        __builtin_memcpy(&scope, &j->scope, sizeof(scope));
        __builtin_memcpy(&job, &j->job, sizeof(job));
        scope = by_job ? job : scope;
        __builtin_memcpy(&said, &scope, sizeof(said));
        return said;
}

static __always_inline bool is_own_socket(__u64 cookie) {
        return many_scopes && bpf_map_lookup_elem(&own_sockets, &cookie);
}
