/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/job-match.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

/* ------------------------------------------------------------------ patterns */

static const struct {
        const char *key, *glob;
        int expected;
} patterns[] = {
        { "repository", "acme/widgets", 0 },
        { "repository", "acme/*", 0 },
        { "ref", "refs/heads/release-[0-9].[0-9]", 0 },
        { "workflow", "Build and test (nightly)", 0 },
        { "job", "*", 0 },
        { "step", "!", 0 },
        { "runner", "box-[!0]", 0 },
        { "sha", "\xc3\xa9", 0 },
        { "run_id", "1", 0 },
        { "run_attempt", "[1-3]", 0 },
        { "repository", "", -EINVAL },
        { "repository", "a\nb", -EINVAL },
        { "repository", "a\x7f", -EINVAL },
        { "repository", "acme/[ab", -EINVAL },
        { "repository", "acme/[b-a]", -EINVAL },
        { "Repository", "a", -EINVAL },
        { "organisation", "a", -EINVAL },
        { "", "a", -EINVAL },
};

START_TEST(pattern_is_checked) {
        JobPattern p = {};
        const char *reason = NULL;

        ck_assert_int_eq(job_pattern_add(&p, patterns[_i].key, patterns[_i].glob, &reason), patterns[_i].expected);
        ck_assert_uint_eq(p.n, patterns[_i].expected == 0);
        if (patterns[_i].expected < 0)
                ck_assert_ptr_nonnull(reason);
        job_pattern_done(&p);
}
END_TEST

START_TEST(keys_are_sorted) {
        for (size_t i = 1; i < JOB_LABEL_KEYS; i++)
                ck_assert_int_lt(strcmp(job_label_keys[i - 1], job_label_keys[i]), 0);
}
END_TEST

START_TEST(bounds) {
        char text[JOB_LABEL_VALUE_MAX + 2];
        JobPattern p = {};
        JobMatchList l = {};
        const char *reason = NULL;

        memset(text, 'a', sizeof(text));
        text[JOB_LABEL_VALUE_MAX + 1] = '\0';
        ck_assert_int_eq(job_pattern_add(&p, "job", text, &reason), -EINVAL);
        text[JOB_LABEL_VALUE_MAX] = '\0';
        ck_assert_int_eq(job_pattern_add(&p, "job", text, &reason), 0);
        ck_assert_int_eq(job_pattern_add(&p, "job", "again", &reason), -EINVAL);
        ck_assert_uint_eq(p.n, 1);
        job_pattern_done(&p);
        ck_assert_int_eq(job_match_list_add(&l, &p, &reason), -EINVAL); /* no label at all */

        for (size_t i = 0; i <= JOB_PATTERNS_MAX; i++) {
                ck_assert_int_eq(job_pattern_add(&p, "job", "a", &reason), 0);
                ck_assert_int_eq(job_match_list_add(&l, &p, &reason), i < JOB_PATTERNS_MAX ? 0 : -EINVAL);
                ck_assert_uint_eq(p.n, i < JOB_PATTERNS_MAX ? 0 : 1); /* taken, or not */
        }
        job_pattern_done(&p);
        job_match_list_done(&l);
        ck_assert_uint_eq(l.n, 0);
}
END_TEST

/* ------------------------------------------------------------------ jobs */

/* "repository=acme/widgets workflow=ci": a pattern; "|" before another one of the same document, "||" before another
 * document. */
static size_t read_lists(const char *text, JobMatchList lists[static 4]) {
        _cleanup_free_ char *copy = strdup(text);
        JobPattern p = {};
        const char *reason;
        size_t n = 0;

        ck_assert_ptr_nonnull(copy);
        char *rest = copy;
        for (char *word; (word = strsep(&rest, " "));) {
                if (*word == '|') {
                        ck_assert_int_eq(job_match_list_add(&lists[n], &p, &reason), 0);
                        n += word[1] == '|';
                        continue;
                }
                char *glob = strchr(word, '=');
                *glob++ = '\0';
                ck_assert_int_eq(job_pattern_add(&p, word, glob, &reason), 0);
        }
        ck_assert_int_eq(job_match_list_add(&lists[n], &p, &reason), 0);
        return n + 1;
}

static const struct {
        const char *lists;
        const char *labels[4];
        int expected;
} cases[] = {
        { "repository=acme/widgets", { "repository=acme/widgets" }, 0 },
        { "repository=acme/widgets", { "repository=acme/Widgets" }, -ENOENT },
        { "repository=acme/widgets", { "repository=acme/widgets2" }, -ENOENT },
        { "repository=acme/widgets", { "job=x", "repository=acme/widgets", "workflow=y" }, 0 },
        { "repository=acme/widgets", { "workflow=acme/widgets" }, -ENOENT },
        { "repository=acme/widgets", { NULL }, -ENOENT },
        { "repository=acme/*", { "repository=acme/widgets" }, 0 },
        { "repository=acme/*", { "repository=acme" }, -ENOENT },
        { "repository=acme/*", { "repository=evil/acme/x" }, -ENOENT },
        { "job=*", { "workflow=x" }, -ENOENT }, /* there has to be one */
        { "job=*", { "job=" }, 0 },
        { "ref=*", { "ref=a=b" }, 0 },
        { "run_id=1", { "run_idx=1" }, -ENOENT },
        { "repository=acme/* workflow=release", { "repository=acme/a", "workflow=release" }, 0 },
        { "repository=acme/* workflow=release", { "repository=acme/a" }, -ENOENT },
        { "repository=acme/* workflow=release", { "repository=acme/a", "workflow=ci" }, -ENOENT },
        { "repository=a | repository=b", { "repository=b" }, 0 },
        { "repository=a || repository=b", { "repository=b" }, 1 },
        { "repository=a || repository=a", { "repository=a" }, 0 },          /* the first of equals */
        { "repository=* || repository=a*", { "repository=ab" }, 1 },        /* the longer text */
        { "repository=abc || repository=* job=*", { "job=x", "repository=abc" }, 1 }, /* more labels */
        { "repository=* job=* || job=build", { "job=build", "repository=abc" }, 0 },
        { "repository=* job=* || job=build", { "job=build" }, 1 },
        { "repository=a* || job=x | repository=ab*", { "repository=abc" }, 1 },
        { "repository=a? || repository=a[a-c]", { "repository=ab" }, 0 },
};

static void check_case(const JobMatchList *lists, size_t n, size_t i) {
        const JobMatchList *pointers[4] = { &lists[0], &lists[1], &lists[2], &lists[3] };
        size_t n_labels = 0;

        while (n_labels < 4 && cases[i].labels[n_labels])
                n_labels++;
        ck_assert_int_eq(job_match_documents(pointers, n, cases[i].labels, n_labels), cases[i].expected);
}

START_TEST(document_is_found) {
        JobMatchList lists[4] = {}, copies[4] = {};
        size_t n;

        n = read_lists(cases[_i].lists, lists);
        check_case(lists, n, (size_t) _i);
        for (size_t i = 0; i < n; i++)
                ck_assert_int_eq(job_match_list_copy(&lists[i], &copies[i]), 0);
        for (size_t i = 0; i < n; i++)
                job_match_list_done(&lists[i]);
        check_case(copies, n, (size_t) _i);
        for (size_t i = 0; i < n; i++)
                job_match_list_done(&copies[i]);
}
END_TEST

START_TEST(empty_lists_match_nothing) {
        static const JobMatchList empty = {};
        const JobMatchList *lists[] = { &empty };
        const char *labels[] = { "job=a" };

        ck_assert_int_eq(job_match_documents(lists, 1, labels, 1), -ENOENT);
        ck_assert_int_eq(job_match_documents(NULL, 0, labels, 1), -ENOENT);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("job-match");
        TCase *t = tcase_create("job-match");

        tcase_add_loop_test(t, pattern_is_checked, 0, ELEMENTSOF(patterns));
        tcase_add_test(t, keys_are_sorted);
        tcase_add_test(t, bounds);
        tcase_add_loop_test(t, document_is_found, 0, ELEMENTSOF(cases));
        tcase_add_test(t, empty_lists_match_nothing);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
