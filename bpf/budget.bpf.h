/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Which denials get a record. Repeats within a second are counted in the entry of the first, and each actor has a
 * token bucket: a flood of one costs neither the reader nor the space in the ring that others need. Every denial is
 * counted somewhere. */

#include "maps.bpf.h"

static __always_inline __u64 ring_backlog(void) {
        return bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA);
}

static __always_inline struct cw_budget *budget_of(__u32 actor) {
        struct cw_budget *b = bpf_map_lookup_elem(&budgets, &actor);

        if (b)
                return b;
        bpf_map_update_elem(&budgets, &actor, &unused_budget, BPF_NOEXIST);
        return bpf_map_lookup_elem(&budgets, &actor);
}

/* An actor may have taken as many tokens as half of the space that is left, so that others find some. unused: it took
 * none for a while. */
static __always_inline bool budget_has_token(__u64 taken_ns, bool unused) {
        __u64 burst = CW_DENIAL_BURST;

        if (many_layers) {
                __u64 backlog = ring_backlog(), left = backlog < ring_bytes ? ring_bytes - backlog : 0;
                if (left < ring_bytes / 8)
                        return unused;
                if (left / (2 * sizeof(struct cw_record)) < burst)
                        burst = left / (2 * sizeof(struct cw_record));
        }
        return taken_ns < burst * CW_DENIAL_NSEC;
}

/* Two processors may take the same token: the rate is approximate, the counts are not. Returns whether there is one.
 * what: the count of n_over that is used otherwise, of the first two; CW_OVER_MAX: none, the caller counts. Global
 * functions, so that the verifier walks them once. */
__noinline __u32 budget_take(__u32 actor, __u32 what, __u64 now_ns) {
        struct cw_budget *b = budget_of(actor);

        if (!b) {
                count(CW_COUNT_RING_FULL);
                return 0;
        }
        volatile __u64 *due = &b->due_ns;
        __u64 from = *due > now_ns ? *due : now_ns;
        if (budget_has_token(from - now_ns, now_ns >= *due + CW_DENIAL_PRESSED_NSEC)) {
                *due = from + CW_DENIAL_NSEC;
                return 1;
        }
        if (what == CW_OVER_ENFORCED)
                __sync_fetch_and_add(&b->n_over[CW_OVER_ENFORCED], 1);
        else if (what == CW_OVER_AUDITED)
                __sync_fetch_and_add(&b->n_over[CW_OVER_AUDITED], 1);
        return 0;
}

/* May a packet of the actor go to the proxy? */
__noinline __u32 query_admit(__u32 actor) {
        __u64 *until = bpf_map_lookup_elem(&throttled, &actor);
        __u64 now_ns = now_coarse();

        if (!until || *until < now_ns)
                return 1;
        struct cw_budget *b = budget_of(actor);
        if (!b)
                return 1;
        volatile __u64 *due = &b->query_due_ns;
        __u64 from = *due > now_ns ? *due : now_ns;
        if (from - now_ns <= (CW_QUERY_BURST - 1) * CW_QUERY_NSEC) {
                *due = from + CW_QUERY_NSEC;
                return 1;
        }
        __sync_fetch_and_add(&b->n_over[CW_OVER_QUERIES], 1);
        return 0;
}

/* May the actor create another entry in repeats? */
static __always_inline bool repeats_has_room(__u32 actor, __u64 period) {
        struct cw_budget *b = bpf_map_lookup_elem(&budgets, &actor);

        if (!b)
                return false;
        if (b->period != period) {
                b->period = period;
                b->n_repeats = 0;
        }
        if (b->n_repeats >= CW_REPEATS_MAX)
                return false;
        __sync_fetch_and_add(&b->n_repeats, 1);
        return true;
}

/* The last eighth of the ring is for denials, and for actors that have few records. */
static __always_inline bool record_has_room(__u32 actor) {
        if (!many_layers || ring_backlog() <= ring_bytes / 8 * 7 ||
            budget_take(actor, CW_OVER_MAX, now_coarse()))
                return true;
        count(CW_COUNT_RING_FULL);
        return false;
}
