/* SPDX-License-Identifier: Apache-2.0 */
#include "basic/run-deadline.h"

#include <check.h>
#include <stdlib.h>

#include "basic/macro.h"

#define START (1000 * USEC_PER_SEC)
#define LIMIT (10 * USEC_PER_SEC)
#define TURN (500 * USEC_PER_MSEC)

/* The machine has time: the limit is as long as it says. */
START_TEST(test_quiet) {
        RunDeadline d;
        uint64_t now = START;

        run_deadline_start(&d, LIMIT, TURN, now);
        ck_assert(!run_deadline_has_passed(&d));
        while (!run_deadline_has_passed(&d)) {
                now += 50 * USEC_PER_MSEC;
                (void) run_deadline_turn(&d, now);
                ck_assert(!run_deadline_is_stretched(&d, now));
        }
        ck_assert_uint_eq(now, START + LIMIT);
}
END_TEST

/* A turn each three seconds, as among thousands of busy processes: so many turns are left in any case. */
START_TEST(test_overload) {
        RunDeadline d;
        uint64_t now = START;
        unsigned n = 0;

        run_deadline_start(&d, LIMIT, TURN, now);
        for (; !run_deadline_has_passed(&d); n++) {
                now += 3 * USEC_PER_SEC;
                (void) run_deadline_turn(&d, now);
                ck_assert(run_deadline_is_stretched(&d, now));
        }
        ck_assert_uint_eq(n, LIMIT / TURN);
}
END_TEST

/* One pause, such as that of a machine that was suspended, is no overload. */
START_TEST(test_pause) {
        RunDeadline d;

        run_deadline_start(&d, LIMIT, TURN, START);
        ck_assert_uint_eq(run_deadline_turn(&d, START + 50 * LIMIT), TURN);
        ck_assert(run_deadline_is_stretched(&d, START + 50 * LIMIT));
        run_deadline_start(&d, LIMIT, TURN, START + 50 * LIMIT);
        ck_assert(!run_deadline_is_stretched(&d, START + 50 * LIMIT));
        ck_assert_uint_eq(run_deadline_turn(&d, START + 50 * LIMIT), 0);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("run-deadline");
        TCase *t = tcase_create("run-deadline");

        tcase_add_test(t, test_quiet);
        tcase_add_test(t, test_overload);
        tcase_add_test(t, test_pause);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
