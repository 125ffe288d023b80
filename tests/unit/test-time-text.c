/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/time-text.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "basic/macro.h"

#define NOW (1795000000ULL * USEC_PER_SEC) /* 2026-11-18 11:06:40 UTC, 12:06:40 in the zone below */
#define DAY (86400 * USEC_PER_SEC)

static const struct {
        const char *text;
        uint64_t usec; /* 0: refused */
} times[] = {
        { "now", NOW },
        { "@1795000000", NOW },
        { "@1", USEC_PER_SEC },
        { "2026-11-18T11:06:40Z", NOW },
        { "2026-11-18T11:06:40.5Z", NOW + 500000 },
        { "2026-11-18T11:06:40.1234567Z", NOW + 123456 },
        { "2026-11-18T13:06:40+02:00", NOW },
        { "2026-11-18T05:36:40-05:30", NOW },
        { "2026-11-18 12:06:40", NOW },
        { "2026-11-18 12:06", NOW - 40 * USEC_PER_SEC },
        { "2026-11-18", NOW - (12 * 3600 + 400) * USEC_PER_SEC },
        { "today", NOW - (12 * 3600 + 400) * USEC_PER_SEC },
        { "yesterday", NOW - (12 * 3600 + 400) * USEC_PER_SEC - DAY },
        { "-1h", NOW - 3600 * USEC_PER_SEC },
        { "-1h 30min", NOW - 5400 * USEC_PER_SEC },
        { "2d ago", NOW - 2 * DAY },
        { "90 ago", NOW - 90 * USEC_PER_SEC },
        { "", 0 },
        { "soon", 0 },
        { "-", 0 },
        { " ago", 0 },
        { "-1y", 0 },
        { "-99999999999999999w", 0 },
        { "@", 0 },
        { "@-1", 0 },
        { "@1x", 0 },
        { "@9999999999999", 0 },
        { "2026-02-30", 0 },
        { "2026-13-01", 0 },
        { "2026-00-01", 0 },
        { "1969-12-31", 0 },
        { "2026-11-18T", 0 },
        { "2026-11-18 25:00", 0 },
        { "2026-11-18 12:06:40.", 0 },
        { "2026-11-18 12:06:40 x", 0 },
        { "2026-11-18T11:06:40+2", 0 },
        { "26-11-18", 0 },
        { "2026-11-18-", 0 },
};

START_TEST(test_parse) {
        uint64_t usec = 1;

        int r = time_parse(times[_i].text, NOW, &usec);
        if (times[_i].usec == 0) {
                ck_assert_msg(r == -EINVAL, "%s", times[_i].text);
                ck_assert_uint_eq(usec, 1);
        } else {
                ck_assert_msg(r == 0, "%s", times[_i].text);
                ck_assert_uint_eq(usec, times[_i].usec);
        }
}
END_TEST

/* A span that is longer than the epoch is old goes no further back. */
START_TEST(test_long_ago) {
        uint64_t usec = 1;

        ck_assert_int_eq(time_parse("-10000w", NOW, &usec), 0);
        ck_assert_uint_eq(usec, 0);
}
END_TEST

START_TEST(test_span) {
        static const char *const bad[] = { "", " ", "x", "1x", "-1", "1.5s", "1s,", "1 2x" };
        uint64_t usec = 1;

        ck_assert_int_eq(span_parse("90", &usec), 0);
        ck_assert_uint_eq(usec, 90 * USEC_PER_SEC);
        ck_assert_int_eq(span_parse(" 2min 30 s ", &usec), 0);
        ck_assert_uint_eq(usec, 150 * USEC_PER_SEC);
        ck_assert_int_eq(span_parse("1h1ms1us", &usec), 0);
        ck_assert_uint_eq(usec, 3600 * USEC_PER_SEC + 1001);
        ck_assert_int_eq(span_parse("0", &usec), 0);
        ck_assert_uint_eq(usec, 0);
        ck_assert_int_eq(span_parse("999999999999999999w", &usec), -ERANGE);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                ck_assert_msg(span_parse(bad[i], &usec) == -EINVAL, "%s", bad[i]);
}
END_TEST

START_TEST(test_format) {
        char buf[TIME_TEXT_MAX];

        ck_assert_str_eq(time_format_rfc3339(NOW + 7, buf), "2026-11-18T11:06:40.000007Z");
        ck_assert_str_eq(time_format_local(NOW, buf), "2026-11-18 12:06:40 TST");
        ck_assert_str_eq(time_format_short(NOW, buf), "Nov 18 12:06:40");
        ck_assert_str_eq(span_format(0, buf), "0s");
        ck_assert_str_eq(span_format(1, buf), "1us");
        ck_assert_str_eq(span_format(59 * USEC_PER_SEC + 5, buf), "59s");
        ck_assert_str_eq(span_format(3600 * USEC_PER_SEC + 59, buf), "1h");
        ck_assert_str_eq(span_format(8 * DAY + 3600 * USEC_PER_SEC, buf), "1w 1d");
        ck_assert_str_eq(span_format(61 * USEC_PER_SEC, buf), "1min 1s");
        /* beyond what a calendar has, still text */
        ck_assert_uint_gt(strlen(time_format_rfc3339(UINT64_MAX, buf)), 0);
        ck_assert_uint_gt(strlen(span_format(UINT64_MAX, buf)), 0);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("time-text");
        TCase *t = tcase_create("time-text");

        (void) setenv("TZ", "TST-1", 1); /* one hour ahead of UTC, no summer time */
        tzset();
        tcase_add_loop_test(t, test_parse, 0, ELEMENTSOF(times));
        tcase_add_test(t, test_long_ago);
        tcase_add_test(t, test_span);
        tcase_add_test(t, test_format);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
