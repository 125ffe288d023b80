/* SPDX-License-Identifier: Apache-2.0 */
#include "basic/fair-share.h"

#include <check.h>
#include <stdlib.h>

#include "basic/macro.h"

#define MAX_PLACES 1024
#define PATIENCE 100

static FairItem items[MAX_PLACES + 1];
static size_t n_items;

/* Takes what there is without displacing anybody. */
static size_t take_all(FairShare *f, int64_t group, uint64_t now) {
        size_t n = 0;

        while (fair_share_take(f, group, now, &items[n_items])) {
                n_items++;
                n++;
                ck_assert_uint_le(n_items, MAX_PLACES);
        }
        return n;
}

/* Takes one place, from others if need be. Returns the group that gave one up, -1: none did, -2: no place. */
static int64_t take_one(FairShare *f, int64_t group, uint64_t now, FairItem *item) {
        FairItem *old = fair_share_displaced(f, group, now);
        int64_t from = old ? fair_share_group(old) : -1;

        if (old)
                fair_share_put(f, old);
        return fair_share_take(f, group, now, item) ? from : -2;
}

static void put_all(FairShare *f) {
        for (size_t i = 0; i < n_items; i++)
                fair_share_put(f, &items[i]); /* those displaced before, too */
        n_items = 0;
        ck_assert_uint_eq(f->n, 0);
        ck_assert(LIST_EMPTY(&f->groups));
}

START_TEST(test_newcomers) {
        FairShare f = { .max = MAX_PLACES, .kept = MAX_PLACES / 4 };
        FairItem more[300] = {};
        size_t n = 0;

        ck_assert_uint_eq(take_all(&f, 1, 0), 768); /* alone: all but what is kept */
        ck_assert_ptr_null(fair_share_displaced(&f, 1, 0));
        ck_assert_uint_eq(take_all(&f, 2, 0), 256);
        ck_assert_int_eq(take_one(&f, 2, 0, &more[0]), -2); /* it has its quarter */
        for (; n < ELEMENTSOF(more) && take_one(&f, 3, 0, &more[n]) == 1; n++)
                ck_assert_ptr_null(items[n].group); /* the oldest first */
        ck_assert_uint_eq(n, 256);
        ck_assert_uint_eq(fair_share_n(&f, 1), 512);
        ck_assert_uint_eq(fair_share_n(&f, 2), 256);
        ck_assert(fair_share_is_used_up(&f, 3));
        for (size_t i = 0; i < n; i++)
                fair_share_put(&f, &more[i]);
        put_all(&f);
}
END_TEST

/* Many groups, each below its quarter, hold everything: one that has nothing gets a place, and nobody else does. */
START_TEST(test_many_groups) {
        FairShare f = { .max = 64, .kept = 16 };
        FairItem one = {}, two = {};

        for (size_t i = 0; i < f.max; i++, n_items++)
                ck_assert(fair_share_take(&f, (int64_t) i % 8, i, &items[i]));
        ck_assert_int_eq(take_one(&f, 3, 0, &one), -2);
        ck_assert_int_ge(take_one(&f, 100, 0, &one), 0);
        ck_assert_int_ge(take_one(&f, 100, 0, &two), 0);
        ck_assert_uint_eq(fair_share_n(&f, 100), 2);
        fair_share_put(&f, &one);
        fair_share_put(&f, &two);
        put_all(&f);
}
END_TEST

START_TEST(test_only_one_group) {
        FairShare f = { .max = MAX_PLACES };

        ck_assert_uint_eq(take_all(&f, 7, 0), MAX_PLACES);
        ck_assert_ptr_null(fair_share_displaced(&f, 7, 0));
        put_all(&f);
}
END_TEST

START_TEST(test_patience) {
        FairShare f = { .max = MAX_PLACES, .kept = MAX_PLACES / 4, .patience_nsec = PATIENCE };
        FairItem one = {};

        for (unsigned i = 0; i < 256; i++)
                ck_assert(fair_share_take(&f, 1, 0, &items[n_items++])); /* no more than its quarter */
        ck_assert_uint_eq(take_all(&f, 2, 10), 512);
        ck_assert_int_eq(take_one(&f, 2, 10 + PATIENCE - 1, &one), -2);
        ck_assert_int_eq(take_one(&f, 1, 10 + PATIENCE - 1, &one), -2);
        ck_assert_int_eq(take_one(&f, 2, 10 + PATIENCE, &one), 2);
        ck_assert_ptr_null(items[256].group);
        fair_share_put(&f, &one);
        ck_assert_int_eq(take_one(&f, 2, 10 + PATIENCE, &one), -1); /* one is free */
        fair_share_put(&f, &one);
        ck_assert_int_eq(take_one(&f, 3, 5000, &one), -1); /* from what is kept */
        fair_share_put(&f, &one);
        ck_assert_uint_eq(take_all(&f, 3, 20), 256);
        ck_assert(fair_share_take(&f, 4, 20, &items[n_items++]));
        ck_assert_int_eq(take_one(&f, 2, 5000, &one), -2); /* its own would not do: others have the rest */
        ck_assert_int_eq(take_one(&f, 4, 5000, &one), 2);
        fair_share_put(&f, &one);
        put_all(&f);
}
END_TEST

START_TEST(test_change_of_hands) {
        FairShare f = { .max = 4, .kept = 1 };
        FairItem a = {}, b = {};

        ck_assert(fair_share_take(&f, 1, 0, &a));
        fair_share_move(&f, &a, 2);
        ck_assert_uint_eq(fair_share_n(&f, 1), 0);
        ck_assert_int_eq(fair_share_group(&a), 2);
        fair_share_pass(&a, 9, &b);
        ck_assert_ptr_null(a.group);
        ck_assert_int_eq(fair_share_group(&b), 2);
        ck_assert_uint_eq(b.since_nsec, 9);
        ck_assert_uint_eq(f.n, 1);
        fair_share_move(&f, &b, 2);
        fair_share_put(&f, &b);
        fair_share_put(&f, &b);
        ck_assert_uint_eq(f.n, 0);
        ck_assert(LIST_EMPTY(&f.groups));
}
END_TEST

START_TEST(test_nothing) {
        FairShare none = {}, one = { .max = 1 };
        FairItem a = {}, b = {};

        ck_assert(!fair_share_take(&none, 0, 0, &a));
        ck_assert_ptr_null(fair_share_displaced(&none, 0, 0));
        ck_assert(fair_share_take(&one, 5, 0, &a));
        ck_assert(!fair_share_take(&one, 6, 0, &b));
        ck_assert_ptr_null(fair_share_displaced(&one, 6, 0)); /* it would have as much */
        fair_share_put(&one, &a);
        ck_assert(fair_share_take(&one, 6, 0, &b));
        fair_share_put(&one, &b);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("fair-share");
        TCase *t = tcase_create("fair-share");

        tcase_add_test(t, test_newcomers);
        tcase_add_test(t, test_many_groups);
        tcase_add_test(t, test_only_one_group);
        tcase_add_test(t, test_patience);
        tcase_add_test(t, test_change_of_hands);
        tcase_add_test(t, test_nothing);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
