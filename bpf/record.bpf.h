/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Facts and records: who acted, and what goes to the ring. Wake-ups are the largest cost of all, so an allowed flow
 * wakes nobody unless it is the first record of its process or the backlog crosses the threshold. */

#include "address.bpf.h"

/* The pid as the reader of the records sees it. Of a process in another pid namespace (a container's) the reader, if it
 * is in the initial one, sees the kernel's own number. A global function, so that the verifier sees one outcome. */
__noinline __u64 current_pid_tgid(void) {
        struct bpf_pidns_info info = {};

        if (has_ns_pid && bpf_get_ns_current_pid_tgid(pid_ns_device, pid_ns_inode, &info, sizeof(info)) == 0)
                return (__u64) info.tgid << 32 | info.pid;
        return bpf_get_current_pid_tgid();
}

static __always_inline void process_fill(struct cw_process *p) {
        __u64 id = current_pid_tgid(), user = bpf_get_current_uid_gid();

        p->cgroup_id = bpf_get_current_cgroup_id();
        p->pid = id >> 32;
        p->tid = (__u32) id;
        p->uid = (__u32) user;
        p->gid = user >> 32;
        if (has_comm)
                bpf_get_current_comm(p->comm, sizeof(p->comm));
        p->comm[CW_COMM_MAX - 1] = 0;
}

static __always_inline bool process_is_new(__u32 pid) {
        if (!pid || bpf_map_lookup_elem(&reported, &pid))
                return false;
        bpf_map_update_elem(&reported, &pid, &present, BPF_ANY);
        return true;
}

static __always_inline struct cw_record *record_begin(__u16 type, __u32 policy_id, __u8 mode) {
        struct cw_record *r = bpf_ringbuf_reserve(&ring, sizeof(*r), 0);
        if (!r) {
                count(CW_COUNT_RING_FULL);
                return NULL;
        }
        __builtin_memset(r, 0, sizeof(*r));
        r->version = CW_API_VERSION;
        r->type = type;
        r->time_ns = bpf_ktime_get_ns();
        r->policy_id = policy_id;
        r->mode = mode;
        r->rule = CW_NO_RULE;
        return r;
}

static __always_inline void record_submit(struct cw_record *r, bool urgent) {
        __u64 backlog = bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA);
        bool crosses = backlog >= ring_wake_bytes && backlog < ring_wake_bytes + ring_wake_span;

        bpf_ringbuf_submit(r, urgent || crosses ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP);
}

static __always_inline void record_key(struct cw_record *r, const struct cw_flow_key *key) {
        r->cookie = key->cookie;
        r->dst = key->dst;
        r->dst_port = key->port;
        r->protocol = key->protocol;
        r->family = addr_is_v4(&key->dst) ? 4 : 6;
}

static __always_inline void record_flow(struct cw_record *r, const struct cw_flow *f) {
        r->process = f->process;
        r->chain = f->chain;
        r->actor = f->actor;
        r->src = f->src;
        r->src_port = f->src_port;
        r->start_ns = f->start_ns;
        r->bytes_out = f->bytes_out;
        r->bytes_in = f->bytes_in;
        r->rule = f->rule;
        r->action = f->action;
        r->reason = f->reason;
}
