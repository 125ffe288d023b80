/* SPDX-License-Identifier: Apache-2.0 */

#include "kernel/flow-table.h"

#include <assert.h>
#include <bpf/bpf.h>
#include <netinet/in.h>
#include <string.h>

#include "basic/clock.h"
#include "basic/macro.h"

#define STEPS_MAX 200000 /* keys may move during the walk: bounds it */

static bool flow_is_idle(const struct cw_flow_key *key, const struct cw_flow *f, uint64_t now, uint64_t idle_ns) {
        bool tcp = key->protocol == IPPROTO_TCP;
        uint64_t last = f->state == CW_FLOW_JUDGED ? f->start_ns : f->last_ns;

        if (tcp && f->state == CW_FLOW_SEEN && !(f->marks & CW_FLOW_RELEASED))
                return false; /* its socket will report */
        if (tcp && f->state == CW_FLOW_ENDED && f->last_ns == 0)
                return false; /* preexisting, or opened by the peer: not counted, its socket will report */
        return now > last && now - last > idle_ns;
}

static void report(const struct cw_flow_key *key, const struct cw_flow *f, uint64_t now_ns, event_ring_fn fn,
                   void *userdata) {
        struct cw_record r = {
                .version = CW_API_VERSION,
                .type = CW_RECORD_CLOSE,
                .rule = f->rule,
                .time_ns = now_ns,
                .start_ns = f->start_ns,
                .cookie = key->cookie,
                .chain = f->chain,
                .actor = f->actor,
                .bytes_out = f->bytes_out,
                .bytes_in = f->bytes_in,
                .process = f->process,
                .src = f->src,
                .dst = key->dst,
                .policy_id = f->policy_id,
                .src_port = f->src_port,
                .dst_port = key->port,
                .protocol = key->protocol,
                .action = CW_VERDICT_ACTION(f->verdict),
                .reason = CW_VERDICT_REASON(f->verdict),
                .mode = CW_VERDICT_MODE(f->verdict),
        };
        InAddr dst;

        memcpy(dst.b, key->dst.b, sizeof(dst.b));
        r.family = in_addr_is_v4(&dst) ? 4 : 6;
        fn(&r, sizeof(r), userdata);
}

/* Returns whether it is left in the table. */
static bool sweep_flow(int fd, const struct cw_flow_key *key, const FlowSweep *s, uint64_t now) {
        struct cw_flow f;

        if (bpf_map_lookup_elem(fd, key, &f) < 0)
                return false;
        if (!s->all && !flow_is_idle(key, &f, now, s->idle_nsec))
                return true;
        /* Only flows that passed have an end: denied ones were reported when they were denied. */
        bool passed = CW_VERDICT_ACTION(f.verdict) == CW_ALLOW || CW_VERDICT_MODE(f.verdict) == CW_AUDIT;
        if (bpf_map_delete_elem(fd, key) == 0 && f.state == CW_FLOW_SEEN && passed)
                report(key, &f, now, s->on_record, s->userdata);
        return false;
}

int flow_table_sweep(const Programs *programs, FlowSweep *s, size_t max_steps) {
        int fd = programs_map_fd(programs, "flows");
        uint64_t now = clock_nsec(CLOCK_MONOTONIC);
        struct cw_flow_key key;

        assert(s);

        if (fd < 0)
                return fd;
        bool more = s->n_steps > 0 || bpf_map_get_next_key(fd, NULL, &s->next) == 0;
        for (size_t i = 0; more && i < max_steps; i++) {
                key = s->next;
                /* Before key is removed. */
                more = bpf_map_get_next_key(fd, &key, &s->next) == 0 && s->n_steps++ < STEPS_MAX;
                s->n_left += sweep_flow(fd, &key, s, now);
        }
        if (!more)
                s->n_steps = 0;
        return more;
}
