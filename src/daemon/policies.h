/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The policy set in force: read at the start, replaced as a whole by a reload, in one document by a caller of the bus.
 * What is new is staged in the kernel beside the old, and is in force with one store for each layer. */

#include "daemon/context.h"
#include "policy/policy-set.h"

typedef struct Policies Policies;

typedef struct PoliciesObserver {
        /* A document, or all of them, are about to be replaced: they have no fault. */
        void (*changing)(void *userdata);
        /* Documents, and so for whom they are, are others now: every actor is to be assigned. A negative errno refuses
         * them. */
        int (*assign_all)(void *userdata);
        /* What changed is in force. */
        void (*changed)(void *userdata);
        void *userdata;
} PoliciesObserver;

/* Reads the documents of this machine and those that a predecessor was given over the bus. Why it fails is logged. */
int policies_new(const Context *c, const PoliciesObserver *observer, Policies **ret);
Policies *policies_free(Policies *p);
DEFINE_CLEANUP_FUNC(Policies *, policies_free)

const PolicySet *policies_set(const Policies *p);
const char *policies_digest(const Policies *p); /* of all documents */
/* The layer of a document, which the engine has once it is there; NULL: none. */
Layer *policies_layer(const Policies *p, const Document *document);

/* For the start of the engine, which takes the compiled policies: one for each document, in their order. The caller
 * frees the array. */
int policies_make_specs(Policies *p, LayerSpec **ret, size_t *ret_n);

/* As service.h has them. */
int policies_reload(Policies *p, FaultList *faults);
int policies_load(Policies *p, const char *name, const char *text, size_t size, FaultList *faults);
/* Returns what was set before. */
ModeSetting policies_set_mode(Policies *p, ModeSetting mode);

/* Has the service manager keep the documents that came over the bus, and only those. */
int policies_keep(const Policies *p);
