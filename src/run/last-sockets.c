/* SPDX-License-Identifier: Apache-2.0 */
#include "run/last-sockets.h"

#include <assert.h>

#include "basic/clock.h"
#include "engine/engine.h"
#include "host/cgroup-sockets.h"

#define GRACE_USEC (5 * USEC_PER_SEC)      /* for data that makes no progress; documented in cargowall(1) */
#define GRACE_MAX_USEC (60 * USEC_PER_SEC) /* for all; likewise */
/* The kernel releases the links only some tens of milliseconds after the last socket. */
#define SETTLE_USEC (500 * USEC_PER_MSEC)
/* TCP gives up after about 15 minutes without an acknowledgment (tcp_retries2), so a connection in another network
 * namespace, where it is not seen, has ended then. What still holds the cgroup, for example a namespace that the run
 * made and that was kept, has nothing to send. */
#define HOLD_USEC (20 * 60 * USEC_PER_SEC)
/* After about 2 minutes if no process has a descriptor of it (tcp_orphan_retries): enough when the unit is to stop.
 * Who else has one is outside, and needs no connection of the run to send. */
#define HOLD_STOP_USEC (3 * 60 * USEC_PER_SEC)
#define STEP_MIN_USEC (2 * USEC_PER_MSEC)
#define STEP_MAX_USEC (100 * USEC_PER_MSEC)

int last_sockets_begin(Cgroup *cgroup, int hold_fd, LastSockets *ret) {
        uint64_t now = clock_usec(CLOCK_MONOTONIC);
        LastSockets l = { .hold_fd = hold_fd, .began_usec = now, .changed_usec = now };
        int r;

        assert(cgroup && ret);

        r = cgroup_list_ids(cgroup, &l.cgroups, &l.n_cgroups);
        if (r < 0)
                return r;
        (void) cgroup_remove(cgroup);
        *ret = l;
        return 0;
}

/* Where connections cannot be listed, only the hooks are waited for. */
static void look(LastSockets *l, uint64_t now) {
        const CgroupSockets sockets = { .cgroups = l->cgroups, .n_cgroups = l->n_cgroups };
        CgroupSocketsState state = {};

        (void) cgroup_sockets_look(&sockets, &state);
        if (state.n != l->n || state.n_queued != l->n_queued)
                l->changed_usec = now;
        l->n = state.n;
        l->n_queued = state.n_queued;
}

LastSocketsState last_sockets_step(LastSockets *l, bool at_once, uint64_t *ret_usec) {
        const CgroupSockets sockets = { .cgroups = l->cgroups, .n_cgroups = l->n_cgroups };
        uint64_t now = clock_usec(CLOCK_MONOTONIC), limit;

        assert(l && ret_usec);

        if (engine_hold_is_over(l->hold_fd)) {
                l->n = 0;
                return LAST_SOCKETS_GONE;
        }
        look(l, now);
        if (l->ended_usec > 0)
                limit = l->ended_usec + SETTLE_USEC;
        else if (l->n == 0)
                limit = l->changed_usec + SETTLE_USEC;
        else if (at_once)
                limit = now;
        else
                limit = MIN(l->changed_usec + GRACE_USEC, l->began_usec + GRACE_MAX_USEC);
        if (now >= limit && l->n > 0 && l->ended_usec == 0) {
                (void) cgroup_sockets_end(&sockets);
                l->n_ended = l->n;
                l->ended_usec = now;
        } else if (now >= limit)
                return LAST_SOCKETS_LEFT;
        *ret_usec = MAX(STEP_MIN_USEC, MIN((now - l->began_usec) / 4, STEP_MAX_USEC));
        return LAST_SOCKETS_WAIT;
}

void last_sockets_hold(LastSockets *l, bool (*end_is_asked)(void)) {
        uint64_t began = clock_usec(CLOCK_MONOTONIC);

        assert(l);

        while (!engine_hold_is_over(l->hold_fd)) {
                const uint64_t limit = end_is_asked && end_is_asked() ? HOLD_STOP_USEC : HOLD_USEC;
                uint64_t now = clock_usec(CLOCK_MONOTONIC);

                look(l, now);
                if (l->n == 0 && now - began > limit)
                        return;
                (void) usleep((useconds_t) MAX(STEP_MIN_USEC, MIN((now - began) / 4, USEC_PER_SEC)));
        }
}

void last_sockets_done(LastSockets *l) {
        free(l->cgroups);
        *l = (LastSockets) { .hold_fd = -EBADF };
}
