/* SPDX-License-Identifier: Apache-2.0 */
#include "basic/rate-table.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

typedef struct Counts {
        size_t n_keys;
        uint64_t n[2];
        char last[RATE_KEY_MAX + 1];
} Counts;

static RateTable *table(size_t max, unsigned rate, unsigned burst) {
        RateTableOptions o = { .max = max, .rate = rate, .burst = burst, .hash_key = "0123456789abcde" };
        RateTable *t;

        ck_assert_int_eq(rate_table_new(&o, &t), 0);
        return t;
}

static RateVerdict take(RateTable *t, const char *key, uint64_t now_nsec) {
        return rate_table_take(t, key, strlen(key), now_nsec);
}

static unsigned take_all(RateTable *t, const char *key, uint64_t now_nsec) {
        unsigned n = 0;

        while (take(t, key, now_nsec) != RATE_OVER)
                n++;
        return n;
}

static void on_count(const void *key, size_t size, const uint64_t n_over[static 2], void *userdata) {
        Counts *c = userdata;

        c->n_keys++;
        c->n[0] += n_over[0];
        c->n[1] += n_over[1];
        (void) snprintf(c->last, sizeof(c->last), "%.*s", (int) size, (const char *) key);
}

static Counts report(RateTable *t) {
        Counts c = {};

        rate_table_report(t, on_count, &c);
        return c;
}

START_TEST(test_rate) {
        RateTable *t = table(8, 10, 5);
        const uint64_t now = 1000 * NSEC_PER_SEC;

        ck_assert_int_eq(take(t, "a", now), RATE_FIRST);
        ck_assert_int_eq(take(t, "a", now), RATE_TAKEN);
        ck_assert_uint_eq(take_all(t, "a", now), 3);
        ck_assert_int_eq(take(t, "b", now), RATE_FIRST); /* another key has its own */
        ck_assert_int_eq(take(t, "a", now + 99 * NSEC_PER_MSEC), RATE_OVER);
        ck_assert_int_eq(take(t, "a", now + 100 * NSEC_PER_MSEC), RATE_TAKEN);
        ck_assert_uint_eq(take_all(t, "a", now + NSEC_PER_SEC), 5); /* never more than the burst */
        ck_assert_int_eq(take(t, "a", now + 2 * NSEC_PER_SEC), RATE_FIRST);
        ck_assert_int_eq(take(t, "", now), RATE_FIRST);
        rate_table_free(t);
}
END_TEST

START_TEST(test_counts) {
        RateTable *t = table(8, 10, 1);

        ck_assert(!rate_table_has_counts(t));
        ck_assert_uint_eq(report(t).n_keys, 0);
        ck_assert_uint_eq(take_all(t, "a", 1), 1);
        rate_table_count(t, "a", 1, 0, 7);
        rate_table_count(t, "a", 1, 1, 1);
        rate_table_count(t, "a", 1, 0, UINT64_MAX); /* saturates */
        ck_assert(rate_table_has_counts(t));
        Counts c = report(t);
        ck_assert_uint_eq(c.n_keys, 1);
        ck_assert(c.n[0] == UINT64_MAX && c.n[1] == 1);
        ck_assert_str_eq(c.last, "a");
        ck_assert(!rate_table_has_counts(t));
        ck_assert_uint_eq(report(t).n_keys, 0);
        rate_table_free(t);
}
END_TEST

/* Keys in use keep their places; the others share one bucket, and their counts. */
START_TEST(test_full) {
        RateTable *t = table(2, 10, 5);
        uint64_t now = NSEC_PER_SEC;

        ck_assert_uint_eq(take_all(t, "a", now), 5);
        ck_assert_uint_eq(take_all(t, "b", now), 5);
        ck_assert_int_eq(take(t, "c", now), RATE_FIRST);
        ck_assert_int_eq(take(t, "d", now), RATE_TAKEN);
        ck_assert_uint_eq(take_all(t, "e", now), 3);
        rate_table_count(t, "e", 1, 1, 2);
        rate_table_count(t, "a", 1, 0, 1);
        ck_assert_int_eq(take(t, "a", now), RATE_OVER);

        now += NSEC_PER_SEC; /* idle, but not reported yet */
        ck_assert_int_eq(take(t, "b", now), RATE_FIRST);
        ck_assert_int_eq(take(t, "e", now), RATE_FIRST);
        Counts c = report(t);
        ck_assert(c.n_keys == 2 && c.n[0] == 1 && c.n[1] == 2);

        now += NSEC_PER_SEC;
        ck_assert_uint_eq(take_all(t, "c", now), 5); /* in the place of one that is idle */
        ck_assert_uint_eq(take_all(t, "d", now), 5);
        rate_table_free(t);
}
END_TEST

START_TEST(test_long_keys) {
        RateTable *t = table(4, 1, 1);
        char key[RATE_KEY_MAX + 10];

        memset(key, 'x', sizeof(key));
        ck_assert_int_eq(rate_table_take(t, key, sizeof(key), 1), RATE_FIRST);
        ck_assert_int_eq(rate_table_take(t, key, RATE_KEY_MAX, 1), RATE_OVER);
        ck_assert_int_eq(rate_table_take(t, key, RATE_KEY_MAX - 1, 1), RATE_FIRST);
        rate_table_free(t);
        ck_assert_ptr_null(rate_table_free(NULL));
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("rate-table");
        TCase *t = tcase_create("rate-table");

        tcase_add_test(t, test_rate);
        tcase_add_test(t, test_counts);
        tcase_add_test(t, test_full);
        tcase_add_test(t, test_long_keys);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
