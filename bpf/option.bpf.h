/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Socket options that put bytes of the caller's choice on the network, or send its packets elsewhere:
 * - group memberships: the kernel announces them (IGMP, MLD) in packets that no hook sees, or that are not the task's;
 * - source routing;
 * - any address as the source, in network namespaces where the packet hook cannot check it (see source.bpf.h);
 * - a device for a connection from the loopback to another address of this machine: when the socket is closed, the kernel
 *   answers the other end from a socket of its own (TIME_WAIT), whose packets no hook of the cgroup sees, and by that device.
 * A program that chooses the receiver among sockets is only noted, for name servers (see listener.bpf.h).
 * A device for outgoing packets is only noted, for queries: it cannot be read from the socket. Resolvers have their
 * queries sent to the proxy, by whatever device.
 * The program reads a copy of the value, and the kernel then uses this copy: the caller cannot change it meanwhile. */

#include "dns.bpf.h"
#include "packet.bpf.h"
#include "record.bpf.h"
#include "verdict.bpf.h"

/* A longer value is not copied whole. No option judged here needs as much. */
#define OPTION_LENGTH_MAX 4096

/* linux/in.h, linux/in6.h */
enum {
        LEVEL_IP = 0,
        LEVEL_IPV6 = 41,

        OPTION_IP_OPTIONS = 4,
        OPTION_IP_FREEBIND = 15,
        OPTION_IP_TRANSPARENT = 19,
        OPTION_IP_ADD_MEMBERSHIP = 35,
        OPTION_IP_UNBLOCK_SOURCE = 37,
        OPTION_IP_BLOCK_SOURCE = 38,
        OPTION_IP_ADD_SOURCE_MEMBERSHIP = 39,
        OPTION_IP_MSFILTER = 41,
        OPTION_IP_UNICAST_IF = 50,

        OPTION_IPV6_2292PKTOPTIONS = 6, /* any of the ancillary data of a packet, a routing header among them */
        OPTION_IPV6_ADD_MEMBERSHIP = 20,
        OPTION_IPV6_JOIN_ANYCAST = 27,
        OPTION_IPV6_RTHDRDSTOPTS = 55,
        OPTION_IPV6_RTHDR = 57,
        OPTION_IPV6_TRANSPARENT = 75,
        OPTION_IPV6_UNICAST_IF = 76,
        OPTION_IPV6_FREEBIND = 78,

        /* of SOL_SOCKET, asm-generic/socket.h */
        OPTION_BINDTODEVICE = SO_BINDTODEVICE,
        OPTION_ATTACH_REUSEPORT_CBPF = 51,
        OPTION_ATTACH_REUSEPORT_EBPF = 52,
        OPTION_BINDTOIFINDEX = 62,

        /* of both levels */
        OPTION_JOIN_GROUP = 42,
        OPTION_BLOCK_SOURCE = 43,
        OPTION_UNBLOCK_SOURCE = 44,
        OPTION_JOIN_SOURCE_GROUP = 46,
        OPTION_MSFILTER = 48,
};

enum option_kind {
        OPTION_OTHER,
        OPTION_GROUP,         /* the value starts with the address of a group, or with the address itself (anycast) */
        OPTION_GROUP_SOCKADDR, /* ... with an interface, then a struct sockaddr_storage */
        OPTION_ROUTE4,
        OPTION_ROUTE6,
        OPTION_ANY_SOURCE, /* a flag */
        OPTION_DEVICE,     /* the index of a device, 0 for none */
        OPTION_STEERING,   /* a program */
        OPTION_BIND,       /* the name or the index of a device, nothing for none */
};

static __always_inline enum option_kind option_kind(__s32 level, __s32 name) {
        if (level == SOL_SOCKET && (name == OPTION_ATTACH_REUSEPORT_CBPF || name == OPTION_ATTACH_REUSEPORT_EBPF))
                return OPTION_STEERING;
        if (level == SOL_SOCKET && (name == OPTION_BINDTODEVICE || name == OPTION_BINDTOIFINDEX))
                return OPTION_BIND;
        if (level != LEVEL_IP && level != LEVEL_IPV6)
                return OPTION_OTHER;
        switch (name) {
        case OPTION_JOIN_GROUP:
        case OPTION_BLOCK_SOURCE:
        case OPTION_UNBLOCK_SOURCE:
        case OPTION_JOIN_SOURCE_GROUP:
        case OPTION_MSFILTER:
                return OPTION_GROUP_SOCKADDR;
        case OPTION_IP_ADD_MEMBERSHIP:
        case OPTION_IP_UNBLOCK_SOURCE:
        case OPTION_IP_BLOCK_SOURCE:
        case OPTION_IP_ADD_SOURCE_MEMBERSHIP:
        case OPTION_IP_MSFILTER:
                return level == LEVEL_IP ? OPTION_GROUP : OPTION_OTHER;
        case OPTION_IPV6_ADD_MEMBERSHIP:
        case OPTION_IPV6_JOIN_ANYCAST:
                return level == LEVEL_IPV6 ? OPTION_GROUP : OPTION_OTHER;
        case OPTION_IP_OPTIONS:
                return level == LEVEL_IP ? OPTION_ROUTE4 : OPTION_OTHER;
        case OPTION_IPV6_2292PKTOPTIONS:
        case OPTION_IPV6_RTHDRDSTOPTS:
        case OPTION_IPV6_RTHDR:
                return level == LEVEL_IPV6 ? OPTION_ROUTE6 : OPTION_OTHER;
        case OPTION_IP_FREEBIND:
        case OPTION_IP_TRANSPARENT:
                return level == LEVEL_IP ? OPTION_ANY_SOURCE : OPTION_OTHER;
        case OPTION_IPV6_TRANSPARENT:
        case OPTION_IPV6_FREEBIND:
                return level == LEVEL_IPV6 ? OPTION_ANY_SOURCE : OPTION_OTHER;
        case OPTION_IP_UNICAST_IF:
                return level == LEVEL_IP ? OPTION_DEVICE : OPTION_OTHER;
        case OPTION_IPV6_UNICAST_IF:
                return level == LEVEL_IPV6 ? OPTION_DEVICE : OPTION_OTHER;
        default:
                return OPTION_OTHER;
        }
}

/* ------------------------------------------------------------------ the task: global functions, see chain.bpf.h */

/* Before Linux 6.1 this hook cannot walk up from the task's cgroup. Then one without an entry of its own, whose
 * subject is not in the cache either, counts as the host's: one that has not created a socket since the last change of an entry. */
static __always_inline __u64 cgroup_subject_of_caller(void) {
        bool known;
        __u64 cgroup = bpf_get_current_cgroup_id(), subject = cached_subject(cgroup, &known);
        if (known)
                return subject;
        if (option_has_task)
                return walk_task_inline();
        struct cw_subject *s = bpf_map_lookup_elem(&subjects, &cgroup);
        return s ? subject_pack(s) : CW_CHAIN(CW_LAYER_HOST, 0, 0, 0);
}

__noinline __u64 subject_of_caller(void) {
        return many_layers ? subject_of_current(cgroup_subject_of_caller()) : CW_CHAIN(CW_LAYER_HOST, 0, 0, 0);
}

#define INITIAL_PID_NS_INODE 0xEFFFFFFCU /* PROC_PID_INIT_INO, linux/proc_ns.h */

/* The pid as seen by the reader of the records; 0 if it cannot be known. */
__noinline __u64 caller_pid_tgid(void) {
        struct bpf_pidns_info info = {};

        if (!option_has_task)
                return 0;
        if (option_has_ns_pid && bpf_get_ns_current_pid_tgid(pid_ns_device, pid_ns_inode, &info, sizeof(info)) == 0)
                return (__u64) info.tgid << 32 | info.pid;
        if (!option_has_ns_pid && has_ns_pid && pid_ns_inode != INITIAL_PID_NS_INODE)
                return 0;
        return bpf_get_current_pid_tgid();
}

static __always_inline void process_of_caller(struct cw_process *p) {
        __u64 id = caller_pid_tgid(), user = bpf_get_current_uid_gid();

        p->cgroup_id = bpf_get_current_cgroup_id();
        p->pid = id >> 32;
        p->tid = (__u32) id;
        p->uid = (__u32) user;
        p->gid = user >> 32;
        if (option_has_comm)
                bpf_get_current_comm(p->comm, sizeof(p->comm));
        p->comm[CW_COMM_MAX - 1] = 0;
}

/* ------------------------------------------------------------------ refusals */

/* word: the denial, as of verdict_pack(); group: NULL for an option without one. Returns whether the option may be set
 * nevertheless. */
static __noinline int deny_option(struct bpf_sockopt *ctx, const struct policy_chain *c, __u64 word,
                                  const struct cw_addr *group) {
        struct cw_process process = {};
        struct verdict v;

        verdict_unpack(&v, word);
        process_of_caller(&process);
        count_denial(v.mode);
        if (!budget_take(c->actor, v.mode == CW_AUDIT, bpf_ktime_get_ns()))
                return v.mode == CW_AUDIT;
        struct cw_record *r = record_begin(group ? CW_RECORD_DENY : CW_RECORD_OPTION, v.policy_id, v.mode);
        if (r) {
                r->chain = c->chain;
                r->actor = c->actor;
                r->process = process;
                r->family = ctx->level == LEVEL_IPV6 ? 6 : 4;
                if (group) { /* as what it would have been announced */
                        r->dst = *group;
                        r->protocol = ctx->level == LEVEL_IPV6 ? IP_ICMP6 : IP_IGMP;
                } else
                        r->protocol = ctx->sk ? ctx->sk->protocol : 0;
                r->rule = v.rule;
                r->action = CW_DENY;
                r->reason = v.reason;
                r->hook = CW_HOOK_OPTION;
                record_submit(r, true);
        }
        return v.mode == CW_AUDIT;
}

/* A denial that no rule lifts. */
static __always_inline __u64 denial(const struct policy_chain *c, enum subject_state state, __u8 reason) {
        const struct cw_layer unassigned = { .policy_id = CW_POLICY_UNASSIGNED };
        struct cw_layer layer = unassigned;

        if (state == SUBJECT_JUDGED)
                layer = layer_unpack(deciding_layer(c->chain, 0));
        return verdict_pack(&layer, CW_DENY, state == SUBJECT_JUDGED ? reason : CW_REASON_FAULT, CW_NO_RULE);
}

/* ------------------------------------------------------------------ groups */

static __always_inline bool addr_is_group(const struct cw_addr *a) {
        return addr_is_v4(a) ? (a->b[12] & 0xf0) == 0xe0 : a->b[0] == 0xff;
}

/* All hosts, and groups within this host: never announced (RFC 3376 6, RFC 3810 6). */
static __always_inline bool group_is_silent(const struct cw_addr *a) {
        __u32 w[4];

        if (addr_is_v4(a))
                return addr_v4(a) == bpf_htonl(0xe0000001);
        __builtin_memcpy(w, a->b, 16);
        return (a->b[1] & 0xf) < 2 || (w[0] == bpf_htonl(0xff020000) && !w[1] && !w[2] && w[3] == bpf_htonl(1));
}

/* Joined by whatever announces routers or looks for them: the group carries no information. */
static __always_inline bool group_is_all_routers(const struct cw_addr *a) {
        __u32 w[4];

        if (addr_is_v4(a))
                return addr_v4(a) == bpf_htonl(0xe0000002);
        __builtin_memcpy(w, a->b, 16);
        return w[0] == bpf_htonl(0xff020000) && !w[1] && !w[2] && w[3] == bpf_htonl(2);
}

/* plain: the value names no sources. */
static __noinline int judge_group(struct bpf_sockopt *ctx, const struct policy_chain *c, const struct cw_addr *group,
                                  __u32 state, __u32 plain) {
        if (group_is_silent(group) || (plain && c->base.flags & CW_LAYER_SYSTEM && group_is_all_routers(group)))
                return 1;
        if (state != SUBJECT_JUDGED)
                return deny_option(ctx, c, denial(c, state, CW_REASON_FAULT), group);
        __u64 word = group_verdict(c, group);
        return word & CW_VERDICT_ALLOW ? 1 : deny_option(ctx, c, word, group);
}

/* false: the value ends before. Whatever that is, the kernel refuses it. */
static __always_inline bool read_addr(struct bpf_sockopt *ctx, __u32 at, struct cw_addr *ret) {
        __u8 *p = (__u8 *) ctx->optval + at;
        void *end = ctx->optval_end;

        if (ctx->level == LEVEL_IPV6) {
                if ((void *) (p + sizeof(ret->b)) > end)
                        return false;
                __builtin_memcpy(ret->b, p, sizeof(ret->b));
                return true;
        }
        __u32 v4_be;
        if ((void *) (p + sizeof(v4_be)) > end)
                return false;
        __builtin_memcpy(&v4_be, p, sizeof(v4_be));
        addr_from_v4(ret, v4_be);
        return true;
}

static __always_inline int judge_membership(struct bpf_sockopt *ctx, const struct policy_chain *c,
                                            enum subject_state state) {
        bool plain = ctx->optname == OPTION_IP_ADD_MEMBERSHIP || ctx->optname == OPTION_IPV6_ADD_MEMBERSHIP;
        bool anycast = ctx->level == LEVEL_IPV6 && ctx->optname == OPTION_IPV6_JOIN_ANYCAST;
        struct cw_addr group;

        if (!read_addr(ctx, 0, &group) || !(anycast || addr_is_group(&group)))
                return 1;
        return judge_group(ctx, c, &group, state, plain);
}

/* The address in struct group_req and the like follows an interface, with padding or (32-bit kernels) without: what
 * is no group in one form may be one in the other. In a valid value only one of them is. */
static __always_inline int judge_membership_sockaddr(struct bpf_sockopt *ctx, const struct policy_chain *c,
                                                     enum subject_state state) {
        __u32 in_sockaddr = ctx->level == LEVEL_IPV6 ? 8 : 4;
        bool plain = ctx->optname == OPTION_JOIN_GROUP;
        struct cw_addr group;

        if (read_addr(ctx, 8 + in_sockaddr, &group) && addr_is_group(&group) &&
            !judge_group(ctx, c, &group, state, plain))
                return 0;
        if (read_addr(ctx, 4 + in_sockaddr, &group) && addr_is_group(&group))
                return judge_group(ctx, c, &group, state, plain);
        return 1;
}

/* ------------------------------------------------------------------ source routing */

__noinline __u32 has_source_route(struct bpf_sockopt *ctx) {
        __u64 next = *(volatile __u64 *) &opaque_zero;
        __u8 *p = ctx->optval;

        for (__u64 i = 0; i < IP_OPTIONS_MAX; i++) {
                if ((void *) (p + i + 2) > ctx->optval_end)
                        return 0;
                if (i != next)
                        continue;
                if (ip_option_is_route(p[i]))
                        return 1;
                if (p[i] == IP_OPTION_END)
                        return 0;
                next = ip_option_next(i, p[i], p[i + 1]);
        }
        return 0;
}

/* ------------------------------------------------------------------ sources */

/* As in_proxy_netns(); only if option_has_netns. */
static __always_inline bool option_in_proxy_netns(struct bpf_sockopt *ctx) {
        return bpf_get_netns_cookie(ctx) == (proxy_netns_cookie ? proxy_netns_cookie : bpf_get_netns_cookie(NULL));
}

/* Does the option permit addresses of others, and would the packet hook not notice? IP_FREEBIND alone does not for
 * IPv4 (ip(7)), but it is the same flag as IPV6_FREEBIND. */
static __always_inline bool permits_any_source(struct bpf_sockopt *ctx) {
        __u32 *value = ctx->optval;

        if (!option_has_netns || (void *) (value + 1) > ctx->optval_end || !*value)
                return false;
        if (ctx->level == LEVEL_IP && ctx->optname == OPTION_IP_FREEBIND && ctx->sk && ctx->sk->family == AF_INET)
                return false;
        return !option_in_proxy_netns(ctx);
}

/* ------------------------------------------------------------------ devices */

/* Where can_leave_device() redirects what the socket asks. Before Linux 5.14 the network namespace is not known here: any
 * passes for the proxy's. */
static __always_inline bool is_redirected_by_device(struct bpf_sockopt *ctx) {
        if (!(subject_of_caller() & SUBJECT_FORWARDER) || !(ctx->level == LEVEL_IPV6 ? proxy_port6 : proxy_port4))
                return false;
        return !option_has_netns || option_in_proxy_netns(ctx);
}

static __always_inline int note_device(struct bpf_sockopt *ctx) {
        __u32 *index = ctx->optval;

        if (is_redirected_by_device(ctx)) {
                ctx->optlen = -1; /* done: the kernel does not see it */
                return 1;
        }
        if (ctx->sk && (void *) (index + 1) <= ctx->optval_end) {
                struct cw_dns_socket *s = bpf_sk_storage_get(&dns_sockets, ctx->sk, NULL,
                                                             *index ? BPF_SK_STORAGE_GET_F_CREATE : 0);
                if (s)
                        s->by_device = *index != 0;
        }
        return 1;
}

/* Is the socket the end of a connection from the loopback that has another address, and would it get a device that leads away? A
 * value that is not all here does. */
static __noinline bool binds_local_connection(struct bpf_sockopt *ctx) {
        struct bpf_sock *sk = ctx->sk;
        __u8 *name = ctx->optval;
        __u32 *index = ctx->optval;
        struct cw_addr peer, own;

        if (!sk || sk->type != SOCK_STREAM || !sk->dst_port)
                return false;
        volatile const struct bpf_sock *v = sk; /* as in chosen_source() */
        __u32 to4 = v->dst_ip4, from4 = v->src_ip4;
        __u32 to[4] = { v->dst_ip6[0], v->dst_ip6[1], v->dst_ip6[2], v->dst_ip6[3] };
        __u32 from[4] = { v->src_ip6[0], v->src_ip6[1], v->src_ip6[2], v->src_ip6[3] };
        if (v->family == AF_INET) {
                addr_from_v4(&peer, to4);
                addr_from_v4(&own, from4);
        } else {
                __builtin_memcpy(peer.b, to, sizeof(peer.b));
                __builtin_memcpy(own.b, from, sizeof(own.b));
        }
        if (!addr_is_loopback(&peer) || addr_is_loopback(&own))
                return false;
        if (ctx->optname == OPTION_BINDTOIFINDEX)
                return (void *) (index + 1) > ctx->optval_end || (*index != 0 && *index != LOOPBACK_IFINDEX);
        if ((void *) (name + 1) > ctx->optval_end)
                return true;
        if ((void *) (name + 3) > ctx->optval_end)
                return *name != 0;
        return *name != 0 && !(name[0] == 'l' && name[1] == 'o' && name[2] == 0);
}

/* ------------------------------------------------------------------ */

/* Returns what the program returns: 1, or 0 to refuse with EPERM. */
static __always_inline int on_option(struct bpf_sockopt *ctx) {
        enum option_kind kind = option_kind(ctx->level, ctx->optname);
        __s32 length = ctx->optlen;
        struct policy_chain c;

        if (length > OPTION_LENGTH_MAX)
                ctx->optlen = 0; /* means: the kernel reads the caller's value, not the part that was copied */
        if (kind == OPTION_OTHER || length <= 0)
                return 1;
        if (kind == OPTION_DEVICE)
                return note_device(ctx);
        if (kind == OPTION_STEERING)
                return on_steering(ctx);
        enum subject_state state = chain_read(subject_of_caller(), &c);
        if (state == SUBJECT_OFF || state == SUBJECT_FAULT)
                return state == SUBJECT_OFF;

        if (kind == OPTION_ANY_SOURCE) {
                if (!permits_any_source(ctx))
                        return 1;
                return deny_option(ctx, &c, denial(&c, state, CW_REASON_SOURCE), NULL);
        }
        if (kind == OPTION_BIND) {
                if (!binds_local_connection(ctx))
                        return 1;
                return deny_option(ctx, &c, denial(&c, state, CW_REASON_DEVICE), NULL);
        }
        if (kind == OPTION_ROUTE4 && !has_source_route(ctx))
                return 1;
        if (kind == OPTION_ROUTE4 || kind == OPTION_ROUTE6)
                return deny_option(ctx, &c, denial(&c, state, CW_REASON_SOURCE_ROUTE), NULL);
        if (length > OPTION_LENGTH_MAX) /* the caller could change it meanwhile */
                return deny_option(ctx, &c, denial(&c, state, CW_REASON_PROTOCOL), NULL);
        return kind == OPTION_GROUP ? judge_membership(ctx, &c, state) : judge_membership_sockaddr(ctx, &c, state);
}
