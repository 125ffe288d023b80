/* SPDX-License-Identifier: Apache-2.0 */

/* Jobs without an engine: what they ask of the others, in which order, and what a successor gets. */

#include "daemon/jobs.h"
#include "daemon/records.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

static char trace[1024]; /* what happened, one word each */
static int assign_result, record_result;
static const char *restriction;
static uint64_t cgroup_id; /* of every path but those below /gone */
static Context context;

static void note(const char *what, const char *detail) {
        size_t n = strlen(trace);

        (void) snprintf(trace + n, sizeof(trace) - n, "%s%s%s ", what, detail ? ":" : "", detail ?: "");
}

static const char *take_trace(void) {
        static char copy[sizeof(trace)];

        memcpy(copy, trace, sizeof(copy));
        trace[0] = '\0';
        return copy;
}

/* ------------------------------------------------------------------ in the place of the engine */

void context_emit(_unused_ const Context *c, Event *e) {
        char text[300];

        (void) snprintf(text, sizeof(text), "%s/%s/%zu", event_type_to_string(e->type), e->scope ?: e->detail ?: "-",
                        e->n_labels);
        note("event", text);
}

int records_put_job(_unused_ const Context *c, const Job *job) {
        note("record", job->unit);
        return record_result;
}

/* ------------------------------------------------------------------ observer */

static int on_assign(const Job *job, void *userdata) {
        const Jobs *j = *(Jobs **) userdata;

        note(jobs_of_cgroup(j, job->cgroup) ? "judge" : "release", job->cgroup);
        return assign_result;
}

static uint64_t on_find_cgroup(const char *path, _unused_ void *userdata) {
        return strncmp(path, "/gone", 5) == 0 ? 0 : cgroup_id;
}

static void on_ended(const Job *job, void *userdata) {
        ck_assert_ptr_null(jobs_get(*(Jobs **) userdata, job->id));
        note("ended", job->unit);
}

static const char *on_restriction(_unused_ const Job *job, _unused_ void *userdata) {
        return restriction;
}

static Mode on_mode(_unused_ void *userdata) {
        return MODE_AUDIT;
}

static void on_jobs_changed(_unused_ void *userdata) {
        note("changed", NULL);
}

static void on_snapshot(_unused_ Handover *h, _unused_ void *userdata) {
}

static Jobs *jobs;

static void make_jobs(void) {
        const JobsObserver observer = {
                .assign = on_assign,
                .find_cgroup = on_find_cgroup,
                .ended = on_ended,
                .restriction = on_restriction,
                .mode = on_mode,
                .userdata = &jobs,
        };

        ck_assert_int_eq(jobs_new(&context, &observer, &jobs), 0);
}

static void set_up(void) {
        HandoverReport report;

        (void) unsetenv("NOTIFY_SOCKET");
        (void) unsetenv("LISTEN_FDS");
        context = (Context) { .observer = { .jobs_changed = on_jobs_changed } };
        ck_assert_int_eq(fd_store_collect(&context.store), 0);
        ck_assert_int_eq(handover_new(context.store, 0, on_snapshot, NULL, &report, &context.handover), 0);
        assign_result = record_result = 0;
        cgroup_id = 100;
        restriction = NULL;
        trace[0] = '\0';
        make_jobs();
}

static void tear_down(void) {
        jobs = jobs_free(jobs);
        context.handover = handover_free(context.handover);
        context.store = fd_store_free(context.store);
}

static const char *const labels[] = { "job=x", "ref=y" };

static int begin(const char *unit, const char *cgroup, uint64_t *ret_id) {
        return jobs_begin(jobs, unit, cgroup, labels, ELEMENTSOF(labels), ret_id);
}

/* ------------------------------------------------------------------ tests */

START_TEST(job_begins_and_ends) {
        uint64_t id = 0;

        ck_assert_int_eq(begin("a.service", "/system.slice/a.service/deep", &id), 0);
        ck_assert_uint_ne(id, 0);
        ck_assert_str_eq(take_trace(), "judge:/system.slice/a.service record:a.service event:job_begun/-/2 changed ");
        const Job *job = jobs_get(jobs, id);
        ck_assert_ptr_nonnull(job);
        ck_assert_uint_gt(job->start_usec, 0);
        ck_assert_str_eq(job->cgroup, "/system.slice/a.service"); /* the unit's, wherever in it the caller is */
        ck_assert_ptr_eq(jobs_of_cgroup(jobs, "/system.slice/a.service/other"), job);
        ck_assert_int_eq(begin("a.service", "/system.slice/a.service", &id), -EEXIST);
        jobs_count(jobs, job, true);
        jobs_count(jobs, job, true);
        jobs_count(jobs, job, false);
        ck_assert_uint_eq(job->denied, 2);
        ck_assert_uint_eq(job->allowed, 1);
        ck_assert_str_eq(take_trace(), "");

        ck_assert_int_eq(jobs_end(jobs, id + 1), -ENOENT);
        ck_assert_int_eq(jobs_end(jobs, id), 0);
        ck_assert_str_eq(take_trace(),
                         "event:job_ended/1 connections allowed, 2 denied/2 release:/system.slice/a.service "
                         "ended:a.service changed ");
        ck_assert_int_eq(jobs_end(jobs, id), -ENOENT);
}
END_TEST

/* The kernel has no room, or the unit cannot be followed. */
START_TEST(job_that_cannot_be_restricted_does_not_begin) {
        uint64_t id = 77;

        restriction = "release";
        assign_result = -ENXIO;
        ck_assert_int_eq(begin("a.service", "/a.service", &id), -ENXIO);
        ck_assert_uint_eq(id, 77);
        ck_assert_uint_eq(jobs_table(jobs)->n, 0);
        ck_assert_str_eq(take_trace(), "judge:/a.service release:/a.service ");

        restriction = NULL; /* without a document for it, nothing has to change */
        ck_assert_int_eq(begin("a.service", "/a.service", &id), 0);
        ck_assert_str_eq(take_trace(), "judge:/a.service record:a.service event:job_begun/-/2 changed ");
        ck_assert_int_eq(jobs_end(jobs, id), 0);
        (void) take_trace();

        restriction = "release";
        assign_result = 0;
        ck_assert_int_eq(begin("a.service", "/a.service", &id), 0);
        ck_assert_str_eq(take_trace(), "judge:/a.service record:a.service event:job_begun/release/2 changed ");
}
END_TEST

/* A crash would end its restriction, or one that a policy loaded later gives it. */
START_TEST(job_that_cannot_be_recorded_does_not_begin) {
        uint64_t id = 77;

        record_result = -ENOMEM;
        for (size_t i = 0; i < 2; i++) {
                restriction = i == 0 ? "release" : NULL;
                ck_assert_int_eq(begin("a.service", "/a.service", &id), -EIO);
                ck_assert_uint_eq(id, 77);
                ck_assert_uint_eq(jobs_table(jobs)->n, 0);
                ck_assert_str_eq(take_trace(), "judge:/a.service record:a.service release:/a.service ");
        }
        record_result = 0;
        ck_assert_int_eq(begin("a.service", "/a.service", &id), 0);
}
END_TEST

START_TEST(job_ends_with_its_unit) {
        uint64_t a, b;

        ck_assert_int_eq(begin("a.service", "/a.service", &a), 0);
        ck_assert_int_eq(begin("b.service", "/b.service", &b), 0);
        jobs_end_of(jobs, "/a.service/deep", 100); /* nested in it */
        jobs_end_of(jobs, "/", 100);
        jobs_end_of(jobs, "/a.service", 99); /* an earlier run */
        ck_assert_uint_eq(jobs_table(jobs)->n, 2);
        jobs_end_of(jobs, "/a.service", 100);
        ck_assert_ptr_null(jobs_get(jobs, a));
        ck_assert_ptr_nonnull(jobs_get(jobs, b));
}
END_TEST

static void keep_job(uint64_t id, const char *unit, const char *cgroup, uint64_t job_cgroup_id) {
        const HandoverJob kept = {
                .id = id,
                .unit = unit,
                .cgroup = cgroup,
                .cgroup_id = job_cgroup_id,
                .labels = labels,
                .n_labels = 2,
                .start_usec = 42,
        };

        ck_assert_int_eq(handover_put_job(context.handover, &kept), 0);
}

START_TEST(successor_has_the_jobs) {
        uint64_t next;

        keep_job(1, "gone.service", "/gone.service", 100);
        keep_job(2, "same.service", "/same.service", 100);
        keep_job(3, "again.service", "/again.service", 99); /* since then, the unit has restarted */
        keep_job(4, "old.service", "/old.service", 0);      /* from a version without ids of cgroups */
        keep_job(5, "ended.service", "/ended.service", 100);
        handover_put_job_end(context.handover, 5);

        jobs = jobs_free(jobs);
        make_jobs();
        ck_assert_uint_eq(jobs_table(jobs)->n, 4);
        ck_assert_uint_eq(jobs_get(jobs, 2)->n_labels, 2);
        ck_assert_uint_eq(jobs_get(jobs, 2)->start_usec, 42);
        jobs_end_left(jobs);
        ck_assert_uint_eq(jobs_table(jobs)->n, 2);
        ck_assert_ptr_nonnull(jobs_get(jobs, 2));
        ck_assert_ptr_nonnull(jobs_get(jobs, 4));
        ck_assert_uint_eq(jobs_get(jobs, 4)->cgroup_id, 100);
        ck_assert_int_eq(begin("again.service", "/again.service", &next), 0); /* not -EEXIST */
        ck_assert_uint_gt(next, 5); /* no id is used again */
        ck_assert_uint_eq(jobs_get(jobs, next)->cgroup_id, 100);
}
END_TEST

/* Each start writes a snapshot, which has no ended jobs. */
START_TEST(ids_are_not_used_again_after_two_starts) {
        uint64_t id;

        keep_job(5, "a.service", "/a.service", 100);
        handover_put_job_end(context.handover, 5);
        for (size_t i = 0; i < 2; i++) {
                jobs = jobs_free(jobs);
                make_jobs();
                handover_forget(context.handover);
        }
        ck_assert_int_eq(begin("a.service", "/a.service", &id), 0);
        ck_assert_uint_eq(id, 6);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("jobs");
        TCase *t = tcase_create("jobs");

        tcase_add_checked_fixture(t, set_up, tear_down);
        tcase_add_test(t, job_begins_and_ends);
        tcase_add_test(t, job_that_cannot_be_restricted_does_not_begin);
        tcase_add_test(t, job_that_cannot_be_recorded_does_not_begin);
        tcase_add_test(t, job_ends_with_its_unit);
        tcase_add_test(t, successor_has_the_jobs);
        tcase_add_test(t, ids_are_not_used_again_after_two_starts);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
