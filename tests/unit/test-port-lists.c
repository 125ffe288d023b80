/* SPDX-License-Identifier: Apache-2.0 */

#include <check.h>
#include <string.h>

#include "basic/macro.h"
#include "kernel/port-lists.h"

static PortSet one(uint16_t port) {
        PortSet s = { .n = 1 };

        s.rules[0] = (struct cw_port_rule) { .rule = port, .low = port, .high = port, .action = CW_ALLOW };
        return s;
}

START_TEST(test_equal_lists_are_shared) {
        struct cw_port_rule array[64] = {};
        _cleanup_(port_lists_freep) PortLists *s = NULL;
        struct cw_port_list a, b, c;
        PortSet x = one(443), y = one(80);

        ck_assert_int_eq(port_lists_new(array, 64, &s), 0);
        ck_assert_int_eq(port_lists_get(s, &x, &a), 0);
        ck_assert_int_eq(port_lists_get(s, &x, &b), 0);
        ck_assert_int_eq(port_lists_get(s, &y, &c), 0);
        ck_assert_uint_eq(a.first, b.first);
        ck_assert_uint_ne(a.first, c.first);
        ck_assert_uint_eq(a.allows, 1);
        ck_assert_uint_eq(array[c.first].low, 80);
        ck_assert_uint_eq(port_lists_n_used(s), 2);
        port_lists_put(s, &a);
        ck_assert_uint_eq(port_lists_n_used(s), 2);
        port_lists_put(s, &b);
        ck_assert_uint_eq(port_lists_n_used(s), 1);
}
END_TEST

START_TEST(test_empty_list_takes_a_run) {
        struct cw_port_rule array[4] = {};
        _cleanup_(port_lists_freep) PortLists *s = NULL;
        struct cw_port_list a;
        PortSet none = {};

        ck_assert_int_eq(port_lists_new(array, 4, &s), 0);
        ck_assert_int_eq(port_lists_get(s, &none, &a), 0);
        ck_assert_uint_eq(a.count, 0);
        ck_assert_uint_eq(a.allows, 0);
        port_lists_put(s, &a);
}
END_TEST

/* A returned run stays untouched while fresh space is left, then the oldest is used again; full is refused. */
START_TEST(test_reuse_and_limit) {
        struct cw_port_rule array[4] = {};
        _cleanup_(port_lists_freep) PortLists *s = NULL;
        struct cw_port_list slices[4], extra;
        PortSet x;

        ck_assert_int_eq(port_lists_new(array, 4, &s), 0);
        for (uint16_t i = 0; i < 4; i++) {
                x = one(i + 1);
                ck_assert_int_eq(port_lists_get(s, &x, &slices[i]), 0);
                ck_assert_uint_eq(slices[i].first, i);
        }
        x = one(100);
        ck_assert_int_eq(port_lists_get(s, &x, &extra), -ENOSPC);
        port_lists_put(s, &slices[2]);
        port_lists_put(s, &slices[0]);
        ck_assert_int_eq(port_lists_get(s, &x, &extra), 0);
        ck_assert_uint_eq(extra.first, 2);
        ck_assert_uint_eq(array[2].low, 100);
}
END_TEST

START_TEST(test_longest_list) {
        _cleanup_free_ struct cw_port_rule *array = calloc(256, sizeof(*array));
        _cleanup_(port_lists_freep) PortLists *s = NULL;
        struct cw_port_list a, b;
        PortSet full = { .n = CW_PORT_RULES_MAX }, x = one(1);

        for (uint32_t i = 0; i < full.n; i++)
                full.rules[i].rule = i;
        ck_assert_int_eq(port_lists_new(array, 256, &s), 0);
        ck_assert_int_eq(port_lists_get(s, &full, &a), 0);
        ck_assert_int_eq(port_lists_get(s, &x, &b), 0);
        ck_assert_uint_ge(b.first, a.first + CW_PORT_RULES_MAX);
        ck_assert_uint_eq(a.allows, 0);
        ck_assert(memcmp(array + a.first, full.rules, sizeof(full.rules)) == 0);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("port-lists");
        TCase *t = tcase_create("port-lists");

        tcase_add_test(t, test_equal_lists_are_shared);
        tcase_add_test(t, test_empty_list_takes_a_run);
        tcase_add_test(t, test_reuse_and_limit);
        tcase_add_test(t, test_longest_list);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
