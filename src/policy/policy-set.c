/* SPDX-License-Identifier: Apache-2.0 */

#include "policy/policy-set.h"

#include <assert.h>
#include <string.h>

void policy_set_done(PolicySet *s) {
        assert(s);

        documents_done(&s->documents);
        *s = (PolicySet) {};
}

/* ------------------------------------------------------------------ documents */

const Document *policy_set_host(const PolicySet *s) {
        assert(s);
        assert(s->documents.n > 0);

        return &s->documents.items[0];
}

const Document *policy_set_find(const PolicySet *s, const char *name) {
        assert(s);
        assert(name);

        for (size_t i = 0; i < s->documents.n; i++)
                if (strcmp(s->documents.items[i].name, name) == 0)
                        return &s->documents.items[i];
        return NULL;
}

bool policy_set_contains(const PolicySet *s, const Document *document) {
        assert(document);

        const Document *own = policy_set_find(s, document->name);
        return own && strcmp(own->digest, document->digest) == 0;
}

bool policy_set_matches_units(const PolicySet *s) {
        assert(s);

        for (size_t i = 0; i < s->documents.n; i++)
                if (s->documents.items[i].match.n > 0)
                        return true;
        return false;
}

bool policy_set_matches_jobs(const PolicySet *s) {
        assert(s);

        for (size_t i = 0; i < s->documents.n; i++)
                if (s->documents.items[i].jobs.n > 0)
                        return true;
        return false;
}

uint32_t policy_set_n_rules(const PolicySet *s) {
        uint32_t n = 0;

        assert(s);

        for (size_t i = 0; i < s->documents.n; i++)
                n += s->documents.items[i].n_rules;
        return n;
}

/* ------------------------------------------------------------------ modes */

static int strength(Mode mode) {
        return mode == MODE_ENFORCE ? 2 : mode == MODE_AUDIT ? 1 : 0;
}

static Mode weaker(Mode a, Mode b) {
        return strength(a) < strength(b) ? a : b;
}

Mode policy_set_configured_mode_of(const PolicySet *s, const Document *document) {
        assert(s);
        assert(document);

        if (document->origin == DOCUMENT_NONE)
                return MODE_OFF;
        return document->has_mode ? document->mode : s->configured_mode;
}

/* A grant does not judge on its own, so it is off only if everything is. */
Mode policy_set_mode_of(const PolicySet *s, const Document *document) {
        ModeSetting all, own;

        assert(s);

        all = s->modes ? s->modes->all : MODE_SETTING_CONFIGURED;
        if (all == MODE_SETTING_OFF)
                return MODE_OFF;
        if (!document)
                return MODE_ENFORCE;
        if (document->origin == DOCUMENT_NONE)
                return MODE_OFF;
        own = s->modes ? mode_table_get(s->modes, document->name) : MODE_SETTING_CONFIGURED;
        if (own != MODE_SETTING_CONFIGURED)
                return (Mode) own;
        if (all == MODE_SETTING_CONFIGURED)
                return policy_set_configured_mode_of(s, document);
        return document->has_mode ? weaker((Mode) all, document->mode) : (Mode) all;
}

static Mode weakest(const PolicySet *s, Mode (*mode_of)(const PolicySet *s, const Document *document)) {
        Mode mode = MODE_ENFORCE;

        for (size_t i = 0; i < s->documents.n; i++)
                if (s->documents.items[i].origin != DOCUMENT_NONE)
                        mode = weaker(mode, mode_of(s, &s->documents.items[i]));
        return mode;
}

Mode policy_set_effective_mode(const PolicySet *s) {
        assert(s);

        return weakest(s, policy_set_mode_of);
}

Mode policy_set_configured_mode(const PolicySet *s) {
        assert(s);

        return weakest(s, policy_set_configured_mode_of);
}

/* ------------------------------------------------------------------ layers */

static LayerKind kind_of(const Document *d) {
        return !d ? LAYER_GRANT : d->jobs.n > 0 ? LAYER_RESTRICT : LAYER_BASE;
}

void policy_set_properties(const PolicySet *s, const Document *document, LayerProperties *ret) {
        assert(s);
        assert(ret);

        *ret = (LayerProperties) {
                .kind = kind_of(document),
                .mode = policy_set_mode_of(s, document),
                .inbound = document && document->inbound,
                .system = document && document_is_host(document),
        };
}

static const Document *base_of(const PolicySet *s, const char *cgroup) {
        const MatchList *lists[POLICY_DOCUMENTS_MAX];
        int i;

        for (size_t k = 0; k < s->documents.n; k++)
                lists[k] = &s->documents.items[k].match;
        i = match_documents(lists, s->documents.n, cgroup);
        return i < 0 ? policy_set_host(s) : &s->documents.items[i];
}

static const Document *restriction_of(const PolicySet *s, const PolicyActor *a) {
        const JobMatchList *lists[POLICY_DOCUMENTS_MAX];
        int i;

        if (a->job == 0)
                return NULL;
        for (size_t k = 0; k < s->documents.n; k++)
                lists[k] = &s->documents.items[k].jobs;
        i = job_match_documents(lists, s->documents.n, a->labels, a->n_labels);
        return i < 0 ? NULL : &s->documents.items[i];
}

static PolicyLayer layer_of(const PolicySet *s, const Document *d) {
        return (PolicyLayer) { .kind = kind_of(d), .mode = policy_set_mode_of(s, d), .document = d };
}

size_t policy_set_layers(const PolicySet *s, const GrantTable *grants, const PolicyActor *a,
                         PolicyLayer ret[static POLICY_LAYERS_MAX]) {
        const Document *base, *restriction;
        size_t n = 0;

        assert(s);
        assert(grants);
        assert(a);
        assert(a->cgroup);
        assert(s->documents.n <= POLICY_DOCUMENTS_MAX);

        base = base_of(s, a->cgroup);
        restriction = restriction_of(s, a);
        ret[n++] = layer_of(s, base);
        if (restriction)
                ret[n++] = layer_of(s, restriction);
        if (a->job != 0 && (restriction || base->origin != DOCUMENT_NONE) && grant_table_count(grants, a->job) > 0)
                ret[n++] = layer_of(s, NULL);
        return n;
}
