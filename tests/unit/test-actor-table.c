/* SPDX-License-Identifier: Apache-2.0 */

#include "identity/actor-table.h"

#include <check.h>

#include "bpf/api.h"

static const uint8_t key[16] = "0123456789abcde";

START_TEST(test_each_cgroup_has_a_number) {
        _cleanup_(actor_table_freep) ActorTable *t = NULL;
        uint64_t id;

        ck_assert_int_eq(actor_table_new(4, 100, 1, key, &t), 0);
        ck_assert_uint_eq(actor_table_add(t, 7, ACTOR_NONE), 101);
        ck_assert_uint_eq(actor_table_add(t, 8, ACTOR_NONE), 102);
        ck_assert_uint_eq(actor_table_add(t, 7, ACTOR_NONE), 101);
        ck_assert_uint_eq(actor_table_add(t, 7, 5), 101);
        ck_assert_int_eq(actor_table_find(t, 102, &id), 0);
        ck_assert_uint_eq(id, 8);
        ck_assert_int_eq(actor_table_find(t, 103, &id), -ENOENT);
        ck_assert_int_eq(actor_table_find(t, 106, &id), -ENOENT); /* the place of 102 */
        ck_assert_int_eq(actor_table_find(t, ACTOR_NONE, &id), -ENOENT);

        actor_table_remove(t, 7);
        actor_table_remove(t, 7);
        ck_assert_int_eq(actor_table_find(t, 101, &id), -ENOENT);
        ck_assert_uint_eq(actor_table_add(t, 7, ACTOR_NONE), 103); /* records may still bear the number it had */
}
END_TEST

START_TEST(test_a_predecessors_number_is_kept) {
        _cleanup_(actor_table_freep) ActorTable *t = NULL;
        uint64_t id;

        ck_assert_int_eq(actor_table_new(4, 100, 1, key, &t), 0);
        ck_assert_uint_eq(actor_table_add(t, 7, 42), 42);
        ck_assert_uint_eq(actor_table_add(t, 8, 42), 101); /* taken */
        ck_assert_uint_eq(actor_table_add(t, 9, 46), 103); /* its place is, and 102 has the same */
        ck_assert_int_eq(actor_table_find(t, 42, &id), 0);
        ck_assert_uint_eq(id, 7);
}
END_TEST

START_TEST(test_it_is_bounded) {
        _cleanup_(actor_table_freep) ActorTable *t = NULL;

        ck_assert_int_eq(actor_table_new(4, CW_ACTOR_MAX - 3, 1, key, &t), 0);
        ck_assert_uint_eq(actor_table_add(t, 1, ACTOR_NONE), CW_ACTOR_MAX - 2);
        ck_assert_uint_eq(actor_table_add(t, 2, ACTOR_NONE), CW_ACTOR_MAX - 1);
        ck_assert_uint_eq(actor_table_add(t, 3, ACTOR_NONE), 1);
        ck_assert_uint_ne(actor_table_add(t, 4, ACTOR_NONE), ACTOR_NONE);
        ck_assert_uint_eq(actor_table_add(t, 5, ACTOR_NONE), ACTOR_NONE);
        ck_assert_uint_eq(actor_table_add(t, 3, ACTOR_NONE), 1);
        actor_table_remove(t, 1);
        ck_assert_uint_ne(actor_table_add(t, 5, ACTOR_NONE), ACTOR_NONE);
}
END_TEST

START_TEST(test_each_actor_has_a_share_of_its_own) {
        _cleanup_(actor_table_freep) ActorTable *t = NULL;
        uint32_t a, b;

        ck_assert_int_eq(actor_table_new(4, 100, 3, key, &t), 0);
        a = actor_table_add(t, 7, ACTOR_NONE);
        b = actor_table_add(t, 8, ACTOR_NONE);
        for (unsigned i = 0; i < 3; i++)
                ck_assert(actor_table_may_look_up(t, a));
        ck_assert(!actor_table_may_look_up(t, a));
        for (unsigned i = 0; i < 3; i++)
                ck_assert(actor_table_may_look_up(t, b));
        for (unsigned i = 0; i < 3; i++) /* those without a number together */
                ck_assert(actor_table_may_look_up(t, i == 0 ? ACTOR_NONE : 500 + i));
        ck_assert(!actor_table_may_look_up(t, ACTOR_NONE));
        ck_assert(!actor_table_may_look_up(t, 900));

        actor_table_next_period(t);
        ck_assert(actor_table_may_look_up(t, a));
        ck_assert(actor_table_may_look_up(t, b));
        ck_assert(actor_table_may_look_up(t, ACTOR_NONE));
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("actor-table");
        TCase *t = tcase_create("actor-table");

        tcase_add_test(t, test_each_cgroup_has_a_number);
        tcase_add_test(t, test_a_predecessors_number_is_kept);
        tcase_add_test(t, test_it_is_bounded);
        tcase_add_test(t, test_each_actor_has_a_share_of_its_own);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
