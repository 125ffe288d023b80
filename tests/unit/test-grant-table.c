/* SPDX-License-Identifier: Apache-2.0 */

#include "policy/explain.h"
#include "policy/grant-table.h"

#include <check.h>
#include <netinet/in.h>
#include <stdio.h>

static GrantTable table;

static void set_up(void) {
        table = (GrantTable) {};
}

static void tear_down(void) {
        grant_table_done(&table);
        ck_assert_uint_eq(table.n, 0);
}

START_TEST(grants_belong_to_their_job) {
        ck_assert_int_eq(grant_table_add(&table, 1, "a.example", 100), 0);
        ck_assert_int_eq(grant_table_add(&table, 1, "b.example", 200), 0);
        ck_assert_int_eq(grant_table_add(&table, 2, "a.example", 300), 0);
        ck_assert_uint_eq(grant_table_count(&table, 1), 2);
        ck_assert_uint_eq(grant_table_count(&table, 2), 1);
        ck_assert_uint_eq(grant_table_count(&table, 3), 0);
        ck_assert_uint_eq(grant_table_revoke(&table, 1), 2);
        ck_assert_uint_eq(grant_table_revoke(&table, 1), 0);
        ck_assert_uint_eq(grant_table_count(&table, 2), 1);
}
END_TEST

START_TEST(jobs_are_listed) {
        ck_assert_uint_eq(grant_table_job(&table, 0), 0);
        ck_assert_int_eq(grant_table_add(&table, 5, "a.example", 100), 0);
        ck_assert_int_eq(grant_table_add(&table, 2, "a.example", 200), 0);
        ck_assert_int_eq(grant_table_add(&table, 5, "b.example", 50), 0);
        ck_assert_uint_eq(grant_table_job(&table, 0), 5);
        ck_assert_uint_eq(grant_table_job(&table, 1), 2);
        ck_assert_uint_eq(grant_table_job(&table, 2), 0);
        ck_assert_uint_eq(grant_table_expire(&table, 100), 5);
        ck_assert_uint_eq(grant_table_job(&table, 0), 2);
        ck_assert_uint_eq(grant_table_job(&table, 1), 0);
}
END_TEST

START_TEST(later_end_counts) {
        ck_assert_int_eq(grant_table_add(&table, 1, "a.example", 100), 0);
        ck_assert_int_eq(grant_table_add(&table, 1, "a.example", 300), 0);
        ck_assert_int_eq(grant_table_add(&table, 1, "a.example", 200), 0);
        ck_assert_uint_eq(grant_table_count(&table, 1), 1);
        ck_assert_uint_eq(grant_table_next_end(&table), 300);
}
END_TEST

START_TEST(grants_end) {
        ck_assert_uint_eq(grant_table_next_end(&table), UINT64_MAX);
        ck_assert_uint_eq(grant_table_expire(&table, UINT64_MAX), 0);
        ck_assert_int_eq(grant_table_add(&table, 1, "a.example", 100), 0);
        ck_assert_int_eq(grant_table_add(&table, 2, "a.example", 100), 0);
        ck_assert_int_eq(grant_table_add(&table, 1, "b.example", 50), 0);
        ck_assert_int_eq(grant_table_add(&table, 1, "c.example", 101), 0);
        ck_assert_uint_eq(grant_table_next_end(&table), 50);
        ck_assert_uint_eq(grant_table_expire(&table, 49), 0);
        ck_assert_uint_eq(grant_table_expire(&table, 100), 1); /* both of them at once */
        ck_assert_uint_eq(grant_table_count(&table, 1), 1);
        ck_assert_uint_eq(grant_table_expire(&table, 100), 2);
        ck_assert_uint_eq(grant_table_expire(&table, 100), 0);
        ck_assert_uint_eq(grant_table_next_end(&table), 101);
}
END_TEST

static const struct {
        const char *host;
        int expected;
} hosts[] = {
        { "a.example", 0 },          { "*.a.example", 0 }, { "192.0.2.7", 0 }, { "2001:db8::7", 0 },
        { "192.0.2.0/24", -EINVAL }, /* a network is no host */
        { "no name", -EINVAL },      { "", -EINVAL },
};

START_TEST(host_is_checked) {
        ck_assert_int_eq(grant_table_add(&table, 1, hosts[_i].host, 1), hosts[_i].expected);
        ck_assert_uint_eq(table.n, hosts[_i].expected == 0);
}
END_TEST

START_TEST(bounds) {
        char host[32];

        for (unsigned i = 0; i <= GRANTS_PER_JOB_MAX; i++) {
                (void) snprintf(host, sizeof(host), "h%u.example", i);
                ck_assert_int_eq(grant_table_add(&table, 7, host, 1), i < GRANTS_PER_JOB_MAX ? 0 : -ENOSPC);
        }
        ck_assert_uint_eq(grant_table_count(&table, 7), GRANTS_PER_JOB_MAX);
        ck_assert_int_eq(grant_table_add(&table, 7, "h0.example", 2), 0); /* one that is there */
        ck_assert_int_eq(grant_table_add(&table, 8, "h0.example", 1), 0); /* another job */
}
END_TEST

/* ------------------------------------------------------------------ policy */

static void check_verdict(const Policy *p, Destination d, const char *addr, Action expected) {
        Explanation e;

        if (addr)
                ck_assert_int_eq(in_addr_parse(addr, &d.addr), 0);
        ck_assert_int_eq(policy_explain(p, MODE_ENFORCE, &d, NULL, &e), 0);
        ck_assert_int_eq(e.verdict, expected);
}

START_TEST(policy_allows_what_was_granted) {
        _cleanup_(policy_freep) Policy *p = NULL;

        ck_assert_int_eq(grant_table_policy(&table, 1, &p), -ENOENT);
        ck_assert_int_eq(grant_table_add(&table, 1, "a.example", 100), 0);
        ck_assert_int_eq(grant_table_add(&table, 1, "2001:db8::7", 100), 0);
        ck_assert_int_eq(grant_table_add(&table, 2, "b.example", 100), 0);
        ck_assert_int_eq(grant_table_policy(&table, 3, &p), -ENOENT);
        ck_assert_ptr_null(p);
        ck_assert_int_eq(grant_table_policy(&table, 1, &p), 0);
        ck_assert_uint_eq(policy_n_rules(p), 2);
        ck_assert_int_eq(policy_default_action(p), ACTION_DENY);
        check_verdict(p, (Destination) { .name = "a.example", .port = 443, .protocol = IPPROTO_TCP }, NULL,
                      ACTION_ALLOW);
        check_verdict(p, (Destination) { .port = 9, .protocol = IPPROTO_UDP }, "2001:db8::7", ACTION_ALLOW);
        check_verdict(p, (Destination) { .port = 9, .protocol = IPPROTO_UDP }, "2001:db8::8", ACTION_DENY);
        check_verdict(p, (Destination) { .name = "b.example", .port = 443, .protocol = IPPROTO_TCP }, NULL, ACTION_DENY);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("grant-table");
        TCase *t = tcase_create("grant-table");

        tcase_add_checked_fixture(t, set_up, tear_down);
        tcase_add_test(t, grants_belong_to_their_job);
        tcase_add_test(t, jobs_are_listed);
        tcase_add_test(t, later_end_counts);
        tcase_add_test(t, grants_end);
        tcase_add_loop_test(t, host_is_checked, 0, ELEMENTSOF(hosts));
        tcase_add_test(t, bounds);
        tcase_add_test(t, policy_allows_what_was_granted);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
