/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Facts about processes, and records for the ring buffer. A wakeup of the reader takes two interprocessor
 * interrupts, many times the cost of a verdict, so most records do not wake it: see wake_flags(). */

#include "address.bpf.h"
#include "budget.bpf.h"

/* The pid as seen by the reader of the records. For a process in another pid namespace (a container), a reader in
 * the initial one sees the kernel's own number. A global function, so that the verifier sees a single outcome. */
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

/* Time of the reader's last wakeup. Two processors may both find it expired, which causes one wakeup too many. A
 * store never lacks its wakeup: the record submitted with it only becomes readable afterwards. */
__u64 ring_woken_ns;

/* Wakes the reader for
 * - the first record of a process, so that the process is still alive when it is examined;
 * - a denial, if the last wakeup is at least CW_RING_WAKE_NSEC ago. Otherwise the reader looks on its own at the end of
 *   that time (kernel/event-ring.c), so no denial waits longer;
 * - any record while the ring is more than half full, at shorter intervals: the condition is a state, since the moment
 *   of crossing could be missed.
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

/* Takes a few microseconds, less at the end. Two loops deep: each frame counts towards the 512 bytes of a call. */
__noinline __u64 hold_briefly(__u64 until_ns) {
        __u64 now_ns = 0;

        for (int i = 0; i < 128 && now_ns < until_ns; i++)
                now_ns = bpf_ktime_get_ns();
        return now_ns;
}

__noinline __u64 hold_until(__u64 until_ns) {
        __u64 now_ns = 0;

        for (int i = 0; i < 128 && now_ns < until_ns; i++)
                now_ns = hold_briefly(until_ns);
        return now_ns;
}

/* Many denied calls are faster than the reader. When the ring is half full, a denied system call takes as long
 * as a successful one, and in the last eighth much longer: the reader catches up, and no denial is lost. Only tasks
 * are delayed, never packets, and nothing if the ring is full, as it is without a reader. */
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
        __u64 backlog = ring_backlog(), now_ns = r->time_ns;
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
