/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The policy set in force: read at the start, replaced as a whole by a reload, or one document at a time over the
 * bus. New policies are staged in the kernel beside the old ones, and come into force with one store per layer. */

#include "daemon/context.h"
#include "daemon/in-force.h"
#include "policy/policy-set.h"

typedef struct Policies Policies;

typedef struct PoliciesObserver {
        /* Documents, and so their matches, have changed: assign every actor again. */
        void (*assign_all)(void *userdata);
        /* The change is in force. */
        void (*changed)(void *userdata);
        void *userdata;
} PoliciesObserver;

/* Reads the documents of this machine, or what is in force in their place, and those that a predecessor received over the
 * bus. Logs why it fails. */
int policies_new(const Context *c, const PoliciesObserver *observer, Policies **ret);
Policies *policies_free(Policies *p);
DEFINE_CLEANUP_FUNC(Policies *, policies_free)

const PolicySet *policies_set(const Policies *p);
const char *policies_digest(const Policies *p); /* of all documents */
const InForce *policies_in_force(const Policies *p);
/* The layer of a document that the engine has already; otherwise NULL. */
Layer *policies_layer(const Policies *p, const Document *document);

/* For the start of the engine, which takes the compiled policies: one spec per document, in order. The caller frees
 * the array. */
int policies_make_specs(Policies *p, LayerSpec **ret, size_t *ret_n);

/* Call once the machine is judged by them: keeps them as the last good ones or, if it is others that are in force, reports
 * so and waits until the documents are repaired. */
void policies_started(Policies *p);
/* Keeps them if it was not possible before. */
void policies_keep_last_good(Policies *p);

/* As in service.h. */
int policies_reload(Policies *p, FaultList *faults);
int policies_load(Policies *p, const char *name, const char *text, size_t size, FaultList *faults);
/* As in service.h; *ret_changed: whether what is set differs from before. The caller records the layers, once those of
 * grants have their mode. */
int policies_set_mode(Policies *p, const char *scope, ModeSetting mode, bool keep, bool *ret_changed);
const ModeTable *policies_modes(const Policies *p);
bool policies_modes_are_kept(const Policies *p); /* over reboots */

/* Has the service manager store the documents that came over the bus, and no others. Returns 0, or what failed, which
 * the next call tries again. */
int policies_keep(Policies *p);
