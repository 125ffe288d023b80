/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A flow and one of its packets: what is counted, when its start and end are reported, and a new verdict. */

#include "flow.bpf.h"
#include "packet.bpf.h"

/* Sequence numbers count each byte once, however often it is sent, without examining incoming packets. */
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

/* The peer's FIN takes a sequence number as well. */
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
        if (f->marks & CW_FLOW_RELEASED ? bpf_map_delete_elem(&released_flows, key) == 0 :
                                          (p->tcp_flags & TCP_RST) != 0)
                report_close(key, f);
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
                if (f->verdict & CW_VERDICT_ALLOW)
                        report_open(key, f);
                else
                        report_denial(key, f, CW_HOOK_PACKET, p->continues);
        }
        if (p->tcp_flags & (TCP_FIN | TCP_RST))
                flow_end(skb, key, f, p);
}

static __always_inline void flow_judge(const struct policy_chain *c, struct cw_flow *f, const struct verdict *v) {
        __u64 old = flow_verdict(f);
        bool reported = f->state == CW_FLOW_SEEN ||
                        (f->state == CW_FLOW_ENDED && CW_VERDICT_REASON(old) == CW_REASON_INBOUND);
        bool other = CW_VERDICT_ACTION(old) != v->action ||
                     CW_POLICY_LAYER(f->policy_id) != CW_POLICY_LAYER(v->policy_id) ||
                     (v->action == CW_DENY && CW_VERDICT_MODE(old) == CW_AUDIT && v->mode == CW_ENFORCE);

        if (other && reported)
                f->state = CW_FLOW_JUDGED; /* report it again */
        flow_take(f, c, v, 0);
}
