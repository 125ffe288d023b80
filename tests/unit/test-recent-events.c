/* SPDX-License-Identifier: Apache-2.0 */

#include "daemon/recent-events.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "event/event-copy.h"

typedef struct Seen {
        size_t n;
        char first[64], last[64];
} Seen;

static void on_event(const Event *e, void *userdata) {
        Seen *s = userdata;
        char *into = s->n == 0 ? s->first : s->last;

        (void) snprintf(into, sizeof(s->first), "%.60s", e->detail);
        if (s->n == 0)
                memcpy(s->last, s->first, sizeof(s->last));
        s->n++;
}

static Seen look(const RecentEvents *r, uint64_t since, size_t max) {
        Seen s = {};

        recent_events_for_each(r, since, max, on_event, &s);
        return s;
}

static void add(RecentEvents *r, uint64_t time, const char *text) {
        recent_events_add(r, &(Event) { .time_usec = time, .detail = text });
}

START_TEST(events_are_copied_and_listed_in_order) {
        _cleanup_(recent_events_freep) RecentEvents *r = NULL;
        char text[] = "one";

        ck_assert_int_eq(recent_events_new(&r), 0);
        ck_assert_uint_eq(look(r, 0, SIZE_MAX).n, 0);
        add(r, 10, text);
        memset(text, 'x', sizeof(text) - 1);
        add(r, 20, "two");
        Seen s = look(r, 0, SIZE_MAX);
        ck_assert_uint_eq(s.n, 2);
        ck_assert_str_eq(s.first, "one");
        ck_assert_str_eq(s.last, "two");
        ck_assert_uint_eq(recent_events_n_lost(r), 0);
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

START_TEST(a_flood_displaces_no_other_unit) {
        _cleanup_(recent_events_freep) RecentEvents *r = NULL;

        ck_assert_int_eq(recent_events_new(&r), 0);
        recent_events_add(r, &(Event) { .detail = "victim", .unit = "victim.service" });
        add(r, 0, "change");
        for (unsigned i = 0; i < 3 * RECENT_EVENTS_MAX; i++) {
                recent_events_add(r, &(Event) { .time_usec = i, .detail = "a", .unit = "a.service" });
                recent_events_add(r, &(Event) { .time_usec = i, .detail = "b", .unit = "b.service" });
        }
        Seen s = look(r, 0, SIZE_MAX);
        ck_assert_uint_eq(s.n, RECENT_EVENTS_MAX);
        ck_assert_str_eq(s.first, "victim");
        ck_assert_str_eq(s.last, "b");
}
END_TEST

START_TEST(a_sink_takes_denials_and_changes) {
        _cleanup_(recent_events_freep) RecentEvents *r = NULL;

        ck_assert_int_eq(recent_events_new(&r), 0);
        Sink s = recent_events_as_sink(r);
        for (int type = 0; type < _EVENT_TYPE_MAX; type++)
                s.write(r, &(Event) { .type = (EventType) type, .detail = event_type_to_string((EventType) type) }, 1);
        ck_assert_uint_eq(look(r, 0, SIZE_MAX).n, _EVENT_TYPE_MAX - 2);
        ck_assert_str_eq(look(r, 0, SIZE_MAX).first, "connection_blocked");
        ck_assert_uint_eq(s.n_lost(r), 0);
}
END_TEST

/* Events as large as a job can make them: fewer are kept, and the newest always is. */
START_TEST(bytes_are_bounded) {
        _cleanup_(recent_events_freep) RecentEvents *r = NULL;
        char big[4096], text[32];
        const char *labels[EVENT_LABELS_MAX];
        Event *copy, e = { .executable = big, .cgroup = big, .unit = big, .hostname = big, .cname_chain = big,
                           .labels = labels, .n_labels = EVENT_LABELS_MAX, .detail = text };
        size_t size;

        memset(big, 'x', sizeof(big) - 1);
        big[1] = '=';
        big[sizeof(big) - 1] = '\0';
        for (size_t i = 0; i < EVENT_LABELS_MAX; i++)
                labels[i] = big;
        ck_assert_int_eq(recent_events_new(&r), 0);
        for (unsigned i = 0; i < 2 * RECENT_EVENTS_MAX; i++) {
                (void) snprintf(text, sizeof(text), "%04u", i);
                recent_events_add(r, &e);
                ck_assert_str_eq(look(r, 0, 1).last, text);
        }
        ck_assert_int_eq(event_copy(&e, &copy, &size), 0);
        free(copy);
        ck_assert_uint_eq(look(r, 0, SIZE_MAX).n, RECENT_BYTES_MAX / size);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("recent-events");
        TCase *t = tcase_create("recent-events");

        tcase_add_test(t, events_are_copied_and_listed_in_order);
        tcase_add_loop_test(t, since_and_max, 0, ELEMENTSOF(questions));
        tcase_add_test(t, number_is_bounded);
        tcase_add_test(t, a_flood_displaces_no_other_unit);
        tcase_add_test(t, a_sink_takes_denials_and_changes);
        tcase_add_test(t, bytes_are_bounded);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
