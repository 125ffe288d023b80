/* SPDX-License-Identifier: Apache-2.0 */

#include "daemon/recent-events.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

typedef struct Seen {
        size_t n, n_bytes;
        char first[64], last[64];
} Seen;

static void on_line(const char *line, size_t size, void *userdata) {
        Seen *s = userdata;
        char *into = s->n == 0 ? s->first : s->last;

        (void) snprintf(into, sizeof(s->first), "%.*s", (int) MIN(size, sizeof(s->first) - 1), line);
        if (s->n == 0)
                memcpy(s->last, s->first, sizeof(s->last));
        s->n++;
        s->n_bytes += size;
}

static Seen look(const RecentEvents *r, uint64_t since, size_t max) {
        Seen s = {};

        recent_events_for_each(r, since, max, on_line, &s);
        return s;
}

static void add(RecentEvents *r, uint64_t time, const char *text) {
        recent_events_add(r, time, text, strlen(text));
}

START_TEST(lines_are_copied_and_told_in_order) {
        _cleanup_(recent_events_freep) RecentEvents *r = NULL;
        char text[] = "one\n";

        ck_assert_int_eq(recent_events_new(&r), 0);
        ck_assert_uint_eq(look(r, 0, SIZE_MAX).n, 0);
        add(r, 10, text);
        memset(text, 'x', sizeof(text) - 1);
        add(r, 20, "two\n");
        Seen s = look(r, 0, SIZE_MAX);
        ck_assert_uint_eq(s.n, 2);
        ck_assert_uint_eq(s.n_bytes, 8);
        ck_assert_str_eq(s.first, "one\n");
        ck_assert_str_eq(s.last, "two\n");
}
END_TEST

static const struct {
        uint64_t since;
        size_t max, n;
        const char *first, *last;
} questions[] = {
        { 0, SIZE_MAX, 5, "a", "e" },
        { 0, 2, 2, "d", "e" }, /* the last ones */
        { 0, 1, 1, "e", "e" },
        { 0, 0, 0, "", "" },
        { 30, SIZE_MAX, 3, "c", "e" }, /* the time itself counts */
        { 31, SIZE_MAX, 2, "d", "e" },
        { 31, 1, 1, "e", "e" },
        { 50, 9, 1, "e", "e" },
        { 51, 9, 0, "", "" },
        { UINT64_MAX, 9, 0, "", "" },
};

START_TEST(since_and_max) {
        _cleanup_(recent_events_freep) RecentEvents *r = NULL;

        ck_assert_int_eq(recent_events_new(&r), 0);
        for (unsigned i = 0; i < 5; i++)
                add(r, 10 * (i + 1), (const char[]) { (char) ('a' + i), '\0' });
        Seen s = look(r, questions[_i].since, questions[_i].max);
        ck_assert_uint_eq(s.n, questions[_i].n);
        ck_assert_str_eq(s.first, questions[_i].first);
        ck_assert_str_eq(s.last, questions[_i].last);
}
END_TEST

START_TEST(number_is_bounded) {
        _cleanup_(recent_events_freep) RecentEvents *r = NULL;
        char text[32];

        ck_assert_int_eq(recent_events_new(&r), 0);
        for (unsigned i = 0; i < 3 * RECENT_EVENTS_MAX + 7; i++) {
                (void) snprintf(text, sizeof(text), "%u", i);
                add(r, i, text);
                if (i == RECENT_EVENTS_MAX - 1)
                        ck_assert_str_eq(look(r, 0, SIZE_MAX).first, "0");
                if (i == RECENT_EVENTS_MAX)
                        ck_assert_str_eq(look(r, 0, SIZE_MAX).first, "1");
        }
        Seen s = look(r, 0, SIZE_MAX);
        ck_assert_uint_eq(s.n, RECENT_EVENTS_MAX);
        (void) snprintf(text, sizeof(text), "%u", 2 * RECENT_EVENTS_MAX + 7);
        ck_assert_str_eq(s.first, text);
        (void) snprintf(text, sizeof(text), "%u", 3 * RECENT_EVENTS_MAX + 6);
        ck_assert_str_eq(s.last, text);
}
END_TEST

START_TEST(bytes_are_bounded) {
        _cleanup_(recent_events_freep) RecentEvents *r = NULL;
        _cleanup_free_ char *big = malloc(RECENT_BYTES_MAX);

        ck_assert_ptr_nonnull(big);
        memset(big, 'x', RECENT_BYTES_MAX);
        ck_assert_int_eq(recent_events_new(&r), 0);
        add(r, 1, "small");
        recent_events_add(r, 2, big, RECENT_BYTES_MAX - 5);
        Seen s = look(r, 0, SIZE_MAX);
        ck_assert_uint_eq(s.n, 2);
        ck_assert_uint_eq(s.n_bytes, RECENT_BYTES_MAX);
        add(r, 3, "y"); /* one byte too many: the oldest goes */
        ck_assert_uint_eq(look(r, 0, SIZE_MAX).n, 2);
        ck_assert_uint_eq(look(r, 0, SIZE_MAX).n_bytes, RECENT_BYTES_MAX - 4);
        recent_events_add(r, 4, big, RECENT_BYTES_MAX); /* all of them */
        ck_assert_uint_eq(look(r, 0, SIZE_MAX).n, 1);
        add(r, 5, "z");
        ck_assert_uint_eq(look(r, 0, SIZE_MAX).n_bytes, 1);
        for (unsigned i = 0; i < 100; i++)
                recent_events_add(r, 6 + i, big, RECENT_BYTES_MAX / 10);
        ck_assert_uint_eq(look(r, 0, SIZE_MAX).n, 10);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("recent-events");
        TCase *t = tcase_create("recent-events");

        tcase_add_test(t, lines_are_copied_and_told_in_order);
        tcase_add_loop_test(t, since_and_max, 0, ELEMENTSOF(questions));
        tcase_add_test(t, number_is_bounded);
        tcase_add_test(t, bytes_are_bounded);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
