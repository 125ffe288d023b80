/* SPDX-License-Identifier: Apache-2.0 */

#include "daemon/jobs.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "basic/clock.h"
#include "daemon/records.h"
#include "identity/cgroup-tree.h"

/* The same limits by the names of each layer. */
_Static_assert(SERVICE_JOBS_MAX == JOBS_MAX, "each job can be listed");
_Static_assert(SERVICE_JOB_LABELS_MAX == JOB_LABELS_MAX, "a job's labels fit into what is shown of it");
_Static_assert(HANDOVER_LABELS_MAX == JOB_LABELS_MAX, "a job's labels fit into its record");
_Static_assert(EVENT_LABELS_MAX == JOB_LABELS_MAX, "a job's labels fit into its events");

struct Jobs {
        const Context *context; /* borrowed */
        JobsObserver observer;
        JobTable table;
};

/* ------------------------------------------------------------------ life */

static int on_kept_job(const HandoverJob *job, void *userdata) {
        Jobs *j = userdata;
        Job *own;
        int r = job_table_add(&j->table, job->id, job->unit, job->cgroup, job->labels, job->n_labels, job->start_usec,
                              &own);

        if (r >= 0)
                own->cgroup_id = job->cgroup_id;
        return r == -ENOMEM ? r : 0;
}

static int on_kept_job_end(uint64_t id, void *userdata) {
        Jobs *j = userdata;

        (void) job_table_remove(&j->table, id);
        return 0;
}

int jobs_new(const Context *c, const JobsObserver *observer, Jobs **ret) {
        _cleanup_(jobs_freep) Jobs *j = calloc(1, sizeof(*j));

        assert(c);
        assert(observer);
        assert(ret);

        if (!j)
                return -ENOMEM;
        j->context = c;
        j->observer = *observer;
        job_table_note_id(&j->table, handover_last_job(c->handover));
        const HandoverReader reader = { .job = on_kept_job, .job_end = on_kept_job_end, .userdata = j };
        int r = handover_read(c->handover, 0, &reader);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(j);
        return 0;
}

Jobs *jobs_free(Jobs *j) {
        if (!j)
                return NULL;
        job_table_done(&j->table);
        free(j);
        return NULL;
}

/* ------------------------------------------------------------------ reading */

const JobTable *jobs_table(const Jobs *j) {
        assert(j);

        return &j->table;
}

const Job *jobs_get(const Jobs *j, uint64_t id) {
        assert(j);

        return job_table_get(&j->table, id);
}

const Job *jobs_of_cgroup(const Jobs *j, const char *path) {
        assert(j);
        assert(path);

        return job_table_of_cgroup(&j->table, path);
}

void jobs_count(Jobs *j, const Job *job, uint64_t n_denied) {
        assert(j);
        assert(job);

        Job *own = job_table_get(&j->table, job->id);
        if (!own)
                return;
        own->denied += n_denied;
        if (n_denied == 0)
                own->allowed++;
}

/* ------------------------------------------------------------------ begin and end */

static void emit(const Jobs *j, EventType type, const Job *job, const char *layer, const char *detail) {
        Event e = {
                .type = type,
                .rule = RULE_NONE,
                .scope = layer,
                .detail = detail,
                .unit = job->unit,
                .cgroup = job->cgroup,
                .labels = (const char *const *) job->labels,
                .n_labels = job->n_labels,
                .mode = j->observer.mode(j->observer.userdata),
        };

        context_emit(j->context, &e);
}

static int assign_and_record(Jobs *j, Job *job, const char *restriction) {
        int r;

        job->cgroup_id = j->observer.find_cgroup(job->cgroup, j->observer.userdata);
        r = j->observer.assign(job, j->observer.userdata);
        if (r < 0 && restriction)
                return r;
        return records_put_job(j->context, job) < 0 ? -EIO : 0;
}

/* A job that cannot be judged by its document, or that a successor would not know, does not begin. */
int jobs_begin(Jobs *j, const char *unit, const char *cgroup, const char *const *labels, size_t n_labels,
               uint64_t *ret_id) {
        _cleanup_free_ char *path = NULL;
        const char *restriction;
        Job *job;
        int r;

        assert(j);
        assert(unit);
        assert(cgroup);
        assert(ret_id);

        path = strndup(cgroup, cgroup_path_unit_length(cgroup));
        if (!path)
                return -ENOMEM;
        r = job_table_add(&j->table, 0, unit, path, labels, n_labels, clock_usec(CLOCK_REALTIME), &job);
        if (r < 0)
                return r;
        restriction = j->observer.restriction(job, j->observer.userdata);
        r = assign_and_record(j, job, restriction);
        if (r < 0) {
                _cleanup_(job_freep) Job *failed = job_table_take(&j->table, job->id);

                (void) j->observer.assign(failed, j->observer.userdata);
                return r;
        }
        emit(j, EVENT_JOB_BEGUN, job, restriction, NULL);
        *ret_id = job->id;
        context_notify(j->context, jobs_changed);
        return 0;
}

int jobs_end(Jobs *j, uint64_t id) {
        _cleanup_(job_freep) Job *job = NULL;
        char detail[96];

        assert(j);

        job = job_table_take(&j->table, id);
        if (!job)
                return -ENOENT;
        (void) snprintf(detail, sizeof(detail), "%" PRIu64 " connections allowed, %" PRIu64 " denied", job->allowed,
                        job->denied);
        emit(j, EVENT_JOB_ENDED, job, NULL, detail);
        handover_put_job_end(j->context->handover, id);
        (void) j->observer.assign(job, j->observer.userdata); /* if the unit is gone, there is nothing to restore */
        j->observer.ended(job, j->observer.userdata);
        context_notify(j->context, jobs_changed);
        return 0;
}

static bool is_of_run(const Job *job, uint64_t cgroup_id) {
        return job->cgroup_id == 0 || job->cgroup_id == cgroup_id;
}

void jobs_end_of(Jobs *j, const char *path, uint64_t cgroup_id) {
        const Job *job = jobs_of_cgroup(j, path);

        if (job && strcmp(job->cgroup, path) == 0 && is_of_run(job, cgroup_id))
                (void) jobs_end(j, job->id);
}

/* A job from a version that did not record the cgroup's id is continued in the cgroup that has its path now. */
void jobs_end_left(Jobs *j) {
        assert(j);

        for (size_t i = j->table.n; i-- > 0;) {
                Job *job = j->table.jobs[i];
                uint64_t id = j->observer.find_cgroup(job->cgroup, j->observer.userdata);

                if (id != 0 && is_of_run(job, id))
                        job->cgroup_id = id;
                else
                        (void) jobs_end(j, job->id);
        }
}
