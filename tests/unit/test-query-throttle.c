/* SPDX-License-Identifier: Apache-2.0 */

/* Whose queries the kernel is to drop; its map is in the test itself. */

#include "engine/query-throttle.h"

#include <check.h>
#include <string.h>

#include "kernel/denial-counts.h"

static unsigned n_throttled[3];

void denial_counts_throttle(_unused_ const Programs *programs, uint32_t actor) {
        ck_assert_uint_lt(actor, 3);
        n_throttled[actor]++;
}

/* n refusals of an actor, all at this time. */
static void refuse(QueryThrottle *t, uint32_t actor, unsigned n, uint64_t now_nsec) {
        for (unsigned i = 0; i < n; i++)
                query_throttle_refused(t, actor, now_nsec);
}

START_TEST(test_only_too_many) {
        _cleanup_(query_throttle_freep) QueryThrottle *t = NULL;
        int programs = 0;

        ck_assert_int_eq(query_throttle_new((const Programs *) &programs, &t), 0);
        refuse(t, 1, QUERY_THROTTLE_RATE, NSEC_PER_SEC);
        ck_assert_uint_eq(n_throttled[1], 0);
        refuse(t, 1, 1000, NSEC_PER_SEC);
        ck_assert_uint_eq(n_throttled[1], 1); /* not with each of them */
        refuse(t, 2, 100, NSEC_PER_SEC);
        ck_assert_uint_eq(n_throttled[2], 0);
        for (unsigned i = 1; i <= 4; i++) /* it continues */
                refuse(t, 1, 2 * QUERY_THROTTLE_RATE, NSEC_PER_SEC + i * NSEC_PER_SEC / 2);
        ck_assert_uint_eq(n_throttled[1], 5);
        refuse(t, 1, QUERY_THROTTLE_RATE, 10 * NSEC_PER_SEC); /* and has ended */
        ck_assert_uint_eq(n_throttled[1], 5);
}
END_TEST

/* While queries are lost, whoever takes more than its part is slowed down, whatever the answers are. */
START_TEST(test_flood) {
        _cleanup_(query_throttle_freep) QueryThrottle *t = NULL;
        int programs = 0;

        memset(n_throttled, 0, sizeof(n_throttled));
        ck_assert_int_eq(query_throttle_new((const Programs *) &programs, &t), 0);
        for (unsigned i = 0; i < 2 * QUERY_THROTTLE_FLOOD_RATE; i++)
                query_throttle_flooded(t, 1, NSEC_PER_SEC);
        for (unsigned i = 0; i < QUERY_THROTTLE_FLOOD_RATE; i++)
                query_throttle_flooded(t, 2, NSEC_PER_SEC);
        ck_assert_uint_eq(n_throttled[1], 1);
        ck_assert_uint_eq(n_throttled[2], 0);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("query-throttle");
        TCase *t = tcase_create("query-throttle");

        tcase_add_test(t, test_only_too_many);
        tcase_add_test(t, test_flood);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
