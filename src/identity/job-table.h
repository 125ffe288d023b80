/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Jobs announced by units: labels for what they do. Labels never extend what a unit may reach. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "basic/macro.h"

#define JOBS_MAX 256U
#define JOB_LABELS_MAX 16U

#define JOB_ALLOWANCES_MAX 16U

/* What a job may reach for a while besides what policies say. */
typedef struct JobAllowance {
        char *host;            /* canonical name, or address */
        uint64_t until_nsec;   /* CLOCK_BOOTTIME */
} JobAllowance;

typedef struct Job {
        uint64_t id;           /* from 1 */
        char *unit, *cgroup;   /* owned, like the labels */
        char **labels;         /* "key=value", sorted */
        size_t n_labels;
        uint64_t start_usec;   /* CLOCK_REALTIME */
        uint64_t allowed, denied;
        JobAllowance allowances[JOB_ALLOWANCES_MAX];
        size_t n_allowances;
} Job;

typedef struct JobTable {
        Job *jobs[JOBS_MAX];
        size_t n;
        uint64_t last_id;
} JobTable;

void job_table_done(JobTable *t);
/* id 0: the next one. -EEXIST: the unit has a job; -ENOSPC; -EINVAL: no unit, or too many labels; -ENOMEM. */
int job_table_add(JobTable *t, uint64_t id, const char *unit, const char *cgroup, const char *const *labels,
                  size_t n_labels, uint64_t start_usec, Job **ret);
Job *job_table_get(const JobTable *t, uint64_t id);            /* NULL if there is none */
Job *job_table_of_cgroup(const JobTable *t, const char *path); /* of the cgroup or one above it; or NULL */
int job_table_remove(JobTable *t, uint64_t id);                /* -ENOENT */

/* Another host, or a later end for one that is there. -ENOSPC, -ENOMEM. */
int job_allow(Job *j, const char *host, uint64_t until_nsec);
/* Forgets those that ended by then; UINT64_MAX: all. Returns how many. */
size_t job_allowances_expire(Job *j, uint64_t now_nsec);
