/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/explanation.h"

#include <assert.h>
#include <string.h>

#include "basic/macro.h"
#include "dns/lease-names.h"
#include "engine/dns-judge.h"
#include "policy/special-addr.h"

/* A name, while the answers for it are looked at. */
typedef struct NameLook {
        const ExplanationSources *s;
        const Layer *layer;
        const Destination *d;
        uint64_t now;
        NameVerdict local;     /* for a name of this machine */
        bool is_local;
        bool for_others;       /* asked by systemd-resolved for whoever wants to know */
        bool is_withheld;      /* an answer is refused to systemd-resolved, and none is given to it */
        bool is_given;
        bool is_refused;       /* by this layer, as in *refused */
        Explanation best, refused;
} NameLook;

static bool is_host(const ExplanationSources *s, const Layer *layer) {
        return s->layers->n > 0 && s->layers->layers[0] == layer;
}

static bool host_is_enforced(const ExplanationSources *s) {
        return s->layers->n > 0 && layer_is_judged(s->layers->layers[0]) && s->layers->layers[0]->mode == MODE_ENFORCE;
}

/* Last, as in bpf/verdict.bpf.h. */
static void pass_own_addr(const ExplanationSources *s, const Destination *d, Explanation *e) {
        bool is_dns = e->reason == CW_REASON_DNS && !e->rebinding;

        if (e->verdict == ACTION_ALLOW || is_dns || !policy_maps_is_local(s->maps, &d->addr))
                return;
        *e = (Explanation) {
                .verdict = ACTION_ALLOW, .action = ACTION_ALLOW, .reason = CW_REASON_LOCAL, .rule = RULE_NONE, .tier = TIER_USER,
                .own_addr = true, .elsewhere = e->action,
        };
}

/* An address with the names that lead to it, to which v (may be NULL) is added. */
static void explain_addr(const ExplanationSources *s, const Layer *layer, const Destination *d, const NameVerdict *v, uint64_t now,
                         Explanation *ret) {
        const NameVerdict *names[LEASE_BINDINGS_MAX + 1];
        const Lease *lease = lease_table_get(layer->leases, &d->addr, now);
        int n = lease ? lease_names(lease, layer->policy, names) : 0;

        if (v && n >= 0 && name_verdict_has_rules(v)) {
                bool fits = rebinding_check(layer->policy, &d->addr, v), known = !fits;

                for (int i = 0; i < n && !known; i++)
                        known = memcmp(names[i], v, sizeof(*v)) == 0;
                if (!known)
                        names[n++] = v;
                else if (!fits && v->n_deny > 0)
                        n = -EPERM;
        }
        (void) policy_explain_leased(layer->policy, layer->mode, d, names, n, ret);
        pass_own_addr(s, d, ret);
}

static void see_addrs(NameLook *l, const DnsAnswer *a, const NameVerdict *v) {
        for (size_t i = 0; i < a->n_addrs; i++) {
                uint32_t n = l->best.n_addrs, n_allowed = l->best.n_allowed;
                Destination d = *l->d;
                Explanation e;

                destination_set_addr(&d, &a->addrs[i]);
                explain_addr(l->s, l->layer, &d, v, l->now, &e);
                if (n == 0 || (n_allowed == 0 && e.verdict == ACTION_ALLOW)) {
                        l->best = e;
                        l->best.addr = a->addrs[i];
                }
                l->best.n_addrs = n + 1;
                l->best.n_allowed = n_allowed + (e.verdict == ACTION_ALLOW);
        }
}

/* The answer is not given: by the reason that the layer has. */
static void note_refusal(NameLook *l, const AnswerFinding *f) {
        bool rebinding = f->why && strcmp(f->why, "rebinding") == 0;
        const Rule *rule = policy_rule(l->layer->policy, f->rule);

        l->is_refused = true;
        l->refused = (Explanation) {
                .verdict = ACTION_DENY,
                .action = l->layer->mode == MODE_ENFORCE ? ACTION_DENY : ACTION_ALLOW,
                .reason = rebinding ? CW_REASON_DNS : rule ? CW_REASON_RULE : CW_REASON_DEFAULT,
                .rule = rule ? f->rule : RULE_NONE,
                .tier = rule ? rule->tier : TIER_USER,
                .name_refused = true,
                .rebinding = rebinding,
        };
}

static void see_answer(const DnsAnswer *a, void *userdata) {
        NameFinding finding = {};
        NameLook *l = userdata;
        AnswerFinding f;

        if (a->n_addrs == 0)
                return;
        if (l->is_local) {
                see_addrs(l, a, &l->local);
                return;
        }
        bool others = layers_allow(l->s->layers, l->d->name, a, l->now);
        *(others ? &l->is_given : &l->is_withheld) = true;
        if (!layer_is_judged(l->layer))
                return;
        judge_answer(l->layer, l->d->name, a, l->now, &finding, &f);
        if (f.verdict.action == ACTION_ALLOW)
                see_addrs(l, a, &f.name);
        else if (l->for_others && others)
                see_addrs(l, a, NULL);
        else
                note_refusal(l, &f);
}

/* Nobody has asked for the name lately. */
static void explain_unasked(NameLook *l, Explanation *ret) {
        const Policy *p = l->layer->policy;
        const NameVerdict *names[1];
        NameFinding finding;

        judge_name(l->layer, l->d->name, DNS_TYPE_A, l->now, &finding);
        bool others = l->for_others && layers_resolve(l->s->layers, l->d->name, DNS_TYPE_A, l->now);
        if (!finding.resolves && !others) {
                (void) policy_explain(p, l->layer->mode, l->d, NULL, ret);
                return;
        }
        names[0] = &finding.verdict;
        (void) policy_explain_leased(p, l->layer->mode, l->d, names, finding.resolves ? 1 : 0, ret);
        ret->unasked = true;
}

/* Programs that are not kept from systemd-resolved hear from it what the host may hear. */
static bool resolver_refuses(const NameLook *l) {
        const ExplanationSources *s = l->s;

        if (is_host(s, l->layer) || l->layer->mode == MODE_ENFORCE || l->is_local || !host_is_enforced(s) ||
            !dns_proxy_has_stub(s->proxy))
                return false;
        return l->is_withheld ? !l->is_given : !layers_resolve(s->layers, l->d->name, DNS_TYPE_A, l->now);
}

static void explain_name(const ExplanationSources *s, const Layer *layer, const Destination *d, uint64_t now, Explanation *ret) {
        NameLook l = { .s = s, .layer = layer, .d = d, .now = now };

        l.for_others = is_host(s, layer) && dns_proxy_has_stub(s->proxy);
        l.is_local = dns_proxy_is_local(s->proxy, d->name, now);
        if (layer_is_judged(layer)) {
                policy_match_name(layer->policy, d->name, &l.local);
                l.local.search = name_verdict_has_rules(&l.local); /* as for dns_local_open() */
        }
        dns_proxy_known(s->proxy, d->name, now, see_answer, &l);
        if (!layer_is_judged(layer))
                ;
        else if (l.best.n_addrs > 0)
                *ret = l.best;
        else if (l.is_refused)
                *ret = l.refused;
        else
                explain_unasked(&l, ret);
        ret->resolver_refuses = resolver_refuses(&l);
}

void explanation_find(const ExplanationSources *s, const Layer *layer, const Destination *d, const char *via, uint64_t now,
                      Explanation *ret) {
        assert(s && s->layers && s->maps && s->proxy);
        assert(layer && d && ret);

        *ret = (Explanation) { .verdict = ACTION_ALLOW, .action = ACTION_ALLOW, .rule = RULE_NONE, .tier = TIER_USER };
        bool is_dns = d->port == 53 && (d->protocol == PROTOCOL_TCP || d->protocol == PROTOCOL_UDP);
        if (d->name[0] != '\0' && !is_dns) {
                explain_name(s, layer, d, now, ret);
                return;
        }
        if (!layer_is_judged(layer))
                return;
        if (d->name[0] != '\0' || via) {
                (void) policy_explain(layer->policy, layer->mode, d, via, ret);
                if (via && !ret->name_refused)
                        pass_own_addr(s, d, ret);
        } else
                explain_addr(s, layer, d, NULL, now, ret);
}
