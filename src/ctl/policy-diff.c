/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/policy-diff.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "ctl/json-value.h"
#include "policy/record-type.h"

void policy_diff_done(PolicyDiff *d) {
        assert(d);

        for (size_t i = 0; i < d->n; i++)
                free(d->changes[i].text);
        free(d->changes);
        *d = (PolicyDiff) {};
}

/* Takes text, also on failure. */
static int add(PolicyDiff *d, char sign, char *text) {
        _cleanup_free_ char *owned = text;

        if (!owned)
                return -ENOMEM;
        if (d->n == d->n_allocated) {
                size_t n = MAX(d->n_allocated * 2, 16U);
                PolicyChange *changes = reallocarray(d->changes, n, sizeof(PolicyChange));

                if (!changes)
                        return -ENOMEM;
                d->changes = changes;
                d->n_allocated = n;
        }
        d->changes[d->n++] = (PolicyChange) { .sign = sign, .text = TAKE_PTR(owned) };
        return 0;
}

static int add_setting(PolicyDiff *d, char sign, const char *key, const char *value) {
        char *text;

        return asprintf(&text, "%s: %s", key, value) < 0 ? -ENOMEM : add(d, sign, text);
}

static int diff_setting(PolicyDiff *d, const char *key, const char *old, const char *new) {
        if (strcmp(old, new) == 0)
                return 0;
        int r = add_setting(d, '-', key, old);
        return r < 0 ? r : add_setting(d, '+', key, new);
}

/* ------------------------------------------------------------------ search domains */

static bool has_domain(const PolicySource *s, const char *domain) {
        for (size_t i = 0; i < s->n_search_domains; i++)
                if (strcmp(s->search_domains[i], domain) == 0)
                        return true;
        return false;
}

/* The elements of a that are not in b. */
static int add_domains(PolicyDiff *d, char sign, const PolicySource *a, const PolicySource *b) {
        for (size_t i = 0; i < a->n_search_domains; i++) {
                if (has_domain(b, a->search_domains[i]))
                        continue;
                int r = add_setting(d, sign, "searchDomains", a->search_domains[i]);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* ------------------------------------------------------------------ rules */

/* The key of a rule. It is unique within a list, because rules with equal keys are merged. */
static int compare_rules(const Rule *a, const Rule *b) {
        if (a->type != b->type)
                return a->type < b->type ? -1 : 1;
        if (a->action != b->action)
                return a->action < b->action ? -1 : 1;
        if (a->tier != b->tier)
                return a->tier < b->tier ? -1 : 1;
        if (a->type == RULE_HOSTNAME)
                return strcmp(a->name, b->name);
        int c = memcmp(a->prefix.addr.b, b->prefix.addr.b, sizeof(a->prefix.addr.b));
        return c != 0 ? c : a->prefix.length - b->prefix.length;
}

static int compare_entries(const void *a, const void *b) {
        return compare_rules(*(const Rule *const *) a, *(const Rule *const *) b);
}

/* The caller frees. NULL on out of memory. */
static const Rule **sort_rules(const RuleList *l) {
        const Rule **sorted = calloc(l->n + 1, sizeof(Rule *));

        if (!sorted)
                return NULL;
        for (size_t i = 0; i < l->n; i++)
                sorted[i] = &l->rules[i];
        qsort(sorted, l->n, sizeof(Rule *), compare_entries);
        return sorted;
}

static const Rule *find_rule(const Rule **sorted, size_t n, const Rule *wanted) {
        const Rule **found = bsearch(&wanted, sorted, n, sizeof(Rule *), compare_entries);
        return found ? *found : NULL;
}

static bool has_port(const Rule *r, const PortRange *p) {
        for (size_t i = 0; i < r->n_ports; i++)
                if (r->ports[i].low == p->low && r->ports[i].high == p->high && r->ports[i].protocol == p->protocol)
                        return true;
        return false;
}

/* Ports are a set without duplicates, at most RULE_PORTS_MAX. */
static bool rules_agree(const Rule *a, const Rule *b) {
        if (a->allow_private != b->allow_private || a->types != b->types || a->n_ports != b->n_ports)
                return false;
        for (size_t i = 0; i < a->n_ports; i++)
                if (!has_port(b, &a->ports[i]))
                        return false;
        return true;
}

static int add_rule(PolicyDiff *d, char sign, const Rule *rule) {
        _cleanup_free_ char *text = rule_to_string(rule);
        char *whole, types[RECORD_TYPES_TEXT_MAX];

        if (!text)
                return -ENOMEM;
        int n = asprintf(&whole, "%s%s%s%s%s", text, rule->allow_private ? " (allowPrivate)" : "",
                         rule->types ? " (types " : "", record_types_format(rule->types, types), rule->types ? ")" : "");
        return n < 0 ? -ENOMEM : add(d, sign, whole);
}

static int diff_rules(PolicyDiff *d, const RuleList *old, const RuleList *new) {
        _cleanup_free_ const Rule **old_sorted = sort_rules(old);
        _cleanup_free_ const Rule **new_sorted = sort_rules(new);
        int r = 0;

        if (!old_sorted || !new_sorted)
                return -ENOMEM;
        for (size_t i = 0; i < old->n && r >= 0; i++) {
                const Rule *rule = &old->rules[i], *other = find_rule(new_sorted, new->n, rule);

                if (other && rules_agree(rule, other))
                        continue;
                r = add_rule(d, '-', rule);
                if (r >= 0 && other)
                        r = add_rule(d, '+', other);
        }
        for (size_t i = 0; i < new->n && r >= 0; i++)
                if (!find_rule(old_sorted, old->n, &new->rules[i]))
                        r = add_rule(d, '+', &new->rules[i]);
        return r;
}

/* ------------------------------------------------------------------ all */

static const char *mode_text(const PolicySource *s) {
        return s->has_mode ? mode_to_string(s->mode) : "not set";
}

int policy_diff(PolicyDiff *d, const PolicySource *old, const PolicySource *new) {
        assert(d && old && new);

        int r = diff_setting(d, "mode", mode_text(old), mode_text(new));
        if (r >= 0)
                r = diff_setting(d, "defaultAction", action_to_string(old->default_action),
                                 action_to_string(new->default_action));
        if (r >= 0)
                r = add_domains(d, '-', old, new);
        if (r >= 0)
                r = add_domains(d, '+', new, old);
        return r < 0 ? r : diff_rules(d, &old->rules, &new->rules);
}

static const char *value_text(JsonObject *o) {
        return o ? json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)
                 : "not set";
}

int policy_diff_keys(PolicyDiff *d, const char *old, const char *new) {
        static const char *const keys[] = { "name", "match", "inbound", "sudoLockdown", "types" };

        assert(d && old && new);

        _cleanup_(json_object_putp) JsonObject *a = json_tokener_parse(old);
        _cleanup_(json_object_putp) JsonObject *b = json_tokener_parse(new);
        for (size_t i = 0; i < ELEMENTSOF(keys); i++) {
                JsonObject *x = NULL, *y = NULL;

                (void) json_object_object_get_ex(a, keys[i], &x);
                (void) json_object_object_get_ex(b, keys[i], &y);
                if (x == y || (x && y && json_object_equal(x, y)))
                        continue;
                int r = diff_setting(d, keys[i], value_text(x), value_text(y));
                if (r < 0)
                        return r;
        }
        return 0;
}
