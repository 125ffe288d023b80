/* SPDX-License-Identifier: Apache-2.0 */

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "event/name-history.h"

#define MAX_NAMES 4

static const uint8_t key[16] = "name-history key";

static InAddr addr(uint8_t n) {
        InAddr a;

        in_addr_from_v4((const uint8_t[4]) { 203, 0, 113, n }, &a);
        return a;
}

static void expect(const NameHistory *h, uint8_t n, uint64_t owner, const char *name, const char *chain) {
        InAddr a = addr(n);
        const char *got_chain = NULL, *got = name_history_get(h, &a, owner, &got_chain);

        ck_assert_pstr_eq(got, name);
        if (got)
                ck_assert_pstr_eq(got_chain, chain);
}

START_TEST(test_last_name_counts) {
        _cleanup_(name_history_freep) NameHistory *h = NULL;
        InAddr a = addr(1);

        ck_assert_int_eq(name_history_new(MAX_NAMES, key, &h), 0);
        expect(h, 1, 0, NULL, NULL);
        ck_assert_int_eq(name_history_put(h, &a, 0, "a.example", NULL), 0);
        expect(h, 1, 0, "a.example", NULL);
        ck_assert_int_eq(name_history_put(h, &a, 0, "b.example", "cdn.example"), 0);
        expect(h, 1, 0, "b.example", "cdn.example");
        ck_assert_uint_eq(name_history_n(h), 1);
        expect(h, 2, 0, NULL, NULL);
        expect(h, 1, 7, NULL, NULL);
        ck_assert_int_eq(name_history_put(h, &a, 7, "c.example", NULL), 0); /* another owner's */
        expect(h, 1, 7, "c.example", NULL);
        expect(h, 1, 0, "b.example", "cdn.example");
}
END_TEST

START_TEST(test_limit) {
        _cleanup_(name_history_freep) NameHistory *h = NULL;
        char name[32];

        ck_assert_int_eq(name_history_new(MAX_NAMES, key, &h), 0);
        for (uint8_t i = 0; i <= MAX_NAMES; i++) {
                InAddr a = addr(i), first = addr(0);
                snprintf(name, sizeof(name), "n%u.example", i);
                ck_assert_int_eq(name_history_put(h, &a, 0, name, NULL), 0);
                ck_assert_int_eq(name_history_put(h, &first, 0, "n0.example", NULL), 0); /* used again: it stays */
        }
        ck_assert_uint_eq(name_history_n(h), MAX_NAMES);
        expect(h, 0, 0, "n0.example", NULL);
        expect(h, 1, 0, NULL, NULL);
        expect(h, MAX_NAMES, 0, name, NULL);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("name-history");
        TCase *t = tcase_create("name-history");

        tcase_add_test(t, test_last_name_counts);
        tcase_add_test(t, test_limit);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
