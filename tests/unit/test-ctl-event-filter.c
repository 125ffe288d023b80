/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/event-filter.h"

#include <check.h>

#include "ctl/event-groups.h"

#define CONNECTION                                                                                                       \
        "{\"event_type\":\"connection_blocked\",\"verdict\":\"deny\",\"blocked\":true,\"scope\":\"ci\","                 \
        "\"reason\":\"default\",\"dst_ip\":\"203.0.113.66\",\"dst_hostname\":\"a.Evil.example\",\"dst_port\":443,"       \
        "\"protocol\":\"TCP\",\"process\":\"curl\",\"unit\":\"runner-1.service\",\"cgroup\":\"/ci.slice/runner-1.service\"," \
        "\"job\":\"{\\\"repository\\\":\\\"octo/widgets\\\",\\\"run_id\\\":\\\"7\\\"}\"}"
#define QUERY                                                                                                            \
        "{\"event_type\":\"dns_blocked\",\"verdict\":\"deny\",\"blocked\":false,\"would_deny\":true,"                    \
        "\"dns_reason\":\"policy\",\"dst_ip\":\"10.0.0.53\",\"dst_hostname\":\"notevil.example\",\"dst_port\":53}"
#define NOTE "{\"event_type\":\"mode_changed\",\"detail\":\"enforce -> audit\"}"
#define PARSED_JOB "{\"job\":{\"run_id\":\"7\"}}"

static const struct {
        EventFilter filter;
        const char *event;
        bool matches;
} cases[] = {
        { {}, CONNECTION, true },
        { {}, NOTE, true },
        { { .denied = true }, CONNECTION, true },
        { { .denied = true }, QUERY, true },
        { { .denied = true }, NOTE, false },
        { { .scope = "ci" }, CONNECTION, true },
        { { .scope = "c*" }, CONNECTION, false },
        { { .scope = "ci" }, NOTE, false },
        { { .unit = "runner-*" }, CONNECTION, true },
        { { .unit = "runner-1" }, CONNECTION, false },
        { { .unit = "/ci.slice/*" }, CONNECTION, true },
        { { .unit = "/ci.slice" }, CONNECTION, false },
        { { .unit = "*" }, QUERY, false }, /* it has none */
        { { .process = "cur?" }, CONNECTION, true },
        { { .process = "CURL" }, CONNECTION, false },
        { { .process = "curl", .unit = "other" }, CONNECTION, false },
        { { .destination = "evil.example" }, CONNECTION, true },
        { { .destination = "A.EVIL.EXAMPLE" }, CONNECTION, true },
        { { .destination = "evil.example" }, QUERY, false },
        { { .destination = "ample" }, CONNECTION, false },
        { { .destination = "*.evil.*" }, CONNECTION, true },
        { { .destination = "?otevil.example" }, QUERY, true },
        { { .destination = "203.0.113.66" }, CONNECTION, true },
        { { .destination = "203.0.113.0/24" }, CONNECTION, true },
        { { .destination = "203.0.114.0/24" }, CONNECTION, false },
        { { .destination = "2001:db8::/32" }, CONNECTION, false },
        { { .destination = "10.0.0.53" }, QUERY, false }, /* the resolver is not what was asked for */
        { { .destination = "example" }, NOTE, false },
        { { .job = "repository=octo/*" }, CONNECTION, true },
        { { .job = "run_id=8" }, CONNECTION, false },
        { { .job = "workflow=*" }, CONNECTION, false },
        { { .job = "run_id=7" }, PARSED_JOB, true },
        { { .job = "run_id=*" }, NOTE, false },
};

START_TEST(test_matches) {
        JsonObject *event = json_tokener_parse(cases[_i].event);

        ck_assert_ptr_nonnull(event);
        ck_assert_ptr_null(event_filter_fault(&cases[_i].filter));
        ck_assert_int_eq(event_filter_matches(&cases[_i].filter, event), cases[_i].matches);
        json_object_put(event);
}
END_TEST

START_TEST(test_faults) {
        ck_assert_ptr_nonnull(event_filter_fault(&(EventFilter) { .job = "run_id" }));
        ck_assert_ptr_nonnull(event_filter_fault(&(EventFilter) { .job = "=7" }));
        ck_assert_ptr_nonnull(event_filter_fault(&(EventFilter) { .destination = "" }));
}
END_TEST

/* ------------------------------------------------------------------ groups */

#define EVENT(time, process, verdict, rest)                                                                              \
        "{\"event_type\":\"connection_blocked\",\"timestamp\":\"2026-11-22T03:12:0" time "Z\",\"verdict\":\"deny\","     \
        "\"" verdict "\":true,\"process\":\"" process "\",\"protocol\":\"TCP\",\"dst_port\":443," rest "}"

/* The same name has two addresses. */
static const char events[] =
        "[" EVENT("5", "curl", "blocked", "\"reason\":\"default\",\"dst_hostname\":\"a.example\",\"dst_ip\":\"192.0.2.1\"")
        "," EVENT("3", "wget", "blocked", "\"reason\":\"default\",\"dst_hostname\":\"a.example\",\"dst_ip\":\"192.0.2.2\",\"count\":4")
        "," EVENT("4", "curl", "would_deny", "\"reason\":\"default\",\"dst_hostname\":\"a.example\",\"dst_ip\":\"192.0.2.1\"")
        "," EVENT("6", "curl", "blocked", "\"reason\":\"rule\",\"matched_rule\":\"10.0.0.0/8\",\"dst_ip\":\"10.0.0.1\"")
        "," NOTE "]";

static const struct {
        EventPart part;
        const char *texts[4], *verdicts[4];
        uint64_t counts[4];
} groups[] = {
        { EVENT_PART_DESTINATION, { "a.example:443/tcp", "10.0.0.1:443/tcp", "a.example:443/tcp" },
          { "denied", "denied", "audit" }, { 5, 1, 1 } },
        { EVENT_PART_PROCESS, { "wget", "curl", "curl" }, { "denied", "denied", "audit" }, { 4, 2, 1 } },
        { EVENT_PART_RULE, { "no rule allows it", "no rule allows it", "rule 10.0.0.0/8" },
          { "denied", "audit", "denied" }, { 5, 1, 1 } },
};

START_TEST(test_groups) {
        JsonObject *array = json_tokener_parse(events);
        EventGroups g;
        size_t n = 0;

        ck_assert_ptr_nonnull(array);
        ck_assert_int_eq(event_groups_make(array, groups[_i].part, &g), 0);
        for (; groups[_i].texts[n]; n++) {
                ck_assert_uint_lt(n, g.n);
                ck_assert_str_eq(g.groups[n].text, groups[_i].texts[n]);
                ck_assert_str_eq(g.groups[n].verdict, groups[_i].verdicts[n]);
                ck_assert_uint_eq(g.groups[n].count, groups[_i].counts[n]);
        }
        ck_assert_uint_eq(g.n, n);
        if (groups[_i].part == EVENT_PART_DESTINATION) /* the later one was listed first */
                ck_assert_uint_eq(g.groups[0].last_usec - g.groups[0].first_usec, 2000000);
        event_groups_done(&g);
        json_object_put(array);
}
END_TEST

START_TEST(test_no_groups) {
        JsonObject *array = json_object_new_array();
        EventGroups g;

        ck_assert_int_eq(event_groups_make(array, EVENT_PART_RULE, &g), 0);
        ck_assert_uint_eq(g.n, 0);
        event_groups_done(&g);
        json_object_put(array);
}
END_TEST

START_TEST(test_parts) {
        EventPart part;

        ck_assert_int_eq(event_part_parse("dest", &part), 0);
        ck_assert_int_eq(part, EVENT_PART_DESTINATION);
        ck_assert_int_eq(event_part_parse("rule", &part), 0);
        ck_assert_int_eq(part, EVENT_PART_RULE);
        ck_assert_int_lt(event_part_parse("", &part), 0);
        ck_assert_int_lt(event_part_parse("destination", &part), 0);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("ctl-event-filter");
        TCase *t = tcase_create("ctl-event-filter");

        tcase_add_loop_test(t, test_matches, 0, ELEMENTSOF(cases));
        tcase_add_test(t, test_faults);
        tcase_add_loop_test(t, test_groups, 0, ELEMENTSOF(groups));
        tcase_add_test(t, test_no_groups);
        tcase_add_test(t, test_parts);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
