/* SPDX-License-Identifier: Apache-2.0 */

#include "handover/predecessors.h"

#include <check.h>
#include <stdio.h>

/* Ids of places of the kernel's table: the low 8 bits. */
#define ID(generation, place) ((uint32_t) (generation) << 8 | (place))

static Predecessors p;

static void set_up(void) {
        p = (Predecessors) {};
}

static void tear_down(void) {
        predecessors_forget(&p);
}

static void check(const char *name, uint32_t policy_id, const char *digest) {
        const Predecessor *found = predecessors_find(&p, name);

        ck_assert_ptr_nonnull(found);
        ck_assert_uint_eq(found->policy_id, policy_id);
        ck_assert_str_eq(found->digest, digest);
}

START_TEST(the_last_of_a_name_counts) {
        ck_assert_ptr_null(predecessors_find(&p, "host"));
        ck_assert_int_eq(predecessors_add(&p, "host", ID(1, 0), "sha256:a"), 0);
        ck_assert_int_eq(predecessors_add(&p, "runner", ID(2, 1), "sha256:b"), 0);
        ck_assert_int_eq(predecessors_add(&p, "host", ID(3, 0), ""), 0);
        ck_assert_uint_eq(p.n, 2);
        check("host", ID(3, 0), "");
        check("runner", ID(2, 1), "sha256:b");
        ck_assert_ptr_null(predecessors_find(&p, "hos"));
}
END_TEST

/* A layer that ended and one that came into its place are both in the log. */
START_TEST(a_place_has_one_owner) {
        ck_assert_int_eq(predecessors_add(&p, "job:7", ID(2, 1), "sha256:a"), 0);
        ck_assert_int_eq(predecessors_add(&p, "runner", ID(5, 1), "sha256:b"), 0);
        check("job:7", 0, "sha256:a");
        check("runner", ID(5, 1), "sha256:b");
        ck_assert_int_eq(predecessors_add(&p, "job:7", ID(6, 2), "sha256:a"), 0); /* it came back elsewhere */
        check("job:7", ID(6, 2), "sha256:a");
        check("runner", ID(5, 1), "sha256:b");
}
END_TEST

START_TEST(ids_are_never_used_again) {
        ck_assert_int_eq(predecessors_add(&p, "runner", ID(9, 1), ""), 0);
        ck_assert_int_eq(predecessors_add(&p, "runner", ID(3, 1), ""), 0);
        ck_assert_uint_eq(p.last_policy_id, ID(9, 1));
        predecessors_note_id(&p, ID(4, 2));
        ck_assert_uint_eq(p.last_policy_id, ID(9, 1));
        predecessors_note_id(&p, ID(10, 2));
        predecessors_forget(&p);
        ck_assert_uint_eq(p.n, 0);
        ck_assert_ptr_null(predecessors_find(&p, "runner"));
        ck_assert_uint_eq(p.last_policy_id, ID(10, 2)); /* flows still carry them */
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("predecessors");
        TCase *t = tcase_create("predecessors");

        tcase_add_checked_fixture(t, set_up, tear_down);
        tcase_add_test(t, the_last_of_a_name_counts);
        tcase_add_test(t, a_place_has_one_owner);
        tcase_add_test(t, ids_are_never_used_again);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
