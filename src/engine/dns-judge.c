/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/dns-judge.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "basic/macro.h"
#include "policy/query.h"
#include "policy/special-addr.h"

uint32_t dns_client_ttl(const DnsAnswer *a) {
        assert(a);

        return MIN(a->ttl, (uint32_t) DNS_CLIENT_TTL_MAX);
}

void judge_name(const Layer *l, const char *name, uint16_t type, uint64_t now, NameFinding *ret) {
        bool is_address = type == DNS_TYPE_A || type == DNS_TYPE_AAAA;
        const char *owner = is_address ? NULL : query_service_owner(name);
        NameVerdict derived;
        const char *origin;

        assert(l && l->policy);
        assert(name);
        assert(ret);

        *ret = (NameFinding) { .policy_id = layer_policy_id(l), .rule = RULE_NONE };
        ret->resolves = policy_match_query(l->policy, name, owner, &ret->verdict, &ret->rule);
        if (ret->resolves || owner || ret->verdict.n_deny + ret->verdict.n_late > 0)
                return;
        if (derived_names_get(l->derived, name, now, &derived, &origin) <= 0)
                return;
        ret->verdict = derived;
        ret->resolves = ret->derived = true;
}

/* Evaluates again only if the policy has changed, or if the CNAME that led to the name may have expired. */
static void refresh_finding(const Layer *l, const char *name, uint16_t type, uint64_t now, NameFinding *f) {
        if (f->policy_id == 0 || f->policy_id != layer_policy_id(l) || f->derived)
                judge_name(l, name, type, now, f);
}

bool finding_permits_type(const Layer *l, const NameFinding *f, uint16_t type) {
        assert(l && l->policy);
        assert(f);

        return f->resolves && policy_name_permits_type(l->policy, &f->verdict, type);
}

static LayerVerdict name_verdict(const Layer *l, bool resolves, const NameVerdict *v) {
        bool by_rule = resolves ? v->n_allow > 0 : v->n_deny + v->n_late > 0 || v->overflow;

        return (LayerVerdict) {
                .kind = l->kind,
                .mode = l->mode,
                .action = resolves ? ACTION_ALLOW : ACTION_DENY,
                .reason = by_rule ? CW_REASON_RULE : CW_REASON_DEFAULT,
        };
}

LayerVerdict name_finding_verdict(const Layer *l, const NameFinding *f) {
        assert(l);
        assert(f);

        return name_verdict(l, f->resolves, &f->verdict);
}

int answer_chain_text(const DnsAnswer *a, const char *first, char buf[static LEASE_CHAIN_TEXT_MAX]) {
        size_t n = 0;

        assert(a);
        assert(buf);

        buf[0] = '\0';
        for (size_t i = 0; i < (size_t) a->n_chain + (first != NULL); i++) {
                const char *target = first ? (i == 0 ? first : a->chain[i - 1]) : a->chain[i];
                size_t length = strlen(target);

                if (n + length + 2 > LEASE_CHAIN_TEXT_MAX)
                        return -E2BIG;
                if (n > 0)
                        buf[n++] = ' ';
                memcpy(buf + n, target, length + 1);
                n += length;
        }
        return 0;
}

/* Rebinding guard: a public name should not have addresses of this kind. NULL: there is none. */
static const InAddr *unfit_address(const Layer *l, const DnsAnswer *a, const NameVerdict *v) {
        for (size_t i = 0; i < a->n_addrs; i++)
                if (!rebinding_check(l->policy, &a->addrs[i], v))
                        return &a->addrs[i];
        return NULL;
}

/* As many addresses as there is room for. Returns the first error. */
static int lease_answer(Layer *l, const char *name, const DnsAnswer *a, const AnswerFinding *f, uint64_t now,
                        dns_lease_fn fn, void *userdata) {
        const char *origin = name;
        char chain[LEASE_CHAIN_TEXT_MAX];
        const Lease *lease;
        NameVerdict unused;
        int r;

        if (f->derived && derived_names_get(l->derived, name, now, &unused, &origin) <= 0)
                return -ESTALE;
        r = answer_chain_text(a, origin == name ? NULL : name, chain);
        if (r < 0)
                return r;
        for (size_t i = 0; i < a->n_addrs; i++) {
                int k = layer_bind(l, &a->addrs[i], origin, *chain ? chain : NULL, &f->name, dns_client_ttl(a), now,
                                   &lease);
                if (k < 0)
                        r = r < 0 ? r : k;
                else if (lease && fn)
                        fn(l, lease, userdata);
        }
        return r;
}

static void remember_chain(Layer *l, const char *name, const DnsAnswer *a, const NameVerdict *v, bool derived,
                           uint64_t now) {
        const char *origin = name;
        char kept[DNS_NAME_SIZE];
        NameVerdict unused;
        uint32_t ttl = 0;

        if (!name_verdict_has_rules(v))
                return;
        if (derived) {
                if (derived_names_get(l->derived, name, now, &unused, &origin) <= 0)
                        return;
                (void) snprintf(kept, sizeof(kept), "%s", origin); /* the next call may free it */
                origin = kept;
        }
        for (size_t i = 0; i < a->n_chain; i++) {
                ttl = derived_chain_ttl(ttl, a->chain_ttl[i]);
                /* If it cannot be stored, the query is refused: fail closed. */
                (void) derived_names_add(l->derived, a->chain[i], origin, v, ttl, now);
        }
}

void judge_answer(const Layer *l, const char *name, const DnsAnswer *a, uint64_t now, NameFinding *finding,
                  AnswerFinding *ret) {
        assert(l);
        assert(name);
        assert(a);
        assert(finding);
        assert(ret);

        *ret = (AnswerFinding) { .verdict = { .kind = l->kind, .mode = MODE_OFF }, .rule = RULE_NONE };
        if (!layer_is_judged(l))
                return; /* passes, but adds no lease: there is nothing to open */
        refresh_finding(l, name, a->type, now, finding);
        ret->name = finding->verdict;
        ret->derived = finding->derived;
        ret->rule = finding->rule;
        for (size_t i = 0; i < a->n_chain; i++)
                policy_follow_alias(l->policy, a->chain[i], &ret->name);
        bool resolves = a->n_chain == 0 ? finding->resolves :
                                          policy_name_resolves(l->policy, &ret->name, &ret->rule);
        ret->verdict = name_verdict(l, resolves, &ret->name);
        if (resolves)
                ret->refused = unfit_address(l, a, &ret->name);
        if (!resolves && finding->resolves)
                ret->why = "cname";
        else if (ret->refused) {
                ret->why = "rebinding";
                ret->rule = RULE_NONE;
                ret->verdict.action = ACTION_DENY;
                ret->verdict.reason = CW_REASON_RULE; /* no grant lifts it */
        }
}

bool answer_needs_lease(const Layer *l, const AnswerFinding *f) {
        assert(l);
        assert(f);

        return f->verdict.mode == MODE_ENFORCE && name_verdict_has_rules(&f->name);
}

int keep_answer(Layer *l, const char *name, const DnsAnswer *a, const AnswerFinding *f, uint64_t now, dns_lease_fn fn,
                void *userdata) {
        bool denies = f->verdict.action == ACTION_DENY;
        AnswerFinding stored = *f;
        int r;

        if (f->verdict.mode == MODE_OFF || (denies && f->verdict.mode == MODE_ENFORCE && f->name.n_deny == 0))
                return 0;
        if (f->why && f->verdict.mode != MODE_ENFORCE) {
                memset(&stored.name, 0, sizeof(stored.name));
                memset(stored.name.rules, 0xff, sizeof(stored.name.rules));
        }
        r = lease_answer(l, name, a, &stored, now, fn, userdata);
        if (r >= 0)
                remember_chain(l, name, a, &stored.name, f->derived, now);
        return r;
}

bool layers_resolve(const LayerTable *t, const char *name, uint16_t type, uint64_t now) {
        for (size_t i = 0; i < t->n; i++) {
                const Layer *l = t->layers[i];
                NameFinding finding;

                if (!layer_is_judged(l) || l->kind == LAYER_RESTRICT)
                        continue;
                judge_name(l, name, type, now, &finding);
                if (finding.resolves)
                        return true;
        }
        return false;
}

bool layers_have_zone(const LayerTable *t, const char *zone, uint64_t now) {
        for (size_t i = 0; i < t->n; i++) {
                const Layer *l = t->layers[i];

                if (layer_is_judged(l) && l->kind != LAYER_RESTRICT &&
                    (policy_has_zone(l->policy, zone) || derived_names_have_zone(l->derived, zone, now)))
                        return true;
        }
        return false;
}

bool layers_allow(const LayerTable *t, const char *name, const DnsAnswer *a, uint64_t now) {
        for (size_t i = 0; i < t->n; i++) {
                NameFinding finding = {};
                AnswerFinding f;

                if (t->layers[i]->kind == LAYER_RESTRICT)
                        continue; /* only restricts */
                judge_answer(t->layers[i], name, a, now, &finding, &f);
                if (f.verdict.mode != MODE_OFF && f.verdict.action == ACTION_ALLOW)
                        return true;
        }
        return false;
}
