/* SPDX-License-Identifier: Apache-2.0 */
#include "basic/run-deadline.h"

#include <assert.h>

#include "basic/macro.h"

void run_deadline_start(RunDeadline *d, uint64_t limit_usec, uint64_t turn_usec, uint64_t now_usec) {
        assert(d);
        assert(limit_usec > 0 && turn_usec > 0);

        *d = (RunDeadline) {
                .start_usec = now_usec, .last_usec = now_usec, .limit_usec = limit_usec, .turn_usec = turn_usec,
        };
}

uint64_t run_deadline_turn(RunDeadline *d, uint64_t now_usec) {
        assert(d);
        assert(now_usec >= d->last_usec);

        d->counted_usec += MIN(now_usec - d->last_usec, d->turn_usec);
        d->last_usec = now_usec;
        return d->counted_usec;
}

bool run_deadline_has_passed(const RunDeadline *d) {
        assert(d);

        return d->counted_usec >= d->limit_usec;
}

bool run_deadline_is_stretched(const RunDeadline *d, uint64_t now_usec) {
        assert(d);
        assert(now_usec >= d->start_usec);

        return (now_usec - d->start_usec) / 2 > d->counted_usec;
}
