/* SPDX-License-Identifier: Apache-2.0 */

/* Grants: what single jobs may reach for a limited time. The grants of a job are a policy of its own, in a layer above those
 * that judge its unit: it lifts what these deny by default action, and never a deny rule. "job:7" for job 7; no document has a
 * colon in its name. */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "daemon/manager-internal.h"
#include "basic/clock.h"

#define GRANT_ACCURACY_USEC USEC_PER_SEC
#define NAME_SIZE sizeof("job:18446744073709551615")

static void format_name(uint64_t job, char ret[static NAME_SIZE]) {
        (void) snprintf(ret, NAME_SIZE, "job:%" PRIu64, job);
}

Layer *manager_grants_of_job(const Manager *m, const Job *job) {
        char name[NAME_SIZE];

        if (grant_table_count(&m->grants, job->id) == 0)
                return NULL;
        format_name(job->id, name);
        return engine_find_layer(m->engine, name);
}

static Document *find_document(const Manager *m, const char *name) {
        for (size_t i = 0; i < m->documents.n; i++)
                if (strcmp(m->documents.items[i].name, name) == 0)
                        return &m->documents.items[i];
        return NULL;
}

/* ------------------------------------------------------------------ the layer */

/* Its place in the list of scopes. */
static int add_document(Manager *m, const char *name, Document **ret) {
        Document *items = reallocarray(m->documents.items, m->documents.n + 1, sizeof(*items));
        Document d = { .origin = DOCUMENT_GRANT };

        if (!items)
                return -ENOMEM;
        m->documents.items = items;
        d.name = strdup(name);
        d.source = strdup(DOCUMENT_SOURCE_JOB);
        if (!d.name || !d.source) {
                document_done(&d);
                return -ENOMEM;
        }
        items[m->documents.n] = d;
        *ret = &items[m->documents.n++];
        return 0;
}

static void drop_layer(Manager *m, const char *name) {
        const Layer *layer = engine_find_layer(m->engine, name);
        Document *d = find_document(m, name);

        if (layer)
                engine_remove_layer(m->engine, layer);
        if (!d)
                return;
        document_done(d);
        m->documents.n--;
        memmove(d, d + 1, (size_t) (m->documents.items + m->documents.n - d) * sizeof(*d));
}

/* As the job's grants are now. Nobody answers to a new one yet. */
static int put_layer(Manager *m, const Job *job) {
        _cleanup_free_ LayerSpec *specs = NULL;
        char name[NAME_SIZE];
        Documents one = { .n = 1 };
        Layer *layer;
        int r;

        format_name(job->id, name);
        one.items = find_document(m, name);
        r = one.items ? 0 : add_document(m, name, &one.items);
        if (r >= 0)
                r = grant_table_policy(&m->grants, job->id, &one.items->policy);
        if (r < 0)
                return r;
        one.items->n_rules = (uint32_t) policy_n_rules(one.items->policy);
        r = manager_make_specs(m, &one, &specs);
        if (r < 0)
                return r;
        return engine_find_layer(m->engine, name) ? engine_set_layer(m->engine, &specs[0]) :
                                                    engine_add_layer(m->engine, &specs[0], &layer);
}

/* ------------------------------------------------------------------ a job's */

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

void manager_drop_grants_of(Manager *m, const Job *job) {
        Release release = { .manager = m, .cgroup = job->cgroup };
        char name[NAME_SIZE];

        format_name(job->id, name);
        if (grant_table_revoke(&m->grants, job->id) == 0 && !find_document(m, name))
                return;
        (void) assign(m, job);
        identity_for_each_released(m->identity, assign_released, &release); /* what a unit that ended sends last */
        drop_layer(m, name);
        manager_write_scopes(m);
        if (m->observer.scopes_changed)
                m->observer.scopes_changed(m->observer.userdata);
}

void manager_drop_grants(Manager *m) {
        for (size_t i = 0; i < m->jobs.n; i++)
                manager_drop_grants_of(m, m->jobs.jobs[i]);
}

static int put_grants(Manager *m, const Job *job) {
        const Layer *restriction = manager_scope_of_job(m, job);
        int r = manager_scope_of_path(m, job->cgroup)->policy || (restriction && restriction->policy) ? 0 : -EOPNOTSUPP;

        if (r >= 0)
                r = put_layer(m, job);
        manager_write_scopes(m); /* before it judges: who finds flows with this id must know that it was used */
        if (r >= 0)
                r = assign(m, job);
        if (r < 0)
                return r;
        if (m->observer.scopes_changed)
                m->observer.scopes_changed(m->observer.userdata);
        return 0;
}

/* ------------------------------------------------------------------ their end */

static void arm(Manager *m) {
        uint64_t first = grant_table_next_end(&m->grants);

        if (first == UINT64_MAX || !m->grant_end)
                return;
        (void) sd_event_source_set_time(m->grant_end, first / 1000 + 1);
        (void) sd_event_source_set_enabled(m->grant_end, SD_EVENT_ONESHOT);
}

/* What cannot be made narrower goes altogether. */
static int on_end(_unused_ sd_event_source *s, _unused_ uint64_t usec, void *userdata) {
        Manager *m = userdata;
        uint64_t id;

        while ((id = grant_table_expire(&m->grants, clock_nsec(CLOCK_BOOTTIME))) != 0) {
                const Job *job = job_table_get(&m->jobs, id);

                if (!job)
                        continue;
                if (grant_table_count(&m->grants, id) == 0 || put_grants(m, job) < 0)
                        manager_drop_grants_of(m, job);
        }
        arm(m);
        return 0;
}

static int ensure_timer(Manager *m) {
        int r;

        if (m->grant_end)
                return 0;
        r = sd_event_add_time(m->event, &m->grant_end, CLOCK_BOOTTIME, 0, GRANT_ACCURACY_USEC, on_end, m);
        return r < 0 ? r : sd_event_source_set_enabled(m->grant_end, SD_EVENT_OFF);
}

int manager_allow_once(Manager *m, uint64_t id, const char *host, uint64_t usec) {
        const Job *job = job_table_get(&m->jobs, id);
        char detail[512], name[NAME_SIZE];
        int r;

        if (!job)
                return -ENOENT;
        r = ensure_timer(m);
        if (r >= 0)
                r = grant_table_add(&m->grants, id, host, clock_nsec(CLOCK_BOOTTIME) + usec * 1000);
        if (r < 0)
                return r;
        r = put_grants(m, job);
        if (r < 0) { /* this one may be half in force */
                manager_drop_grants_of(m, job);
                return r;
        }
        arm(m);
        format_name(id, name);
        (void) snprintf(detail, sizeof(detail), "%s is allowed to job %" PRIu64 " for %" PRIu64 " s", host, id,
                        (uint64_t) (usec / USEC_PER_SEC));
        manager_tell_type(m, EVENT_POLICY_LOADED, name, detail);
        return 0;
}
