/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <string.h>

#include "basic/macro.h"
#include "policy/policy-private.h"
#include "policy/record-type.h"
#include "policy/suffix.h"

#define MATCHES_MAX 64 /* rules that match one form of a name; more is an overflow */

/* The denies or allows of a verdict under construction. Strongest first. */
typedef struct Run {
        const NameMatch *matches[NAME_RULES_MAX]; /* borrowed */
        size_t n;
} Run;

typedef struct Runs {
        Run deny;
        Run allow;
        Run late; /* denies that the allow outranks */
        bool overflow;
} Runs;

typedef struct Form {
        NameMatch matches[MATCHES_MAX]; /* sorted, strongest first */
        size_t n;
        bool overflow;
} Form;

static int compare_matches(const void *a, const void *b) {
        const NameMatch *x = a, *y = b;
        size_t length_x = strlen(x->rule->name), length_y = strlen(y->rule->name);

        if (x->rule->tier != y->rule->tier)
                return x->rule->tier < y->rule->tier ? -1 : 1;
        if (x->level != y->level)
                return x->level < y->level ? -1 : 1;
        if (length_x != length_y)
                return length_x > length_y ? -1 : 1;
        if (x->rule->action != y->rule->action)
                return x->rule->action == ACTION_DENY ? -1 : 1;
        return x->index < y->index ? -1 : x->index > y->index;
}

static void form_find(const Policy *p, const char *name, size_t length, Form *ret) {
        size_t n = name_index_find(&p->names, &p->source.rules, name, length, ret->matches, MATCHES_MAX);

        ret->overflow = n > MATCHES_MAX;
        ret->n = MIN(n, (size_t) MATCHES_MAX);
        if (ret->n > 1)
                qsort(ret->matches, ret->n, sizeof(NameMatch), compare_matches);
}

/* Returns false if it is full. */
static bool run_add(Run *run, const NameMatch *m) {
        for (size_t i = 0; i < run->n; i++)
                if (run->matches[i]->index == m->index)
                        return true;
        if (run->n == NAME_RULES_MAX)
                return false;
        run->matches[run->n++] = m;
        return true;
}

static bool run_covers_all_ports(const Run *run) {
        for (size_t i = 0; i < run->n; i++)
                if (run->matches[i]->rule->n_ports == 0)
                        return true;
        return false;
}

/* The matches of one form and one tier that remain after precedence. */
static Runs form_pick(const Form *f, Tier tier) {
        Runs runs = { .overflow = f->overflow };

        for (size_t i = 0; i < f->n; i++) {
                const NameMatch *m = &f->matches[i];

                if (m->rule->tier != tier)
                        continue;
                if (m->rule->action == ACTION_DENY) {
                        if (!run_add(runs.allow.n > 0 ? &runs.late : &runs.deny, m))
                                runs.overflow = true;
                } else if (runs.allow.n == 0 || runs.allow.matches[0]->level == NAME_MATCH_ALLOW_PATTERN)
                        (void) run_add(&runs.allow, m); /* an allow that does not fit is ignored: fail closed */
                else
                        continue;
                if (m->rule->n_ports == 0)
                        break; /* the rest cannot be reached */
        }
        return runs;
}

bool name_rule_outranks(const Rule *short_rule, bool short_exact, const Rule *full_rule, bool full_exact) {
        assert(short_rule);
        assert(full_rule);

        if (short_rule->action == ACTION_DENY && (short_rule->n_ports == 0) != (full_rule->n_ports == 0))
                return short_rule->n_ports == 0;
        if (short_exact != full_exact)
                return short_exact;
        return strlen(short_rule->name) > strlen(full_rule->name);
}

/* Does run s of the short form precede run f of the full form? */
static bool short_goes_first(const Run *s, const Run *f) {
        if (s->n == 0 || f->n == 0)
                return f->n == 0;
        return name_rule_outranks(s->matches[0]->rule, s->matches[0]->level == NAME_MATCH_EXACT,
                                  f->matches[0]->rule, f->matches[0]->level == NAME_MATCH_EXACT);
}

static void runs_append(Runs *all, Run *to, const Run *from) {
        for (size_t i = 0; i < from->n; i++)
                if (!run_add(to, from->matches[i]) && to != &all->allow)
                        all->overflow = true;
}

/* The denies of both forms and the allow of one. A deny that is outranked only by the other form's allow still
 * counts. */
static void runs_combine(Runs *all, const Runs *full, const Runs *brief) {
        bool brief_denies_first = short_goes_first(&brief->deny, &full->deny);
        const Runs *picked = short_goes_first(&brief->allow, &full->allow) ? brief : full;
        const Runs *other = picked == brief ? full : brief;

        runs_append(all, &all->deny, brief_denies_first ? &brief->deny : &full->deny);
        runs_append(all, &all->deny, brief_denies_first ? &full->deny : &brief->deny);
        runs_append(all, &all->deny, &other->late);
        runs_append(all, &all->allow, &picked->allow);
        runs_append(all, &all->late, &picked->late);
        all->overflow = all->overflow || full->overflow || brief->overflow;
}

static size_t verdict_put(NameVerdict *v, size_t at, size_t room, const Run *run) {
        size_t n = MIN(run->n, room);

        for (size_t i = 0; i < n; i++)
                v->rules[at + i] = run->matches[i]->index;
        return n;
}

static void verdict_set(NameVerdict *v, const Runs *runs) {
        size_t room = NAME_RULES_MAX - runs->deny.n;

        v->overflow = runs->overflow || runs->late.n > room;
        v->n_deny = (uint8_t) verdict_put(v, 0, NAME_RULES_MAX, &runs->deny);
        if (v->overflow)
                return;
        v->n_allow = (uint8_t) verdict_put(v, v->n_deny, room - runs->late.n, &runs->allow);
        v->n_late = (uint8_t) verdict_put(v, (size_t) v->n_deny + v->n_allow, runs->late.n, &runs->late);
}

void policy_match_name(const Policy *p, const char *name, NameVerdict *ret) {
        Form full, brief;
        Runs all = {};
        size_t length;
        bool configured;

        assert(p);
        assert(name);
        assert(ret);

        memset(ret, 0, sizeof(*ret));
        memset(ret->rules, 0xff, sizeof(ret->rules));

        full.n = brief.n = 0;
        full.overflow = brief.overflow = false;
        form_find(p, name, strlen(name), &full);
        if (search_domain_strip(p->source.search_domains, p->source.n_search_domains, name, &length, &configured))
                form_find(p, name, length, &brief);
        ret->search = configured || strcmp(name, "_gateway") == 0 || strcmp(name, "_outbound") == 0; /* this machine's */
        if (full.n + brief.n == 0)
                return;

        for (Tier tier = 0; tier < _TIER_MAX; tier++) {
                Runs of_full = form_pick(&full, tier), of_brief = form_pick(&brief, tier);

                runs_combine(&all, &of_full, &of_brief);
                if (run_covers_all_ports(&all.deny) || run_covers_all_ports(&all.allow) ||
                    run_covers_all_ports(&all.late))
                        break; /* lower tiers cannot be reached */
        }
        verdict_set(ret, &all);
}

/* For one protocol the verdict changes only at the start or end of an entry. Looks for a port that passes,
 * preferably by a rule. */
static bool finds_allowed(const PortSet *set, Action default_action, uint8_t protocol, uint32_t *ret_rule) {
        bool found = false;

        for (uint32_t i = 0; i <= 2 * set->n; i++) {
                uint32_t port = i == 0 ? 0 : set->rules[(i - 1) / 2].low;
                if (i > 0 && i % 2 == 0)
                        port = set->rules[(i - 1) / 2].high + 1U;
                if (port > UINT16_MAX)
                        continue;

                PortVerdict v = port_set_judge(set, default_action, protocol, (uint16_t) port);
                if (v.action != ACTION_ALLOW)
                        continue;
                found = true;
                *ret_rule = v.rule;
                if (v.reason == CW_REASON_RULE)
                        break;
        }
        return found;
}

static bool finds_allowed_anywhere(const PortSet *set, Action default_action, uint32_t *ret_rule) {
        static const uint8_t protocols[] = { PROTOCOL_TCP, PROTOCOL_UDP, PROTOCOL_ICMP, PROTOCOL_ICMP6 };
        bool found = false;

        for (size_t i = 0; i < ELEMENTSOF(protocols); i++) {
                uint32_t rule = RULE_NONE;

                if (!finds_allowed(set, default_action, protocols[i], &rule))
                        continue;
                found = true;
                *ret_rule = rule;
                if (rule != RULE_NONE)
                        break;
        }
        return found;
}

bool policy_name_resolves(const Policy *p, const NameVerdict *v, uint32_t *ret_rule) {
        Action default_action;
        uint32_t rule = RULE_NONE;
        bool resolves = false;
        PortSet set;

        assert(p);
        assert(v);

        default_action = v->search ? ACTION_ALLOW : p->source.default_action;
        if (v->overflow)
                rule = v->rules[0];
        else if (v->n_deny == 0 && v->n_allow > 0) { /* the common case */
                rule = v->rules[0];
                resolves = true;
        } else if (v->n_deny == 0)
                resolves = default_action == ACTION_ALLOW;
        else if (policy_compile_names(p, &v, 1, &set) >= 0) {
                resolves = finds_allowed_anywhere(&set, default_action, &rule);
                if (!resolves)
                        rule = v->rules[0];
        }
        if (ret_rule)
                *ret_rule = rule;
        return resolves;
}

bool policy_name_may_be_private(const Policy *p, const NameVerdict *v) {
        assert(p);
        assert(v);

        if (v->search)
                return true;
        for (size_t i = v->n_deny; i < (size_t) v->n_deny + v->n_allow; i++)
                if (p->source.rules.rules[v->rules[i]].allow_private)
                        return true;
        return false;
}

bool policy_name_permits_type(const Policy *p, const NameVerdict *v, uint16_t type) {
        assert(p);
        assert(v);

        uint32_t types = p->source.types;
        if (v->n_allow == 0 && (v->search || p->source.default_action == ACTION_ALLOW))
                types = UINT32_MAX; /* allowed without a rule: nothing is held back */
        for (size_t i = v->n_deny; i < (size_t) v->n_deny + v->n_allow; i++)
                types |= p->source.rules.rules[v->rules[i]].types;
        return types & record_type_bit(type);
}
