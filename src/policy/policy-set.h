/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Which policies judge an actor: the documents in force, the mode override, and the grants of jobs. Works on paths,
 * labels and numbers only; a new set can be built beside the one in force. */

#include "policy/chain.h"
#include "policy/document.h"
#include "policy/grant-table.h"
#include "policy/mode-table.h"

#define POLICY_LAYERS_MAX CW_CHAIN_MAX

typedef struct PolicySet {
        Documents documents;  /* owned */
        Mode configured_mode; /* of documents that set none */
        const ModeTable *modes; /* borrowed: those that were set; NULL: none */
} PolicySet;

/* Whose policies are looked up. */
typedef struct PolicyActor {
        const char *cgroup;        /* path: "/system.slice/a.service/sub" */
        uint64_t job;              /* run by its unit; 0: none */
        const char *const *labels; /* of the job: "key=value" */
        size_t n_labels;
} PolicyActor;

typedef struct PolicyLayer {
        LayerKind kind;
        Mode mode;                /* in effect */
        const Document *document; /* borrowed; NULL: the grants of the actor's job */
} PolicyLayer;

/* Properties of a layer besides its policy. */
typedef struct LayerProperties {
        LayerKind kind;
        Mode mode;
        bool inbound; /* replies to connections from outside pass */
        bool system;  /* traffic that a machine needs on a network passes: for the host's layer only */
} LayerProperties;

void policy_set_done(PolicySet *s);

/* The layers that judge an actor, in the order base, restriction, grant: at most one of each. If several documents
 * match, the one with the highest precedence counts (unit-match.h, job-match.h); all grants of a job share one
 * layer. An actor that no document matches has the host's as its base, even if nobody wrote one; a grant is left out
 * if no policy judges. Which layers there are does not depend on modes, so a change of mode reassigns no actor.
 * Returns the number of layers, at least 1. */
size_t policy_set_layers(const PolicySet *s, const GrantTable *grants, const PolicyActor *a,
                         PolicyLayer ret[static POLICY_LAYERS_MAX]);

/* In effect. document: one of the set; NULL: a grant. What was set for all scopes is not stronger than what a document says
 * of itself; what was set by name is, unless everything is off. */
Mode policy_set_mode_of(const PolicySet *s, const Document *document);
/* As the document says or, if it sets none, the configuration. */
Mode policy_set_configured_mode_of(const PolicySet *s, const Document *document);
void policy_set_properties(const PolicySet *s, const Document *document, LayerProperties *ret);

const Document *policy_set_host(const PolicySet *s);
const Document *policy_set_find(const PolicySet *s, const char *name); /* NULL: not found */
/* Is any document for units or jobs, so that actors must be distinguished? */
bool policy_set_matches_units(const PolicySet *s);
bool policy_set_matches_jobs(const PolicySet *s);
/* The weakest mode of those that judge; enforce if none does. */
Mode policy_set_effective_mode(const PolicySet *s);
Mode policy_set_configured_mode(const PolicySet *s);
uint32_t policy_set_n_rules(const PolicySet *s);
/* Is a document with this name and digest in the set? */
bool policy_set_contains(const PolicySet *s, const Document *document);
