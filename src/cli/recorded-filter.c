/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/recorded-filter.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "basic/macro.h"
#include "policy/unit-match.h"

static int add(const char **list, size_t *n, const char *text, const char **ret_reason) {
        if (text[0] == '\0') {
                *ret_reason = "it is empty";
                return -EINVAL;
        }
        if (*n == RECORDED_FILTER_MAX) {
                *ret_reason = "the option is given too often";
                return -E2BIG;
        }
        list[(*n)++] = text;
        return 0;
}

int recorded_filter_add_scope(RecordedFilter *f, const char *text, const char **ret_reason) {
        assert(f);
        assert(text);
        assert(ret_reason);

        return add(f->scopes, &f->n_scopes, text, ret_reason);
}

int recorded_filter_add_unit(RecordedFilter *f, const char *text, const char **ret_reason) {
        assert(f);
        assert(text);
        assert(ret_reason);

        int r = match_glob_check(text, NULL, ret_reason);
        return r < 0 ? r : add(f->units, &f->n_units, text, ret_reason);
}

int recorded_filter_add_job(RecordedFilter *f, const char *text, const char **ret_reason) {
        assert(f);
        assert(text);
        assert(ret_reason);

        const char *equals = strchr(text, '=');
        if (equals == text) {
                *ret_reason = "expected ID or LABEL=PATTERN";
                return -EINVAL;
        }
        int r = equals ? match_glob_check(equals + 1, NULL, ret_reason) : 0;
        return r < 0 ? r : add(f->jobs, &f->n_jobs, text, ret_reason);
}

/* ------------------------------------------------------------------ */

static bool scope_matches(const RecordedFilter *f, const RecordedEvent *e) {
        for (size_t i = 0; i < f->n_scopes; i++)
                if (strcmp(f->scopes[i], e->scope) == 0)
                        return true;
        return f->n_scopes == 0;
}

static bool unit_matches(const RecordedFilter *f, const RecordedEvent *e) {
        for (size_t i = 0; i < f->n_units; i++)
                if (match_glob(f->units[i], e->unit, strlen(e->unit)))
                        return true;
        return f->n_units == 0;
}

static bool label_matches(const RecordedLabel *label, const char *job) {
        const char *equals = strchr(job, '=');

        if (!equals) /* what runners call their jobs */
                return (strcmp(label->key, "job") == 0 || strcmp(label->key, "run_id") == 0) && strcmp(label->value, job) == 0;
        return strlen(label->key) == (size_t) (equals - job) && strncmp(label->key, job, (size_t) (equals - job)) == 0 &&
               match_glob(equals + 1, label->value, strlen(label->value));
}

static bool job_matches(const RecordedFilter *f, const RecordedEvent *e) {
        static const char grant[] = "job:"; /* the scope of what is granted to a job */

        for (size_t i = 0; i < f->n_jobs; i++) {
                if (strncmp(e->scope, grant, strlen(grant)) == 0 && strcmp(e->scope + strlen(grant), f->jobs[i]) == 0)
                        return true;
                for (size_t k = 0; k < e->n_labels; k++)
                        if (label_matches(&e->labels[k], f->jobs[i]))
                                return true;
        }
        return f->n_jobs == 0;
}

bool recorded_filter_matches(const RecordedFilter *f, RecordedLine line, const RecordedEvent *e) {
        assert(f);
        assert(e || line > RECORDED_LINE_FIXED);

        if (line > RECORDED_LINE_FIXED)
                return true;
        if (f->since[0] != '\0' && e->time[0] != '\0' && strcmp(e->time, f->since) < 0)
                return false;
        return line == RECORDED_LINE_LOST || (scope_matches(f, e) && unit_matches(f, e) && job_matches(f, e));
}
