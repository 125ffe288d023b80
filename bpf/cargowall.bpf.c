/* SPDX-License-Identifier: Apache-2.0 */

/* The programs. Socket hooks judge what a process requests, with all facts about it, and deny at once. The packet
 * hook judges every packet of every socket again, which is cheap for a known flow, and covers what has no socket
 * hook: raw sockets, ping, sockets older than the attachment, subflows. */

#include "verdict.bpf.h"
#include "asked.bpf.h"
#include "backstop.bpf.h"
#include "dns.bpf.h"
#include "family.bpf.h"
#include "flow.bpf.h"
#include "flow-packet.bpf.h"
#include "inbound.bpf.h"
#include "listener.bpf.h"
#include "name-service.bpf.h"
#include "option.bpf.h"
#include "record.bpf.h"
#include "request.bpf.h"
#include "source.bpf.h"
#include "target.bpf.h"
#include "wrapped.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* ------------------------------------------------------------------ sockets */

/* Port 53 traffic goes to the proxy whatever policy applies, and even if none is assigned yet: the proxy looks it
 * up. */
static __always_inline bool is_captured(struct bpf_sock_addr *ctx, enum subject_state state, __u64 subject,
                                        const struct cw_addr *dst, __u8 hook) {
        __u16 port = bpf_ntohs(ctx->user_port);

        if (state == SUBJECT_FAULT || (state == SUBJECT_OFF && !(subject & SUBJECT_FORWARDER)))
                return port == 53 && is_proxy(dst, port); /* addressed to the proxy: only record the client */
        /* A forwarder was configured with the proxy's port. */
        if (!is_dns(ctx->protocol, port) && !(subject & SUBJECT_FORWARDER && is_proxy(dst, port)))
                return false;
        if (leaves_by_zone(dst, hook))
                return false;
        if (leaves_by_device(ctx) &&
            !(hook == CW_HOOK_CONNECT && can_leave_device(ctx, subject, dst) && leave_device(ctx)))
                return false;
        return !is_own_socket(bpf_get_socket_cookie(ctx));
}

/* A task whose cgroup has no entry yet. If it uses its own socket, the packet hook drops the packets until there is
 * one; if it was passed a socket whose cgroup has an entry, this marks that the task has not been judged. 0: it
 * cannot be noted, deny. */
static __noinline int mark_unassigned(struct bpf_sock_addr *ctx, const struct cw_addr *dst, __u8 hook) {
        struct cw_flow_key key = {
                .cookie = bpf_get_socket_cookie(ctx), .dst = *dst, .port = bpf_ntohs(ctx->user_port),
                .protocol = ctx->protocol == IP_MPTCP ? IP_TCP : ctx->protocol,
        };
        struct cw_flow f = {
                .start_ns = now_coarse(), .policy_id = CW_POLICY_UNASSIGNED, .chain = CW_CHAIN_UNASSIGNED,
                .rule = CW_NO_RULE,
                .verdict = CW_ENFORCE << CW_VERDICT_MODE_SHIFT | CW_REASON_FAULT << CW_VERDICT_REASON_SHIFT |
                           CW_VERDICT_ASKED, /* epoch 0: matches no chain */
        };

        process_fill(&f.process);
        if (!asked_note(ctx, &f)) {
                report_denial(&key, &f, hook, false);
                return 0;
        }
        if (key.protocol == IP_TCP && ctx->type == SOCK_STREAM)
                return flow_announce_stream(ctx, &key, &f);
        flow_announce(&key, &f);
        return 1;
}

static __always_inline int pass_unjudged(struct bpf_sock_addr *ctx, enum subject_state state,
                                         const struct cw_addr *dst, __u8 hook) {
        target_note(ctx, dst, in_proxy_netns(ctx));
        if (state == SUBJECT_UNASSIGNED)
                return mark_unassigned(ctx, dst, hook);
        return state != SUBJECT_FAULT;
}

static __always_inline int on_socket4(struct bpf_sock_addr *ctx, __u8 hook) {
        __u64 subject = subject_of_task();
        struct policy_chain c;
        struct cw_addr dst;
        enum subject_state state = chain_read(subject, &c);

        addr_from_v4(&dst, ctx->user_ip4);
        /* An IPv6 socket that sends to a mapped address has passed the IPv6 hook, which may have redirected it. */
        if (ctx->family == AF_INET6 && is_proxy(&dst, bpf_ntohs(ctx->user_port)))
                return 1;
        if (is_captured(ctx, state, subject, &dst, hook) &&
            (leave_to_own(ctx, subject, &dst) || redirect4(ctx, subject, &dst, hook)))
                return 1;
        if (state != SUBJECT_JUDGED)
                return pass_unjudged(ctx, state, &dst, hook);
        bool foreign = hook == CW_HOOK_SENDMSG && named_source_is_foreign(ctx, false);
        return judge_socket(ctx, &c, &dst, hook | (foreign ? CALL_FOREIGN : 0));
}

static __always_inline int on_socket6(struct bpf_sock_addr *ctx, __u8 hook) {
        __u32 w[4] = { ctx->user_ip6[0], ctx->user_ip6[1], ctx->user_ip6[2], ctx->user_ip6[3] };
        __u64 subject = subject_of_task();
        struct policy_chain c;
        struct cw_addr dst;
        enum subject_state state = chain_read(subject, &c);

        __builtin_memcpy(dst.b, w, 16);
        __u32 zone = addr_is_link_local(&dst) ? device_of(ctx) : 0; /* before the socket leaves it */
        bool crosses = hook == CW_HOOK_CONNECT && state == SUBJECT_JUDGED && !(c.base.flags & CW_LAYER_SYSTEM) &&
                       crosses_loopback(ctx, &dst);
        if (!(crosses && chain_enforces(c.chain)) && is_captured(ctx, state, subject, &dst, hook) &&
            (leave_to_own(ctx, subject, &dst) || redirect6(ctx, subject, &dst, hook, zone)))
                return 1;
        if (state != SUBJECT_JUDGED)
                return pass_unjudged(ctx, state, &dst, hook);
        bool foreign = hook == CW_HOOK_SENDMSG && named_source_is_foreign(ctx, true);
        return judge_socket(ctx, &c, &dst,
                            hook | CALL_V6 | (foreign ? CALL_FOREIGN : 0) | (crosses ? CALL_CROSSES : 0));
}

SEC("cgroup/connect4")
int cw_connect4(struct bpf_sock_addr *ctx) {
        return on_socket4(ctx, CW_HOOK_CONNECT);
}

SEC("cgroup/connect6")
int cw_connect6(struct bpf_sock_addr *ctx) {
        return on_socket6(ctx, CW_HOOK_CONNECT);
}

SEC("cgroup/sendmsg4")
int cw_sendmsg4(struct bpf_sock_addr *ctx) {
        return on_socket4(ctx, CW_HOOK_SENDMSG);
}

SEC("cgroup/sendmsg6")
int cw_sendmsg6(struct bpf_sock_addr *ctx) {
        return on_socket6(ctx, CW_HOOK_SENDMSG);
}

SEC("cgroup/recvmsg4")
int cw_recvmsg4(struct bpf_sock_addr *ctx) {
        restore4(ctx);
        return 1;
}

SEC("cgroup/recvmsg6")
int cw_recvmsg6(struct bpf_sock_addr *ctx) {
        restore6(ctx);
        return 1;
}

SEC("cgroup/getpeername4")
int cw_getpeername4(struct bpf_sock_addr *ctx) {
        restore4(ctx);
        return 1;
}

SEC("cgroup/getpeername6")
int cw_getpeername6(struct bpf_sock_addr *ctx) {
        restore6(ctx);
        return 1;
}

/* Router discovery and echo use raw sockets of root and of the network service. What they send is judged. */
static __always_inline bool is_network_control(__u32 protocol, __u32 uid) {
        return (protocol == IP_ICMP || protocol == IP_ICMP6) && (uid == 0 || (network_uid && uid == network_uid));
}

SEC("cgroup/sock_create")
int cw_sock_create(struct bpf_sock *ctx) {
        struct cw_process process = {};
        struct policy_chain c;

        if (ctx->type == SOCK_DGRAM)
                target_begin(ctx);
        if (many_layers && !option_has_task)
                (void) subject_of_task(); /* which the option hook then finds in the cache, see subject_of_caller() */
        if (ctx->type != SOCK_RAW && (ctx->protocol == IP_TCP || ctx->protocol == IP_UDP || ctx->protocol == IP_MPTCP))
                return 1;
        enum subject_state state = chain_read(subject_of_task(), &c);
        if (state == SUBJECT_OFF || state == SUBJECT_FAULT)
                return state == SUBJECT_OFF;

        __u64 cookie = bpf_get_socket_cookie(ctx), refusing = 0;
        process_fill(&process);
        bool may = ctx->type != SOCK_RAW ||
                   (c.base.flags & CW_LAYER_SYSTEM && is_network_control(ctx->protocol, process.uid));
        /* A restriction has no rule to allow them. */
        if (ctx->type == SOCK_RAW && state == SUBJECT_JUDGED)
                refusing = deciding_layer(c.chain, may ? 1 : 0);
        struct cw_layer layer = layer_unpack(refusing);
        if (!refusing || layer.mode == CW_AUDIT)
                bpf_map_update_elem(&sk_creators, &cookie, &process, BPF_ANY);
        if (!refusing)
                return may;

        count_denial(layer.mode);
        if (!budget_take(c.actor, layer.mode == CW_AUDIT, now_coarse()))
                return layer.mode == CW_AUDIT;
        struct cw_record *r = record_begin(CW_RECORD_RAW_SOCKET, layer.policy_id, layer.mode);
        if (r) {
                r->cookie = cookie;
                r->chain = c.chain;
                r->actor = c.actor;
                r->process = process;
                r->protocol = ctx->protocol;
                r->family = ctx->family == AF_INET ? 4 : 6;
                r->action = CW_DENY;
                r->reason = CW_REASON_RAW_SOCKET;
                r->hook = CW_HOOK_SOCKET;
                record_submit(r, true);
        }
        return layer.mode == CW_AUDIT;
}

/* stored: in the storage of the socket, which ends with it. Those in the table that are TCP were stored there by an
 * older version, and user space ends them. */
static __always_inline int release_flow(struct bpf_sock *ctx, const struct cw_flow_key *key, struct cw_flow *f,
                                        bool stored) {
        bool sends_more = ctx->state == BPF_TCP_ESTABLISHED || ctx->state == BPF_TCP_CLOSE_WAIT;

        if (key->protocol == IP_TCP && sends_more && !f->fin_sent) {
                f->marks |= CW_FLOW_RELEASED;
                f->last_ns = now_coarse();
                if (!stored || f->state != CW_FLOW_SEEN || bpf_map_update_elem(&released_flows, key, f, BPF_ANY) == 0)
                        return 1;
        }
        report_close(key, f);
        if (!f->last_ns)
                f->last_ns = now_coarse(); /* never counted: only its end is known */
        if (!stored && (key->protocol == IP_UDP || f->state == CW_FLOW_JUDGED))
                flow_forget(key, f->actor);
        return 1;
}

/* The socket is closed: the end of a flow. TCP may still have to send its FIN with the last bytes; then the packet
 * hook reports the end. Unconnected UDP sockets have no destination here: user space ends their flows when idle. */
SEC("cgroup/sock_release")
int cw_sock_release(struct bpf_sock *ctx) {
        struct cw_flow_key key = { .protocol = ctx->protocol == IP_MPTCP ? IP_TCP : ctx->protocol };
        __u32 w[4] = { ctx->dst_ip6[0], ctx->dst_ip6[1], ctx->dst_ip6[2], ctx->dst_ip6[3] };

        close_client(ctx, key.protocol);
        if ((key.protocol != IP_UDP && key.protocol != IP_TCP) || !ctx->dst_port)
                return 1;
        if (ctx->family == AF_INET)
                addr_from_v4(&key.dst, ctx->dst_ip4);
        else
                __builtin_memcpy(key.dst.b, w, 16);
        if (addr_is_loopback(&key.dst))
                return 1;
        key.port = bpf_ntohs((__u16) ctx->dst_port);
        key.cookie = bpf_get_socket_cookie(ctx);

        struct cw_socket_flow *s = NULL;
        if (key.protocol == IP_TCP)
                s = bpf_sk_storage_get(&socket_flows, ctx, NULL, 0);
        if (s && key_equal(&s->key, &key))
                return release_flow(ctx, &key, &s->flow, true);
        struct cw_flow *f = bpf_map_lookup_elem(&flows, &key);
        return f ? release_flow(ctx, &key, f, false) : 1;
}

SEC("cgroup/post_bind4")
int cw_post_bind4(struct bpf_sock *ctx) {
        return on_bound(ctx);
}

SEC("cgroup/post_bind6")
int cw_post_bind6(struct bpf_sock *ctx) {
        return on_bound(ctx);
}

SEC("lsm/socket_create")
int cw_socket_create(__u64 *ctx) {
        return on_socket_create(ctx);
}

SEC("fmod_ret/security_unix_stream_connect")
int cw_unix_stream_connect(__u64 *ctx) {
        return on_unix_stream_connect(ctx);
}

/* Libraries before libbpf 1.3 do not know the section of this hook: user space sets its type. */
SEC("cgroup/connect4")
int cw_connect_unix(struct bpf_sock_addr *ctx) {
        return on_connect_unix(ctx);
}

/* On network devices. */
SEC("tc")
int cw_device_filter(struct __sk_buff *skb) {
        return filter_packet(skb);
}

SEC("tc")
int cw_backstop(struct __sk_buff *skb) {
        return judge_family(skb);
}

SEC("cgroup/setsockopt")
int cw_setsockopt(struct bpf_sockopt *ctx) {
        return on_option(ctx);
}

SEC("socket")
int cw_proxy_client(struct __sk_buff *skb) {
        int known = client_is_known(skb);

        if (!known)
                count(CW_COUNT_DNS_STRANGERS);
        return known ? -1 : 0; /* the whole packet, or nothing of it */
}

/* ------------------------------------------------------------------ packets */

/* No hook saw the requesting process: use the creator of the socket if known, otherwise the cgroup in which it was
 * created. */
static __always_inline void process_of_packet(struct __sk_buff *skb, __u64 cookie, struct cw_process *ret) {
        struct cw_process *creator = bpf_map_lookup_elem(&sk_creators, &cookie);

        if (creator)
                *ret = *creator;
        else
                ret->cgroup_id = bpf_skb_cgroup_id(skb);
}

/* Separate functions: all stack frames of a call chain share 512 bytes, and old kernels count them in full. */

/* A flow not announced by a socket hook. NULL if it cannot be stored. */
static __noinline struct cw_flow *flow_begin(struct __sk_buff *skb, const struct policy_chain *c,
                                             const struct cw_flow_key *key, const struct verdict *v,
                                             const struct packet *p) {
        struct cw_flow f = { .sequence = p->sequence, .start_ns = now_coarse() };

        process_of_packet(skb, key->cookie, &f.process);
        flow_take(&f, c, v, 0);
        return flow_store(skb, key, &f);
}

/* A denial that no rule lifts: of a foreign source, reported once for each socket and destination, or of a packet that
 * cannot be read. known: its flow, or NULL. */
static __noinline int deny_packet(struct __sk_buff *skb, const struct policy_chain *c, const struct cw_flow_key *key,
                                  const struct packet *p, const struct cw_flow *known) {
        struct cw_flow f = { .start_ns = now_coarse(), .src = p->src, .src_port = p->src_port };
        struct verdict v;

        verdict_deny(&v, c, p->astray ? CW_REASON_DNS : p->foreign ? CW_REASON_SOURCE : CW_REASON_MALFORMED);
        if (p->astray)
                v.mode = CW_ENFORCE; /* it would be lost anyway */
        if (p->astray && !denial_is_new(key, c->epoch | DENIED_ASTRAY))
                return 0;
        if (p->foreign && !denial_is_new(key, c->epoch | (v.mode == CW_AUDIT ? DENIED_SOURCE_AUDIT : DENIED_SOURCE)))
                return v.mode == CW_AUDIT;
        if (known)
                f.process = known->process;
        else
                process_of_packet(skb, key->cookie, &f.process);
        flow_take(&f, c, &v, 0);
        report_denial(key, &f, CW_HOOK_PACKET, false);
        return v.mode == CW_AUDIT;
}

static __always_inline int deny_malformed(struct __sk_buff *skb, const struct policy_chain *c, const struct packet *p) {
        struct cw_flow_key key = { .cookie = bpf_get_socket_cookie(skb), .dst = p->dst, .protocol = p->protocol };

        return deny_packet(skb, c, &key, p, NULL);
}

/* A connection keeps the source of its first packet. That may be a reset, with which the kernel gives up a request that was
 * refused (Multipath TCP). f: the flow, or NULL. */
static __always_inline bool has_known_source(const struct cw_flow *f, const struct packet *p) {
        if (p->protocol != IP_TCP || !p->continues)
                return false;
        return !(p->tcp_flags & TCP_RST) || (f && f->state != CW_FLOW_JUDGED);
}

/* Exempt: the service's own queries, what the kernel answers, connections that are older than the service. */
static __always_inline int deny_source(struct __sk_buff *skb, const struct policy_chain *c,
                                       const struct cw_flow_key *key, const struct packet *p,
                                       const struct cw_flow *f) {
        if (is_own_socket(key->cookie) || is_of_kernel(skb) ||
            (many_layers && bpf_map_lookup_elem(&preexisting_flows, key)))
                return 1;
        return deny_packet(skb, c, key, p, f);
}

/* Passes in this chain although no rule names it. */
static __always_inline bool packet_passes_unnamed(struct __sk_buff *skb, const struct policy_chain *c,
                                                  const struct cw_flow_key *key, const struct packet *p) {
        if (is_own_socket(key->cookie))
                return true;
        if (is_dhcp(skb, c, p) || (c->base.flags & CW_LAYER_SYSTEM && is_kernel_answer(skb, p)))
                return true;
        if (many_layers && bpf_map_lookup_elem(&preexisting_flows, key))
                return true;
        return c->base.flags & CW_LAYER_INBOUND && is_datagram_answer(key);
}

/* A flow that continues whatever the policy: opened by a peer. */
static __always_inline bool flow_is_kept(const struct cw_layer *base, __u64 verdict) {
        return CW_VERDICT_REASON(verdict) == CW_REASON_INBOUND && base->flags & CW_LAYER_INBOUND;
}

static __noinline void remember_answer(struct __sk_buff *skb, const struct policy_chain *c,
                                       const struct cw_flow_key *key) {
        struct cw_flow f = { .state = CW_FLOW_ENDED }; /* not one of our flows: nothing to report */
        struct verdict v;
        bool stray;

        struct cw_socket_flow *s = socket_flow(skb, BPF_SK_STORAGE_GET_F_CREATE, &stray);
        if (!s) /* each packet is recognized again */
                return;
        verdict_set(&v, &c->base, CW_ALLOW, CW_REASON_INBOUND);
        flow_take(&f, c, &v, 0);
        socket_flow_set(s, key, &f);
}

/* Reported once, and no flow: each packet is judged again. requester: its number in the upper half, its chain in the lower;
 * word: its refusal. */
static __noinline int deny_requester(struct __sk_buff *skb, const struct cw_flow_key *key, const struct packet *p,
                                     __u64 requester, __u64 word) {
        struct cw_flow f = {
                .src = p->src, .src_port = p->src_port, .policy_id = word >> 32,
                .rule = word >> 8 & CW_RULES_MAX, .chain = (__u32) requester,
                .verdict = (word & 0xff) | CW_VERDICT_ASKED, /* epoch 0: matches no chain */
        };
        struct asked *a = asked_of_packet(skb);
        __u32 i = requester >> 32;

        if (!a || i >= REQUESTERS_MAX)
                return 0;
        f.start_ns = now_coarse();
        f.process = a->requesters[i].process;
        f.actor = a->requesters[i].actor;
        if (f.rule == CW_RULES_MAX)
                f.rule = CW_NO_RULE;
        if (denial_is_new(key, word | DENIED_REQUESTER))
                report_denial(key, &f, CW_HOOK_PACKET, p->continues);
        return 0;
}

/* The steps of cw_egress() return whether the packet passes, or JUDGE: the next step decides. Inlined, because they
 * would not share one frame otherwise. */
#define DROP_SILENTLY 2 /* no error for the sender, TCP retransmits */
#define DROP_UNJUDGED 4 /* likewise, but for want of a policy; never returned to the kernel */
#define JUDGE (-1)

/* Addressed to the loopback of this namespace, and leaves through its loopback device. */
static __always_inline int pass_loopback(struct __sk_buff *skb, __u64 subject, const struct cw_flow_key *key,
                                         const struct packet *p) {
        bool to_proxy = is_proxy(&p->dst, p->dst_port);

        if (to_proxy && !query_admit(subject_actor(subject)))
                return DROP_SILENTLY;
        if (to_proxy)
                register_client(skb, subject, &p->src, p->src_port, p->protocol);
        return to_proxy || !is_dns(p->protocol, p->dst_port) || query_stays(skb, subject, p) ? 1 : JUDGE;
}

/* By the verdict of the socket hooks about the task. */
static __always_inline int judge_task(struct __sk_buff *skb, const struct policy_chain *c,
                                      const struct cw_flow_key *key, struct cw_flow *f, const struct packet *p) {
        if (!task_may_not(skb, c, f, flow_verdict(f)))
                return JUDGE;
        if (f->state == CW_FLOW_JUDGED) {
                f->src = p->src;
                f->src_port = p->src_port;
                report_denial(key, f, CW_HOOK_PACKET, p->continues);
        }
        f->state = CW_FLOW_SEEN;
        f->last_ns = now_coarse();
        return 0;
}

/* The same without a flow: by those about all that requested something over this socket. */
static __always_inline int judge_requesters(struct __sk_buff *skb, __u32 chain, const struct cw_flow_key *key,
                                            const struct packet *p) {
        __u32 how = p->dst_port | (__u32) p->protocol << 16 | (p->has_port ? LOOKUP_HAS_PORT : 0);

        how |= skb->ifindex == LOOPBACK_IFINDEX || p->moved ? LOOKUP_MAY_BE_LOCAL : 0;
        for (__u32 i = 0; i < REQUESTERS_MAX; i++) {
                __u64 requester = asked_get(skb, chain, i), dst[2];
                if (requester == NO_REQUESTER)
                        break;
                if (requester == chain)
                        continue;
                how |= is_datagram_answer(key) ? LOOKUP_ANSWER : 0;
                addr_split(&p->dst, dst);
                __u64 word = requester_verdict(requester, dst[0], dst[1], how);
                if (word)
                        return deny_requester(skb, key, p, requester | (__u64) i << 32, word);
        }
        return JUDGE;
}

static __always_inline int pass_state(enum subject_state state, __u64 cookie) {
        if (state == SUBJECT_OFF)
                return 1;
        if (state == SUBJECT_JUDGED)
                return JUDGE;
        count(CW_COUNT_UNASSIGNED);
        return is_own_socket(cookie) ? 1 : DROP_SILENTLY;
}

/* Judges the packet and the flow that it belongs to, *f: NULL for a new one. *ret_verdict is set with JUDGE. */
static __always_inline int judge_packet(struct __sk_buff *skb, const struct policy_chain *c,
                                        const struct cw_flow_key *key, const struct packet *p, struct cw_flow **f,
                                        __u64 *ret_verdict) {
        bool stays = skb->ifindex == LOOPBACK_IFINDEX || p->moved;
        struct lookup l = {
                .dst = &p->dst, .port = p->dst_port, .protocol = p->protocol, .has_port = p->has_port,
                .loopback = stays && addr_is_loopback(&p->dst), .may_be_local = stays,
        };
        struct verdict v;

        count(CW_COUNT_PACKETS);
        if (!*f && p->answers)
                return 1;
        if (!*f && c->base.flags & CW_LAYER_INBOUND && is_tcp_answer(skb, p)) {
                if (!(p->tcp_flags & (TCP_SYN | TCP_RST)))
                        remember_answer(skb, c, key);
                return 1;
        }
        chain_eval(c, &l, &v);
        if (v.reason == CW_REASON_LOCAL)
                return 1;
        if (v.action == CW_DENY && packet_passes_unnamed(skb, c, key, p))
                return 1;
        /* Packets that a connection sends after its end (a reset, a late acknowledgment) are not a new flow. */
        if (!*f && v.action == CW_ALLOW && p->continues && !p->payload)
                return 1;
        if (*f)
                flow_judge(c, *f, &v);
        else {
                if (needs_share(skb, key))
                        share_take(key, c->actor);
                *f = flow_begin(skb, c, key, &v, p);
        }
        if (!*f) /* a connection without a flow would end with its lease */
                return v.mode == CW_AUDIT || (v.action == CW_ALLOW && p->protocol != IP_TCP);
        *ret_verdict = verdict_byte(&v);
        return JUDGE;
}

/* A packet of a flow with a verdict that is in force. */
static __always_inline int flow_apply(struct __sk_buff *skb, const struct policy_chain *c,
                                      const struct cw_flow_key *key, struct cw_flow *f, const struct packet *p,
                                      __u64 verdict) {
        if (CW_VERDICT_REASON(verdict) == CW_REASON_LOCAL && skb->ifindex == LOOPBACK_IFINDEX)
                return 1;
        int passes = verdict_passes(c, verdict); /* flow_see() may give the entry away */
        if (!passes && CW_VERDICT_MODE(verdict) == CW_AUDIT) { /* it passed until now: report the change */
                flow_set_verdict(f, c->epoch, verdict & ~(3ULL << CW_VERDICT_MODE_SHIFT));
                if (f->state == CW_FLOW_SEEN)
                        f->state = CW_FLOW_JUDGED;
        }
        flow_see(skb, key, f, p);
        return passes;
}

/* A global function: the verifier walks it once, after whatever refused the packet. */
__noinline int note_refused(struct __sk_buff *skb) {
        struct bpf_sock *sk = skb->sk;
        __u64 cookie = bpf_get_socket_cookie(skb);

        if (sk)
                sk = bpf_sk_fullsock(sk);
        if (sk && sk->protocol == IP_TCP)
                bpf_map_update_elem(&refused_sockets, &cookie, &present, BPF_ANY);
        return 0;
}

/* Allowed as local, but it leaves: only the administrator's NAT moves such a packet. */
static __always_inline bool leaves_here(struct __sk_buff *skb, __u64 verdict, const struct packet *p) {
        return CW_VERDICT_REASON(verdict) == CW_REASON_LOCAL && skb->ifindex != LOOPBACK_IFINDEX && !p->moved;
}

static __always_inline int judge_egress(struct __sk_buff *skb) {
        struct policy_chain c;
        struct packet p;
        int pass = JUDGE;

        /* First, because the verifier walks all its paths once for each state before it. */
        bool readable = packet_parse(skb, &p);

        __u64 subject = subject_of_packet(skb);
        enum subject_state state = chain_read(subject, &c);
        if (state == SUBJECT_FAULT)
                return DROP_UNJUDGED;
        if (!readable)
                return state == SUBJECT_JUDGED ? deny_malformed(skb, &c, &p) : state == SUBJECT_OFF;
        if (is_neighbour_discovery(skb, &p))
                return 1;
        if (is_wrapper(p.protocol) && !p.routed)
                packet_unwrap(skb, &p);

        struct cw_flow_key key = {
                .cookie = bpf_get_socket_cookie(skb), .dst = p.dst, .port = p.dst_port, .protocol = p.protocol,
        };
        /* What leaves through the loopback device stays in this namespace; the address alone would not prove that. */
        if (skb->ifindex == LOOPBACK_IFINDEX && addr_is_loopback(&p.dst) && !answer_leaves(skb, &p))
                pass = pass_loopback(skb, subject, &key, &p);
        if (pass != JUDGE)
                return pass;
        /* The proxy's reply to a client with another address of this machine. */
        if (skb->ifindex == LOOPBACK_IFINDEX && p.protocol == IP_UDP && is_proxy(&p.src, p.src_port))
                return 1;
        struct cw_flow *f = flow_find(skb, &key);
        if (!f && !p.routed) /* the socket chose where that goes, not NAT */
                f = key.protocol == IP_TCP ? flow_moved(skb, &key, &p) : datagram_moved(skb, &key, &p);
        if (many_layers)
                pass = f ? judge_task(skb, &c, &key, f, &p) : judge_requesters(skb, c.chain, &key, &p);
        if (pass == JUDGE)
                pass = pass_state(state, key.cookie);
        if (pass != JUDGE)
                return pass;

        chain_bind(&c, &key);
        p.astray = skb->ifindex != LOOPBACK_IFINDEX && !p.moved && is_proxy(&p.dst, p.dst_port);
        if (p.astray)
                return deny_packet(skb, &c, &key, &p, f);
        p.foreign = !has_known_source(f, &p) && source_is_foreign(skb, &p);
        if (p.foreign && !deny_source(skb, &c, &key, &p, f))
                return 0;
        __u64 verdict = f ? flow_verdict(f) : 0;
        bool current = f && verdict_is_current(verdict, &c) && !leaves_here(skb, verdict, &p);
        if (f && (current ? verdict & CW_VERDICT_ASKED : flow_is_kept(&c.base, verdict))) {
                flow_set_verdict(f, c.epoch, verdict & ~CW_VERDICT_ASKED);
                current = true;
        }
        if (!current)
                pass = judge_packet(skb, &c, &key, &p, &f, &verdict);
        if (pass != JUDGE || !f)
                return pass;
        return flow_apply(skb, &c, &key, f, &p, verdict);
}

SEC("cgroup_skb/egress")
int cw_egress(struct __sk_buff *skb) {
        int pass = judge_egress(skb);

        if (pass == DROP_UNJUDGED)
                return 0;
        if (!pass && many_layers)
                note_refused(skb);
        return pass;
}

static __always_inline bool packet_is_tcp(struct __sk_buff *skb) {
        __u8 h[10];

        if (bpf_skb_load_bytes(skb, 0, h, sizeof(h)) < 0)
                return false;
        return h[0] >> 4 == 4 ? h[9] == IP_TCP : h[6] == IP_TCP;
}

/* A datagram from outside came first: the socket may reply. */
static __always_inline void remember_peer(struct __sk_buff *skb, const struct cw_flow_key *key) {
        struct policy_chain c;

        if (chain_read(subject_of_packet(skb), &c) == SUBJECT_JUDGED && c.base.flags & CW_LAYER_INBOUND &&
            !is_own_socket(key->cookie))
                bpf_map_update_elem(&datagram_peers, key, &present, BPF_ANY);
}

/* Reported once for each listener and peer. */
static __noinline int deny_request(struct __sk_buff *skb, struct policy_chain *c, const struct packet *p,
                                   const struct verdict *v) {
        struct cw_flow f = { .start_ns = now_coarse(), .src = p->dst, .src_port = p->dst_port };
        struct cw_flow_key key = {
                .cookie = bpf_get_socket_cookie(skb), .dst = p->src, .port = p->src_port, .protocol = IP_TCP,
        };

        chain_bind(c, &key);
        if (!denial_is_new(&key, c->epoch))
                return 0;
        process_of_packet(skb, key.cookie, &f.process);
        flow_take(&f, c, v, 0);
        report_denial(&key, &f, CW_HOOK_PACKET, true);
        return 0;
}

/* A connection request to a listener, before the kernel answers it: as the answer would be judged. With SYN cookies, the
 * answer belongs to no socket, and no hook sees it. */
static __noinline int judge_request(struct __sk_buff *skb, const struct packet *p) {
        struct lookup l = {
                .dst = &p->src, .port = p->src_port, .protocol = IP_TCP, .has_port = true,
                .may_be_local = skb->ifindex == LOOPBACK_IFINDEX,
        };
        __u64 cookie = bpf_get_socket_cookie(skb);
        struct policy_chain c;
        struct verdict v;

        enum subject_state state = chain_read(subject_of_packet(skb), &c);
        if (state == SUBJECT_FAULT)
                return 0;
        int pass = pass_state(state, cookie);
        if (pass != JUDGE)
                return pass == 1;
        if (c.base.flags & CW_LAYER_INBOUND || is_own_socket(cookie))
                return 1;
        chain_eval(&c, &l, &v);
        return v.action == CW_ALLOW || v.mode == CW_AUDIT ? 1 : deny_request(skb, &c, p, &v);
}

/* A packet to a listener. What comes from a loopback address is answered there. */
static __always_inline int on_listener(struct __sk_buff *skb, const struct packet *p) {
        if (addr_is_loopback(&p->src))
                return 1;
        if (!p->continues)
                return judge_request(skb, p);
        if (many_layers && skb->ifindex != LOOPBACK_IFINDEX)
                remember_handshake(skb, p);
        return 1;
}

/* Counts incoming bytes of UDP flows; TCP counts its own. */
SEC("cgroup_skb/ingress")
int cw_ingress(struct __sk_buff *skb) {
        bool listens = is_for_listener(skb);
        struct packet p;

        if (many_layers && skb->ifindex == LOOPBACK_IFINDEX)
                note_arrival(skb);
        if (!listens && (skb->ifindex == LOOPBACK_IFINDEX || packet_is_tcp(skb)))
                return 1;
        if (!packet_parse(skb, &p))
                return 1;
        if (p.protocol == IP_TCP)
                return listens ? on_listener(skb, &p) : 1;
        if (p.protocol != IP_UDP || listens)
                return 1;

        struct cw_flow_key key = {
                .cookie = bpf_get_socket_cookie(skb), .dst = p.src, .port = p.src_port, .protocol = p.protocol,
        };
        struct cw_flow *f = bpf_map_lookup_elem(&flows, &key);
        if (f)
                __sync_fetch_and_add(&f->bytes_in, p.length);
        else if (many_layers)
                remember_peer(skb, &key);
        return 1;
}
