/* SPDX-License-Identifier: Apache-2.0 */

#include "kernel/flow-table.h"

#include <assert.h>
#include <bpf/bpf.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/mman.h>

#include "basic/clock.h"
#include "basic/macro.h"

#define STEPS_MAX 200000 /* keys may move during the walk: bounds it */

static const char *const tables[] = {"flows", "released_flows"};

struct FlowTable {
        int fds[ELEMENTSOF(tables)];  /* borrowed */
        struct cw_flow_share *shares; /* mapped */
        struct {
                uint32_t n_begun; /* at the beginning of the walk */
                int32_t n_left;
        } walk[CW_FLOW_SHARES];
};

static size_t shares_size(void) {
        size_t page = sysconf(_SC_PAGESIZE);

        return (CW_FLOW_SHARES * sizeof(struct cw_flow_share) + page - 1) / page * page;
}

int flow_table_new(const Programs *programs, FlowTable **ret) {
        _cleanup_(flow_table_freep) FlowTable *t = calloc(1, sizeof(*t));

        if (!t)
                return -ENOMEM;
        for (size_t i = 0; i < ELEMENTSOF(tables); i++) {
                t->fds[i] = programs_map_fd(programs, tables[i]);
                if (t->fds[i] < 0)
                        return t->fds[i];
        }
        int fd = programs_map_fd(programs, "flow_shares");
        if (fd < 0)
                return fd;
        void *p = mmap(NULL, shares_size(), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (p == MAP_FAILED)
                return -errno;
        t->shares = p;
        *ret = TAKE_PTR(t);
        return 0;
}

FlowTable *flow_table_free(FlowTable *t) {
        if (!t)
                return NULL;
        if (t->shares)
                (void) munmap(t->shares, shares_size());
        free(t);
        return NULL;
}

/* ------------------------------------------------------------------ shares */

static void shares_begin(FlowTable *t) {
        for (size_t i = 0; i < CW_FLOW_SHARES; i++) {
                t->walk[i].n_begun = __atomic_load_n(&t->shares[i].n_begun, __ATOMIC_RELAXED);
                t->walk[i].n_left = 0;
        }
}

/* The kernel does not subtract an entry that it evicts because the whole table is full. Corrected where no flow began
 * during the walk, so that nobody gets more than a share by being busy meanwhile. */
static void shares_end(FlowTable *t) {
        for (size_t i = 0; i < CW_FLOW_SHARES; i++)
                if (__atomic_load_n(&t->shares[i].n_begun, __ATOMIC_RELAXED) == t->walk[i].n_begun)
                        __atomic_store_n(&t->shares[i].n, t->walk[i].n_left, __ATOMIC_RELAXED);
}

/* ------------------------------------------------------------------ walk */

static bool flow_is_idle(const struct cw_flow_key *key, const struct cw_flow *f, uint64_t now, uint64_t idle_ns) {
        bool tcp = key->protocol == IPPROTO_TCP && !(f->marks & CW_FLOW_STRAY);
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
static bool sweep_flow(FlowTable *t, const struct cw_flow_key *key, const FlowSweep *s, uint64_t now) {
        struct cw_flow f;

        if (bpf_map_lookup_elem(t->fds[s->table], key, &f) < 0)
                return false;
        size_t share = s->table == 0 ? f.actor % CW_FLOW_SHARES : CW_FLOW_SHARES;
        if (!s->all && !flow_is_idle(key, &f, now, s->idle_nsec)) {
                if (share < CW_FLOW_SHARES)
                        t->walk[share].n_left++;
                return true;
        }
        /* Only flows that passed have an end: denied ones were reported when they were denied. */
        bool passed = CW_VERDICT_ACTION(f.verdict) == CW_ALLOW || CW_VERDICT_MODE(f.verdict) == CW_AUDIT;
        if (bpf_map_delete_elem(t->fds[s->table], key) < 0)
                return false;
        if (share < CW_FLOW_SHARES)
                __atomic_fetch_sub(&t->shares[share].n, 1, __ATOMIC_RELAXED);
        if (f.state == CW_FLOW_SEEN && passed && !(f.marks & CW_FLOW_STRAY))
                report(key, &f, now, s->on_record, s->userdata);
        return false;
}

/* Examines one flow. false: it was the last of its table. */
static bool sweep_step(FlowTable *t, FlowSweep *s, uint64_t now) {
        int fd = t->fds[s->table];

        if (s->n_steps == 0 && bpf_map_get_next_key(fd, NULL, &s->next) < 0)
                return false;
        struct cw_flow_key key = s->next;
        /* Before key is removed. */
        bool more = bpf_map_get_next_key(fd, &key, &s->next) == 0 && s->n_steps < STEPS_MAX;
        s->n_steps = more ? s->n_steps + 1 : 0;
        s->n_left += sweep_flow(t, &key, s, now);
        return more;
}

int flow_table_sweep(FlowTable *t, FlowSweep *s, size_t max_steps) {
        uint64_t now = clock_nsec(CLOCK_MONOTONIC);
        size_t n = 0;

        assert(t && s);

        if (s->n_steps == 0 && s->table == 0)
                shares_begin(t);
        while (s->table < ELEMENTSOF(tables)) {
                bool more = true;

                for (; more && n < max_steps; n++)
                        more = sweep_step(t, s, now);
                if (more)
                        return 1;
                if (s->table++ == 0)
                        shares_end(t);
        }
        s->table = 0;
        return 0;
}
