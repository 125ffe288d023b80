/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Facts and records: who acted, and what goes to the ring. A wake-up of the reader takes two interrupts between
 * processors, many times what a verdict takes, so most records wake nobody: wake_flags() has the rule. */

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
        if (!pid || bpf_map_lookup_elem(&seen_pids, &pid))
                return false;
        bpf_map_update_elem(&seen_pids, &pid, &present, BPF_ANY);
        return true;
}

/* When the reader was last woken. Two processors may both find it old, then there is one wake-up too many; a store never
 * lacks the wake-up that belongs to it, since the record that is submitted with it is not readable before. */
__u64 ring_woken_ns;

/* Wakes the reader for
 * - the first record of a process, so that the process is found alive;
 * - a denial, if the last wake-up is CW_RING_WAKE_NSEC ago. If it is not, the reader looks by itself when that time is
 *   over (kernel/event-ring.c), so no denial waits longer;
 * - any record while the ring is more than half full, in shorter intervals: a state and not a crossing, which nobody
 *   might see.
 * A global function, so that the verifier walks it once. */
__noinline __u64 wake_flags(__u64 now_ns, __u32 pid, __u32 is_denial, __u64 backlog) {
        __u64 interval = backlog > ring_bytes / 2 ? CW_RING_HURRY_NSEC : CW_RING_WAKE_NSEC;
        volatile __u64 *woken_ns = &ring_woken_ns;

        bool is_new = process_is_new(pid);
        if (!is_new && (now_ns < *woken_ns + interval || (!is_denial && backlog <= ring_bytes / 2)))
                return BPF_RB_NO_WAKEUP;
        *woken_ns = now_ns;
        return BPF_RB_FORCE_WAKEUP;
}

/* A microsecond or so, and less at the end. */
__noinline __u64 hold_briefly(__u64 until_ns) {
        __u64 now_ns = 0;

        for (int i = 0; i < 32 && now_ns < until_ns; i++)
                now_ns = bpf_ktime_get_ns();
        return now_ns;
}

__noinline __u64 hold_some_time(__u64 until_ns) {
        __u64 now_ns = 0;

        for (int i = 0; i < 32 && now_ns < until_ns; i++)
                now_ns = hold_briefly(until_ns);
        return now_ns;
}

__noinline __u64 hold_until(__u64 until_ns) {
        __u64 now_ns = 0;

        for (int i = 0; i < 32 && now_ns < until_ns; i++)
                now_ns = hold_some_time(until_ns);
        return now_ns;
}

/* A loop of refusals is faster than the reader. When the ring is half full, a refused system call takes as long as one that
 * connects, and in the last eighth much longer: the reader catches up, and no denial is lost. Only a task is held up, never a
 * packet; and nobody when the ring is full, as it is when there is no reader. */
static __always_inline void hold_sender(__u64 now_ns, __u64 backlog) {
        if (backlog > ring_bytes / 2)
                hold_until(now_ns + (backlog > ring_bytes / 8 * 7 ? CW_RING_HOLD_LONG_NSEC : CW_RING_HOLD_NSEC));
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

static __always_inline void record_submit(struct cw_record *r, bool is_denial) {
        __u64 backlog = bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA), now_ns = r->time_ns;
        bool by_task = r->hook && r->hook != CW_HOOK_PACKET;

        bpf_ringbuf_submit(r, wake_flags(now_ns, r->process.pid, is_denial, backlog));
        if (is_denial && by_task)
                hold_sender(now_ns, backlog);
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
        r->action = CW_VERDICT_ACTION(f->verdict);
        r->reason = CW_VERDICT_REASON(f->verdict);
}
