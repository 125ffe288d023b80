/* SPDX-License-Identifier: Apache-2.0 */

#include <check.h>

#include "event/flow-names.h"

static const uint8_t key[16] = "flow-names key..";
static FlowNames *names;

static void setup(void) {
        ck_assert_int_eq(flow_names_new(key, &names), 0);
}

static void teardown(void) {
        names = flow_names_free(names);
}

static InAddr addr(uint8_t n) {
        InAddr a;

        in_addr_from_v4((const uint8_t[4]) { 203, 0, 113, n }, &a);
        return a;
}

static Event event(EventType type, uint32_t actor, uint32_t pid) {
        return (Event) { .type = type, .actor = actor, .pid = pid, .has_dst = true, .dst = addr(1) };
}

static void look_up(uint32_t actor, uint32_t pid, const char *name) {
        InAddr a = addr(1);

        flow_names_looked_up(names, actor, pid, &a, name, NULL);
}

/* The name of an event whose address has the name "general" by its lease. */
static const char *name_of(Event e, uint64_t cookie) {
        flow_names_set(names, cookie, "general.example", "cdn.example", false, &e);
        return e.hostname;
}

START_TEST(test_last_look_up_of_process) {
        look_up(1, 10, "a.example");
        look_up(1, 11, "b.example");
        look_up(2, 20, "c.example");
        ck_assert_str_eq(name_of(event(EVENT_CONNECTION_ALLOWED, 1, 10), 1), "a.example");
        ck_assert_str_eq(name_of(event(EVENT_CONNECTION_ALLOWED, 1, 11), 2), "b.example");
        look_up(1, 10, "d.example");
        ck_assert_str_eq(name_of(event(EVENT_CONNECTION_ALLOWED, 1, 10), 3), "d.example");
        ck_assert_str_eq(name_of(event(EVENT_CONNECTION_BLOCKED, 2, 20), 0), "c.example");
}
END_TEST

START_TEST(test_change) {
        InAddr a = addr(1), b = addr(2);

        ck_assert_int_eq(flow_names_renew(names, 1, 10, &a, "a.example", NULL), NAME_NEW);
        look_up(1, 10, "a.example");
        ck_assert_int_eq(flow_names_renew(names, 1, 10, &a, "a.example", NULL), NAME_KEPT);
        ck_assert_int_eq(flow_names_renew(names, 1, 10, &a, "a.example", "cdn.example"), NAME_NEW);
        ck_assert_int_eq(flow_names_renew(names, 1, 10, &a, "b.example", NULL), NAME_REPLACED);
        ck_assert_int_eq(flow_names_renew(names, 1, 11, &a, "a.example", NULL), NAME_NEW); /* of the unit alone */
        ck_assert_int_eq(flow_names_renew(names, 1, 11, &a, "b.example", NULL), NAME_REPLACED);
        ck_assert_int_eq(flow_names_renew(names, 1, 0, &a, "a.example", NULL), NAME_KEPT);
        ck_assert_int_eq(flow_names_renew(names, 1, 10, &b, "b.example", NULL), NAME_NEW);
        ck_assert_int_eq(flow_names_renew(names, 2, 20, &a, "b.example", NULL), NAME_NEW);
}
END_TEST

START_TEST(test_unit_without_process) {
        look_up(1, 10, "a.example");
        ck_assert_str_eq(name_of(event(EVENT_CONNECTION_ALLOWED, 1, 99), 1), "a.example");
        ck_assert_str_eq(name_of(event(EVENT_CONNECTION_ALLOWED, 1, 0), 2), "a.example");
        ck_assert_str_eq(name_of(event(EVENT_CONNECTION_ALLOWED, 3, 10), 3), "general.example");
}
END_TEST

START_TEST(test_same_name_to_the_end) {
        look_up(1, 10, "a.example");
        ck_assert_str_eq(name_of(event(EVENT_CONNECTION_ALLOWED, 1, 10), 5), "a.example");
        look_up(1, 10, "b.example");
        ck_assert_str_eq(name_of(event(EVENT_CONNECTION_ALLOWED, 1, 10), 6), "b.example");
        ck_assert_str_eq(name_of(event(EVENT_CONNECTION_CLOSED, 1, 10), 5), "a.example");
        ck_assert_str_eq(name_of(event(EVENT_CONNECTION_CLOSED, 1, 10), 6), "b.example");
        /* its begin was lost */
        ck_assert_str_eq(name_of(event(EVENT_CONNECTION_CLOSED, 1, 10), 7), "b.example");
}
END_TEST

START_TEST(test_cause_of_denial) {
        Event e = event(EVENT_CONNECTION_BLOCKED, 1, 10);

        look_up(1, 10, "a.example");
        flow_names_set(names, 0, "denied.example", NULL, true, &e);
        ck_assert_str_eq(e.hostname, "denied.example");
}
END_TEST

START_TEST(test_after_lease) {
        Event e = event(EVENT_CONNECTION_ALLOWED, 1, 0);

        flow_names_set(names, 0, NULL, NULL, false, &e);
        ck_assert_pstr_eq(e.hostname, NULL);
        flow_names_set(names, 0, "a.example", "cdn.example", false, &e);
        e = event(EVENT_CONNECTION_CLOSED, 1, 0);
        flow_names_set(names, 0, NULL, NULL, false, &e);
        ck_assert_str_eq(e.hostname, "a.example");
        ck_assert_str_eq(e.cname_chain, "cdn.example");
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("flow-names");
        TCase *t = tcase_create("flow-names");

        tcase_add_checked_fixture(t, setup, teardown);
        tcase_add_test(t, test_last_look_up_of_process);
        tcase_add_test(t, test_change);
        tcase_add_test(t, test_unit_without_process);
        tcase_add_test(t, test_same_name_to_the_end);
        tcase_add_test(t, test_cause_of_denial);
        tcase_add_test(t, test_after_lease);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
