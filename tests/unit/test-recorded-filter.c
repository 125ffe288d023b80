/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/recorded-filter.h"

#include <check.h>
#include <string.h>

#include "basic/macro.h"

static RecordedEvent make_event(void) {
        return (RecordedEvent) {
                .count = 1,
                .time = "2023-11-14T22:13:20.000000Z",
                .scope = "runners",
                .unit = "actions.runner.one.service",
                .labels = { { "repository", "octo/widgets" }, { "run_id", "4711" } },
                .n_labels = 2,
        };
}

static const struct {
        const char *scope, *unit, *job, *since;
        bool matches, lost_matches;
} cases[] = {
        { NULL, NULL, NULL, NULL, true, true },
        { "runners", NULL, NULL, NULL, true, true },
        { "runner", NULL, NULL, NULL, false, true },
        { "runners*", NULL, NULL, NULL, false, true },
        { NULL, "actions.runner.*", NULL, NULL, true, true },
        { NULL, "actions.runner.two.service", NULL, NULL, false, true },
        { NULL, NULL, "4711", NULL, true, true },
        { NULL, NULL, "471", NULL, false, true },
        { NULL, NULL, "octo/widgets", NULL, false, true }, /* not a job's name */
        { NULL, NULL, "repository=octo/*", NULL, true, true },
        { NULL, NULL, "repository=acme/*", NULL, false, true },
        { NULL, NULL, "repo=octo/*", NULL, false, true },
        { NULL, NULL, "repository_=octo/*", NULL, false, true },
        { NULL, NULL, NULL, "2023-11-14T22:13:20.000000Z", true, true },
        { NULL, NULL, NULL, "2023-11-14T22:13:20.000001Z", false, false },
        { "runners", "other.service", NULL, NULL, false, true }, /* all kinds must match */
};

START_TEST(test_cases) {
        RecordedEvent e = make_event();
        RecordedFilter f = {};
        const char *reason;

        if (cases[_i].scope)
                ck_assert_int_eq(recorded_filter_add_scope(&f, cases[_i].scope, &reason), 0);
        if (cases[_i].unit)
                ck_assert_int_eq(recorded_filter_add_unit(&f, cases[_i].unit, &reason), 0);
        if (cases[_i].job)
                ck_assert_int_eq(recorded_filter_add_job(&f, cases[_i].job, &reason), 0);
        if (cases[_i].since)
                strcpy(f.since, cases[_i].since);
        ck_assert(recorded_filter_matches(&f, RECORDED_LINE_EVENT, &e) == cases[_i].matches);
        ck_assert(recorded_filter_matches(&f, RECORDED_LINE_FIXED, &e) == cases[_i].matches);
        ck_assert(recorded_filter_matches(&f, RECORDED_LINE_SUPPRESSED, &e) == cases[_i].matches);
        ck_assert(recorded_filter_matches(&f, RECORDED_LINE_LOST, &e) == cases[_i].lost_matches);
        ck_assert(recorded_filter_matches(&f, RECORDED_LINE_CUT, NULL));
}
END_TEST

START_TEST(test_alternatives) {
        RecordedEvent e = make_event();
        RecordedFilter f = {};
        const char *reason;

        ck_assert_int_eq(recorded_filter_add_scope(&f, "host", &reason), 0);
        ck_assert(!recorded_filter_matches(&f, RECORDED_LINE_EVENT, &e));
        ck_assert_int_eq(recorded_filter_add_scope(&f, "runners", &reason), 0);
        ck_assert(recorded_filter_matches(&f, RECORDED_LINE_EVENT, &e));

        ck_assert_int_eq(recorded_filter_add_job(&f, "0a1b", &reason), 0);
        ck_assert(!recorded_filter_matches(&f, RECORDED_LINE_EVENT, &e));
        f.n_scopes = 0;
        strcpy(e.scope, "job:0a1b"); /* what was granted to it */
        ck_assert(recorded_filter_matches(&f, RECORDED_LINE_EVENT, &e));
}
END_TEST

START_TEST(test_refused) {
        RecordedFilter f = {};
        const char *reason = NULL;

        ck_assert_int_eq(recorded_filter_add_scope(&f, "", &reason), -EINVAL);
        ck_assert_int_eq(recorded_filter_add_unit(&f, "", &reason), -EINVAL);
        ck_assert_int_eq(recorded_filter_add_unit(&f, "a[", &reason), -EINVAL);
        ck_assert_int_eq(recorded_filter_add_job(&f, "=x", &reason), -EINVAL);
        ck_assert_int_eq(recorded_filter_add_job(&f, "label=[", &reason), -EINVAL);
        ck_assert_uint_eq(f.n_scopes + f.n_units + f.n_jobs, 0);
        for (size_t i = 0; i < RECORDED_FILTER_MAX; i++)
                ck_assert_int_eq(recorded_filter_add_scope(&f, "host", &reason), 0);
        ck_assert_int_eq(recorded_filter_add_scope(&f, "host", &reason), -E2BIG);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("recorded-filter");
        TCase *t = tcase_create("recorded-filter");

        tcase_add_loop_test(t, test_cases, 0, ELEMENTSOF(cases));
        tcase_add_test(t, test_alternatives);
        tcase_add_test(t, test_refused);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
