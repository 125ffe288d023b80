/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Packets of sockets of other families, where no hook refuses such sockets (family.bpf.h): a filter for outgoing
 * packets, tc-bpf(8), on each network device of the service's namespace but the loopback. It is the only place that
 * they pass together with their socket, which has the cgroup of its creator.
 *
 * The owner of a packet there, seen on Linux 5.10 and 6.1:
 * - PPPoE, L2TP over UDP: the socket of AF_PPPOX. The egress hook is not asked about the datagrams of the latter: the
 *   kernel sends them over the socket of the tunnel, which does not own them.
 * - AF_PACKET, and the old SOCK_PACKET: that socket. With PACKET_QDISC_BYPASS, and with AF_XDP, packets go to the
 *   driver past all filters; both need CAP_NET_RAW.
 * - L2TP over IP: an IP socket; the egress hook has judged it, like whatever else an IP socket owns. Also what tunnels
 *   make of a packet keeps its owner.
 * - tap and macvtap devices (by the kernel's source): a socket of AF_UNSPEC. What they send is forwarded, as for virtual
 *   machines.
 * - packets that are forwarded, and what the kernel sends for itself (ARP, TIPC): none. A verdict about forwarded
 *   packets would have its place here.
 *
 * A packet may pass several devices, such as a bridge and its port. It keeps its socket: the first denial ends it. */

#include "family.bpf.h"

#define FAMILY_UNSPEC 0
/* <linux/pkt_cls.h>: the filters of others decide. */
#define FILTER_NEXT (-1) /* TC_ACT_UNSPEC */
#define FILTER_DROP 2    /* TC_ACT_SHOT */

/* What the filters call. The kernel empties this map as soon as no process and no pin holds it: the filters, which
 * outlive the service, then pass everything. A successor replaces the program on all devices with one store. */
struct {
        __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
        __uint(max_entries, 1);
        __type(key, __u32);
        __type(value, __u32);
} backstop SEC(".maps");

/* Almost all packets end here. */
static __always_inline int filter_packet(struct __sk_buff *skb) {
        struct bpf_sock *sk = skb->sk;

        if (!sk)
                return FILTER_NEXT;
        __u32 family = sk->family;
        if (family != FAMILY_INET && family != FAMILY_INET6)
                bpf_tail_call(skb, &backstop, 0);
        return FILTER_NEXT;
}

/* Once for each socket and verdict. There is no hook that could have seen the process. */
static __always_inline void report_family(struct __sk_buff *skb, __u64 subject, const struct cw_layer *layer,
                                          __u32 family) {
        struct cw_flow_key key = { .cookie = bpf_get_socket_cookie(skb) }; /* of no protocol: no other entry has it */
        __u32 actor = subject_actor(subject);
        __u64 verdict;

        __builtin_memcpy(&verdict, layer, sizeof(verdict));
        __u64 *last = bpf_map_lookup_elem(&denied_flows, &key);
        if (last && *last == verdict)
                return;
        bpf_map_update_elem(&denied_flows, &key, &verdict, BPF_ANY);
        count_denial(layer->mode);
        if (!budget_take(actor, layer->mode == CW_AUDIT, now_coarse()))
                return;
        struct cw_record *r = record_begin(CW_RECORD_FAMILY, layer->policy_id, layer->mode);
        if (!r)
                return;
        r->cookie = key.cookie;
        r->chain = subject_chain(subject);
        r->actor = actor;
        r->process.cgroup_id = bpf_skb_cgroup_id(skb);
        r->family = 4; /* of the addresses, which it has none of */
        r->socket_family = family;
        r->action = CW_DENY;
        r->reason = CW_REASON_FAMILY;
        r->hook = CW_HOOK_PACKET;
        record_submit(r, true);
}

static __always_inline int judge_family(struct __sk_buff *skb) {
        struct bpf_sock *sk = skb->sk;
        struct cw_layer layer;

        if (!sk)
                return FILTER_NEXT;
        __u32 family = sk->family;
        if (family == FAMILY_UNSPEC || family_is_harmless(family))
                return FILTER_NEXT;
        __u64 subject = subject_of_packet(skb);
        if (subject == UNASSIGNED) {
                count(CW_COUNT_UNASSIGNED);
                return FILTER_DROP;
        }
        if (!family_is_refused(subject, &layer))
                return FILTER_NEXT;
        report_family(skb, subject, &layer, family);
        return layer.mode == CW_AUDIT ? FILTER_NEXT : FILTER_DROP;
}
