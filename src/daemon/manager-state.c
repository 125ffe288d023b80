/* SPDX-License-Identifier: Apache-2.0 */

#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <systemd/sd-id128.h>
#include <time.h>

#include "daemon/manager-internal.h"

#define SYNC_TIMEOUT_USEC (5 * USEC_PER_SEC)
#define NAME_STATE "state"

/* ------------------------------------------------------------------ writing */

static void write_scope(StateLog *log, const Scope *s) {
        const StateScope record = {
                .name = s->name,
                .policy_id = policy_slot_policy_id(s->slot),
                .mode = s->mode,
                .digest = s->digest ?: "",
        };

        (void) state_log_append_scope(log, &record);
}

static void write_binding(StateLog *log, const Scope *s, const Lease *lease, const LeaseBinding *b) {
        const StateLease record = {
                .scope = s->name,
                .addr = lease->addr,
                .expires_nsec = b->expires_nsec,
                .name = b->name,
                .chain = b->chain,
        };

        (void) state_log_append_lease(log, &record);
}

typedef struct LeaseWriter {
        StateLog *log;
        const Scope *scope;
} LeaseWriter;

static void write_bindings(const Lease *lease, void *userdata) {
        const LeaseWriter *w = userdata;

        for (size_t i = 0; i < lease->n_bindings; i++)
                write_binding(w->log, w->scope, lease, &lease->bindings[i]);
}

static void write_job(StateLog *log, const Job *job) {
        StateJob record = {
                .id = job->id, .start_usec = job->start_usec, .unit = job->unit, .cgroup = job->cgroup,
                .n_labels = MIN(job->n_labels, (size_t) STATE_LABELS_MAX),
        };

        for (size_t i = 0; i < record.n_labels; i++)
                record.labels[i] = job->labels[i];
        (void) state_log_append_job(log, &record);
}

/* Ids of scopes that ended are not to be used again: flows carry them. As if it were a scope of a name that none has, and
 * before the others, since it may stand in the place of one. */
static void write_last_id(StateLog *log, uint32_t id) {
        const StateScope record = { .name = ":last", .policy_id = id, .digest = "" };

        if (id != 0)
                (void) state_log_append_scope(log, &record);
}

/* All that is live, what matters most first. */
static void on_snapshot(StateLog *log, void *userdata) {
        Manager *m = userdata;

        (void) state_log_append_override(log, (uint8_t) m->override);
        if (!m->engine)
                return;
        (void) state_log_append_sequence(log, engine_sequence(m->engine));
        write_last_id(log, m->last_policy_id);
        for (size_t i = 0; i < engine_n_scopes(m->engine); i++)
                write_scope(log, engine_scope(m->engine, i));
        for (size_t i = 0; i < m->jobs.n; i++)
                write_job(log, m->jobs.jobs[i]);
        for (size_t i = 0; i < engine_n_scopes(m->engine); i++) {
                LeaseWriter w = { .log = log, .scope = engine_scope(m->engine, i) };
                lease_table_for_each(w.scope->leases, write_bindings, &w);
        }
}

static int on_reserve(size_t offset, size_t size, void *userdata) {
        return state_memory_reserve(offset, size, &((Manager *) userdata)->memory);
}

static void on_release(size_t offset, size_t size, void *userdata) {
        state_memory_release(offset, size, &((Manager *) userdata)->memory);
}

void manager_write_scopes(Manager *m) {
        for (size_t i = 0; i < engine_n_scopes(m->engine); i++)
                m->last_policy_id = MAX(m->last_policy_id, policy_slot_policy_id(engine_scope(m->engine, i)->slot));
        for (size_t i = 0; m->state && i < engine_n_scopes(m->engine); i++)
                write_scope(m->state, engine_scope(m->engine, i));
}

void manager_write_sequence(Manager *m) {
        uint64_t sequence = engine_sequence(m->engine);

        if (m->state && sequence != m->written_sequence)
                (void) state_log_append_sequence(m->state, sequence);
        m->written_sequence = sequence;
}

void manager_write_override(Manager *m) {
        if (m->state)
                (void) state_log_append_override(m->state, (uint8_t) m->override);
}

void manager_write_lease(Manager *m, const Scope *scope, const Lease *lease) {
        if (m->state && !m->restoring && lease->n_bindings > 0)
                write_binding(m->state, scope, lease, &lease->bindings[lease->latest]);
}

void manager_write_job(Manager *m, const Job *job) {
        if (m->state)
                write_job(m->state, job);
}

/* ------------------------------------------------------------------ reading */

static int boot_id(uint8_t ret[static 16]) {
        sd_id128_t id;
        int r = sd_id128_get_boot(&id);

        if (r >= 0)
                memcpy(ret, id.bytes, 16);
        return r;
}

static int open_inherited(Manager *m, const StateLogOwner *owner, const uint8_t id[static 16]) {
        _cleanup_close_ int fd = fd_store_take(m->store, NAME_STATE);
        size_t cut;
        int r;

        if (fd < 0)
                return fd;
        r = state_memory_open(fd, &m->memory);
        if (r < 0)
                return r;
        (void) TAKE_FD(fd);
        r = state_log_open(m->memory.region, STATE_MEMORY_SIZE, id, owner, &cut, &m->state);
        if (r < 0)
                state_memory_done(&m->memory);
        else if (cut > 0)
                log_message(m->log, LOG_WARNING, "the last %zu bytes of the previous state cannot be read", cut);
        return r;
}

int manager_open_state(Manager *m) {
        const StateLogOwner owner = { .snapshot = on_snapshot, .reserve = on_reserve, .release = on_release, .userdata = m };
        uint8_t id[16];
        int r;

        r = boot_id(id);
        if (r < 0)
                return r;
        r = open_inherited(m, &owner, id);
        if (r >= 0)
                return 0;
        if (r != -ENOENT)
                log_message(m->log, LOG_WARNING, "the previous process's state is not usable (%s): leases begin anew",
                            strerror(-r));
        r = state_memory_new(&m->memory);
        if (r >= 0)
                r = state_log_new(m->memory.region, STATE_MEMORY_SIZE, id, &owner, &m->state);
        if (r >= 0)
                r = fd_store_push(m->store, NAME_STATE, m->memory.fd);
        return r < 0 ? r : 0;
}

static int on_scope(const StateScope *scope, void *userdata) {
        Manager *m = userdata;
        Predecessor *p = NULL;

        for (size_t i = 0; i < m->n_predecessors; i++)
                if (strcmp(m->predecessors[i].name, scope->name) == 0)
                        p = &m->predecessors[i];
        if (!p) {
                Predecessor *grown = reallocarray(m->predecessors, m->n_predecessors + 1, sizeof(*grown));
                if (!grown)
                        return -ENOMEM;
                m->predecessors = grown;
                p = &grown[m->n_predecessors];
                *p = (Predecessor) { .name = strdup(scope->name) };
                if (!p->name)
                        return -ENOMEM;
                m->n_predecessors++;
        }
        /* A place has one owner, and the last to be written has it: scopes that ended stand here as well. */
        for (size_t i = 0; i < m->n_predecessors; i++)
                if (CW_POLICY_SCOPE(m->predecessors[i].policy_id) == CW_POLICY_SCOPE(scope->policy_id))
                        m->predecessors[i].policy_id = 0;
        m->last_policy_id = MAX(m->last_policy_id, scope->policy_id);
        free(p->digest);
        p->digest = strdup(scope->digest);
        p->policy_id = scope->policy_id;
        return p->digest ? 0 : -ENOMEM;
}

static int on_override(uint8_t setting, void *userdata) {
        ((Manager *) userdata)->override = setting;
        return 0;
}

static int on_sequence(uint64_t sequence, void *userdata) {
        ((Manager *) userdata)->first_sequence = sequence + 1;
        return 0;
}

static int on_job(const StateJob *job, void *userdata) {
        int r = job_table_add(&((Manager *) userdata)->jobs, job->id, job->unit, job->cgroup,
                              (const char *const *) job->labels, job->n_labels, job->start_usec, NULL);

        return r == -ENOMEM ? r : 0;
}

static int on_job_end(uint64_t id, void *userdata) {
        (void) job_table_remove(&((Manager *) userdata)->jobs, id);
        return 0;
}

int manager_read_state(Manager *m) {
        const StateLogReader reader = {
                .scope = on_scope, .override = on_override, .sequence = on_sequence, .job = on_job,
                .job_end = on_job_end, .userdata = m,
        };
        StateLogReadCounts counts;

        return state_log_read(m->state, &reader, manager_now(CLOCK_BOOTTIME), &counts);
}

static int on_lease(const StateLease *lease, void *userdata) {
        Manager *m = userdata;
        Scope *scope = engine_find_scope(m->engine, lease->scope);

        /* One that is not restored is asked for again by its name. */
        if (scope)
                (void) engine_restore_lease(m->engine, scope, &lease->addr, lease->name, lease->chain,
                                            lease->expires_nsec);
        return 0;
}

int manager_restore_leases(Manager *m) {
        const StateLogReader reader = { .lease = on_lease, .userdata = m };
        StateLogReadCounts counts;

        return state_log_read(m->state, &reader, manager_now(CLOCK_BOOTTIME), &counts);
}

const Predecessor *manager_predecessor(const Manager *m, const char *name) {
        for (size_t i = 0; i < m->n_predecessors; i++)
                if (strcmp(m->predecessors[i].name, name) == 0)
                        return &m->predecessors[i];
        return NULL;
}

uint32_t manager_last_policy_id(const Manager *m) {
        return m->last_policy_id;
}

void manager_forget_predecessors(Manager *m) {
        for (size_t i = 0; i < m->n_predecessors; i++) {
                free(m->predecessors[i].name);
                free(m->predecessors[i].digest);
        }
        free(m->predecessors);
        m->predecessors = NULL;
        m->n_predecessors = 0;
}

/* ------------------------------------------------------------------ the service manager's store */

static int store_fd(const char *name, int fd, bool is_new, void *userdata) {
        Manager *m = userdata;
        int r = is_new ? fd_store_push(m->store, name, fd) : 0;

        return r < 0 ? r : 0;
}

static int store_policies(Manager *m) {
        char name[FD_STORE_NAME_MAX + 1];

        for (size_t i = 0; i < m->documents.n; i++) {
                const Document *d = &m->documents.items[i];
                bool from_bus = d->source && strcmp(d->source, DOCUMENT_SOURCE_BUS) == 0;

                (void) snprintf(name, sizeof(name), "policy-%s", d->name);
                if (!from_bus) {
                        (void) fd_store_remove(m->store, name);
                        continue;
                }
                _cleanup_close_ int fd = memfd_seal_copy("cargowall-policy", d->text, d->size);
                int r = fd < 0 ? fd : fd_store_push(m->store, name, fd);
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
