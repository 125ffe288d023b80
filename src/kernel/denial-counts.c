/* SPDX-License-Identifier: Apache-2.0 */

#include "kernel/denial-counts.h"

#include <assert.h>
#include <bpf/bpf.h>

#include "basic/clock.h"

#define STEPS_MAX 100000 /* keys may move during a walk: bounds it */
#define MARGIN_NSEC (250 * NSEC_PER_MSEC) /* for a program that looked at the clock before the end of the period */
#define UNUSED_NSEC (60 * NSEC_PER_SEC)

static bool read_repeats(const Programs *programs, bool all, const DenialCountsReader *reader) {
        int fd = programs_map_fd(programs, "repeats");
        uint64_t now = clock_nsec(CLOCK_MONOTONIC);
        struct cw_repeat_key key, next;
        struct cw_repeat e;
        bool left = false, more = bpf_map_get_next_key(fd, NULL, &next) == 0;

        for (size_t i = 0; more && i < STEPS_MAX; i++) {
                key = next;
                more = bpf_map_get_next_key(fd, &key, &next) == 0; /* before key is removed */
                if (bpf_map_lookup_elem(fd, &key, &e) < 0)
                        continue;
                if (!all && now < CW_PERIOD_END(key.period) + MARGIN_NSEC) {
                        left = true;
                        continue;
                }
                if (bpf_map_delete_elem(fd, &key) == 0 && e.count > 0)
                        reader->repeats(&e, reader->userdata);
        }
        return left;
}

/* Returns whether there are any. */
static bool unreported(int reported_fd, uint32_t actor, const struct cw_budget *b, uint64_t ret[static CW_OVER_MAX]) {
        uint64_t reported[CW_OVER_MAX] = {}, any = 0;

        (void) bpf_map_lookup_elem(reported_fd, &actor, reported);
        for (size_t i = 0; i < CW_OVER_MAX; i++)
                any |= ret[i] = b->n_over[i] - reported[i];
        return any != 0;
}

static void read_over(const Programs *programs, const DenialCountsReader *reader) {
        int fd = programs_map_fd(programs, "budgets"), reported_fd = programs_map_fd(programs, "over_reported");
        struct cw_budget b;
        uint32_t actor;

        for (int r = bpf_map_get_next_key(fd, NULL, &actor); r == 0; r = bpf_map_get_next_key(fd, &actor, &actor)) {
                uint64_t n[CW_OVER_MAX];

                if (bpf_map_lookup_elem(fd, &actor, &b) < 0)
                        break;
                if (unreported(reported_fd, actor, &b, n) && bpf_map_update_elem(reported_fd, &actor, b.n_over, BPF_ANY) == 0)
                        reader->over(actor, n, reader->userdata);
        }
}

bool denial_counts_read(const Programs *programs, bool all, const DenialCountsReader *reader) {
        assert(programs);
        assert(reader);

        read_over(programs, reader);
        return read_repeats(programs, all, reader);
}

void denial_counts_throttle(const Programs *programs, uint32_t actor) {
        uint64_t until = clock_nsec(CLOCK_MONOTONIC) + NSEC_PER_SEC;

        assert(programs);

        (void) bpf_map_update_elem(programs_map_fd(programs, "throttled"), &actor, &until, BPF_ANY);
}

static void forget_throttled(const Programs *programs, uint64_t now) {
        int fd = programs_map_fd(programs, "throttled");
        uint32_t actor, next;
        uint64_t until;

        bool more = bpf_map_get_next_key(fd, NULL, &next) == 0;
        for (size_t i = 0; more && i < STEPS_MAX; i++) {
                actor = next;
                more = bpf_map_get_next_key(fd, &actor, &next) == 0;
                if (bpf_map_lookup_elem(fd, &actor, &until) == 0 && until + UNUSED_NSEC < now)
                        (void) bpf_map_delete_elem(fd, &actor);
        }
}

void denial_counts_forget(const Programs *programs) {
        int fd = programs_map_fd(programs, "budgets"), reported_fd = programs_map_fd(programs, "over_reported");
        uint64_t now = clock_nsec(CLOCK_MONOTONIC);
        uint32_t actor, next;
        struct cw_budget b;

        assert(programs);

        forget_throttled(programs, now);
        bool more = bpf_map_get_next_key(fd, NULL, &next) == 0;
        for (size_t i = 0; more && i < STEPS_MAX; i++) {
                uint64_t n[CW_OVER_MAX];

                actor = next;
                more = bpf_map_get_next_key(fd, &actor, &next) == 0;
                if (bpf_map_lookup_elem(fd, &actor, &b) < 0 || MAX(b.due_ns, b.query_due_ns) + UNUSED_NSEC > now ||
                    unreported(reported_fd, actor, &b, n))
                        continue;
                (void) bpf_map_delete_elem(fd, &actor);
                (void) bpf_map_delete_elem(reported_fd, &actor);
        }
}
