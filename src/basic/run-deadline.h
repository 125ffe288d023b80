/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A time limit for something that cannot be done while this process does not run. On an overloaded machine, its turns come
 * late: the time until then counts only in part. All times are of one clock that never goes backwards. */

#include <stdbool.h>
#include <stdint.h>

typedef struct RunDeadline {
        uint64_t start_usec;
        uint64_t last_usec;   /* of the last turn */
        uint64_t limit_usec;
        uint64_t turn_usec;   /* no turn counts for more */
        uint64_t counted_usec;
} RunDeadline;

/* turn_usec: a few times the interval at which the caller looks. */
void run_deadline_start(RunDeadline *d, uint64_t limit_usec, uint64_t turn_usec, uint64_t now_usec);
/* A turn. Returns the time counted so far. */
uint64_t run_deadline_turn(RunDeadline *d, uint64_t now_usec);
bool run_deadline_has_passed(const RunDeadline *d);
/* Did much of the time not count? */
bool run_deadline_is_stretched(const RunDeadline *d, uint64_t now_usec);
