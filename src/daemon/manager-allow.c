/* SPDX-License-Identifier: Apache-2.0 */

/* What a single job may reach for a while. Its unit's scope, and the one for the job, are others' as well; so the job gets
 * scopes of its own, made of the same documents and what is allowed: "job:7" and "job:7:narrow" for job 7. */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "daemon/manager-internal.h"
#include "basic/clock.h"

#define ALLOWANCE_ACCURACY_USEC USEC_PER_SEC
#define NAME_SIZE sizeof("job:18446744073709551615:narrow")

/* No document has a colon in its name. */
static void format_name(const Job *job, bool narrows, char ret[static NAME_SIZE]) {
        (void) snprintf(ret, NAME_SIZE, "job:%" PRIu64 "%s", job->id, narrows ? ":narrow" : "");
}

Scope *manager_scope_for_job(const Manager *m, Scope *scope, const Job *job) {
        char name[NAME_SIZE];

        if (!job || job->n_allowances == 0)
                return scope;
        format_name(job, scope->narrows, name);
        return engine_find_scope(m->engine, name) ?: scope;
}

static Document *find_document(const Manager *m, const char *name) {
        for (size_t i = 0; i < m->documents.n; i++)
                if (strcmp(m->documents.items[i].name, name) == 0)
                        return &m->documents.items[i];
        return NULL;
}

/* ------------------------------------------------------------------ one scope */

static int reserve_document(Manager *m) {
        Document *items = reallocarray(m->documents.items, m->documents.n + 1, sizeof(*items));

        if (!items)
                return -ENOMEM;
        m->documents.items = items;
        return 0;
}

/* There is room for it. */
static void keep_document(Manager *m, Document *d) {
        Document *old = find_document(m, d->name);

        if (old)
                document_done(old);
        else
                old = &m->documents.items[m->documents.n++];
        *old = *d;
        *d = (Document) {};
}

static int install(Manager *m, const Scope *base, Document *d) {
        Documents one = { .items = d, .n = 1 };
        _cleanup_free_ ScopeSpec *specs = NULL;
        Scope *scope;
        int r;

        r = manager_make_specs(m, &one, &specs);
        if (r < 0)
                return r;
        if (engine_find_scope(m->engine, d->name))
                return engine_set_scope(m->engine, &specs[0]);
        r = engine_add_scope(m->engine, &specs[0], &scope);
        if (r >= 0)
                engine_copy_leases(m->engine, base, scope);
        return r;
}

/* As the job's allowances are now. Nobody answers to a new one yet. */
static int put_scope(Manager *m, const Job *job, const Scope *base) {
        _cleanup_(document_done) Document d = {};
        const char *hosts[JOB_ALLOWANCES_MAX];
        const Document *document;
        char name[NAME_SIZE];
        int r;

        r = reserve_document(m);
        if (r < 0)
                return r;
        document = find_document(m, base->name);
        for (size_t i = 0; i < job->n_allowances; i++)
                hosts[i] = job->allowances[i].host;
        format_name(job, base->narrows, name);
        r = document ? document_derive(document, name, hosts, job->n_allowances, &d) : -ENOENT;
        if (r >= 0)
                r = install(m, base, &d);
        if (r >= 0)
                keep_document(m, &d);
        return r;
}

static void drop_scope(Manager *m, Document *d) {
        const Scope *scope = engine_find_scope(m->engine, d->name);

        if (scope)
                engine_remove_scope(m->engine, scope);
        document_done(d);
        m->documents.n--;
        memmove(d, d + 1, (size_t) (m->documents.items + m->documents.n - d) * sizeof(*d));
}

/* ------------------------------------------------------------------ a job's */

/* Those that judge it: its unit's, and the one for the job. */
static size_t bases_of(const Manager *m, const Job *job, Scope *ret[static 2]) {
        Scope *all[2] = { manager_scope_of_path(m, job->cgroup), manager_scope_of_job(m, job) };
        size_t n = 0;

        for (size_t i = 0; i < 2; i++)
                if (all[i] && all[i]->policy)
                        ret[n++] = all[i];
        return n;
}

static int assign(Manager *m, const Job *job) {
        uint64_t id;
        int r = identity_find(m->identity, job->cgroup, &id);

        return r < 0 ? -ENXIO : manager_assign(m, job->cgroup, id, false);
}

typedef struct Release {
        Manager *manager;
        const char *cgroup;
} Release;

static void assign_released(const char *path, uint64_t id, _unused_ bool is_slice, void *userdata) {
        const Release *d = userdata;

        if (strcmp(path, d->cgroup) == 0)
                (void) manager_assign(d->manager, path, id, false);
}

static bool is_of(const Document *d, const Job *job) {
        char name[NAME_SIZE];

        if (!d->base)
                return false;
        format_name(job, d->narrows, name);
        return strcmp(d->name, name) == 0;
}

/* What its scopes learnt their bases know from then on, each by its own policy. */
void manager_drop_allowances_of(Manager *m, Job *job) {
        Release release = { .manager = m, .cgroup = job->cgroup };

        if (job->n_allowances == 0)
                return;
        for (size_t i = 0; i < m->documents.n; i++) {
                const Document *d = &m->documents.items[i];
                const Scope *own = is_of(d, job) ? engine_find_scope(m->engine, d->name) : NULL;
                Scope *base = own ? engine_find_scope(m->engine, d->base) : NULL;
                if (base)
                        engine_copy_leases(m->engine, own, base);
        }
        (void) job_allowances_expire(job, UINT64_MAX);
        (void) assign(m, job);
        identity_for_each_released(m->identity, assign_released, &release); /* what a unit that ended sends last */
        for (size_t i = m->documents.n; i-- > 0;)
                if (is_of(&m->documents.items[i], job))
                        drop_scope(m, &m->documents.items[i]);
        manager_write_scopes(m);
        if (m->observer.scopes_changed)
                m->observer.scopes_changed(m->observer.userdata);
}

void manager_drop_allowances(Manager *m) {
        for (size_t i = 0; i < m->jobs.n; i++)
                manager_drop_allowances_of(m, m->jobs.jobs[i]);
}

static int put_scopes(Manager *m, const Job *job) {
        Scope *bases[2];
        size_t n = bases_of(m, job, bases);
        int r = n > 0 ? 0 : -EOPNOTSUPP;

        for (size_t i = 0; i < n && r >= 0; i++)
                r = put_scope(m, job, bases[i]);
        manager_write_scopes(m); /* before they judge: who finds flows with these ids must know that they were used */
        if (r >= 0)
                r = assign(m, job);
        if (r < 0)
                return r;
        if (m->observer.scopes_changed)
                m->observer.scopes_changed(m->observer.userdata);
        return 0;
}

/* ------------------------------------------------------------------ their end */

static void arm(Manager *m);

/* What cannot be made narrower goes altogether. */
static int on_end(_unused_ sd_event_source *s, _unused_ uint64_t usec, void *userdata) {
        Manager *m = userdata;
        uint64_t now = clock_nsec(CLOCK_BOOTTIME);

        for (size_t i = 0; i < m->jobs.n; i++) {
                Job *job = m->jobs.jobs[i];
                bool ends = false;
                size_t left = 0;

                for (size_t k = 0; k < job->n_allowances; k++) {
                        ends = ends || job->allowances[k].until_nsec <= now;
                        left += job->allowances[k].until_nsec > now;
                }
                if (ends && left > 0)
                        (void) job_allowances_expire(job, now);
                if (ends && (left == 0 || put_scopes(m, job) < 0))
                        manager_drop_allowances_of(m, job);
        }
        arm(m);
        return 0;
}

static void arm(Manager *m) {
        uint64_t first = UINT64_MAX;

        for (size_t i = 0; i < m->jobs.n; i++)
                for (size_t k = 0; k < m->jobs.jobs[i]->n_allowances; k++)
                        first = MIN(first, m->jobs.jobs[i]->allowances[k].until_nsec);
        if (first == UINT64_MAX || !m->allowance_end)
                return;
        (void) sd_event_source_set_time(m->allowance_end, first / 1000 + 1);
        (void) sd_event_source_set_enabled(m->allowance_end, SD_EVENT_ONESHOT);
}

static int ensure_timer(Manager *m) {
        int r;

        if (m->allowance_end)
                return 0;
        r = sd_event_add_time(m->event, &m->allowance_end, CLOCK_BOOTTIME, 0, ALLOWANCE_ACCURACY_USEC, on_end, m);
        return r < 0 ? r : sd_event_source_set_enabled(m->allowance_end, SD_EVENT_OFF);
}

int manager_allow_once(Manager *m, uint64_t id, const char *host, uint64_t usec) {
        Job *job = job_table_get(&m->jobs, id);
        char detail[512], name[NAME_SIZE];
        int r;

        if (!job)
                return -ENOENT;
        r = ensure_timer(m);
        if (r >= 0)
                r = job_allow(job, host, clock_nsec(CLOCK_BOOTTIME) + usec * 1000);
        if (r < 0)
                return r;
        r = put_scopes(m, job);
        if (r < 0) { /* this one may be half in force */
                manager_drop_allowances_of(m, job);
                return r;
        }
        arm(m);
        format_name(job, false, name);
        (void) snprintf(detail, sizeof(detail), "%s is allowed to job %" PRIu64 " for %" PRIu64 " s", host, id,
                        (uint64_t) (usec / USEC_PER_SEC));
        manager_tell_type(m, EVENT_POLICY_LOADED, engine_find_scope(m->engine, name) ? name : NULL, detail);
        return 0;
}
