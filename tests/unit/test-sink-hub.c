/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/hub.h"

#include <check.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>

#include "sink/ndjson-file.h"

static uint64_t now(void) {
        struct timespec t;

        (void) clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t) t.tv_sec * NSEC_PER_SEC + (uint64_t) t.tv_nsec;
}

typedef struct Recorder {
        char *order; /* gets a letter for each event; shared */
        char letter;
        uint64_t delay_nsec; /* from an event to its flush */
        uint64_t due_nsec, n_flushed, n_early, n_lost;
} Recorder;

static void recorder_write(void *object, _unused_ const Event *e, uint64_t now_nsec) {
        Recorder *r = object;

        strncat(r->order, &r->letter, 1);
        if (r->due_nsec == UINT64_MAX)
                r->due_nsec = now_nsec + r->delay_nsec;
}

static void recorder_flush(void *object, uint64_t now_nsec) {
        Recorder *r = object;

        r->n_flushed++;
        r->n_early += now_nsec < r->due_nsec;
        r->due_nsec = UINT64_MAX;
}

static uint64_t recorder_next(const void *object) {
        return ((const Recorder *) object)->due_nsec;
}

static uint64_t recorder_n_lost(const void *object) {
        return ((const Recorder *) object)->n_lost;
}

static Sink sink_of(Recorder *r) {
        r->due_nsec = UINT64_MAX;
        return (Sink) {
                .name = "recorder", .object = r, .write = recorder_write, .flush = recorder_flush,
                .next = recorder_next, .n_lost = recorder_n_lost,
        };
}

/* The loop runs until the condition holds, which takes a moment; a minute is for machines that are busy. */
#define run_until(event, condition)                                        \
        do {                                                               \
                uint64_t _end = now() + 60 * NSEC_PER_SEC;                 \
                while (!(condition) && now() < _end)                       \
                        ck_assert_int_ge(sd_event_run(event, 100000), 0);  \
                ck_assert(condition);                                      \
        } while (0)

START_TEST(all_get_every_event_in_order) {
        char order[64] = "";
        Recorder a = { .order = order, .letter = 'a' }, b = { .order = order, .letter = 'b' };
        Event e = { .type = EVENT_HOOK_LOST };
        sd_event *event = NULL;
        SinkHub *h = NULL;

        ck_assert_int_ge(sd_event_new(&event), 0);
        ck_assert_int_eq(sink_hub_new(event, &h), 0);
        sink_hub_write(h, &e); /* nobody is there yet */
        ck_assert_int_eq(sink_hub_add(h, (const Sink[]) { sink_of(&a) }), 0);
        Sink without_flush = sink_of(&b);
        without_flush.flush = NULL;
        without_flush.next = NULL;
        ck_assert_int_eq(sink_hub_add(h, &without_flush), 0);
        sink_hub_write(h, &e);
        sink_hub_write(h, &e);
        ck_assert_str_eq(order, "abab");

        ck_assert_uint_eq(sink_hub_n_lost(h), 0);
        a.n_lost = 3;
        b.n_lost = 4;
        ck_assert_uint_eq(sink_hub_n_lost(h), 7);
        b.n_lost = UINT64_MAX;
        ck_assert_uint_eq(sink_hub_n_lost(h), UINT64_MAX);
        ck_assert_ptr_null(sink_hub_free(h));
        ck_assert_ptr_null(sink_hub_free(NULL));
        sd_event_unref(event);
}
END_TEST

START_TEST(the_number_of_sinks_is_bounded) {
        char order[64] = "";
        Recorder a = { .order = order, .letter = 'a' };
        Sink sink = sink_of(&a);
        sd_event *event = NULL;
        SinkHub *h = NULL;

        ck_assert_int_ge(sd_event_new(&event), 0);
        ck_assert_int_eq(sink_hub_new(event, &h), 0);
        for (size_t i = 0; i < SINK_HUB_MAX; i++)
                ck_assert_int_eq(sink_hub_add(h, &sink), 0);
        ck_assert_int_eq(sink_hub_add(h, &sink), -ENOSPC);
        sink_hub_free(h);
        sd_event_unref(event);
}
END_TEST

/* One timer for sinks that want it at different times, again and again, and none is flushed before its time. */
START_TEST(each_is_flushed_when_it_is_due) {
        char order[64] = "";
        Recorder soon = { .order = order, .letter = 's', .delay_nsec = NSEC_PER_MSEC };
        Recorder later = { .order = order, .letter = 'l', .delay_nsec = 50 * NSEC_PER_MSEC };
        Recorder never = { .order = order, .letter = 'n', .delay_nsec = 3600 * NSEC_PER_SEC };
        Event e = { .type = EVENT_HOOK_LOST };
        sd_event *event = NULL;
        SinkHub *h = NULL;

        ck_assert_int_ge(sd_event_new(&event), 0);
        ck_assert_int_eq(sink_hub_new(event, &h), 0);
        ck_assert_int_eq(sink_hub_add(h, (const Sink[]) { sink_of(&never) }), 0);
        ck_assert_int_eq(sink_hub_add(h, (const Sink[]) { sink_of(&later) }), 0);
        ck_assert_int_eq(sink_hub_add(h, (const Sink[]) { sink_of(&soon) }), 0);
        for (unsigned i = 1; i <= 3; i++) {
                sink_hub_write(h, &e);
                run_until(event, soon.n_flushed == i && later.n_flushed == i);
        }
        ck_assert_uint_eq(soon.n_early + later.n_early + never.n_flushed, 0);

        sink_hub_write(h, &e);
        sink_hub_flush(h); /* only what is due */
        ck_assert_uint_eq(never.n_flushed, 0);
        sink_hub_free(h);
        sd_event_unref(event);
}
END_TEST

START_TEST(a_line_is_in_the_file_without_another_event) {
        char path[] = "/tmp/cargowall-test-XXXXXX", buf[4096];
        Event e = { .type = EVENT_HOOK_LOST };
        sd_event *event = NULL;
        NdjsonFile *file = NULL;
        SinkHub *h = NULL;

        int fd = mkostemp(path, O_APPEND | O_CLOEXEC);
        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(unlink(path), 0);
        ck_assert_int_eq(ndjson_file_new_fd(fd, &file), 0);
        ck_assert_int_ge(sd_event_new(&event), 0);
        ck_assert_int_eq(sink_hub_new(event, &h), 0);
        ck_assert_int_eq(sink_hub_add(h, (const Sink[]) { ndjson_file_as_sink(file) }), 0);
        for (size_t i = 1; i <= 2; i++) {
                sink_hub_write(h, &e);
                run_until(event, ndjson_file_n_written(file) == i);
        }
        ck_assert_int_gt(pread(fd, buf, sizeof(buf), 0), 0);
        sink_hub_free(h);
        ndjson_file_free(file);
        (void) close(fd);
        sd_event_unref(event);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("sink-hub");
        TCase *t = tcase_create("sink-hub");

        tcase_set_timeout(t, 120);
        tcase_add_test(t, all_get_every_event_in_order);
        tcase_add_test(t, the_number_of_sinks_is_bounded);
        tcase_add_test(t, each_is_flushed_when_it_is_due);
        tcase_add_test(t, a_line_is_in_the_file_without_another_event);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
