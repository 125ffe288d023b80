/* SPDX-License-Identifier: Apache-2.0 */

#include "daemon/policies.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "basic/clock.h"
#include "daemon/document-files.h"
#include "daemon/fault-note.h"
#include "daemon/in-force.h"
#include "daemon/kept-documents.h"
#include "daemon/mode-files.h"
#include "daemon/records.h"
#include "daemon/repair-watch.h"
#include "host/state-file.h"

struct Policies {
        const Context *context; /* borrowed */
        PoliciesObserver observer;
        PolicySet set;
        ModeTable modes;      /* that were set */
        ModeTable kept_modes; /* over reboots */
        KeptDocuments kept;
        LastGood last_good;
        InForce in_force;
        RepairWatch *repair; /* NULL: the documents in force are those of this machine */
        char digest[POLICY_DIGEST_SIZE];
};

/* ------------------------------------------------------------------ documents -> layers */

static void make_spec(const Policies *p, const PolicySet *set, Document *d, LayerSpec *ret) {
        const Predecessor *old = handover_predecessor(p->context->handover, d->name);
        LayerProperties properties;

        policy_set_properties(set, d, &properties);
        *ret = (LayerSpec) {
                .name = d->name,
                .digest = d->source ? d->digest : NULL,
                .policy = TAKE_PTR(d->policy),
                .mode = properties.mode,
                .kind = properties.kind,
                .inbound = properties.inbound,
                .system = properties.system,
                .previous_id = old ? old->policy_id : 0,
                .is_same = old && d->source && strcmp(old->digest, d->digest) == 0,
        };
}

static int make_specs(const Policies *p, PolicySet *set, LayerSpec **ret) {
        LayerSpec *specs = calloc(set->documents.n, sizeof(*specs));

        if (!specs)
                return -ENOMEM;
        for (size_t i = 0; i < set->documents.n; i++)
                make_spec(p, set, &set->documents.items[i], &specs[i]);
        *ret = specs;
        return 0;
}

int policies_make_specs(Policies *p, LayerSpec **ret, size_t *ret_n) {
        assert(p);
        assert(ret);
        assert(ret_n);

        int r = make_specs(p, &p->set, ret);
        if (r >= 0)
                *ret_n = p->set.documents.n;
        return r;
}

/* ------------------------------------------------------------------ start */

/* Replaces a document with the one of the same name that a predecessor left. -ENOENT: there is none. */
static int take_kept_document(Policies *p, Document *d, FaultList *faults) {
        _cleanup_free_ char *text = NULL;
        Document new = {};
        size_t size;
        int r;

        r = handover_take_document(p->context->store, d->name, POLICY_TEXT_MAX, &text, &size);
        if (r == -EFBIG)
                (void) fault_list_add(faults, "$", 0, "the text is larger than 4 MiB");
        if (r >= 0)
                r = documents_replace(d, text, size, &new, faults);
        if (r < 0)
                return r;
        document_done(d);
        *d = new;
        return kept_documents_note(&p->kept, d);
}

static void log_kept_fault(const Policies *p, const char *name, const FaultList *faults, int error) {
        const Context *c = p->context;

        context_log_faults(c, faults);
        if (error == -ENOMEM)
                log_message(c->log, LOG_ERR, "cannot read the policy of %s that was loaded over the bus: %s", name,
                            strerror(-error));
        else
                log_message(c->log, LOG_ERR,
                            "the policy of %s that was loaded over the bus cannot be used any more (%s): write its "
                            "replacement to /etc/cargowall, then stop and start cargowalld.service, which forgets what was "
                            "loaded over the bus, and enforces nothing in between unless the links are pinned",
                            name, strerror(-error));
}

/* A document loaded over the bus is in force until a reload, also in a successor. The predecessor accepted it, so if
 * it cannot be used, no policy is better than another one. */
static int take_kept_documents(Policies *p) {
        for (size_t i = 0; i < p->set.documents.n; i++) {
                _cleanup_(fault_list_done) FaultList faults = {};
                Document *d = &p->set.documents.items[i];
                int r;

                faults.file = d->name;
                r = take_kept_document(p, d, &faults);
                if (r < 0 && r != -ENOENT) {
                        log_kept_fault(p, d->name, &faults, r);
                        return r;
                }
        }
        return 0;
}

static void log_in_force(const Policies *p, const FaultList *faults) {
        char text[IN_FORCE_TEXT_MAX];

        context_log_faults(p->context, faults);
        log_message(p->context->log, LOG_ERR, "%s", in_force_format(&p->in_force, text));
}

static int load(Policies *p) {
        const Context *c = p->context;
        _cleanup_(fault_list_done) FaultList faults = {};
        int r;

        r = in_force_load("", &p->last_good, p->set.configured_mode, &p->set.documents, &p->in_force, &faults);
        if (r == -ENOENT)
                log_message(c->log, LOG_ERR,
                            "there is no policy: write /etc/cargowall/policy.json or a document in "
                            "/etc/cargowall/policy.d, see cargowall-policy(5)");
        else if (r < 0)
                log_message(c->log, LOG_ERR, "cannot read the policy: %s", strerror(-r));
        if (r < 0)
                return r;
        if (p->in_force.kind != IN_FORCE_AS_WRITTEN)
                log_in_force(p, &faults);
        else
                r = last_good_prepare(&p->last_good, &p->set.documents, clock_usec(CLOCK_REALTIME));
        if (r >= 0)
                r = take_kept_documents(p);
        documents_digest(&p->set.documents, p->digest);
        return r;
}

int policies_new(const Context *c, const PoliciesObserver *observer, Policies **ret) {
        _cleanup_(policies_freep) Policies *p = calloc(1, sizeof(*p));
        int r;

        assert(c);
        assert(observer);
        assert(ret);

        if (!p)
                return -ENOMEM;
        p->context = c;
        p->observer = *observer;
        p->last_good.directory = STATE_DIRECTORY;
        p->set.configured_mode = c->config->mode;
        mode_files_load(c, &p->modes, &p->kept_modes);
        p->set.modes = &p->modes;
        r = load(p);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(p);
        return 0;
}

Policies *policies_free(Policies *p) {
        if (!p)
                return NULL;
        repair_watch_free(p->repair);
        policy_set_done(&p->set);
        kept_documents_done(&p->kept);
        last_good_done(&p->last_good);
        mode_table_done(&p->modes);
        mode_table_done(&p->kept_modes);
        free(p);
        return NULL;
}

const PolicySet *policies_set(const Policies *p) {
        assert(p);

        return &p->set;
}

const char *policies_digest(const Policies *p) {
        assert(p);

        return p->digest;
}

const InForce *policies_in_force(const Policies *p) {
        assert(p);

        return &p->in_force;
}

Layer *policies_layer(const Policies *p, const Document *document) {
        assert(p);
        assert(document);

        return p->context->engine ? engine_find_layer(p->context->engine, document->name) : NULL;
}

int policies_keep(Policies *p) {
        assert(p);

        return kept_documents_update(&p->kept, p->context->store, &p->set.documents);
}

/* ------------------------------------------------------------------ change */

static int on_committed(_unused_ Engine *e, void *userdata) {
        const Policies *p = userdata;

        p->observer.assign_all(p->observer.userdata);
        return 0;
}

/* Call when the engine has the layers of the set. */
static void publish(Policies *p) {
        documents_digest(&p->set.documents, p->digest);
        records_put_layers(p->context);
        p->observer.changed(p->observer.userdata);
}

/* The documents of this machine are in force, whatever was before. */
static void note_as_written(Policies *p) {
        p->repair = repair_watch_free(p->repair);
        fault_note_clear();
        if (last_good_prepare(&p->last_good, &p->set.documents, clock_usec(CLOCK_REALTIME)) >= 0)
                policies_keep_last_good(p);
}

/* Installs a set as a whole or not at all. Takes the contents of *new, which is then in force; on failure it is
 * unchanged. */
static int install(Policies *p, PolicySet *new, size_t *ret_bad) {
        _cleanup_(policy_set_done) PolicySet old = {};
        _cleanup_free_ LayerSpec *specs = NULL;
        int r;

        r = make_specs(p, new, &specs);
        if (r < 0)
                return r;
        old = p->set;
        p->set = *new; /* read by the assignment */
        records_reserve_ids(p->context);
        r = engine_set_layers(p->context->engine, specs, new->documents.n, on_committed, p, ret_bad);
        if (r < 0) {
                p->set = old;
                old = (PolicySet) {};
                return r;
        }
        *new = (PolicySet) {};
        p->in_force = (InForce) {};
        publish(p);
        note_as_written(p);
        for (size_t i = 0; i < p->set.documents.n; i++)
                if (!policy_set_contains(&old, &p->set.documents.items[i]))
                        context_emit_type(p->context, EVENT_POLICY_LOADED, p->set.documents.items[i].name, NULL);
        return 0;
}

static void reject(const Policies *p, const char *name, const FaultList *faults, int error) {
        char why[FAULT_TEXT_MAX];

        if (faults->n > 0) {
                Fault first = faults->faults[0];

                first.line = 0; /* the event has no line */
                (void) fault_format(&first, NULL, why);
        } else
                (void) snprintf(why, sizeof(why), "%s", strerror(-error));
        context_emit_type(p->context, EVENT_POLICY_REJECTED, name, why);
}

static void add_fault(FaultList *faults, const char *item, int error) {
        (void) fault_list_add(faults, item, 0,
                              error == -ENOSPC   ? "the kernel's maps are full"
                              : error == -ENOENT ? "there is no policy document"
                                                 : strerror(-error));
}

int policies_reload(Policies *p, FaultList *faults) {
        _cleanup_(policy_set_done) PolicySet new = {};
        size_t bad = 0;
        int r;

        assert(p);
        assert(faults);

        new.configured_mode = p->set.configured_mode;
        new.modes = p->set.modes;
        r = documents_load("", &new.documents, faults);
        if (r >= 0) {
                r = install(p, &new, &bad);
                if (r < 0)
                        add_fault(faults, new.documents.items[bad].name, r);
        } else if (fault_list_count(faults) > 0)
                context_log_faults(p->context, faults);
        else
                add_fault(faults, "/etc/cargowall", r);
        if (r < 0)
                reject(p, NULL, faults, r);
        else
                log_message(p->context->log, LOG_INFO, "policy reloaded: %u rules, %s", policy_set_n_rules(&p->set),
                            p->digest);
        return r;
}

/* ------------------------------------------------------------------ the last good ones */

static void on_repaired(void *userdata) {
        _cleanup_(fault_list_done) FaultList faults = {};

        (void) policies_reload(userdata, &faults);
}

void policies_started(Policies *p) {
        char text[IN_FORCE_TEXT_MAX];
        int r;

        assert(p);

        policies_keep_last_good(p);
        if (p->in_force.kind == IN_FORCE_AS_WRITTEN) {
                fault_note_clear(); /* of an earlier start */
                return;
        }
        context_emit_type(p->context, EVENT_POLICY_REJECTED, NULL, in_force_format(&p->in_force, text));
        fault_note_set(text);
        r = repair_watch_new(p->context, on_repaired, p, &p->repair);
        if (r < 0)
                log_message(p->context->log, LOG_ERR, "cannot watch the documents (%s): reload when they are repaired",
                            strerror(-r));
}

void policies_keep_last_good(Policies *p) {
        const Context *c = p->context;
        int before = p->last_good.error, r;

        r = last_good_write(&p->last_good);
        if (r > 0 && before < 0)
                log_message(c->log, LOG_NOTICE, "the documents in force are kept in " STATE_DIRECTORY " again");
        if (r >= 0 || r == before)
                return;
        log_message(c->log, LOG_ERR,
                    "cannot keep the documents in force in " STATE_DIRECTORY " (%s), trying again: if they have faults at the next "
                    "start, there is no last good policy, and those that enforce deny everything",
                    strerror(-r));
        context_emit_type(c, EVENT_STATE_NOT_KEPT, NULL, "no last good policy");
}

/* A document that a successor would not have is not accepted: after a crash an older one would be in force. */
static int keep_one(Policies *p, const Document *new, FaultList *faults) {
        int r = kept_documents_put(&p->kept, p->context->store, new);

        if (r == -ENOSPC)
                (void) fault_list_add(faults, "$", 0,
                                      "the service manager keeps no more documents for a restart: write it to "
                                      "/etc/cargowall/policy.d and reload");
        else if (r < 0)
                (void) fault_list_add(faults, "$", 0, "the service manager cannot keep it for a restart");
        return r;
}

/* On success the engine has the policy. */
static int stage_one(Policies *p, Document *new, FaultList *faults) {
        LayerSpec spec;
        int r;

        r = keep_one(p, new, faults);
        if (r < 0)
                return r;
        make_spec(p, &p->set, new, &spec);
        records_reserve_ids(p->context);
        r = engine_set_layer(p->context->engine, &spec);
        if (r < 0) {
                add_fault(faults, "$", r);
                (void) policies_keep(p); /* the one in force */
        }
        return r;
}

int policies_load(Policies *p, const char *name, const char *text, size_t size, FaultList *faults) {
        Document new = {}, *d;
        int r;

        assert(p);
        assert(name);
        assert(text);
        assert(faults);

        d = (Document *) policy_set_find(&p->set, name);
        if (!d)
                return -ENOENT;
        r = documents_replace(d, text, size, &new, faults);
        if (r >= 0)
                r = stage_one(p, &new, faults);
        if (r < 0) {
                document_done(&new);
                reject(p, name, faults, r);
                return r;
        }
        document_done(d);
        *d = new;
        p->observer.assign_all(p->observer.userdata);
        publish(p);
        context_emit_type(p->context, EVENT_POLICY_LOADED, d->name, NULL);
        log_message(p->context->log, LOG_INFO, "policy of %s loaded over the bus: %u rules, %s", d->name, d->n_rules,
                    d->digest);
        return 0;
}

/* ------------------------------------------------------------------ mode */

const ModeTable *policies_modes(const Policies *p) {
        assert(p);

        return &p->modes;
}

bool policies_modes_are_kept(const Policies *p) {
        assert(p);

        return mode_table_equals(&p->modes, &p->kept_modes);
}

static void apply_modes(Policies *p) {
        for (size_t i = 0; i < p->set.documents.n; i++) {
                const Document *d = &p->set.documents.items[i];
                Layer *layer = policies_layer(p, d);
                if (layer)
                        layer_set_mode(layer, policy_set_mode_of(&p->set, d));
        }
}

static void emit_mode(const Policies *p, const char *scope, ModeSetting mode, bool keep) {
        char detail[96];

        (void) snprintf(detail, sizeof(detail), "%s%s",
                        mode == MODE_SETTING_CONFIGURED ? "as configured" : mode_to_string((Mode) mode),
                        keep ? ", kept over reboots" : "");
        context_emit_type(p->context, EVENT_MODE_CHANGED, scope, detail);
}

int policies_set_mode(Policies *p, const char *scope, ModeSetting mode, bool keep, bool *ret_changed) {
        _cleanup_(mode_table_done) ModeTable new = MODE_TABLE_EMPTY;
        int r;

        assert(p);
        assert(ret_changed);

        if (scope && !policy_set_find(&p->set, scope))
                return -ENOENT;
        r = mode_table_copy(&p->modes, &new);
        if (r >= 0)
                r = mode_table_set(&new, scope, mode);
        if (r >= 0 && keep) {
                ModeTable kept;

                r = mode_table_copy(&new, &kept);
                if (r >= 0 && (r = mode_files_put_kept(&new)) < 0)
                        mode_table_done(&kept);
                if (r >= 0) {
                        mode_table_done(&p->kept_modes);
                        p->kept_modes = kept;
                }
        }
        if (r < 0)
                return r;
        *ret_changed = !mode_table_equals(&new, &p->modes);
        mode_table_done(&p->modes);
        p->modes = new;
        new = (ModeTable) MODE_TABLE_EMPTY;
        apply_modes(p);
        mode_files_put_set(p->context, &p->modes);
        if (*ret_changed || keep)
                emit_mode(p, scope, mode, keep);
        return 0;
}
