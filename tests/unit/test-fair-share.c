/* SPDX-License-Identifier: Apache-2.0 */
#include "basic/fair-share.h"

#include <check.h>
#include <stdlib.h>

static size_t take_all(FairShare *f, unsigned share) {
        size_t n = 0;

        while (fair_share_take(f, share))
                n++;
        return n;
}

START_TEST(test_greedy_groups) {
        FairShare f = { .max = 1024 };
        size_t n = 0;

        ck_assert_uint_eq(take_all(&f, 0), 512);
        ck_assert(!fair_share_take(&f, 0));
        ck_assert_uint_eq(take_all(&f, 1), 256);
        for (unsigned i = 2; i < FAIR_SHARES; i++) /* each gets less, and none all that is left */
                (void) take_all(&f, i);
        ck_assert_uint_le(f.n, f.max);
        for (int i = 0; i < 200; i++)
                fair_share_put(&f, 0);
        ck_assert(!fair_share_take(&f, 1));
        ck_assert(fair_share_take(&f, FAIR_SHARES - 1));
        for (unsigned i = 0; i < FAIR_SHARES; i++)
                for (; f.n_of[i] > 0; n++)
                        fair_share_put(&f, i);
        ck_assert_uint_gt(n, 100);
        ck_assert_uint_eq(f.n, 0);
}
END_TEST

START_TEST(test_nothing) {
        FairShare none = {}, one = { .max = 1 };

        ck_assert(!fair_share_take(&none, 0));
        ck_assert(fair_share_take(&one, 5));
        ck_assert(!fair_share_take(&one, 6));
        fair_share_put(&one, 5);
        ck_assert(fair_share_take(&one, 6));
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("fair-share");
        TCase *t = tcase_create("fair-share");

        tcase_add_test(t, test_greedy_groups);
        tcase_add_test(t, test_nothing);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
