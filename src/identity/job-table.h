/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Jobs announced by units: labels for what they do. Labels never extend what a unit may reach. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "basic/macro.h"

#define JOBS_MAX 256U
#define JOB_LABELS_MAX 16U

typedef struct Job {
        uint64_t id;           /* from 1 */
        char *unit, *cgroup;   /* owned, like the labels */
        uint64_t cgroup_id;    /* of this run of the unit; 0: unknown */
        char **labels;         /* "key=value", sorted */
        size_t n_labels;
        uint64_t start_usec;   /* CLOCK_REALTIME */
        uint64_t allowed, denied;
} Job;

typedef struct JobTable {
        Job *jobs[JOBS_MAX];
        size_t n;
        uint64_t last_id; /* the highest that any job had */
} JobTable;

void job_table_done(JobTable *t);
/* id 0: the next one. -EEXIST: the unit has a job; -ENOSPC; -EINVAL: no unit, or too many labels; -ENOMEM. */
int job_table_add(JobTable *t, uint64_t id, const char *unit, const char *cgroup, const char *const *labels,
                  size_t n_labels, uint64_t start_usec, Job **ret);
/* An id that another process gave: the next one is higher. */
void job_table_note_id(JobTable *t, uint64_t id);
Job *job_table_get(const JobTable *t, uint64_t id);            /* NULL if there is none */
Job *job_table_of_cgroup(const JobTable *t, const char *path); /* of the cgroup or one above it; or NULL */
int job_table_remove(JobTable *t, uint64_t id);                /* -ENOENT */
Job *job_table_take(JobTable *t, uint64_t id);                 /* the caller's from here on; NULL */
Job *job_free(Job *j);

DEFINE_CLEANUP_FUNC(Job *, job_free)
