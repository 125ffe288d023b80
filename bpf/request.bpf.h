/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a task requests of a socket: the verdict about connect() or a datagram to a named destination, and what follows
 * from it. */

#include "asked.bpf.h"
#include "dns.bpf.h"
#include "flow.bpf.h"
#include "inbound.bpf.h"
#include "source.bpf.h"

/* connect() of a datagram socket sends nothing, and programs call it only to learn their own address. So the verdict waits
 * for the first packet, which the packet hook denies with the same EPERM; the flow carries the facts to it. */
static __always_inline bool wait_for_packet(__u8 hook, __u8 protocol) {
        return hook == CW_HOOK_CONNECT && protocol == IP_UDP;
}

/* A denial already reported, by a policy that is still in force and enforced. */
static __always_inline bool was_refused(const struct policy_chain *c, const struct cw_flow_key *key) {
        __u64 *refused = bpf_map_lookup_elem(&denied_flows, key);

        return refused && *refused == c->epoch && (!chain_is_single(c->chain) || c->base.mode == CW_ENFORCE);
}

/* Other values in the same map: epochs have 56 bits. */
#define DENIED_REQUESTER (1ULL << 63)
#define DENIED_AUDIT (1ULL << 62)
#define DENIED_SOURCE (1ULL << 61)
#define DENIED_SOURCE_AUDIT (1ULL << 60)
#define DENIED_ASTRAY (1ULL << 59)

/* what: the denial, as a number. Whether it is not the last one of this socket and destination; it is now. */
static __always_inline bool denial_is_new(const struct cw_flow_key *key, __u64 what) {
        __u64 *last = bpf_map_lookup_elem(&denied_flows, key);

        if (last && *last == what)
                return false;
        bpf_map_update_elem(&denied_flows, key, &what, BPF_ANY);
        return true;
}

/* Denied by the policy, but exempt from it: the service's own queries, replies to datagrams. */
static __always_inline bool passes_unnamed(const struct cw_layer *base, const struct cw_flow_key *key) {
        if (is_own_socket(key->cookie))
                return true;
        return base->flags & CW_LAYER_INBOUND && is_datagram_answer(key);
}

/* Facts about a call, and its hook in the lowest bits. */
#define CALL_HOOK 7U
#define CALL_V6 8U       /* the hook's family */
#define CALL_HOME 16U    /* in the proxy's network namespace */
#define CALL_EVADES 32U  /* addressed to the proxy's own port */
#define CALL_FOREIGN 64U /* a datagram with a source that is not of this machine */
#define CALL_CROSSES 128U /* see crosses_loopback() */

/* Announces what passes, or will be judged by its first packet, and reports what is denied. A function of its own for its
 * stack frame: that of the verdict is as large. */
static __noinline int conclude(struct bpf_sock_addr *ctx, struct policy_chain *c, const struct cw_flow_key *key,
                               struct verdict *v, __u32 call) {
        struct cw_flow f = { .start_ns = now_coarse(), .marks = call & CALL_HOME ? CW_FLOW_HOME : 0 };
        bool stream = key->protocol == IP_TCP && ctx->type == SOCK_STREAM, is_new = true;
        __u8 hook = call & CALL_HOOK;

        process_fill(&f.process);
        flow_take(&f, c, v, CW_VERDICT_ASKED);
        if (v->action == CW_DENY && is_dhcp_port(key->protocol, key->port) &&
            dhcp_may_ask(c, &key->dst, f.process.uid)) {
                /* Its source port is known to the packet hook, which judges it with these facts: no chain has epoch 0. */
                flow_set_verdict(&f, 0, f.verdict);
                flow_announce(key, &f);
                return 1;
        }
        if (v->action == CW_ALLOW && stream) {
                if (flow_announce_stream(ctx, key, &f) || v->reason == CW_REASON_LOCAL)
                        return 1;
                verdict_set(v, &c->base, CW_DENY, CW_REASON_FAULT);
                flow_take(&f, c, v, CW_VERDICT_ASKED);
        }
        if (v->action == CW_ALLOW || (wait_for_packet(hook, key->protocol) && !(call & CALL_EVADES) &&
                                      (v->mode == CW_AUDIT || asked_note(ctx, &f)))) {
                flow_announce(key, &f);
                return 1;
        }

        /* Reported once per socket and destination, not for each datagram. */
        if (call & CALL_FOREIGN) {
                named_source(ctx, call & CALL_V6, &f.src);
                is_new = denial_is_new(key, c->epoch | (v->mode == CW_AUDIT ? DENIED_SOURCE_AUDIT : DENIED_SOURCE));
        } else if (v->mode == CW_AUDIT && stream) {
                f.state = CW_FLOW_SEEN;
                flow_announce_stream(ctx, key, &f);
        } else if (v->mode == CW_AUDIT) {
                f.state = CW_FLOW_SEEN;
                if (!flow_announce(key, &f))
                        is_new = denial_is_new(key, c->epoch | DENIED_AUDIT);
        } else if (hook == CW_HOOK_SENDMSG)
                denial_is_new(key, c->epoch);
        if (is_new)
                report_denial(key, &f, hook, false);
        return v->mode == CW_AUDIT;
}

/* call: CALL_HOOK, CALL_V6, CALL_FOREIGN, CALL_CROSSES */
static __always_inline int judge_socket(struct bpf_sock_addr *ctx, struct policy_chain *c, const struct cw_addr *dst,
                                        __u32 call) {
        __u16 port = bpf_ntohs(ctx->user_port);
        __u8 protocol = ctx->protocol == IP_MPTCP ? IP_TCP : ctx->protocol;
        struct cw_flow_key key = {
                .cookie = bpf_get_socket_cookie(ctx), .dst = *dst, .port = port, .protocol = protocol,
        };

        chain_bind(c, &key);
        if ((call & CALL_HOOK) == CW_HOOK_SENDMSG && !(call & CALL_FOREIGN)) {
                struct cw_flow *known = bpf_map_lookup_elem(&flows, &key);
                __u64 verdict = known ? flow_verdict(known) : 0;
                if (known && verdict_is_current(verdict, c))
                        return verdict_passes(c, verdict); /* reported at its start */
                if (was_refused(c, &key))
                        return 0;
        }

        bool own_netns = in_proxy_netns(ctx);
        target_note(ctx, dst, own_netns);
        bool loopback = addr_is_loopback(dst) || addr_is_unspecified(dst);
        /* Another cargowall on the way, whose policy is stricter, takes a query to this port for any other packet. */
        bool evades = own_netns && is_proxy(dst, port);
        struct lookup l = {
                .dst = dst, .port = evades ? 53 : port, .protocol = protocol, .has_port = true, .loopback = loopback,
                .may_be_local = own_netns,
        };

        struct verdict v;
        if (call & (CALL_FOREIGN | CALL_CROSSES))
                verdict_deny(&v, c, call & CALL_CROSSES ? CW_REASON_DEVICE : CW_REASON_SOURCE);
        else if (loopback && !own_netns) /* the resolver of another namespace: what it forwards is judged there */
                verdict_set(&v, &c->base, CW_ALLOW, CW_REASON_LOCAL);
        else
                chain_eval(c, &l, &v);

        /* A connection to here may be moved by NAT, to a container. */
        bool stream = protocol == IP_TCP && ctx->type == SOCK_STREAM;
        if (v.reason == CW_REASON_LOCAL && !is_dns(protocol, port) && !(own_netns && stream))
                return 1;
        if (v.action == CW_DENY && passes_unnamed(&c->base, &key))
                return 1;
        return conclude(ctx, c, &key, &v, call | (own_netns ? CALL_HOME : 0) | (evades ? CALL_EVADES : 0));
}
