/* SPDX-License-Identifier: Apache-2.0 */

/* The programs. Socket hooks judge what a process asks for, with all facts about it, and refuse at once; the packet hook
 * judges every packet of every socket again, cheaply where a flow is known, and catches what has no socket hook: raw
 * sockets, ping, sockets older than the attachment, subflows. */

#include "verdict.bpf.h"
#include "dns.bpf.h"
#include "inbound.bpf.h"
#include "record.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

static __always_inline int apply_mode(const struct judges *j, __u8 action, bool by_job) {
        return action == CW_ALLOW || (by_job ? j->job.mode : j->scope.mode) == CW_AUDIT;
}

/* ------------------------------------------------------------------ flows */

static __always_inline bool flow_is_current(const struct cw_flow *f, const struct judges *j) {
        return f->policy_id == j->scope.policy_id && f->job_policy_id == j->job.policy_id && f->modes == j->job.pad;
}

static __always_inline void flow_take(struct cw_flow *f, const struct judges *j) {
        f->policy_id = j->scope.policy_id;
        f->job_policy_id = j->job.policy_id;
        f->modes = j->job.pad;
        f->chain = j->chain;
        f->actor = j->actor;
}

static __always_inline void flow_fill(struct cw_flow *f, const struct judges *j, const struct verdict *v) {
        f->start_ns = now_coarse();
        flow_take(f, j);
        f->mode = v->by_job ? j->job.mode : j->scope.mode;
        f->marks |= v->by_job ? CW_FLOW_BY_JOB : 0;
        f->rule = v->rule;
        f->action = v->action;
        f->reason = v->reason;
}

static __always_inline int flow_passes(const struct cw_flow *f, const struct judges *j) {
        return apply_mode(j, f->action, f->marks & CW_FLOW_BY_JOB);
}

static __always_inline void flow_remember(const struct cw_flow_key *key, const struct cw_flow *f) {
        if (bpf_map_update_elem(&flows, key, f, BPF_ANY) < 0)
                count(CW_COUNT_FLOWS_FULL); /* its packets are judged one by one */
}

/* The policy that decided, whose rule is meant. */
static __always_inline __u32 flow_policy_id(const struct cw_flow *f) {
        return f->marks & CW_FLOW_BY_JOB ? f->job_policy_id : f->policy_id;
}

static __always_inline void report_denial(const struct cw_flow_key *key, const struct cw_flow *f, __u8 hook,
                                          bool mid_stream) {
        if (CW_POLICY_SCOPE(f->policy_id) != CW_SCOPE_SELF)
                count(CW_COUNT_DENIED);
        struct cw_record *r = record_begin(CW_RECORD_DENY, flow_policy_id(f), f->mode);
        if (!r)
                return;
        record_key(r, key);
        record_flow(r, f);
        r->hook = hook;
        r->mid_stream = mid_stream;
        record_submit(r, true);
}

static __always_inline void report_open(const struct cw_flow_key *key, const struct cw_flow *f) {
        count(CW_COUNT_ALLOWED);
        struct cw_record *r = record_begin(CW_RECORD_OPEN, flow_policy_id(f), f->mode);
        if (!r)
                return;
        record_key(r, key);
        record_flow(r, f);
        r->hook = CW_HOOK_PACKET;
        record_submit(r, false);
}

/* Only what passed has an end: refused flows were told when they were refused. */
static __always_inline void report_close(const struct cw_flow_key *key, struct cw_flow *f) {
        if (f->state != CW_FLOW_SEEN)
                return;
        f->state = CW_FLOW_ENDED;
        f->last_ns = now_coarse();
        if (f->action != CW_ALLOW && f->mode != CW_AUDIT)
                return;
        struct cw_record *r = record_begin(CW_RECORD_CLOSE, flow_policy_id(f), f->mode);
        if (!r)
                return;
        record_key(r, key);
        record_flow(r, f);
        record_submit(r, false);
}

/* ------------------------------------------------------------------ sockets */

/* connect() of a datagram socket sends nothing, and resolvers call it on every address of an answer only to learn the
 * source address. So where something at the address is allowed, or in audit mode, the verdict waits for the first
 * packet, which the packet hook refuses with the same EPERM; the flow carries the facts there. */
static __always_inline bool wait_for_packet(const struct cw_scope *who, const struct question *q) {
        return q->protocol == IP_UDP && (who->mode == CW_AUDIT || allows_something(who, &q->dst));
}

/* A refusal that was told, by a policy that still is in force and enforced. */
static __always_inline bool was_refused(const struct judges *j, const struct cw_flow_key *key) {
        __u32 *refused = bpf_map_lookup_elem(&refusals, key);

        if (!refused)
                return false;
        return (*refused == j->scope.policy_id && j->scope.mode == CW_ENFORCE) ||
               (j->job.policy_id && *refused == j->job.policy_id && j->job.mode == CW_ENFORCE);
}

/* Denied by the policy, but not a matter of it: the service's own look-ups, answers to datagrams, DHCP (whose source port
 * the packet hook sees). */
static __always_inline bool passes_unnamed(const struct cw_scope *scope, const struct cw_flow_key *key) {
        if (is_own_socket(key->cookie))
                return true;
        if (scope->flags & CW_SCOPE_INBOUND && is_datagram_answer(key))
                return true;
        return scope->flags & CW_SCOPE_SYSTEM && is_dhcp_port(key->protocol, key->port);
}

static __always_inline int judge_socket(struct bpf_sock_addr *ctx, const struct judges *j, const struct cw_addr *dst,
                                        __u8 hook) {
        __u16 port = bpf_ntohs(ctx->user_port);
        __u8 protocol = ctx->protocol == IP_MPTCP ? IP_TCP : ctx->protocol;
        struct cw_flow_key key = {
                .cookie = bpf_get_socket_cookie(ctx), .dst = *dst, .port = port, .protocol = protocol,
        };

        if (hook == CW_HOOK_SENDMSG) {
                struct cw_flow *known = bpf_map_lookup_elem(&flows, &key);
                if (known && flow_is_current(known, j))
                        return flow_passes(known, j); /* reported when it began */
                if (was_refused(j, &key))
                        return 0;
        }

        bool own_netns = in_proxy_netns(ctx);
        bool loopback = addr_is_loopback(dst) || addr_is_unspecified(dst);
        struct question q = {
                .dst = *dst, .port = port, .protocol = protocol, .has_port = true, .loopback = loopback,
                .may_be_local = own_netns,
        };

        struct verdict v;
        if (loopback && !own_netns) /* another namespace's own resolver: what it sends on is judged there */
                verdict_set(&v, CW_ALLOW, CW_REASON_LOCAL, CW_NO_RULE);
        else
                judge(j, &q, &v);

        if (v.reason == CW_REASON_LOCAL && !is_dns(protocol, port))
                return 1;
        if (v.action == CW_DENY && passes_unnamed(&j->scope, &key))
                return 1;

        struct cw_flow f = { .marks = CW_FLOW_ASKED };
        process_fill(&f.process);
        flow_fill(&f, j, &v);
        struct cw_scope who = who_said(j, v.by_job);
        if (v.action == CW_ALLOW || (hook == CW_HOOK_CONNECT && wait_for_packet(&who, &q))) {
                flow_remember(&key, &f);
                return 1;
        }

        /* Told once per socket and destination, not once per datagram. */
        if (who.mode == CW_AUDIT) {
                f.state = CW_FLOW_SEEN;
                flow_remember(&key, &f);
        } else if (hook == CW_HOOK_SENDMSG)
                bpf_map_update_elem(&refusals, &key, &who.policy_id, BPF_ANY);
        report_denial(&key, &f, hook, false);
        return who.mode == CW_AUDIT;
}

/* Port 53 goes to the proxy, whichever scope it is, and also where the scope is not known yet: the proxy finds out. */
static __always_inline bool is_captured(struct bpf_sock_addr *ctx, enum subject subject, __u64 number,
                                        const struct cw_addr *dst) {
        __u16 port = bpf_ntohs(ctx->user_port);

        if (subject == SUBJECT_FAULT || (subject == SUBJECT_OFF && !(number & FORWARDER)))
                return is_proxy(dst, port); /* it came to the proxy by itself: only to know who it is */
        return is_dns(ctx->protocol, port) && !is_own_socket(bpf_get_socket_cookie(ctx));
}

/* A task whose cgroup has no scope yet. With a socket of its own the packet hook waits; with one it was handed, which
 * has a scope, this entry says that nobody has judged the asker. */
static __always_inline void note_waiting(struct bpf_sock_addr *ctx, const struct cw_addr *dst) {
        struct cw_flow_key key = {
                .cookie = bpf_get_socket_cookie(ctx), .dst = *dst, .port = bpf_ntohs(ctx->user_port),
                .protocol = ctx->protocol == IP_MPTCP ? IP_TCP : ctx->protocol,
        };
        struct cw_flow f = {
                .start_ns = now_coarse(), .policy_id = CW_POLICY_WAITING, .chain = CW_CHAIN_UNASSIGNED, .rule = CW_NO_RULE, .action = CW_DENY,
                .reason = CW_REASON_FAULT, .mode = CW_ENFORCE, .marks = CW_FLOW_ASKED,
        };

        process_fill(&f.process);
        flow_remember(&key, &f);
}

static __always_inline int pass_unjudged(struct bpf_sock_addr *ctx, enum subject subject, const struct cw_addr *dst) {
        if (subject == SUBJECT_WAITS)
                note_waiting(ctx, dst);
        return subject != SUBJECT_FAULT;
}

static __always_inline int on_socket4(struct bpf_sock_addr *ctx, __u8 hook) {
        __u64 number = subject_of_task();
        struct judges j;
        struct cw_addr dst;
        enum subject subject = judges_read(number, &j);

        addr_from_v4(&dst, ctx->user_ip4);
        if (is_captured(ctx, subject, number, &dst) && redirect4(ctx, number, &dst))
                return 1;
        if (subject != SUBJECT_JUDGED)
                return pass_unjudged(ctx, subject, &dst);
        return judge_socket(ctx, &j, &dst, hook);
}

static __always_inline int on_socket6(struct bpf_sock_addr *ctx, __u8 hook) {
        __u32 w[4] = { ctx->user_ip6[0], ctx->user_ip6[1], ctx->user_ip6[2], ctx->user_ip6[3] };
        __u64 number = subject_of_task();
        struct judges j;
        struct cw_addr dst;
        enum subject subject = judges_read(number, &j);

        __builtin_memcpy(dst.b, w, 16);
        if (is_captured(ctx, subject, number, &dst) && redirect6(ctx, number, &dst))
                return 1;
        if (subject != SUBJECT_JUDGED)
                return pass_unjudged(ctx, subject, &dst);
        return judge_socket(ctx, &j, &dst, hook);
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

/* Router discovery and echo are done by raw sockets of root and of the network service. What they send is judged. */
static __always_inline bool is_network_control(__u32 protocol, __u32 uid) {
        return (protocol == IP_ICMP || protocol == IP_ICMP6) && (uid == 0 || (network_uid && uid == network_uid));
}

SEC("cgroup/sock_create")
int cw_sock_create(struct bpf_sock *ctx) {
        struct cw_process process = {};
        struct judges j;

        if (ctx->type != SOCK_RAW && (ctx->protocol == IP_TCP || ctx->protocol == IP_UDP || ctx->protocol == IP_MPTCP))
                return 1;
        enum subject subject = judges_read(subject_of_task(), &j);
        if (subject == SUBJECT_OFF || subject == SUBJECT_FAULT)
                return subject == SUBJECT_OFF;

        __u64 cookie = bpf_get_socket_cookie(ctx);
        process_fill(&process);
        bool may = ctx->type != SOCK_RAW || j.scope.flags & CW_SCOPE_RAW ||
                   (j.scope.flags & CW_SCOPE_SYSTEM && is_network_control(ctx->protocol, process.uid));
        /* A job has no rule for them either. */
        bool by_job = ctx->type == SOCK_RAW && j.job.policy_id && (may || j.scope.mode == CW_AUDIT);
        struct cw_scope who = who_said(&j, by_job);
        may = may && !by_job;
        if (may || who.mode == CW_AUDIT)
                bpf_map_update_elem(&makers, &cookie, &process, BPF_ANY);
        if (may || subject == SUBJECT_WAITS)
                return may;

        count(CW_COUNT_DENIED);
        struct cw_record *r = record_begin(CW_RECORD_RAW_SOCKET, who.policy_id, who.mode);
        if (r) {
                r->cookie = cookie;
                r->chain = j.chain;
                r->actor = j.actor;
                r->process = process;
                r->protocol = ctx->protocol;
                r->family = ctx->family == AF_INET ? 4 : 6;
                r->action = CW_DENY;
                r->reason = CW_REASON_RAW_SOCKET;
                r->hook = CW_HOOK_SOCKET;
                record_submit(r, true);
        }
        return who.mode == CW_AUDIT;
}

/* The socket is closed: the end of a flow. TCP may have its FIN still to send, with the last bytes; then the packet hook
 * tells the end. Unconnected UDP sockets name no destination here: their flows end by idleness, in user space. */
SEC("cgroup/sock_release")
int cw_sock_release(struct bpf_sock *ctx) {
        struct cw_flow_key key = { .protocol = ctx->protocol == IP_MPTCP ? IP_TCP : ctx->protocol };
        __u32 w[4] = { ctx->dst_ip6[0], ctx->dst_ip6[1], ctx->dst_ip6[2], ctx->dst_ip6[3] };

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

        struct cw_flow *f = bpf_map_lookup_elem(&flows, &key);
        if (!f)
                return 1;
        bool sends_more = ctx->state == BPF_TCP_ESTABLISHED || ctx->state == BPF_TCP_CLOSE_WAIT;
        if (key.protocol == IP_TCP && sends_more && !f->fin_sent) {
                f->marks |= CW_FLOW_RELEASED;
                f->last_ns = now_coarse();
                return 1;
        }
        report_close(&key, f);
        if (!f->last_ns)
                f->last_ns = now_coarse(); /* never counted: the end is all that is known of it */
        if (key.protocol == IP_UDP || f->state == CW_FLOW_JUDGED)
                bpf_map_delete_elem(&flows, &key);
        return 1;
}

/* ------------------------------------------------------------------ packets */

/* Sequence numbers count each byte once, however often it was sent, and need no look at incoming packets. */
static __always_inline void count_tcp(struct cw_flow *f, const struct packet *p) {
        __u32 end = p->sequence + p->payload;
        __s32 sent = end - f->sequence, acknowledged = p->acknowledgment - f->acknowledgment;

        if (p->tcp_flags & TCP_SYN) {
                f->sequence = end + 1;
                return;
        }
        if (sent > 0) {
                f->bytes_out += sent;
                f->sequence = end;
        }
        if (f->acknowledgment && acknowledged > 0)
                f->bytes_in += acknowledged;
        if (!f->acknowledgment || acknowledged > 0)
                f->acknowledgment = p->acknowledgment;
}

/* The peer's FIN takes a sequence number too. */
static __always_inline bool peer_has_finished(struct __sk_buff *skb) {
        struct bpf_sock *sk = skb->sk;

        if (!sk)
                return false;
        sk = bpf_sk_fullsock(sk);
        return sk && sk->state == BPF_TCP_LAST_ACK;
}

static __always_inline void flow_end(struct __sk_buff *skb, const struct cw_flow_key *key, struct cw_flow *f, const struct packet *p) {
        if (p->tcp_flags & TCP_FIN) {
                f->fin_sent = 1;
                if (f->bytes_in && peer_has_finished(skb))
                        f->bytes_in--;
        }
        if (f->marks & CW_FLOW_RELEASED || p->tcp_flags & TCP_RST)
                report_close(key, f);
        if (p->tcp_flags & TCP_RST)
                bpf_map_delete_elem(&flows, key); /* nothing comes after a reset */
}

static __always_inline void flow_see(struct __sk_buff *skb, const struct cw_flow_key *key, struct cw_flow *f,
                                     const struct packet *p) {
        if (f->state == CW_FLOW_ENDED)
                return;
        if (p->protocol == IP_TCP)
                count_tcp(f, p);
        else {
                __sync_fetch_and_add(&f->bytes_out, p->length);
                f->last_ns = now_coarse();
        }
        if (f->state == CW_FLOW_JUDGED) {
                f->state = CW_FLOW_SEEN;
                f->src = p->src;
                f->src_port = p->src_port;
                if (f->action == CW_ALLOW)
                        report_open(key, f);
                else
                        report_denial(key, f, CW_HOOK_PACKET, p->continues);
        }
        if (p->tcp_flags & (TCP_FIN | TCP_RST))
                flow_end(skb, key, f, p);
}

static __always_inline void flow_judge(const struct judges *j, struct cw_flow *f, const struct verdict *v) {
        bool untold = f->state == CW_FLOW_SEEN || (f->state == CW_FLOW_ENDED && f->reason == CW_REASON_INBOUND);
        bool other = f->action != v->action || (f->marks & CW_FLOW_BY_JOB ? 1 : 0) != v->by_job;

        f->marks = (f->marks & ~(CW_FLOW_ASKED | CW_FLOW_BY_JOB)) | (v->by_job ? CW_FLOW_BY_JOB : 0);
        flow_take(f, j);
        f->mode = v->by_job ? j->job.mode : j->scope.mode;
        f->rule = v->rule;
        f->reason = v->reason;
        if (other && untold)
                f->state = CW_FLOW_JUDGED; /* news: to be told */
        f->action = v->action;
}

/* No hook saw who asked: the maker of the socket where one is known, else the cgroup it was made in. */
static __always_inline void process_of_packet(struct __sk_buff *skb, __u64 cookie, struct cw_process *ret) {
        struct cw_process *maker = bpf_map_lookup_elem(&makers, &cookie);

        if (maker)
                *ret = *maker;
        else
                ret->cgroup_id = bpf_skb_cgroup_id(skb);
}

/* Functions of their own here: the frames of a call have 512 bytes of stack together, and old kernels count them in full. */

/* A flow that no socket hook announced. NULL when it cannot be remembered. */
static __noinline struct cw_flow *flow_begin(struct __sk_buff *skb, const struct judges *j,
                                             const struct cw_flow_key *key, const struct verdict *v,
                                             const struct packet *p) {
        struct cw_flow f = { .sequence = p->sequence };

        process_of_packet(skb, key->cookie, &f.process);
        flow_fill(&f, j, v);
        flow_remember(key, &f);
        return bpf_map_lookup_elem(&flows, key);
}

static __noinline int deny_malformed(const struct judges *j, struct __sk_buff *skb, const struct packet *p) {
        struct cw_flow_key key = { .cookie = bpf_get_socket_cookie(skb), .dst = p->dst, .protocol = p->protocol };
        struct cw_flow f = {};
        struct verdict v;

        verdict_set(&v, CW_DENY, CW_REASON_MALFORMED, CW_NO_RULE);
        process_of_packet(skb, key.cookie, &f.process);
        v.by_job = j->job.policy_id && j->job.mode == CW_ENFORCE && j->scope.mode != CW_ENFORCE;
        flow_fill(&f, j, &v);
        report_denial(&key, &f, CW_HOOK_PACKET, false);
        return f.mode == CW_AUDIT;
}

/* What passes in this scope though no rule names it. */
static __always_inline bool packet_passes_unnamed(struct __sk_buff *skb, const struct cw_scope *scope,
                                                  const struct cw_flow_key *key, const struct packet *p) {
        if (is_own_socket(key->cookie))
                return true;
        if (scope->flags & CW_SCOPE_SYSTEM && (is_dhcp(skb, p) || is_kernel_answer(skb, p)))
                return true;
        if (many_scopes && bpf_map_lookup_elem(&kept_flows, key))
                return true;
        return scope->flags & CW_SCOPE_INBOUND && is_datagram_answer(key);
}

/* A flow that goes on whatever the policy became: a peer opened it. */
static __always_inline bool flow_is_kept(const struct cw_scope *scope, const struct cw_flow *f) {
        return f->reason == CW_REASON_INBOUND && scope->flags & CW_SCOPE_INBOUND;
}

/* The task that asked for this flow belongs to another scope than its socket, and may not: whatever the socket's scope
 * says. */
static __always_inline bool asker_may_not(struct __sk_buff *skb, const struct judges *j, const struct cw_flow *f) {
        __u32 asker = CW_POLICY_SCOPE(f->policy_id);
        bool same = asker == CW_POLICY_SCOPE(j->scope.policy_id), job = f->marks & CW_FLOW_BY_JOB;

        if (!(f->marks & CW_FLOW_ASKED) || f->action != CW_DENY || f->mode != CW_ENFORCE)
                return false;
        if (same && !(job && CW_POLICY_SCOPE(f->job_policy_id) != CW_POLICY_SCOPE(j->job.policy_id)))
                return false;
        return (!same && asker != CW_SCOPE_WAITING) || f->process.cgroup_id != bpf_skb_cgroup_id(skb);
}

static __noinline void remember_answer(const struct judges *j, const struct cw_flow_key *key) {
        struct cw_flow f = {
                .mode = j->scope.mode, .rule = CW_NO_RULE, .action = CW_ALLOW, .reason = CW_REASON_INBOUND,
                .state = CW_FLOW_ENDED, /* no flow of ours: nothing to tell */
        };

        flow_take(&f, j);
        flow_remember(key, &f);
}

#define DROP_SILENTLY 2 /* the sender sees no error, TCP sends it again */

SEC("cgroup_skb/egress")
int cw_egress(struct __sk_buff *skb) {
        enum subject subject;
        struct judges j;
        struct packet p;

        /* First, because the verifier walks all its ways once for each state that is there before it. */
        bool readable = packet_parse(skb, &p);

        __u64 number = subject_of_packet(skb);
        subject = judges_read(number, &j);
        if (subject == SUBJECT_FAULT)
                return 0;
        if (!readable) {
                if (subject == SUBJECT_JUDGED)
                        return deny_malformed(&j, skb, &p);
                return subject == SUBJECT_OFF;
        }
        if (is_neighbour_discovery(skb, &p))
                return 1;

        struct cw_flow_key key = {
                .cookie = bpf_get_socket_cookie(skb), .dst = p.dst, .port = p.dst_port, .protocol = p.protocol,
        };

        /* What leaves through the loopback device stays in this namespace; the address alone would not prove it. */
        bool stays = skb->ifindex == LOOPBACK_IFINDEX, loopback = stays && addr_is_loopback(&p.dst);
        if (loopback) {
                bool to_proxy = is_proxy(&p.dst, p.dst_port);
                if (to_proxy)
                        register_client(skb, key.cookie, number, &p.src, p.src_port, p.protocol);
                if (to_proxy || !is_dns(p.protocol, p.dst_port))
                        return 1;
        }
        struct cw_flow *f = bpf_map_lookup_elem(&flows, &key);
        if (many_scopes && f && asker_may_not(skb, &j, f)) {
                if (f->state == CW_FLOW_JUDGED) {
                        f->src = p.src;
                        f->src_port = p.src_port;
                        report_denial(&key, f, CW_HOOK_PACKET, p.continues);
                }
                f->state = CW_FLOW_SEEN;
                return 0;
        }
        if (subject == SUBJECT_OFF)
                return 1;
        if (subject == SUBJECT_WAITS) {
                count(CW_COUNT_WAITING);
                return is_own_socket(key.cookie) ? 1 : DROP_SILENTLY;
        }
        bool current = f && flow_is_current(f, &j);
        if (f && !current && flow_is_kept(&j.scope, f)) {
                flow_take(f, &j);
                current = true;
        }
        if (!current) {
                struct question q = {
                        .dst = p.dst, .port = p.dst_port, .protocol = p.protocol, .has_port = p.has_port,
                        .loopback = loopback, .may_be_local = stays,
                };
                struct verdict v;

                count(CW_COUNT_PACKETS);
                if (!f && j.scope.flags & CW_SCOPE_INBOUND && is_tcp_answer(skb, &p)) {
                        if (!(p.tcp_flags & (TCP_SYN | TCP_RST)))
                                remember_answer(&j, &key);
                        return 1;
                }
                judge(&j, &q, &v);
                if (v.reason == CW_REASON_LOCAL)
                        return 1;
                if (v.action == CW_DENY && packet_passes_unnamed(skb, &j.scope, &key, &p))
                        return 1;
                /* What a connection sends after its end (a reset, a late acknowledgment) is no new flow. */
                if (!f && v.action == CW_ALLOW && p.continues && !p.payload)
                        return 1;
                if (f)
                        flow_judge(&j, f, &v);
                else
                        f = flow_begin(skb, &j, &key, &v, &p);
                if (!f)
                        return apply_mode(&j, v.action, v.by_job);
        }
        if (f->reason == CW_REASON_LOCAL)
                return stays; /* allowed as local: only while it stays so */
        int passes = flow_passes(f, &j); /* flow_see() may give the entry away */
        if (!passes && f->mode == CW_AUDIT) { /* it passed until now: news */
                f->mode = CW_ENFORCE;
                if (f->state == CW_FLOW_SEEN)
                        f->state = CW_FLOW_JUDGED;
        }
        flow_see(skb, &key, f, &p);
        return passes;
}

static __always_inline bool packet_is_tcp(struct __sk_buff *skb) {
        __u8 h[10];

        if (bpf_skb_load_bytes(skb, 0, h, sizeof(h)) < 0)
                return false;
        return h[0] >> 4 == 4 ? h[9] == IP_TCP : h[6] == IP_TCP;
}

/* A datagram from outside came first: the socket may answer. */
static __always_inline void remember_peer(struct __sk_buff *skb, const struct cw_flow_key *key) {
        struct judges j;

        if (judges_read(subject_of_packet(skb), &j) == SUBJECT_JUDGED && j.scope.flags & CW_SCOPE_INBOUND &&
            !is_own_socket(key->cookie))
                bpf_map_update_elem(&datagram_peers, key, &present, BPF_ANY);
}

/* Bytes that came in on UDP flows; TCP counts its own. */
SEC("cgroup_skb/ingress")
int cw_ingress(struct __sk_buff *skb) {
        struct packet p;

        if (skb->ifindex == LOOPBACK_IFINDEX)
                return 1;
        bool tcp = packet_is_tcp(skb);
        if ((tcp && !(many_scopes && is_for_listener(skb))) || !packet_parse(skb, &p))
                return 1;
        if (tcp) {
                remember_handshake(&p);
                return 1;
        }
        if (p.protocol != IP_UDP)
                return 1;

        struct cw_flow_key key = {
                .cookie = bpf_get_socket_cookie(skb), .dst = p.src, .port = p.src_port, .protocol = p.protocol,
        };
        struct cw_flow *f = bpf_map_lookup_elem(&flows, &key);
        if (f)
                __sync_fetch_and_add(&f->bytes_in, p.length);
        else if (many_scopes)
                remember_peer(skb, &key);
        return 1;
}
