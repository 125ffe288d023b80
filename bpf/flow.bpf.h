/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Flows: their verdicts, which are loaded and stored whole, and their reports. */

#include "packet.bpf.h"
#include "record.bpf.h"
#include "target.bpf.h"
#include "verdict.bpf.h"

/* As read by a single load: see struct cw_flow. */
static __always_inline __u64 flow_verdict(const struct cw_flow *f) {
        return *(const volatile __u64 *) &f->verdict;
}

/* Makes the epoch that of one flow. Not inlined: that would take 64 bytes more of the stack of connect6. */
static __noinline int chain_bind(struct policy_chain *c, const struct cw_flow_key *key) {
        __u64 w[4], hash;

        _Static_assert(sizeof(w) == sizeof(*key), "all of the key");
        __builtin_memcpy(w, key, sizeof(w));
        hash = (w[0] ^ w[1] * 0x9e3779b97f4a7c15ULL) * 0xff51afd7ed558ccdULL;
        hash = (hash ^ hash >> 32 ^ w[2] ^ w[3]) * 0xc4ceb9fe1a85ec53ULL;
        c->epoch ^= hash >> CW_FLOW_EPOCH_SHIFT;
        return 0;
}

static __always_inline bool verdict_is_current(__u64 verdict, const struct policy_chain *c) {
        return verdict >> CW_FLOW_EPOCH_SHIFT == c->epoch;
}

/* One store, and the last of a verdict: a reader of the new epoch acts by the new verdict. The flow's other fields
 * about its verdict are for reports only. */
static __always_inline void flow_set_verdict(struct cw_flow *f, __u64 epoch, __u64 verdict) {
        asm volatile("" ::: "memory");
        *(volatile __u64 *) &f->verdict = epoch << CW_FLOW_EPOCH_SHIFT | (verdict & 0xff);
}

static __always_inline __u64 verdict_byte(const struct verdict *v) {
        return (v->action ? CW_VERDICT_ALLOW : 0) | (__u64) v->mode << CW_VERDICT_MODE_SHIFT |
               (__u64) v->reason << CW_VERDICT_REASON_SHIFT;
}

/* asked: 0 or CW_VERDICT_ASKED */
static __always_inline void flow_take(struct cw_flow *f, const struct policy_chain *c, const struct verdict *v,
                                      __u64 asked) {
        f->policy_id = v->policy_id;
        f->rule = v->rule;
        f->chain = c->chain;
        f->actor = c->actor;
        flow_set_verdict(f, c->epoch, verdict_byte(v) | asked);
}

/* The mode of the deciding layer. With several layers a change of mode changes the epoch; with one it applies at
 * once. */
static __always_inline __u8 mode_now(const struct policy_chain *c, __u64 verdict) {
        return chain_is_single(c->chain) ? c->base.mode : CW_VERDICT_MODE(verdict);
}

static __always_inline int verdict_passes(const struct policy_chain *c, __u64 verdict) {
        return verdict & CW_VERDICT_ALLOW || mode_now(c, verdict) == CW_AUDIT;
}

/* By type and deciding layer: everything of a record that its flow knows. */
static __always_inline void record_denial(struct cw_record *r, const struct cw_flow_key *key, const struct cw_flow *f,
                                          __u8 hook) {
        record_key(r, key);
        record_flow(r, f);
        r->hook = hook;
}

/* A socket hook has denied this: is a record due? If there is one of the same period, it is only counted. What a task
 * requests of one socket after the other would otherwise be a record each. */
static __noinline int denial_admit(const struct cw_flow_key *key, const struct cw_flow *f, __u32 hook) {
        __u32 audit = CW_VERDICT_MODE(f->verdict) == CW_AUDIT;
        struct cw_repeat_key what;
        __u64 now_ns = now_coarse();

        what.dst = key->dst;
        __builtin_memcpy(what.comm, f->process.comm, sizeof(what.comm));
        what.period = CW_PERIOD(now_ns);
        what.cgroup_id = f->process.cgroup_id;
        what.actor = f->actor;
        what.pid = f->process.pid;
        what.policy_id = f->policy_id;
        what.rule = f->rule;
        what.port = key->port;
        what.protocol = key->protocol;
        what.verdict = (__u8) f->verdict;
        what.uid = f->process.uid;
        struct cw_repeat *e = bpf_map_lookup_elem(&repeats, &what);
        if (e) {
                __sync_fetch_and_add(&e->count, 1);
                e->last_ns = now_ns;
                return 0;
        }
        if (!budget_take(f->actor, audit, now_ns))
                return 0;
        if (!repeats_has_room(f->actor, what.period) ||
            bpf_map_update_elem(&repeats, &what, &no_repeats, BPF_NOEXIST) < 0)
                return 1;
        e = bpf_map_lookup_elem(&repeats, &what);
        if (!e)
                return 1;
        struct cw_record *r = &e->record;
        r->version = CW_API_VERSION;
        r->type = CW_RECORD_DENY;
        r->policy_id = f->policy_id;
        r->mode = CW_VERDICT_MODE(f->verdict);
        record_denial(r, key, f, hook);
        r->cookie = 0;
        r->time_ns = now_ns;
        return 1;
}

static __always_inline void report_denial(const struct cw_flow_key *key, const struct cw_flow *f, __u8 hook,
                                          bool mid_stream) {
        __u8 mode = CW_VERDICT_MODE(f->verdict);

        if (CW_POLICY_LAYER(f->policy_id) != CW_LAYER_SELF) {
                count_denial(mode);
                if (hook == CW_HOOK_PACKET ? !budget_take(f->actor, mode == CW_AUDIT, now_coarse()) :
                                             !denial_admit(key, f, hook))
                        return;
        }
        struct cw_record *r = record_begin(CW_RECORD_DENY, f->policy_id, mode);
        if (!r)
                return;
        record_denial(r, key, f, hook);
        r->mid_stream = mid_stream;
        record_submit(r, true);
}

static __always_inline void report_open(const struct cw_flow_key *key, const struct cw_flow *f) {
        count(CW_COUNT_ALLOWED);
        if (!record_has_room(f->actor))
                return;
        struct cw_record *r = record_begin(CW_RECORD_OPEN, f->policy_id, CW_VERDICT_MODE(f->verdict));
        if (!r)
                return;
        record_key(r, key);
        record_flow(r, f);
        r->hook = CW_HOOK_PACKET;
        record_submit(r, false);
}

/* Only flows that passed have an end: denied ones were reported when they were denied. */
static __always_inline void report_close(const struct cw_flow_key *key, struct cw_flow *f) {
        __u64 verdict = flow_verdict(f);

        if (f->state != CW_FLOW_SEEN)
                return;
        f->state = CW_FLOW_ENDED;
        f->last_ns = now_coarse();
        if (!(verdict & CW_VERDICT_ALLOW) && CW_VERDICT_MODE(verdict) != CW_AUDIT)
                return;
        if (!record_has_room(f->actor))
                return;
        struct cw_record *r = record_begin(CW_RECORD_CLOSE, f->policy_id, CW_VERDICT_MODE(verdict));
        if (!r)
                return;
        record_key(r, key);
        record_flow(r, f);
        record_submit(r, false);
}

/* ------------------------------------------------------------------ tables */

static __always_inline bool key_equal(const struct cw_flow_key *a, const struct cw_flow_key *b) {
        __u64 x[4], y[4];

        __builtin_memcpy(x, a, sizeof(x));
        __builtin_memcpy(y, b, sizeof(y));
        return !((x[0] ^ y[0]) | (x[1] ^ y[1]) | (x[2] ^ y[2]) | (x[3] ^ y[3]));
}

/* The storage of the TCP connection that a packet belongs to; with BPF_SK_STORAGE_GET_F_CREATE it is only missing if
 * there is no memory for it. *ret_stray: the packet has no socket of its own. */
static __always_inline struct cw_socket_flow *socket_flow(struct __sk_buff *skb, __u64 flags, bool *ret_stray) {
        struct bpf_sock *sk = skb->sk;

        sk = sk ? bpf_sk_fullsock(sk) : NULL;
        *ret_stray = !sk || sk->type != SOCK_STREAM || sk->state == BPF_TCP_LISTEN;
        return *ret_stray ? NULL : bpf_sk_storage_get(&socket_flows, sk, NULL, flags);
}

/* The flow of a packet. NULL: new. */
static __always_inline struct cw_flow *flow_find(struct __sk_buff *skb, const struct cw_flow_key *key) {
        bool stray;

        if (key->protocol == IP_TCP) {
                struct cw_socket_flow *s = socket_flow(skb, 0, &stray);
                if (s && key_equal(&s->key, key))
                        return &s->flow;
        }
        return bpf_map_lookup_elem(&flows, key);
}

/* The flow of a connection that the administrator's NAT moves to another destination: the packet hook comes after NAT,
 * and what the program chose has been judged. Only in the proxy's network namespace: in one of its own, a job can
 * have NAT. The packets of TCP go where the socket is connected to; of datagrams see datagram_moved(). Only if
 * socket, destination and packet are of one family: an IPv6 socket that was connected to a mapped address before can
 * send there with the port of its next destination.
 * Changes the packet to that destination. NULL: none. */
static __noinline struct cw_flow *flow_moved(struct __sk_buff *skb, struct cw_flow_key *key, struct packet *p) {
        struct cw_flow_key chosen = { .cookie = key->cookie, .protocol = IP_TCP };
        struct bpf_sock *sk = skb->sk;
        __u32 w[4];
        bool stray;

        if (key->protocol != IP_TCP || !sk)
                return NULL;
        sk = bpf_sk_fullsock(sk);
        struct cw_socket_flow *s = socket_flow(skb, 0, &stray);
        if (!sk || !s || !(s->flow.marks & CW_FLOW_HOME))
                return NULL;
        volatile const struct bpf_sock *v = sk; /* as in chosen_source() */
        __u32 v4 = v->dst_ip4;
        w[0] = v->dst_ip6[0];
        w[1] = v->dst_ip6[1];
        w[2] = v->dst_ip6[2];
        w[3] = v->dst_ip6[3];
        if (v->family == AF_INET)
                addr_from_v4(&chosen.dst, v4);
        else
                __builtin_memcpy(chosen.dst.b, w, sizeof(chosen.dst.b));
        if (addr_is_v4(&p->dst) != (v->family == AF_INET) || addr_is_v4(&p->dst) != addr_is_v4(&chosen.dst))
                return NULL;
        chosen.port = bpf_ntohs((__u16) v->dst_port);
        if (!key_equal(&s->key, &chosen))
                return NULL;
        *key = chosen;
        p->dst = chosen.dst;
        p->dst_port = chosen.port;
        p->moved = true;
        barrier_scrub(p); /* the verifier would walk all that follows once more */
        return &s->flow;
}

/* The same for a datagram, whose flow may not be known; what the program chose is judged then. */
static __noinline struct cw_flow *datagram_moved(struct __sk_buff *skb, struct cw_flow_key *key, struct packet *p) {
        struct bpf_sock *sk = skb->sk;

        if (key->protocol != IP_UDP || !p->has_port || !sk)
                return NULL;
        sk = bpf_sk_fullsock(sk);
        struct datagram_target *t = sk ? bpf_sk_storage_get(&datagram_targets, sk, NULL, 0) : NULL;
        if (!t || t->state != TARGET_ONE)
                return NULL;
        struct cw_flow_key chosen = { .cookie = key->cookie, .dst = t->dst, .port = t->port, .protocol = IP_UDP };
        if (addr_is_v4(&p->dst) != (sk->family == AF_INET) || addr_is_v4(&p->dst) != addr_is_v4(&chosen.dst))
                return NULL;
        /* The unspecified address means this machine. No NAT sends what is for a loopback address to another machine. */
        if (addr_is_unspecified(&chosen.dst) || (addr_is_loopback(&p->dst) && skb->ifindex != LOOPBACK_IFINDEX))
                return NULL;
        if (key_equal(key, &chosen))
                return NULL;
        *key = chosen;
        p->dst = chosen.dst;
        p->dst_port = chosen.port;
        p->moved = true;
        barrier_scrub(p); /* the verifier would walk all that follows once more */
        return bpf_map_lookup_elem(&flows, key);
}

/* The packets of the last connection of the socket have left, or its verdict is not current for another key. */
static __always_inline void socket_flow_set(struct cw_socket_flow *s, const struct cw_flow_key *key,
                                            const struct cw_flow *f) {
        if (s->key.port)
                report_close(&s->key, &s->flow);
        s->key = *key;
        s->flow = *f;
}

static __always_inline struct cw_flow_share *share_of(__u32 actor) {
        __u32 i = actor % CW_FLOW_SHARES;

        return bpf_map_lookup_elem(&flow_shares, &i);
}

/* Before a new entry in flows: beyond its share, the actor gives up one of the newest that it has. */
static __noinline int share_take(const struct cw_flow_key *key, __u32 actor) {
        struct cw_flow_share *s = share_of(actor);

        if (!many_layers || !s || bpf_map_lookup_elem(&flows, key))
                return 0;
        __u32 i = s->n_begun++ % CW_FLOW_SHARE_RECENT; /* two at once may take the same place */
        if (s->n < flow_share_max) {
                __sync_fetch_and_add(&s->n, 1);
                return 0;
        }
        struct cw_flow *old = bpf_map_lookup_elem(&flows, &s->recent[i]);
        if (old)
                report_close(&s->recent[i], old);
        if (bpf_map_delete_elem(&flows, &s->recent[i]) < 0)
                __sync_fetch_and_add(&s->n, 1);
        s->recent[i] = *key;
        return 0;
}

static __always_inline void flow_forget(const struct cw_flow_key *key, __u32 actor) {
        struct cw_flow_share *s = many_layers ? share_of(actor) : NULL;

        if (bpf_map_delete_elem(&flows, key) == 0 && s)
                __sync_fetch_and_add(&s->n, -1);
}

/* After share_take(). */
static __always_inline void flow_remember(const struct cw_flow_key *key, const struct cw_flow *f) {
        if (bpf_map_update_elem(&flows, key, f, BPF_ANY) < 0)
                count(CW_COUNT_FLOWS_FULL); /* its packets are judged one by one */
}

/* A flow that begins with a packet needs a share of the table. */
static __always_inline bool needs_share(struct __sk_buff *skb, const struct cw_flow_key *key) {
        bool stray = true;

        if (key->protocol == IP_TCP)
                (void) socket_flow(skb, 0, &stray);
        return stray;
}

/* A flow that begins with a packet; after share_take() if it needs one. NULL if it cannot be stored. */
static __always_inline struct cw_flow *flow_store(struct __sk_buff *skb, const struct cw_flow_key *key,
                                                  struct cw_flow *f) {
        bool stray = false;

        if (key->protocol == IP_TCP) {
                struct cw_socket_flow *s = socket_flow(skb, BPF_SK_STORAGE_GET_F_CREATE, &stray);
                if (s) {
                        socket_flow_set(s, key, f);
                        return &s->flow;
                }
                if (!stray) {
                        count(CW_COUNT_FLOWS_FULL);
                        return NULL;
                }
                f->marks |= CW_FLOW_STRAY;
        }
        flow_remember(key, f);
        return bpf_map_lookup_elem(&flows, key);
}

/* Announces a connection to the packet hook, as judged for the task. 0: there is no memory for it. */
static __noinline int flow_announce_stream(struct bpf_sock_addr *ctx, const struct cw_flow_key *key,
                                           const struct cw_flow *f) {
        struct cw_socket_flow *s = bpf_sk_storage_get(&socket_flows, ctx->sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);

        if (!s) {
                count(CW_COUNT_FLOWS_FULL);
                return 0;
        }
        socket_flow_set(s, key, f);
        return 1;
}

/* The same for others. Returns 0 if nothing is to be announced: datagrams to this destination were judged for the
 * socket before, so the packet hook continues with that flow, its bytes and its state, whichever task sends. A denial
 * ends it. */
static __noinline int flow_announce(const struct cw_flow_key *key, const struct cw_flow *f) {
        struct cw_flow *known = key->protocol == IP_UDP ? bpf_map_lookup_elem(&flows, key) : NULL;

        if (known && !(flow_verdict(known) & CW_VERDICT_ASKED)) {
                if (f->verdict & CW_VERDICT_ALLOW || CW_VERDICT_MODE(f->verdict) == CW_AUDIT)
                        return 0;
                report_close(key, known);
        }
        share_take(key, f->actor);
        flow_remember(key, f);
        return 1;
}
