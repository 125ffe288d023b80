/* SPDX-License-Identifier: Apache-2.0 */

#include "identity/job-table.h"

#include <string.h>

Job *job_free(Job *j) {
        if (!j)
                return NULL;
        for (size_t i = 0; i < j->n_labels; i++)
                free(j->labels[i]);
        free(j->labels);
        free(j->unit);
        free(j->cgroup);
        free(j);
        return NULL;
}

void job_table_done(JobTable *t) {
        for (size_t i = 0; i < t->n; i++)
                job_free(t->jobs[i]);
        t->n = 0;
}

static int job_new(const char *unit, const char *cgroup, const char *const *labels, size_t n_labels, Job **ret) {
        _cleanup_(job_freep) Job *j = calloc(1, sizeof(*j));

        if (!j)
                return -ENOMEM;
        j->unit = strdup(unit);
        j->cgroup = strdup(cgroup);
        j->labels = calloc(MAX(n_labels, (size_t) 1), sizeof(*j->labels));
        if (!j->unit || !j->cgroup || !j->labels)
                return -ENOMEM;
        for (; j->n_labels < n_labels; j->n_labels++) {
                j->labels[j->n_labels] = strdup(labels[j->n_labels]);
                if (!j->labels[j->n_labels])
                        return -ENOMEM;
        }
        *ret = TAKE_PTR(j);
        return 0;
}

int job_table_add(JobTable *t, uint64_t id, const char *unit, const char *cgroup, const char *const *labels,
                  size_t n_labels, uint64_t start_usec, Job **ret) {
        Job *j;
        int r;

        if (*unit == '\0' || *cgroup != '/' || n_labels > JOB_LABELS_MAX || id == UINT64_MAX)
                return -EINVAL;
        for (size_t i = 0; i < t->n; i++)
                if (strcmp(t->jobs[i]->unit, unit) == 0 || t->jobs[i]->id == id)
                        return -EEXIST;
        if (t->n == JOBS_MAX)
                return -ENOSPC;
        r = job_new(unit, cgroup, labels, n_labels, &j);
        if (r < 0)
                return r;
        j->id = id ?: t->last_id + 1;
        j->start_usec = start_usec;
        t->last_id = MAX(t->last_id, j->id);
        t->jobs[t->n++] = j;
        if (ret)
                *ret = j;
        return 0;
}

void job_table_note_id(JobTable *t, uint64_t id) {
        if (id != UINT64_MAX) /* no job has it, and it has no next one */
                t->last_id = MAX(t->last_id, id);
}

Job *job_table_get(const JobTable *t, uint64_t id) {
        for (size_t i = 0; i < t->n; i++)
                if (t->jobs[i]->id == id)
                        return t->jobs[i];
        return NULL;
}

Job *job_table_of_cgroup(const JobTable *t, const char *path) {
        for (size_t i = 0; i < t->n; i++) {
                size_t n = strlen(t->jobs[i]->cgroup);
                if (strncmp(path, t->jobs[i]->cgroup, n) == 0 && (path[n] == '\0' || path[n] == '/'))
                        return t->jobs[i];
        }
        return NULL;
}

Job *job_table_take(JobTable *t, uint64_t id) {
        for (size_t i = 0; i < t->n; i++)
                if (t->jobs[i]->id == id) {
                        Job *j = t->jobs[i];

                        t->jobs[i] = t->jobs[--t->n];
                        return j;
                }
        return NULL;
}

int job_table_remove(JobTable *t, uint64_t id) {
        Job *j = job_table_take(t, id);

        if (!j)
                return -ENOENT;
        job_free(j);
        return 0;
}
