/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The verdict, used by every hook; policy/port.c evaluates the same lists in user space, policy/chain.c the same
 * chains, and a test compares them. */

#include "address.bpf.h"

/* What is judged: the destination, and how it is reached. */
struct lookup {
        const struct cw_addr *dst;
        __u16 port;
        __u8 protocol;
        bool has_port; /* false for a later fragment: only rules for all ports match */
        bool loopback; /* the packet also stays on this host */
        bool may_be_local; /* an address of this host counts as loopback */
};

struct verdict {
        __u32 policy_id; /* of the deciding layer */
        __u32 rule;
        __u8 action;
        __u8 reason;
        __u8 mode; /* of that layer, at the time of the verdict */
        __u8 pad;
};

/* A verdict in one number: the lowest byte as in struct cw_flow, then the rule, and the policy id in the upper half.
 * Never 0. */
static __always_inline __u64 verdict_pack(const struct cw_layer *layer, __u8 action, __u8 reason, __u32 rule) {
        return (action ? CW_VERDICT_ALLOW : 0) | (__u64) layer->mode << CW_VERDICT_MODE_SHIFT |
               (__u64) reason << CW_VERDICT_REASON_SHIFT | (__u64) (rule & CW_RULES_MAX) << 8 |
               (__u64) layer->policy_id << 32;
}

static __always_inline void verdict_unpack(struct verdict *v, __u64 word) {
        __u32 rule = word >> 8 & CW_RULES_MAX;

        v->policy_id = word >> 32;
        v->rule = rule == CW_RULES_MAX ? CW_NO_RULE : rule;
        v->action = CW_VERDICT_ACTION(word);
        v->reason = CW_VERDICT_REASON(word);
        v->mode = CW_VERDICT_MODE(word);
        v->pad = 0;
}

/* Sets the verdict of one layer. */
static __always_inline void verdict_set(struct verdict *v, const struct cw_layer *layer, __u8 action, __u8 reason) {
        verdict_unpack(v, verdict_pack(layer, action, reason, CW_NO_RULE));
}

/* Of all layers, for a reason that no rule lifts. */
static __always_inline void verdict_deny(struct verdict *v, const struct policy_chain *c, __u8 reason) {
        struct cw_layer layer = layer_unpack(deciding_layer(c->chain, 0));

        verdict_set(v, &layer, CW_DENY, reason);
}

#define NO_MATCH 0xffffffffU

/* Ordered list: the first entry that covers low to high decides. Returns its index in port_rules.
 *
 * Two things reduce the verifier's work, and with it the load time: a global function with scalar arguments is
 * walked once per program instead of in every state of its callers, and entries are compared without branches. */
__noinline __u32 match_ports(__u64 first, __u64 n, __u64 protocol, __u64 low, __u64 high) {
        for (__u64 i = 0; i < CW_PORT_RULES_MAX; i++) { /* 64 bits: 32 would take two more instructions per iteration */
                if (i >= n)
                        return NO_MATCH;

                __u32 index = (__u32) (first + i);
                const struct cw_port_rule *r = bpf_map_lookup_elem(&port_rules, &index);
                if (!r)
                        return index; /* beyond the array: the caller finds nothing there */

                __u64 other_protocol = (r->protocol ^ protocol) * r->protocol; /* 0 in a rule covers all protocols */
                __u64 outside = ((low - r->low) | (r->high - high)) >> 63;
                if (!(other_protocol | outside))
                        return index;
        }
        return NO_MATCH;
}

/* Both keys in one object, to save stack: they differ in what precedes the address. */
struct list_key {
        __u32 prefix_length;
        __u32 policy_id;
        __u32 family; /* struct cw_host_key has the policy id here */
        struct cw_addr addr;
};
_Static_assert(sizeof(struct list_key) == sizeof(struct cw_prefix_key), "layout");
_Static_assert(__builtin_offsetof(struct list_key, family) + sizeof(struct cw_host_key) == sizeof(struct list_key), "layout");

/* The list for this address, or NULL. Expired leases are ignored. coarse: false in programs of types that may not use
 * the coarse clock. */
static __always_inline const struct cw_port_list *find_ports(__u32 policy_id, __u64 dst0, __u64 dst1, bool coarse) {
        struct list_key key = { .prefix_length = 64 + 128, .policy_id = policy_id, .family = policy_id };

        addr_join(&key.addr, dst0, dst1);
        struct cw_host_value *e = bpf_map_lookup_elem(&hosts, &key.family);
        if (e && (e->expires_ns == 0 || e->expires_ns > (coarse ? now_coarse() : bpf_ktime_get_ns())))
                return &e->ports;
        key.family = addr_is_v4(&key.addr) ? 4 : 6;
        return bpf_map_lookup_elem(&prefixes, &key);
}

static __always_inline bool protocol_is_judged(__u8 protocol) {
        return protocol == IP_TCP || protocol == IP_UDP || protocol == IP_ICMP || protocol == IP_ICMP6;
}

#define LOOKUP_HAS_PORT (1U << 24)
#define LOOKUP_LOOPBACK (1U << 25)
#define LOOKUP_MAY_BE_LOCAL (1U << 26)
#define LOOKUP_ANSWER (1U << 27) /* a datagram to a peer that sent one first */

/* index: as returned by match_ports(). */
static __always_inline __u64 eval_match(const struct cw_layer *layer, __u32 index) {
        if (index == NO_MATCH)
                return verdict_pack(layer, layer->default_action, CW_REASON_DEFAULT, CW_NO_RULE);

        const struct cw_port_rule *r = bpf_map_lookup_elem(&port_rules, &index);
        if (!r) /* inconsistent state */
                return verdict_pack(layer, CW_DENY, CW_REASON_FAULT, CW_NO_RULE);
        return verdict_pack(layer, r->action, CW_REASON_RULE, r->rule);
}

static __always_inline __u64 eval_ports(const struct cw_layer *layer, __u64 dst0, __u64 dst1, __u32 how) {
        const struct cw_port_list *list = find_ports(layer->policy_id, dst0, dst1, true);
        __u16 port = how & LOOKUP_HAS_PORT ? (__u16) how : 0;
        __u32 index = NO_MATCH;

        if (list) /* without a port (a later fragment) only a rule for all ports matches */
                index = match_ports(list->first, list->count, (__u8) (how >> 16), port,
                                    how & LOOKUP_HAS_PORT ? port : 0xffff);
        return eval_match(layer, index);
}

/* The verdict of one layer, as numbers for the verifier's sake as above: it walks this once per program, and what
 * follows once for whatever the result is. layer: struct cw_layer; dst: struct cw_addr; how: port, protocol << 16,
 * flags. */
__noinline __u64 verdict_eval(__u64 layer_word, __u64 dst0, __u64 dst1, __u32 how) {
        struct cw_layer layer = layer_unpack(layer_word);
        __u8 protocol = (__u8) (how >> 16);
        struct cw_addr dst;
        __u64 v;

        /* Port 53 traffic that was not redirected to the proxy. Checked before loopback is allowed: a resolver on
         * loopback would forward the query. */
        if (is_dns(protocol, (__u16) how) && how & LOOKUP_HAS_PORT)
                return verdict_pack(&layer, CW_DENY, CW_REASON_DNS, CW_NO_RULE);
        if (how & LOOKUP_LOOPBACK)
                return verdict_pack(&layer, CW_ALLOW, CW_REASON_LOCAL, CW_NO_RULE);
        if (protocol_is_judged(protocol))
                v = eval_ports(&layer, dst0, dst1, how);
        else
                v = verdict_pack(&layer, CW_DENY, CW_REASON_PROTOCOL, CW_NO_RULE);
        if (v & CW_VERDICT_ALLOW || !(how & LOOKUP_MAY_BE_LOCAL))
                return v;

        /* Checked last because it is rare: this host's own addresses pass whatever the rules. */
        addr_join(&dst, dst0, dst1);
        if (bpf_map_lookup_elem(&local_addrs, &dst))
                return verdict_pack(&layer, CW_ALLOW, CW_REASON_LOCAL, CW_NO_RULE);
        return v;
}

/* The same for a multicast group that is to be joined: allowed if UDP to any port of it is. */
__noinline __u64 group_eval(__u64 layer_word, __u64 dst0, __u64 dst1) {
        struct cw_layer layer = layer_unpack(layer_word);
        const struct cw_port_list *list = find_ports(layer.policy_id, dst0, dst1, false);
        __u32 all = list ? match_ports(list->first, list->count, IP_UDP, 0, 0xffff) : NO_MATCH;

        if (list && list->allows && all != list->first)
                return verdict_pack(&layer, CW_ALLOW, CW_REASON_RULE, CW_NO_RULE);
        return eval_match(&layer, all);
}

/* The verdict of a chain, from the last layer to the base; policy/chain.c does the same in user space. An allow rule
 * of a grant lifts the denials by default action in the layers before it. Of the remaining denials the most general
 * one that is enforced decides, otherwise the most general one. */
static __always_inline __u64 fold_layers(__u32 chain, __u64 dst0, __u64 dst1, __u32 how, bool group) {
        const struct cw_layer closed = { .policy_id = CW_POLICY_UNASSIGNED };
        __u64 granted = 0, refusal = 0, answer = 0;

        for (int i = CW_CHAIN_MAX - 1; i >= 0; i--) {
                __u32 index = CW_CHAIN_LAYER(chain, i);
                if (i && !index)
                        continue;
                __u64 word = layer_word(index);
                struct cw_layer layer = layer_unpack(word);
                if (!layer.policy_id) /* removed while this program was running */
                        return verdict_pack(&closed, CW_DENY, CW_REASON_FAULT, CW_NO_RULE);
                if (layer.mode == CW_OFF)
                        continue;
                __u64 v = group ? group_eval(word, dst0, dst1) : verdict_eval(word, dst0, dst1, how);
                if (layer.kind == CW_LAYER_GRANT) {
                        if (v & CW_VERDICT_ALLOW && CW_VERDICT_REASON(v) == CW_REASON_RULE)
                                granted = v;
                        continue;
                }
                if (granted && !(v & CW_VERDICT_ALLOW) && CW_VERDICT_REASON(v) == CW_REASON_DEFAULT)
                        v = granted;
                answer = v;
                if (!(v & CW_VERDICT_ALLOW) &&
                    (layer.mode == CW_ENFORCE || !refusal || CW_VERDICT_MODE(refusal) != CW_ENFORCE))
                        refusal = v;
        }
        if (refusal)
                return refusal;
        return answer ? answer : verdict_pack(&closed, CW_DENY, CW_REASON_FAULT, CW_NO_RULE);
}

__noinline __u64 verdict_fold(__u32 chain, __u64 dst0, __u64 dst1, __u32 how) {
        return fold_layers(chain, dst0, dst1, how, false);
}

__noinline __u64 group_fold(__u32 chain, __u64 dst0, __u64 dst1) {
        return fold_layers(chain, dst0, dst1, 0, true);
}

static __always_inline __u64 group_verdict(const struct policy_chain *c, const struct cw_addr *group) {
        __u64 words[2], base;

        addr_split(group, words);
        __builtin_memcpy(&base, &c->base, sizeof(base));
        return chain_is_single(c->chain) ? group_eval(base, words[0], words[1]) :
                                           group_fold(c->chain, words[0], words[1]);
}

static __always_inline void chain_eval(const struct policy_chain *c, const struct lookup *l, struct verdict *v) {
        __u32 how = l->port | (__u32) l->protocol << 16;
        __u64 dst[2], base, word;

        how |= l->has_port ? LOOKUP_HAS_PORT : 0;
        how |= l->loopback ? LOOKUP_LOOPBACK : 0;
        how |= l->may_be_local ? LOOKUP_MAY_BE_LOCAL : 0;
        addr_split(l->dst, dst);
        __builtin_memcpy(&base, &c->base, sizeof(base));
        if (chain_is_single(c->chain))
                word = verdict_eval(base, dst[0], dst[1], how);
        else
                word = verdict_fold(c->chain, dst[0], dst[1], how);
        verdict_unpack(v, word);
}
