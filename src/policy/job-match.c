/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/job-match.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "policy/unit-match.h"

#define WILDCARDS "*?["

const char *const job_label_keys[JOB_LABEL_KEYS] = {
        "job", "ref", "repository", "run_attempt", "run_id", "runner", "sha", "step", "workflow",
};

/* ------------------------------------------------------------------ patterns */

static int refuse(const char **ret_reason, const char *reason) {
        *ret_reason = reason;
        return -EINVAL;
}

static int glob_check(const char *glob, const char **ret_reason) {
        size_t n = strnlen(glob, JOB_LABEL_VALUE_MAX + 1);

        if (n == 0)
                return refuse(ret_reason, "the pattern is empty");
        if (n > JOB_LABEL_VALUE_MAX)
                return refuse(ret_reason, "the pattern is longer than 256 bytes");
        for (const char *s = glob; *s; s++)
                if ((unsigned char) *s < ' ' || *s == 0x7f)
                        return refuse(ret_reason, "the pattern has an unprintable character");
        return match_glob_check(glob, NULL, ret_reason);
}

void job_pattern_done(JobPattern *p) {
        assert(p);

        for (size_t i = 0; i < JOB_LABEL_KEYS; i++)
                free(p->globs[i]);
        *p = (JobPattern) {};
}

int job_pattern_add(JobPattern *p, const char *key, const char *glob, const char **ret_reason) {
        assert(p && key && glob && ret_reason);

        for (size_t i = 0; i < JOB_LABEL_KEYS; i++) {
                if (strcmp(job_label_keys[i], key) != 0)
                        continue;
                if (p->globs[i])
                        return refuse(ret_reason, "the label occurs twice");
                int r = glob_check(glob, ret_reason);
                if (r < 0)
                        return r;
                p->globs[i] = strdup(glob);
                if (!p->globs[i])
                        return -ENOMEM;
                p->n++;
                p->literal += strcspn(glob, WILDCARDS);
                return 0;
        }
        return refuse(ret_reason, "unknown label, expected job, ref, repository, run_attempt, run_id, runner, sha, "
                                  "step, workflow");
}

void job_match_list_done(JobMatchList *l) {
        assert(l);

        for (size_t i = 0; i < l->n; i++)
                job_pattern_done(&l->patterns[i]);
        free(l->patterns);
        *l = (JobMatchList) {};
}

int job_match_list_add(JobMatchList *l, JobPattern *p, const char **ret_reason) {
        assert(l && p && ret_reason);

        if (p->n == 0)
                return refuse(ret_reason, "a job pattern needs at least one label");
        if (l->n == JOB_PATTERNS_MAX)
                return refuse(ret_reason, "a document can have at most 64 job patterns");

        JobPattern *patterns = realloc(l->patterns, (l->n + 1) * sizeof(JobPattern));
        if (!patterns)
                return -ENOMEM;
        l->patterns = patterns;
        patterns[l->n++] = *p;
        *p = (JobPattern) {};
        return 0;
}

static int pattern_copy(const JobPattern *from, JobPattern *to) {
        *to = *from;
        memset(to->globs, 0, sizeof(to->globs));
        for (size_t i = 0; i < JOB_LABEL_KEYS; i++) {
                to->globs[i] = from->globs[i] ? strdup(from->globs[i]) : NULL;
                if (from->globs[i] && !to->globs[i])
                        return -ENOMEM;
        }
        return 0;
}

int job_match_list_copy(const JobMatchList *from, JobMatchList *to) {
        assert(from && to && to->n == 0);

        if (from->n == 0)
                return 0;
        to->patterns = calloc(from->n, sizeof(JobPattern));
        if (!to->patterns)
                return -ENOMEM;
        for (size_t i = 0; i < from->n; i++) {
                int r = pattern_copy(&from->patterns[i], &to->patterns[to->n++]);
                if (r < 0) {
                        job_match_list_done(to);
                        return r;
                }
        }
        return 0;
}

/* ------------------------------------------------------------------ jobs */

static const char *value_of(const char *key, const char *const *labels, size_t n) {
        size_t length = strlen(key);

        for (size_t i = 0; i < n; i++)
                if (strncmp(labels[i], key, length) == 0 && labels[i][length] == '=')
                        return labels[i] + length + 1;
        return NULL;
}

static bool pattern_matches(const JobPattern *p, const char *const *labels, size_t n_labels) {
        for (size_t i = 0; i < JOB_LABEL_KEYS; i++) {
                const char *value = p->globs[i] ? value_of(job_label_keys[i], labels, n_labels) : NULL;

                if (p->globs[i] && (!value || !match_glob(p->globs[i], value, strlen(value))))
                        return false;
        }
        return true;
}

int job_match_documents(const JobMatchList *const *lists, size_t n, const char *const *labels, size_t n_labels) {
        const JobPattern *best = NULL;
        int winner = -ENOENT;

        assert(lists || n == 0);
        assert(labels || n_labels == 0);

        for (size_t i = 0; i < n; i++)
                for (size_t k = 0; k < lists[i]->n; k++) {
                        const JobPattern *p = &lists[i]->patterns[k];
                        bool better = !best || p->n > best->n || (p->n == best->n && p->literal > best->literal);

                        if (!better || !pattern_matches(p, labels, n_labels))
                                continue;
                        best = p;
                        winner = (int) i;
                }
        return winner;
}
