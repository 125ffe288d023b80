/* SPDX-License-Identifier: Apache-2.0 */

/* Jobs: labels on what a unit does, and the document for them, which narrows what the unit may meanwhile. */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "daemon/manager-internal.h"
#include "basic/clock.h"

/* ------------------------------------------------------------------ which scope */

bool manager_has_job_documents(const Manager *m) {
        for (size_t i = 0; i < m->documents.n; i++)
                if (m->documents.items[i].jobs.n > 0)
                        return true;
        return false;
}

Layer *manager_scope_of_job(const Manager *m, const Job *job) {
        const JobMatchList *lists[POLICY_DIR_MAX + 1];
        int i;

        for (size_t k = 0; k < m->documents.n; k++)
                lists[k] = &m->documents.items[k].jobs;
        i = job_match_documents(lists, m->documents.n, (const char *const *) job->labels, job->n_labels);
        return i < 0 ? NULL : engine_find_layer(m->engine, m->documents.items[i].name);
}

/* ------------------------------------------------------------------ life */

static Event event_of(const Manager *m, EventType type, const Job *job) {
        return (Event) {
                .type = type,
                .rule = RULE_NONE,
                .unit = job->unit,
                .cgroup = job->cgroup,
                .labels = (const char *const *) job->labels,
                .n_labels = job->n_labels,
                .mode = manager_effective_mode(m),
        };
}

void manager_fill_job_scopes(Manager *m) {
        for (size_t i = 0; i < m->jobs.n; i++) {
                Layer *scope = manager_scope_of_job(m, m->jobs.jobs[i]);

                if (scope && lease_table_n(scope->leases) == 0)
                        engine_copy_leases(m->engine, manager_scope_of_path(m, m->jobs.jobs[i]->cgroup), scope);
        }
}

/* A job whose policy cannot be put above its unit's does not begin. */
static int narrow(Manager *m, const Job *job) {
        Layer *scope = manager_scope_of_job(m, job);
        uint64_t id;
        int r;

        if (!scope)
                return 0;
        r = identity_find(m->identity, job->cgroup, &id);
        if (r < 0)
                return -ENXIO;
        engine_copy_leases(m->engine, manager_scope_of_path(m, job->cgroup), scope);
        return manager_assign(m, job->cgroup, id, false);
}

/* Of a unit that is gone: there is nothing to give back. */
static void widen(Manager *m, const char *cgroup) {
        uint64_t id;

        if (identity_find(m->identity, cgroup, &id) >= 0)
                (void) manager_assign(m, cgroup, id, false);
}

int manager_begin_job(Manager *m, const char *unit, const char *cgroup, const char *const *labels, size_t n_labels,
                      uint64_t *ret_id) {
        _cleanup_free_ char *path = strndup(cgroup, cgroup_path_unit_length(cgroup));
        Job *job;
        int r;

        if (!path)
                return -ENOMEM;
        r = job_table_add(&m->jobs, 0, unit, path, labels, n_labels, clock_usec(CLOCK_REALTIME), &job);
        if (r < 0)
                return r;
        r = narrow(m, job);
        if (r < 0) {
                (void) job_table_remove(&m->jobs, job->id);
                return r;
        }
        const Layer *scope = manager_scope_of_job(m, job);
        Event e = event_of(m, EVENT_JOB_BEGUN, job);
        e.scope = scope ? scope->name : NULL;
        manager_write_job(m, job);
        manager_tell(m, &e);
        *ret_id = job->id;
        if (m->observer.jobs_changed)
                m->observer.jobs_changed(m->observer.userdata);
        return 0;
}

int manager_end_job(Manager *m, uint64_t id) {
        Job *job = job_table_get(&m->jobs, id);
        _cleanup_free_ char *path = NULL;
        char detail[96];

        if (!job)
                return -ENOENT;
        path = strdup(job->cgroup);
        if (!path)
                return -ENOMEM;
        (void) snprintf(detail, sizeof(detail), "%" PRIu64 " connections allowed, %" PRIu64 " denied", job->allowed,
                        job->denied);
        manager_drop_grants_of(m, job);
        Event e = event_of(m, EVENT_JOB_ENDED, job);
        e.detail = detail;
        manager_tell(m, &e);
        (void) job_table_remove(&m->jobs, id);
        handover_put_job_end(m->handover, id);
        widen(m, path);
        if (m->observer.jobs_changed)
                m->observer.jobs_changed(m->observer.userdata);
        return 0;
}

void manager_end_jobs_of(Manager *m, const char *path) {
        const Job *job = job_table_of_cgroup(&m->jobs, path);

        if (job && strcmp(job->cgroup, path) == 0)
                (void) manager_end_job(m, job->id);
}

void manager_end_left_jobs(Manager *m) {
        uint64_t id;

        for (size_t i = m->jobs.n; i-- > 0;)
                if (identity_find(m->identity, m->jobs.jobs[i]->cgroup, &id) < 0)
                        (void) manager_end_job(m, m->jobs.jobs[i]->id);
}
