/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* THE verdict. Every hook asks here; policy/port.c walks the same lists in user space and a test holds both together. */

#include "address.bpf.h"

struct question {
        struct cw_addr dst;
        __u16 port;
        __u8 protocol;
        bool has_port; /* false for a later fragment: only rules for every port speak of it */
        bool loopback; /* and the packet stays here */
        bool may_be_local; /* an address of this host counts as loopback does */
};

struct verdict {
        __u32 rule;
        __u8 action;
        __u8 reason;
        __u8 by_job; /* 1: the job's policy says so, not the scope's */
        __u8 pad;
};
_Static_assert(sizeof(struct verdict) == 8, "it is returned in one number");

static __always_inline void verdict_set(struct verdict *v, __u8 action, __u8 reason, __u32 rule) {
        v->action = action;
        v->reason = reason;
        v->rule = rule;
        v->by_job = 0;
        v->pad = 0;
}

#define NO_MATCH 0xffffffffU

/* Ordered list: the first line that covers low to high decides. Returns its index in port_rules.
 *
 * Two things keep the verifier's work small, and with it the time to load: a global function with scalar arguments is
 * walked once per program and not in every state of its callers, and a line is compared without branches. */
__noinline __u32 match_ports(__u64 first, __u64 n, __u64 protocol, __u64 low, __u64 high) {
        for (__u64 i = 0; i < CW_PORT_RULES_MAX; i++) { /* 64 bits: others take two more instructions each time */
                if (i >= n)
                        return NO_MATCH;

                __u32 index = (__u32) (first + i);
                const struct cw_port_rule *r = bpf_map_lookup_elem(&port_rules, &index);
                if (!r)
                        return index; /* outside the array: the caller finds nothing there */

                __u64 other_protocol = (r->protocol ^ protocol) * r->protocol; /* 0 in a rule covers all */
                __u64 outside = ((low - r->low) | (r->high - high)) >> 63;
                if (!(other_protocol | outside))
                        return index;
        }
        return NO_MATCH;
}

static __always_inline void judge_ports(const struct cw_port_slice *slice, const struct question *q,
                                        struct verdict *v) {
        /* Without a port (a later fragment) only a rule for every port speaks. */
        __u32 index = match_ports(slice->first, slice->count, q->protocol, q->has_port ? q->port : 0,
                                  q->has_port ? q->port : 0xffff);
        if (index == NO_MATCH)
                return;

        const struct cw_port_rule *r = bpf_map_lookup_elem(&port_rules, &index);
        if (r)
                verdict_set(v, r->action, CW_REASON_RULE, r->rule);
        else /* our own state is broken */
                verdict_set(v, CW_DENY, CW_REASON_FAULT, CW_NO_RULE);
}

/* The list that speaks of this address, or NULL. A lease that has ended says nothing. */
static __always_inline const struct cw_port_slice *find_ports(const struct cw_scope *scope,
                                                              const struct cw_addr *dst) {
        struct cw_exact_key exact_key = { .policy_id = scope->policy_id, .addr = *dst };
        struct cw_exact_value *e = bpf_map_lookup_elem(&exact, &exact_key);
        if (e && (e->expires_ns == 0 || e->expires_ns > now_coarse()))
                return &e->ports;

        struct cw_prefix_key prefix_key = {
                .prefix_length = 64 + 128,
                .policy_id = scope->policy_id,
                .family = addr_is_v4(dst) ? 4 : 6,
                .addr = *dst,
        };
        return bpf_map_lookup_elem(&prefixes, &prefix_key);
}

static __always_inline bool protocol_is_judged(__u8 protocol) {
        return protocol == IP_TCP || protocol == IP_UDP || protocol == IP_ICMP || protocol == IP_ICMP6;
}

static __always_inline void judge_question(const struct cw_scope *scope, const struct question *q, struct verdict *v) {
        /* Port 53 reached this point without being sent to the proxy. Before the local pass: a resolver on loopback
         * would carry a query out. */
        if (is_dns(q->protocol, q->port) && q->has_port) {
                verdict_set(v, CW_DENY, CW_REASON_DNS, CW_NO_RULE);
                return;
        }
        if (q->loopback) {
                verdict_set(v, CW_ALLOW, CW_REASON_LOCAL, CW_NO_RULE);
                return;
        }
        if (protocol_is_judged(q->protocol)) {
                verdict_set(v, scope->default_action, CW_REASON_DEFAULT, CW_NO_RULE);
                const struct cw_port_slice *slice = find_ports(scope, &q->dst);
                if (slice)
                        judge_ports(slice, q, v);
        } else
                verdict_set(v, CW_DENY, CW_REASON_PROTOCOL, CW_NO_RULE);

        /* Last because it is rare: this host's own addresses pass whatever was said. */
        if (v->action == CW_DENY && q->may_be_local && bpf_map_lookup_elem(&local_addrs, &q->dst))
                verdict_set(v, CW_ALLOW, CW_REASON_LOCAL, CW_NO_RULE);
}

#define ASK_HAS_PORT (1U << 24)
#define ASK_LOOPBACK (1U << 25)
#define ASK_MAY_BE_LOCAL (1U << 26)

/* The same in numbers, for the verifier's sake as above: it walks the verdict once per program, and what follows it once
 * for whatever was said. scope: struct cw_scope; dst: struct cw_addr; ask: port, protocol << 16, flags. Returns struct
 * verdict. */
__noinline __u64 judge_numbers(__u64 scope_word, __u64 dst0, __u64 dst1, __u32 ask) {
        struct question q = {
                .port = (__u16) ask,
                .protocol = (__u8) (ask >> 16),
                .has_port = (ask & ASK_HAS_PORT) != 0,
                .loopback = (ask & ASK_LOOPBACK) != 0,
                .may_be_local = (ask & ASK_MAY_BE_LOCAL) != 0,
        };
        struct verdict v = {};
        struct cw_scope scope;
        __u64 said;

        _Static_assert(sizeof(scope) == sizeof(scope_word), "a scope is one number");
        __builtin_memcpy(&scope, &scope_word, sizeof(scope));
        addr_join(&q.dst, dst0, dst1);
        judge_question(&scope, &q, &v);
        __builtin_memcpy(&said, &v, sizeof(said));
        return said;
}

/* Both are asked; a refusal wins, and of two the one that is enforced. */
static __always_inline void judge(const struct judges *j, const struct question *q, struct verdict *v) {
        __u32 ask = q->port | (__u32) q->protocol << 16;
        __u64 scope_word, dst[2], said;
        struct verdict job;

        ask |= q->has_port ? ASK_HAS_PORT : 0;
        ask |= q->loopback ? ASK_LOOPBACK : 0;
        ask |= q->may_be_local ? ASK_MAY_BE_LOCAL : 0;
        __builtin_memcpy(&scope_word, &j->scope, sizeof(scope_word));
        addr_split(&q->dst, dst);
        said = judge_numbers(scope_word, dst[0], dst[1], ask);
        __builtin_memcpy(v, &said, sizeof(*v));
        if (!j->job.policy_id)
                return;
        __builtin_memcpy(&scope_word, &j->job, sizeof(scope_word));
        said = judge_numbers(scope_word, dst[0], dst[1], ask);
        __builtin_memcpy(&job, &said, sizeof(job));
        if (job.action == CW_ALLOW || (v->action == CW_DENY && (j->scope.mode == CW_ENFORCE || j->job.mode == CW_AUDIT)))
                return;
        *v = job;
        v->by_job = 1;
}

__noinline __u32 list_allows_something(__u32 policy_id, __u64 dst0, __u64 dst1) {
        const struct cw_scope scope = { .policy_id = policy_id };
        struct cw_addr dst;

        addr_join(&dst, dst0, dst1);
        const struct cw_port_slice *slice = find_ports(&scope, &dst);
        return slice && slice->allows;
}

/* Is anything at all allowed at this address? */
static __always_inline bool allows_something(const struct cw_scope *scope, const struct cw_addr *dst) {
        __u64 w[2];

        addr_split(dst, w);
        return scope->default_action == CW_ALLOW || list_allows_something(scope->policy_id, w[0], w[1]);
}
