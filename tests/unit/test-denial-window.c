/* SPDX-License-Identifier: Apache-2.0 */
#include "event/denial-window.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/port.h"

#define REPORTS_MAX 4096
#define LENGTH (10 * NSEC_PER_SEC)

typedef struct Report {
        uint64_t sequence, count;
        uint32_t pid, tid, uid;
        bool has_src;
        size_t n_parents, n_labels;
        char hostname[600], executable[32], label[32];
} Report;

typedef struct Log {
        Report reports[REPORTS_MAX];
        size_t n;
        uint64_t n_events; /* what all reports stand for */
} Log;

static const uint8_t key[16] = "0123456789abcdef";

static void on_event(const Event *e, void *userdata) {
        Log *log = userdata;

        ck_assert_uint_lt(log->n, REPORTS_MAX);
        Report *r = &log->reports[log->n++];
        *r = (Report) {
                .sequence = e->sequence,
                .count = e->count,
                .pid = e->pid,
                .tid = e->tid,
                .uid = e->uid,
                .has_src = e->has_src,
                .n_parents = e->n_parents,
                .n_labels = e->n_labels,
        };
        (void) snprintf(r->hostname, sizeof(r->hostname), "%s", e->hostname ? e->hostname : "");
        (void) snprintf(r->executable, sizeof(r->executable), "%s", e->executable ? e->executable : "");
        (void) snprintf(r->label, sizeof(r->label), "%s", e->n_labels > 0 ? e->labels[0] : "");
        log->n_events += e->count > 0 ? e->count : 1;
}

static const char *const labels[] = { "run_id=7" };

static Event denial(uint64_t sequence) {
        Event e = {
                .type = EVENT_CONNECTION_BLOCKED,
                .has_verdict = true,
                .verdict = ACTION_DENY,
                .reason = CW_REASON_DEFAULT,
                .sequence = sequence,
                .has_src = true,
                .src_port = 4000,
                .has_dst = true,
                .dst_port = 443,
                .protocol = PROTOCOL_TCP,
                .hostname = "evil.example",
                .matched_rule = "*.example",
                .rule = 3,
                .scope = "host",
                .pid = 10,
                .tid = 11,
                .uid = 1000,
                .gid = 1000,
                .process = "curl",
                .executable = "/usr/bin/curl",
                .cgroup = "/a",
                .unit = "a.service",
                .parents = { { .pid = 1 } },
                .n_parents = 1,
                .labels = labels,
                .n_labels = 1,
        };

        ck_assert_int_eq(in_addr_parse("203.0.113.66", &e.dst), 0);
        return e;
}

static Log *log_new_by(bool process, DenialWindow **ret) {
        Log *log = calloc(1, sizeof(*log));

        ck_assert_ptr_nonnull(log);
        DenialWindowOptions o = { .length_nsec = LENGTH, .by_process = process, .fn = on_event, .userdata = log };
        memcpy(o.key, key, sizeof(o.key));
        ck_assert_int_eq(denial_window_new(&o, ret), 0);
        return log;
}

static Log *log_new(DenialWindow **ret) {
        return log_new_by(false, ret);
}

static void add(DenialWindow *w, uint64_t sequence, uint64_t now_nsec) {
        Event e = denial(sequence);
        denial_window_add(w, &e, now_nsec);
}

START_TEST(test_repeats) {
        const uint64_t start = 5 * NSEC_PER_SEC, window = LENGTH;
        DenialWindow *w;
        Log *log = log_new(&w);

        ck_assert_uint_eq(denial_window_next(w), UINT64_MAX);
        add(w, 1, start);
        ck_assert_uint_eq(log->n, 1);
        ck_assert(log->reports[0].sequence == 1 && log->reports[0].count == 0 && log->reports[0].has_src);
        ck_assert_uint_eq(log->reports[0].n_parents, 1);
        ck_assert_uint_eq(denial_window_next(w), start + window);
        for (uint64_t i = 2; i <= 38; i++)
                add(w, i, start + i);
        denial_window_flush(w, start + window - 1);
        ck_assert_uint_eq(log->n, 1);

        denial_window_flush(w, start + window);
        ck_assert_uint_eq(log->n, 2);
        const Report *r = &log->reports[1];
        ck_assert(r->count == 37 && r->sequence == 38 && r->pid == 10 && r->tid == 11 && r->uid == 1000);
        ck_assert(!r->has_src && r->n_parents == 0 && r->n_labels == 1);
        ck_assert_str_eq(r->hostname, "evil.example");
        ck_assert_str_eq(r->executable, "/usr/bin/curl");
        ck_assert_str_eq(r->label, "run_id=7");

        add(w, 39, start + window + 1); /* the window continues */
        ck_assert_uint_eq(log->n, 2);
        denial_window_flush(w, start + 2 * window);
        ck_assert(log->n == 3 && log->reports[2].count == 1 && log->reports[2].sequence == 39);
        denial_window_flush(w, start + 3 * window); /* nothing came: it ends */
        ck_assert_uint_eq(log->n, 3);
        ck_assert_uint_eq(denial_window_next(w), UINT64_MAX);
        add(w, 40, start + 3 * window);
        ck_assert(log->n == 4 && log->reports[3].count == 0);

        ck_assert_ptr_null(denial_window_free(w));
        ck_assert_ptr_null(denial_window_free(NULL));
        free(log);
}
END_TEST

/* One second late or a minute late: what was counted is reported before the next one. */
START_TEST(test_late_flush) {
        DenialWindow *w;
        Log *log = log_new(&w);

        add(w, 1, 0);
        add(w, 2, 1);
        add(w, 3, LENGTH);
        ck_assert_uint_eq(log->n, 3);
        ck_assert(log->reports[1].sequence == 2 && log->reports[1].count == 1);
        ck_assert(log->reports[2].sequence == 3 && log->reports[2].count == 0);
        ck_assert_uint_eq(denial_window_next(w), 2 * LENGTH);
        add(w, 4, LENGTH + 1);
        denial_window_flush_all(w);
        ck_assert(log->n == 4 && log->reports[3].sequence == 4 && log->reports[3].count == 1);
        ck_assert_uint_eq(denial_window_next(w), UINT64_MAX);
        denial_window_flush_all(w);
        ck_assert_uint_eq(log->n, 4);

        add(w, 5, UINT64_MAX - 1); /* a clock at its end */
        add(w, 6, UINT64_MAX - 1);
        denial_window_flush(w, UINT64_MAX);
        ck_assert(log->n == 6 && log->reports[5].count == 1);
        ck_assert_uint_eq(denial_window_next(w), UINT64_MAX);
        denial_window_free(w);
        free(log);
}
END_TEST

static const char *const other_labels[] = { "run_id=8" };

/* What keeps two events apart. */
static void change(Event *e, int what) {
        switch (what) {
        case 0: e->type = EVENT_PROTOCOL_BLOCKED; break;
        case 1: e->verdict = ACTION_ALLOW; break;
        case 2: e->mode = MODE_AUDIT; break;
        case 3: e->reason = CW_REASON_RULE; break;
        case 4: e->has_dst = false; break;
        case 5: e->dst.b[15]++; break;
        case 6: e->dst_port = 444; break;
        case 7: e->protocol = PROTOCOL_UDP; break;
        case 8: e->hostname = "evi.example"; break;
        case 9: e->matched_rule = NULL; break;
        case 10: e->rule = 4; break;
        case 11: e->scope = "runners"; break;
        case 12: e->process = "wget"; break;
        case 13: e->unit = "b.service"; break;
        case 14: e->query_type = "TXT"; break;
        case 15: e->dns_reason = "type"; break;
        case 16: e->labels = other_labels; break;
        case 17: e->n_labels = 0; break;
        case 18: e->mid_stream = true; break;
        case 19: e->actor = 5; break;
        case 20: e->socket_family = 24; break;
        case 21: e->hostname = "evil.example*"; e->matched_rule = ".example"; break; /* the same bytes but for a NUL */
        default: e->automatic = "dns";
        }
}

START_TEST(test_different) {
        DenialWindow *w;
        Log *log = log_new(&w);
        Event e = denial(2);

        add(w, 1, 0);
        change(&e, _i);
        denial_window_add(w, &e, 1);
        ck_assert_uint_eq(log->n, 2);
        ck_assert_uint_eq(log->reports[1].sequence, 2);
        denial_window_add(w, &e, 2);
        add(w, 4, 3);
        ck_assert_uint_eq(log->n, 2);
        denial_window_flush_all(w);
        ck_assert_uint_eq(log->n_events, 4);
        denial_window_free(w);
        free(log);
}
END_TEST

/* A record for several processes names none of them. */
START_TEST(test_facts_that_differ) {
        DenialWindow *w;
        Log *log = log_new(&w);
        Event e = denial(2);

        add(w, 1, 0);
        e.tid = 12;
        denial_window_add(w, &e, 1);
        denial_window_flush(w, LENGTH);
        ck_assert(log->reports[1].pid == 10 && log->reports[1].tid == 0);
        e.pid = 20;
        e.executable = "/usr/bin/other";
        e.count = 5;
        denial_window_add(w, &e, LENGTH + 1);
        denial_window_flush_all(w);
        ck_assert(log->n == 3 && log->reports[2].count == 5);
        ck_assert(log->reports[2].pid == 0 && log->reports[2].uid == 0);
        ck_assert_str_eq(log->reports[2].executable, "");
        denial_window_free(w);
        free(log);
}
END_TEST

/* Different denials past the limit: the oldest window ends early, nothing is lost. */
START_TEST(test_limit) {
        DenialWindow *w;
        Log *log = log_new(&w);
        char name[32];
        uint64_t n = 0;

        for (int round = 0; round < 2; round++)
                for (int i = 0; i <= DENIAL_WINDOW_MAX; i++) {
                        Event e = denial(++n);
                        (void) snprintf(name, sizeof(name), "n%d.example", i);
                        e.hostname = name;
                        denial_window_add(w, &e, n);
                        denial_window_add(w, &e, n);
                        n++;
                }
        /* Each round had one name too many, so the second found none of the first. */
        ck_assert_uint_eq(log->n, 2 * (DENIAL_WINDOW_MAX + 1) + DENIAL_WINDOW_MAX + 2);
        ck_assert_str_eq(log->reports[DENIAL_WINDOW_MAX].hostname, "n0.example");
        ck_assert_uint_eq(log->reports[DENIAL_WINDOW_MAX].count, 1);
        denial_window_flush_all(w);
        ck_assert_uint_eq(log->n_events, n);
        denial_window_free(w);
        free(log);
}
END_TEST

START_TEST(test_long_strings) {
        DenialWindow *w;
        Log *log = log_new(&w);
        char text[9000];
        const char *many[EVENT_LABELS_MAX + 4];

        memset(text, 'x', sizeof(text) - 1);
        text[sizeof(text) - 1] = '\0';
        Event e = denial(1);
        e.hostname = e.matched_rule = e.automatic = e.scope = e.process = e.unit = e.query_type = e.dns_reason = text;
        e.executable = e.cgroup = e.policy_digest = text;
        for (size_t i = 0; i < ELEMENTSOF(many); i++)
                many[i] = text;
        e.labels = many;
        e.n_labels = ELEMENTSOF(many);
        denial_window_add(w, &e, 0);
        denial_window_add(w, &e, 1);
        denial_window_flush_all(w);
        ck_assert(log->n == 2 && log->reports[1].count == 1);
        ck_assert_uint_eq(log->reports[1].n_labels, EVENT_LABELS_MAX);
        ck_assert_uint_eq(strlen(log->reports[1].hostname), 512);

        e = (Event) { .type = EVENT_DNS_BLOCKED }; /* nothing known */
        denial_window_add(w, &e, 2);
        denial_window_add(w, &e, 3);
        denial_window_free(w); /* with a count that nobody asked for */
        ck_assert_uint_eq(log->n, 3);
        free(log);
}
END_TEST

/* What many denials of one actor fill, another's windows keep. */
START_TEST(test_greedy_actor) {
        DenialWindow *w;
        Log *log = log_new(&w);
        Event e = denial(1);

        denial_window_add(w, &e, 0);
        e.actor = 3;
        for (uint32_t i = 0; i < 3 * DENIAL_WINDOW_MAX; i++) {
                e.dst_port = (uint16_t) (1000 + i);
                denial_window_add(w, &e, 1 + i);
        }
        size_t n = log->n;
        add(w, 2, LENGTH - 1);
        ck_assert_uint_eq(log->n, n); /* still merged with the first */
        denial_window_flush_all(w);
        ck_assert(log->n == n + 1 && log->reports[n].count == 1);
        denial_window_free(w);
        free(log);
}
END_TEST

START_TEST(test_by_process) {
        DenialWindow *w;
        Log *log = log_new_by(true, &w);
        Event e = denial(1);

        ck_assert(!denial_window_repeat(w, &e, 0));
        ck_assert_uint_eq(log->n, 0);
        denial_window_add(w, &e, 0);
        ck_assert(denial_window_repeat(w, &e, 1));
        e.pid = 20;
        ck_assert(!denial_window_repeat(w, &e, 1));
        denial_window_add(w, &e, 1);
        e.uid = 0;
        denial_window_add(w, &e, 1);
        ck_assert_uint_eq(log->n, 3);
        e = denial(4);
        ck_assert(!denial_window_repeat(w, &e, LENGTH)); /* the window has ended */
        denial_window_flush_all(w);
        ck_assert(log->n == 4 && log->reports[3].pid == 10 && log->reports[3].count == 1);
        denial_window_free(w);
        free(log);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("denial-window");
        TCase *t = tcase_create("denial-window");

        tcase_add_test(t, test_repeats);
        tcase_add_test(t, test_late_flush);
        tcase_add_loop_test(t, test_different, 0, 23);
        tcase_add_test(t, test_facts_that_differ);
        tcase_add_test(t, test_limit);
        tcase_add_test(t, test_long_strings);
        tcase_add_test(t, test_greedy_actor);
        tcase_add_test(t, test_by_process);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
