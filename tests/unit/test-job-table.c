/* SPDX-License-Identifier: Apache-2.0 */

#include "identity/job-table.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

static int add(JobTable *t, uint64_t id, const char *unit, const char *cgroup, Job **ret) {
        static const char *const labels[] = { "job=build", "repo=example/tool" };

        return job_table_add(t, id, unit, cgroup, labels, ELEMENTSOF(labels), 7, ret);
}

START_TEST(job_is_added_found_and_removed) {
        _cleanup_(job_table_done) JobTable t = {};
        char unit[] = "a.service", cgroup[] = "/system.slice/a.service";
        Job *j = NULL;

        ck_assert_int_eq(add(&t, 0, unit, cgroup, &j), 0);
        memset(unit, 'x', sizeof(unit) - 1); /* it has copies of its own */
        memset(cgroup, 'x', sizeof(cgroup) - 1);
        ck_assert_uint_eq(j->id, 1);
        ck_assert_str_eq(j->unit, "a.service");
        ck_assert_str_eq(j->cgroup, "/system.slice/a.service");
        ck_assert_uint_eq(j->n_labels, 2);
        ck_assert_str_eq(j->labels[0], "job=build");
        ck_assert_str_eq(j->labels[1], "repo=example/tool");
        ck_assert_uint_eq(j->start_usec, 7);
        ck_assert_uint_eq(j->allowed + j->denied, 0);
        ck_assert_ptr_eq(job_table_get(&t, 1), j);
        ck_assert_ptr_null(job_table_get(&t, 2));
        ck_assert_ptr_null(job_table_get(&t, 0));
        ck_assert_int_eq(job_table_remove(&t, 2), -ENOENT);
        ck_assert_int_eq(job_table_remove(&t, 1), 0);
        ck_assert_int_eq(job_table_remove(&t, 1), -ENOENT);
        ck_assert_ptr_null(job_table_get(&t, 1));
        ck_assert_ptr_null(job_table_of_cgroup(&t, "/system.slice/a.service"));
}
END_TEST

START_TEST(ids_are_given_once) {
        _cleanup_(job_table_done) JobTable t = {};
        Job *j = NULL;

        ck_assert_int_eq(add(&t, 0, "a.service", "/a", &j), 0);
        ck_assert_int_eq(job_table_remove(&t, j->id), 0);
        ck_assert_int_eq(add(&t, 0, "a.service", "/a", &j), 0);
        ck_assert_uint_eq(j->id, 2);
        ck_assert_int_eq(add(&t, 40, "b.service", "/b", &j), 0); /* of a predecessor */
        ck_assert_uint_eq(j->id, 40);
        ck_assert_int_eq(add(&t, 39, "c.service", "/c", NULL), 0);
        ck_assert_int_eq(add(&t, 0, "d.service", "/d", &j), 0);
        ck_assert_uint_eq(j->id, 41);
        ck_assert_int_eq(add(&t, 40, "e.service", "/e", &j), -EEXIST);
        ck_assert_int_eq(add(&t, 0, "b.service", "/e", &j), -EEXIST);
        ck_assert_uint_eq(j->id, 41); /* written on success only */
        ck_assert_uint_eq(t.n, 4);

        job_table_note_id(&t, 50); /* of a job that a predecessor has ended */
        job_table_note_id(&t, 49);
        job_table_note_id(&t, UINT64_MAX); /* of none */
        ck_assert_int_eq(add(&t, 0, "f.service", "/f", &j), 0);
        ck_assert_uint_eq(j->id, 51);
}
END_TEST

static const struct {
        const char *unit, *cgroup;
        size_t n_labels;
        int result;
} bounds[] = {
        { "a.service", "/a", JOB_LABELS_MAX, 0 },
        { "a.service", "/a", JOB_LABELS_MAX + 1, -EINVAL },
        { "a.service", "/a", 0, 0 },
        { "", "/a", 0, -EINVAL },
        { "a.service", "", 0, -EINVAL },
        { "a.service", "a", 0, -EINVAL },
};

START_TEST(arguments_are_bounded) {
        const char *labels[JOB_LABELS_MAX + 1];
        _cleanup_(job_table_done) JobTable t = {};
        Job *j = NULL;

        for (size_t i = 0; i < ELEMENTSOF(labels); i++)
                labels[i] = "k=v";
        ck_assert_int_eq(job_table_add(&t, 0, bounds[_i].unit, bounds[_i].cgroup, labels, bounds[_i].n_labels, 0, &j),
                         bounds[_i].result);
        ck_assert_uint_eq(t.n, bounds[_i].result == 0);
        if (j)
                ck_assert_uint_eq(j->n_labels, bounds[_i].n_labels);
}
END_TEST

START_TEST(table_is_bounded) {
        _cleanup_(job_table_done) JobTable t = {};
        char unit[32], cgroup[32];

        for (unsigned i = 0; i <= JOBS_MAX; i++) {
                (void) snprintf(unit, sizeof(unit), "u%u.service", i);
                (void) snprintf(cgroup, sizeof(cgroup), "/u%u.service", i);
                ck_assert_int_eq(add(&t, 0, unit, cgroup, NULL), i < JOBS_MAX ? 0 : -ENOSPC);
        }
        ck_assert_int_eq(job_table_remove(&t, 1), 0); /* its place is taken by another, which is still found */
        for (unsigned i = 1; i < JOBS_MAX; i++) {
                (void) snprintf(cgroup, sizeof(cgroup), "/u%u.service", i);
                ck_assert_ptr_nonnull(job_table_of_cgroup(&t, cgroup));
                ck_assert_uint_eq(job_table_of_cgroup(&t, cgroup)->id, i + 1);
        }
        ck_assert_int_eq(add(&t, 0, "late.service", "/late", NULL), 0);
        ck_assert_int_eq(add(&t, 0, "later.service", "/later", NULL), -ENOSPC);
}
END_TEST

static const struct {
        const char *path;
        uint64_t id; /* 0: none */
} paths[] = {
        { "/s.slice/a.service", 1 },
        { "/s.slice/a.service/sub/deep", 1 },
        { "/s.slice/a.service2", 0 },
        { "/s.slice/a.servic", 0 },
        { "/s.slice", 0 },
        { "/", 0 },
        { "", 0 },
        { "/x/s.slice/a.service", 0 },
        { "/s.slice/b.service/x", 2 },
};

START_TEST(job_of_a_cgroup) {
        _cleanup_(job_table_done) JobTable t = {};

        ck_assert_int_eq(add(&t, 0, "a.service", "/s.slice/a.service", NULL), 0);
        ck_assert_int_eq(add(&t, 0, "b.service", "/s.slice/b.service", NULL), 0);
        const Job *j = job_table_of_cgroup(&t, paths[_i].path);
        ck_assert_uint_eq(j ? j->id : 0, paths[_i].id);
}
END_TEST

START_TEST(job_is_taken_out) {
        JobTable t = {};
        uint64_t id = 0;
        Job *j;

        ck_assert_int_eq(job_table_add(&t, 0, "a.service", "/a.service", NULL, 0, 1, &j), 0);
        id = j->id;
        ck_assert_int_eq(job_table_add(&t, 0, "b.service", "/b.service", NULL, 0, 1, NULL), 0);
        ck_assert_ptr_null(job_table_take(&t, id + 7));
        ck_assert_ptr_eq(job_table_take(&t, id), j);
        ck_assert_ptr_null(job_table_get(&t, id));
        ck_assert_ptr_null(job_table_of_cgroup(&t, "/a.service"));
        ck_assert_uint_eq(t.n, 1);
        ck_assert_str_eq(j->unit, "a.service"); /* the caller's */
        job_free(j);
        job_table_done(&t);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("job-table");
        TCase *t = tcase_create("job-table");

        tcase_add_test(t, job_is_added_found_and_removed);
        tcase_add_test(t, ids_are_given_once);
        tcase_add_loop_test(t, arguments_are_bounded, 0, ELEMENTSOF(bounds));
        tcase_add_test(t, table_is_bounded);
        tcase_add_test(t, job_is_taken_out);
        tcase_add_loop_test(t, job_of_a_cgroup, 0, ELEMENTSOF(paths));
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
