/* SPDX-License-Identifier: Apache-2.0 */

#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "daemon/manager-internal.h"

/* ------------------------------------------------------------------ documents -> scopes */

Mode manager_mode_of(const Manager *m, const Document *d) {
        if (!d->source)
                return MODE_OFF;
        if (d->origin == DOCUMENT_GRANT) /* alone it judges nothing */
                return m->override == MODE_SETTING_OFF ? MODE_OFF : MODE_ENFORCE;
        if (m->override != MODE_SETTING_CONFIGURED)
                return (Mode) m->override;
        return d->has_mode ? d->mode : m->config.mode;
}

static LayerKind kind_of(const Document *d) {
        return d->origin == DOCUMENT_GRANT ? LAYER_GRANT : d->narrows ? LAYER_RESTRICT : LAYER_BASE;
}

/* What a machine needs passes by the host's policy alone; a job has no business with it. */
int manager_make_specs(Manager *m, Documents *d, LayerSpec **ret) {
        LayerSpec *specs = calloc(d->n, sizeof(*specs));

        if (!specs)
                return -ENOMEM;
        for (size_t i = 0; i < d->n; i++) {
                Document *item = &d->items[i];
                const Predecessor *p = handover_predecessor(m->handover, item->name);

                specs[i] = (LayerSpec) {
                        .name = item->name,
                        .digest = item->digest[0] ? item->digest : NULL,
                        .policy = TAKE_PTR(item->policy),
                        .mode = manager_mode_of(m, item),
                        .kind = kind_of(item),
                        .inbound = item->inbound,
                        .system = document_is_host(item),
                        .previous_id = p ? p->policy_id : 0,
                        .is_same = p && item->source && strcmp(p->digest, item->digest) == 0,
                };
        }
        *ret = specs;
        return 0;
}

void manager_log_faults(Manager *m, const FaultList *faults) {
        char text[FAULT_TEXT_MAX];

        for (size_t i = 0; i < faults->n; i++)
                log_message(m->log, LOG_ERR, "%s", fault_format(&faults->faults[i], NULL, text));
        if (faults->n_more > 0)
                log_message(m->log, LOG_ERR, "and %zu more faults", faults->n_more);
}

/* A policy that came over the bus holds until a reload, also for a successor. */
static int take_stored_policies(Manager *m) {
        for (size_t i = 0; i < m->documents.n; i++) {
                Document *d = &m->documents.items[i], new = {};
                _cleanup_free_ char *text = NULL;
                _cleanup_(fault_list_done) FaultList faults = {};
                size_t size;
                int r = handover_take_document(m->store, d->name, POLICY_TEXT_MAX, &text, &size);

                if (r == -ENOENT)
                        continue;
                if (r >= 0)
                        r = documents_replace(d, text, size, &new, &faults);
                if (r < 0) /* the predecessor took it: better none than another one */
                        return r;
                document_done(d);
                *d = new;
        }
        return 0;
}

int manager_start_policies(Manager *m) {
        _cleanup_(fault_list_done) FaultList faults = {};
        int r;

        r = documents_load("", &m->documents, &faults);
        if (r == -ENOENT)
                log_message(m->log, LOG_ERR, "there is no policy: write /etc/cargowall/policy.json or a document in "
                                             "/etc/cargowall/policy.d, see cargowall-policy(5)");
        else if (r < 0 && fault_list_count(&faults) > 0)
                manager_log_faults(m, &faults);
        else if (r < 0)
                log_message(m->log, LOG_ERR, "the policy cannot be read: %s", strerror(-r));
        if (r < 0)
                return r;
        r = take_stored_policies(m);
        if (r < 0)
                log_message(m->log, LOG_ERR, "the policy that was loaded over the bus cannot be read again: %s",
                            strerror(-r));
        documents_digest(&m->documents, m->digest);
        return r;
}

/* ------------------------------------------------------------------ change */

static bool is_in(const Documents *documents, const Document *d) {
        for (size_t i = 0; i < documents->n; i++)
                if (strcmp(documents->items[i].name, d->name) == 0 &&
                    strcmp(documents->items[i].digest, d->digest) == 0)
                        return true;
        return false;
}

/* After the engine has the scopes of m->documents. */
static void publish(Manager *m) {
        documents_digest(&m->documents, m->digest);
        manager_write_scopes(m);
        if (m->observer.policy_reloaded)
                m->observer.policy_reloaded(m->observer.userdata);
        m->trim_is_due = true; /* the old documents, and what reading the new ones took */
        (void) manager_store_fds(m);
}

/* Whole or not at all. d becomes the documents in force, and the old ones are freed; or d stays as it is. */
static int install(Manager *m, Documents *d, size_t *ret_bad) {
        _cleanup_free_ LayerSpec *specs = NULL;
        Documents old;
        int r;

        r = manager_make_specs(m, d, &specs);
        if (r < 0)
                return r;
        manager_drop_grants(m); /* they were given with what was in force until now in view */
        old = m->documents;
        m->documents = *d; /* reassignment of the cgroups reads them */
        r = engine_set_layers(m->engine, specs, d->n, manager_reassign, m, ret_bad);
        if (r < 0) {
                m->documents = old;
                return r;
        }
        *d = (Documents) {};
        publish(m);
        for (size_t i = 0; i < m->documents.n; i++)
                if (!is_in(&old, &m->documents.items[i]))
                        manager_tell_type(m, EVENT_POLICY_LOADED, m->documents.items[i].name, NULL);
        documents_done(&old);
        return 0;
}

static void reject(Manager *m, const char *scope, const FaultList *faults, int error) {
        char why[FAULT_TEXT_MAX];

        if (faults->n > 0) {
                Fault first = faults->faults[0];

                first.line = 0; /* the event has none */
                (void) fault_format(&first, NULL, why);
        } else
                (void) snprintf(why, sizeof(why), "%s", strerror(-error));
        manager_tell_type(m, EVENT_POLICY_REJECTED, scope, why);
}

static void add_fault(FaultList *faults, const char *item, int error) {
        (void) fault_list_add(faults, item, 0,
                              error == -ENOSPC ? "it does not fit into the kernel's maps" : strerror(-error));
}

int manager_reload(Manager *m, FaultList *faults) {
        _cleanup_(documents_done) Documents d = {};
        size_t bad = 0;
        int r;

        r = documents_load("", &d, faults);
        if (r >= 0) {
                r = install(m, &d, &bad);
                if (r < 0)
                        add_fault(faults, d.items[bad].name, r);
        } else if (fault_list_count(faults) > 0)
                manager_log_faults(m, faults);
        else
                add_fault(faults, "/etc/cargowall", r);
        if (r < 0)
                reject(m, NULL, faults, r);
        else
                log_message(m->log, LOG_INFO, "policy reloaded: %u rules, %s", manager_n_rules(m), m->digest);
        return r;
}

static Document *find_document(Manager *m, const char *name) {
        for (size_t i = 0; i < m->documents.n; i++)
                if (strcmp(m->documents.items[i].name, name) == 0)
                        return &m->documents.items[i];
        return NULL;
}

int manager_load_policy(Manager *m, const char *scope, const char *text, size_t size, FaultList *faults) {
        _cleanup_free_ LayerSpec *specs = NULL;
        Documents one = { .n = 1 };
        Document new = {}, *d;
        int r;

        d = find_document(m, scope);
        if (!d)
                return -ENOENT;
        r = documents_replace(d, text, size, &new, faults);
        if (r >= 0) {
                manager_drop_grants(m); /* as above */
                d = find_document(m, scope);
                one.items = &new;
                r = manager_make_specs(m, &one, &specs);
        }
        if (r >= 0) {
                r = engine_set_layer(m->engine, &specs[0]);
                if (r < 0)
                        add_fault(faults, "$", r);
        }
        if (r < 0) {
                document_done(&new);
                reject(m, scope, faults, r);
                return r;
        }
        document_done(d);
        *d = new;
        (void) manager_reassign(m->engine, m);
        publish(m);
        manager_tell_type(m, EVENT_POLICY_LOADED, scope, NULL);
        log_message(m->log, LOG_INFO, "policy of %s loaded over the bus: %u rules, %s", scope, d->n_rules, d->digest);
        return 0;
}

int manager_set_mode(Manager *m, ModeSetting mode) {
        ModeSetting old = m->override;

        m->override = mode;
        for (size_t i = 0; i < m->documents.n; i++) {
                Layer *s = engine_find_layer(m->engine, m->documents.items[i].name);
                if (s)
                        engine_set_mode(m->engine, s, manager_mode_of(m, &m->documents.items[i]));
        }
        handover_put_override(m->handover, (uint8_t) mode);
        manager_write_scopes(m);
        if (old == mode)
                return 0;
        manager_tell_type(m, EVENT_MODE_CHANGED, NULL,
                          mode == MODE_SETTING_CONFIGURED ? "as configured" : mode_to_string((Mode) mode));
        if (m->observer.mode_changed)
                m->observer.mode_changed(old, mode, m->observer.userdata);
        return 0;
}

int manager_validate(const char *text, size_t size, FaultList *faults) {
        return document_validate(text, size, faults);
}
