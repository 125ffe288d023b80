/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The jobs that units have announced: they begin, are judged by the document for them as well, are counted, and end
 * with their unit. A successor continues them. */

#include "daemon/context.h"
#include "identity/job-table.h"

typedef struct Jobs Jobs;

typedef struct JobsObserver {
        /* Which layers judge this job's cgroup is to be decided again. -ENXIO: the cgroup is not followed. */
        int (*assign)(const Job *job, void *userdata);
        /* It ends, and is in the table no more. */
        void (*ended)(const Job *job, void *userdata);
        /* The name of the document that restricts it; NULL: none. */
        const char *(*restriction)(const Job *job, void *userdata);
        /* The weakest mode in force. */
        Mode (*mode)(void *userdata);
        void *userdata;
} JobsObserver;

/* With those that a predecessor had. */
int jobs_new(const Context *c, const JobsObserver *observer, Jobs **ret);
Jobs *jobs_free(Jobs *j);
DEFINE_CLEANUP_FUNC(Jobs *, jobs_free)

const JobTable *jobs_table(const Jobs *j);
const Job *jobs_get(const Jobs *j, uint64_t id);            /* NULL */
const Job *jobs_of_cgroup(const Jobs *j, const char *path); /* of the cgroup or one above it; NULL */
void jobs_count(Jobs *j, const Job *job, bool denied);

/* As service.h has them. */
int jobs_begin(Jobs *j, const char *unit, const char *cgroup, const char *const *labels, size_t n_labels,
               uint64_t *ret_id);
int jobs_end(Jobs *j, uint64_t id);

/* The unit with this cgroup ended. */
void jobs_end_of(Jobs *j, const char *path);
/* Of units that ended while nobody looked: those whose cgroup is not there. */
void jobs_end_left(Jobs *j, bool (*is_there)(const char *cgroup, void *userdata), void *userdata);
