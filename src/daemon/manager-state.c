/* SPDX-License-Identifier: Apache-2.0 */

#include <string.h>
#include <syslog.h>

#include "daemon/manager-internal.h"
#include "basic/clock.h"

#define SYNC_TIMEOUT_USEC (5 * USEC_PER_SEC)

/* ------------------------------------------------------------------ writing */

static void write_scope(Handover *h, const Layer *s) {
        handover_put_layer(h, s->name, layer_policy_id(s), (uint8_t) s->mode, s->digest ?: "");
}

static void write_binding(Handover *h, const Layer *s, const Lease *lease, const LeaseBinding *b) {
        const HandoverLease record = {
                .layer = s->name, .addr = &lease->addr, .name = b->name, .chain = b->chain, .expires_nsec = b->expires_nsec,
        };

        handover_put_lease(h, &record);
}

typedef struct LeaseWriter {
        Handover *handover;
        const Layer *scope;
} LeaseWriter;

static void write_bindings(const Lease *lease, void *userdata) {
        const LeaseWriter *w = userdata;

        for (size_t i = 0; i < lease->n_bindings; i++)
                write_binding(w->handover, w->scope, lease, &lease->bindings[i]);
}

static void write_job(Handover *h, const Job *job) {
        const HandoverJob record = {
                .id = job->id, .unit = job->unit, .cgroup = job->cgroup, .labels = (const char *const *) job->labels,
                .n_labels = job->n_labels, .start_usec = job->start_usec,
        };

        handover_put_job(h, &record);
}

static void on_snapshot(Handover *h, void *userdata) {
        Manager *m = userdata;

        if (!m->engine)
                return;
        handover_put_sequence(h, engine_sequence(m->engine));
        handover_put_last_id(h);
        for (size_t i = 0; i < engine_n_layers(m->engine); i++)
                write_scope(h, engine_layer(m->engine, i));
        for (size_t i = 0; i < m->jobs.n; i++)
                write_job(h, m->jobs.jobs[i]);
        for (size_t i = 0; i < engine_n_layers(m->engine); i++) {
                LeaseWriter w = { .handover = h, .scope = engine_layer(m->engine, i) };
                lease_table_for_each(w.scope->leases, write_bindings, &w);
        }
}

void manager_write_scopes(Manager *m) {
        for (size_t i = 0; i < engine_n_layers(m->engine); i++)
                write_scope(m->handover, engine_layer(m->engine, i));
}

void manager_write_sequence(Manager *m) {
        handover_put_sequence(m->handover, engine_sequence(m->engine));
}

void manager_write_lease(Manager *m, const Layer *scope, const Lease *lease) {
        if (!m->restoring && lease->n_bindings > 0)
                write_binding(m->handover, scope, lease, &lease->bindings[lease->latest]);
}

void manager_write_job(Manager *m, const Job *job) {
        write_job(m->handover, job);
}

/* ------------------------------------------------------------------ reading */

static int on_job(const HandoverJob *job, void *userdata) {
        int r = job_table_add(&((Manager *) userdata)->jobs, job->id, job->unit, job->cgroup, job->labels, job->n_labels,
                              job->start_usec, NULL);

        return r == -ENOMEM ? r : 0;
}

static int on_job_end(uint64_t id, void *userdata) {
        (void) job_table_remove(&((Manager *) userdata)->jobs, id);
        return 0;
}

int manager_open_state(Manager *m) {
        const HandoverReader reader = { .job = on_job, .job_end = on_job_end, .userdata = m };
        HandoverReport report;
        uint8_t setting;
        int r;

        r = handover_new(m->store, clock_nsec(CLOCK_BOOTTIME), on_snapshot, m, &report, &m->handover);
        if (r >= 0)
                r = handover_read(m->handover, clock_nsec(CLOCK_BOOTTIME), &reader);
        if (r < 0) {
                log_message(m->log, LOG_ERR, "no memory for the state that outlives the service: %s", strerror(-r));
                return r;
        }
        if (report.error < 0)
                log_message(m->log, LOG_WARNING, "the previous process's state is not usable (%s): leases begin anew",
                            strerror(-report.error));
        if (report.n_cut > 0)
                log_message(m->log, LOG_WARNING, "the last %zu bytes of the previous state cannot be read", report.n_cut);
        if (handover_override(m->handover, &setting))
                m->override = setting;
        return 0;
}

static int on_lease(const HandoverLease *lease, void *userdata) {
        Manager *m = userdata;
        Layer *scope = engine_find_layer(m->engine, lease->layer);

        /* One that is not restored is asked for again by its name. */
        if (scope)
                (void) engine_restore_lease(m->engine, scope, lease->addr, lease->name, lease->chain, lease->expires_nsec);
        return 0;
}

int manager_restore_leases(Manager *m) {
        const HandoverReader reader = { .lease = on_lease, .userdata = m };

        return handover_read(m->handover, clock_nsec(CLOCK_BOOTTIME), &reader);
}

/* ------------------------------------------------------------------ the service manager's store */

static int store_fd(const char *name, int fd, bool is_new, void *userdata) {
        Manager *m = userdata;
        int r = is_new ? fd_store_push(m->store, name, fd) : 0;

        return r < 0 ? r : 0;
}

static int store_policies(Manager *m) {
        for (size_t i = 0; i < m->documents.n; i++) {
                const Document *d = &m->documents.items[i];
                int r = 0;

                if (d->origin == DOCUMENT_BUS)
                        r = handover_keep_document(m->store, d->name, d->text, d->size);
                else
                        handover_drop_document(m->store, d->name);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* In the order of worth: links first. What nobody took goes last, when its successor is in place. */
int manager_store_fds(Manager *m) {
        int r = programs_for_each_fd(engine_programs(m->engine), store_fd, m);

        if (r >= 0)
                programs_fds_are_kept(engine_programs(m->engine));
        if (r >= 0)
                r = store_policies(m);
        fd_store_drop_left_over(m->store);
        return r < 0 || m->ready ? r : fd_store_sync(SYNC_TIMEOUT_USEC);
}
