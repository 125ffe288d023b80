/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Jobs announced by units: they begin, are additionally judged by the document that matches them, are counted, and
 * end with their unit. A successor continues them. */

#include "daemon/context.h"
#include "identity/job-table.h"

typedef struct Jobs Jobs;

typedef struct JobsObserver {
        /* Decides again which layers judge this job's cgroup. -ENXIO: the cgroup is not followed. */
        int (*assign)(const Job *job, void *userdata);
        /* The id of the cgroup that has this path now; 0: it is not followed. */
        uint64_t (*find_cgroup)(const char *path, void *userdata);
        /* The job has ended and is no longer in the table. */
        void (*ended)(const Job *job, void *userdata);
        /* The name of the document that restricts it; NULL if none does. */
        const char *(*restriction)(const Job *job, void *userdata);
        /* The weakest mode in force. */
        Mode (*mode)(void *userdata);
        void *userdata;
} JobsObserver;

/* Includes the jobs of a predecessor. */
int jobs_new(const Context *c, const JobsObserver *observer, Jobs **ret);
Jobs *jobs_free(Jobs *j);
DEFINE_CLEANUP_FUNC(Jobs *, jobs_free)

const JobTable *jobs_table(const Jobs *j);
const Job *jobs_get(const Jobs *j, uint64_t id);            /* NULL */
const Job *jobs_of_cgroup(const Jobs *j, const char *path); /* of the cgroup or one above it; or NULL */
void jobs_count(Jobs *j, const Job *job, uint64_t n_denied);

/* As in service.h. */
int jobs_begin(Jobs *j, const char *unit, const char *cgroup, const char *const *labels, size_t n_labels,
               uint64_t *ret_id);
int jobs_end(Jobs *j, uint64_t id);

/* The unit with this cgroup has ended. */
void jobs_end_of(Jobs *j, const char *path, uint64_t cgroup_id);
/* Ends the jobs of units that ended unnoticed: their cgroup does not exist, or it is that of a later run. Call when
 * the cgroups are followed. */
void jobs_end_left(Jobs *j);
