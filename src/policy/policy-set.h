/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Which policies judge an actor: the documents in force, what overrides their modes, and what was granted to jobs.
 * Answers by paths, labels and numbers alone; a set may be filled beside the one in force. */

#include "policy/chain.h"
#include "policy/document.h"
#include "policy/grant-table.h"

#define POLICY_LAYERS_MAX CW_CHAIN_MAX

/* A mode for all documents, or what they and the configuration say. */
typedef enum ModeSetting {
        MODE_SETTING_ENFORCE = MODE_ENFORCE,
        MODE_SETTING_AUDIT = MODE_AUDIT,
        MODE_SETTING_OFF = MODE_OFF,
        MODE_SETTING_CONFIGURED,
} ModeSetting;

typedef struct PolicySet {
        Documents documents;  /* owned */
        Mode configured_mode; /* of documents that say none */
        ModeSetting override;
} PolicySet;

/* Who acts. */
typedef struct PolicyActor {
        const char *cgroup;        /* path: "/system.slice/a.service/sub" */
        uint64_t job;              /* that its unit runs; 0: none */
        const char *const *labels; /* of the job: "key=value" */
        size_t n_labels;
} PolicyActor;

typedef struct PolicyLayer {
        LayerKind kind;
        Mode mode;                /* in force */
        const Document *document; /* borrowed; NULL: what was granted to the actor's job */
} PolicyLayer;

/* What the engine must know of a layer besides its policy. */
typedef struct LayerProperties {
        LayerKind kind;
        Mode mode;
        bool inbound; /* answers to what others opened pass */
        bool system;  /* what a machine needs to be on a network passes: the host's alone, a job has no business with it
                       */
} LayerProperties;

void policy_set_done(PolicySet *s);

/* The layers that judge an actor, in the order base, restriction, grant: at most one of each. Of several documents that
 * match, the one of the highest precedence counts (unit-match.h, job-match.h); all grants of a job share one layer. An
 * actor that no document matches has the host's as its base, also where nobody wrote one; a grant has nothing to add
 * where no policy judges. Modes do not decide which layers there are, so a mode that changes moves no actor. Returns
 * how many, at least 1. */
size_t policy_set_layers(const PolicySet *s, const GrantTable *grants, const PolicyActor *a,
                         PolicyLayer ret[static POLICY_LAYERS_MAX]);

/* document: of the set; NULL: a grant. */
Mode policy_set_mode_of(const PolicySet *s, const Document *document);
void policy_set_properties(const PolicySet *s, const Document *document, LayerProperties *ret);

const Document *policy_set_host(const PolicySet *s);
const Document *policy_set_find(const PolicySet *s, const char *name); /* NULL */
/* Some document is for units, or for jobs: the actors must be told apart. */
bool policy_set_matches_units(const PolicySet *s);
bool policy_set_matches_jobs(const PolicySet *s);
/* The weakest of those that judge; enforce where none does. */
Mode policy_set_effective_mode(const PolicySet *s);
uint32_t policy_set_n_rules(const PolicySet *s);
/* Whether a document of this name and digest is in the set. */
bool policy_set_contains(const PolicySet *s, const Document *document);
