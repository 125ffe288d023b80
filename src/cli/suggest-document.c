/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/suggest-document.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "basic/macro.h"
#include "cli/suggest-denials.h"
#include "cli/suggest-text.h"
#include "policy/explain.h"

#define BUILDS_MAX 8

void suggest_document_done(SuggestDocument *d) {
        assert(d);

        free(d->text);
        policy_free(d->policy);
        *d = (SuggestDocument) {};
}

/* ------------------------------------------------------------------ text */

static bool same_value(const SuggestEntry *a, const SuggestEntry *b) {
        const Destination *x = &a->base.destination, *y = &b->base.destination;

        if (strcmp(x->name, y->name) != 0)
                return false;
        return x->name[0] != '\0' || in_addr_equal(&x->addr, &y->addr);
}

/* The kept entries from the first on that have one rule. *ret_private: their name has private addresses. */
static size_t count_group(const SuggestTable *t, size_t first, bool *ret_private) {
        const SuggestEntry *entry = suggest_table_entry(t, SUGGEST_KEPT, first);
        size_t n = 0;

        *ret_private = false;
        for (; first + n < t->destinations.n[SUGGEST_KEPT]; n++) {
                const SuggestEntry *other = suggest_table_entry(t, SUGGEST_KEPT, first + n);

                if (!same_value(entry, other))
                        break;
                *ret_private |= other->has_address[SUGGEST_ADDR_PRIVATE] && other->base.destination.name[0] != '\0';
        }
        return n;
}

/* Canonical names and addresses need no escapes. */
static int write_rule(FILE *out, const SuggestTable *t, size_t first, size_t n, bool is_private) {
        const Destination *d = &suggest_table_entry(t, SUGGEST_KEPT, first)->base.destination;
        _cleanup_free_ PortRange *ranges = calloc(n, sizeof(PortRange));
        char addr[IN_ADDR_TEXT_MAX];
        bool named = d->name[0] != '\0';

        if (!ranges)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                const Destination *e = &suggest_table_entry(t, SUGGEST_KEPT, first + i)->base.destination;

                ranges[i] = (PortRange) { e->port, e->port, e->protocol };
        }
        n = port_ranges_reduce(ranges, n);
        rule_text_begin(out, first == 0, named, named ? d->name : in_addr_format(&d->addr, addr), ACTION_ALLOW);
        rule_text_ports(out, ranges, n);
        fprintf(out, "%s }", is_private ? ", \"allowPrivate\": true" : "");
        return 0;
}

static int write_document(FILE *out, const SuggestTable *t, const SuggestDenials *denials, size_t *ret_n_rules,
                          size_t *ret_n_denials) {
        size_t n_rules = 0, n_kept = t->destinations.n[SUGGEST_KEPT];
        bool is_private;

        fprintf(out, "{\n    \"defaultAction\": \"deny\",\n    \"rules\": [");
        for (size_t i = 0, n; i < n_kept; i += n) {
                n = count_group(t, i, &is_private);
                int r = write_rule(out, t, i, n, is_private);
                if (r < 0)
                        return r;
                n_rules++;
        }
        int r = suggest_denials_write(out, denials, n_rules == 0, ret_n_denials);
        fprintf(out, "\n    ]\n}\n");
        *ret_n_rules = n_rules + (r < 0 ? 0 : *ret_n_denials);
        return r;
}

static int make_text(const SuggestTable *t, const SuggestDenials *denials, SuggestDocument *d) {
        FILE *out = open_memstream(&d->text, &d->length);
        if (!out)
                return -ENOMEM;

        int r = write_document(out, t, denials, &d->n_rules, &d->n_denials);
        bool failed = ferror(out);
        if (fclose(out) != 0 || failed)
                return -ENOMEM;
        return r;
}

/* ------------------------------------------------------------------ proof */

static int parse(SuggestDocument *d) {
        _cleanup_(policy_source_done) PolicySource source = {};
        _cleanup_(fault_list_done) FaultList faults = {};

        int r = policy_source_from_json(&source, d->text, d->length, &faults);
        if (r >= 0)
                r = policy_new(&source, &d->policy);
        if (r == -ENOMEM)
                return r;
        if (r < 0 || policy_n_rules(d->policy) != d->n_rules || policy_default_action(d->policy) != ACTION_DENY)
                return -EBADMSG;
        for (uint32_t i = 0; i < d->n_rules; i++)
                if (policy_rule(d->policy, i)->action == ACTION_ALLOW && policy_rule(d->policy, i)->n_ports == 0)
                        return -EBADMSG;
        return 0;
}

static int explain(const Policy *p, const SuggestEntry *entry, const InAddr *addr, Explanation *ret) {
        Destination d = entry->base.destination;
        char name[HOST_NAME_TEXT_MAX];

        memcpy(name, d.name, sizeof(name));
        if (entry->base.kind == RECORDED_QUERY)
                return policy_explain_query(p, MODE_ENFORCE, name, entry->for_addresses, ret);
        d.name[0] = '\0';
        d.addr = *addr;
        return policy_explain(p, MODE_ENFORCE, &d, name[0] != '\0' ? name : NULL, ret);
}

/* With each kind of address that its name had. */
static int check_kept(const Policy *p, const SuggestEntry *entry) {
        Explanation x;

        for (size_t i = 0; i < _SUGGEST_ADDR_MAX; i++)
                if (entry->has_address[i]) {
                        int r = explain(p, entry, &entry->addresses[i], &x);
                        if (r < 0)
                                return r;
                        if (x.verdict != ACTION_ALLOW || x.reason != CW_REASON_RULE)
                                return -EBADMSG;
                }
        return 0;
}

static bool rule_has_port(const Rule *rule, const Destination *d) {
        for (size_t i = 0; i < rule->n_ports; i++)
                if (port_range_matches(&rule->ports[i], d->protocol, d->port))
                        return true;
        return false;
}

/* It may be allowed only by a rule that others have, and then for a port of theirs. */
static int check_left_out(const Policy *p, SuggestEntry *entry) {
        const DestinationEntry *base = &entry->base;
        Explanation x;

        if (base->kind == RECORDED_QUERY ? base->destination.name[0] == '\0' : base->destination.protocol == 0)
                return 0; /* nothing that could be judged is known */
        int r = explain(p, entry, &base->destination.addr, &x);
        if (r < 0)
                return r;
        if (x.verdict != ACTION_ALLOW || x.reason == CW_REASON_LOCAL)
                return 0;
        const Rule *rule = policy_rule(p, x.rule);
        if (x.reason != CW_REASON_RULE || !rule || (base->kind != RECORDED_QUERY && !rule_has_port(rule, &base->destination)))
                return -EBADMSG;
        entry->allowed_by = x.rule;
        return 0;
}

/* What the firewall allows, and what no rule decides, is the same with every policy. */
static bool is_judged(SuggestGroup group) {
        return group != SUGGEST_AUTOMATIC && group != SUGGEST_NO_RULE;
}

/* Marks all that is kept but not allowed. */
static int check(SuggestTable *t, const Policy *p, const SuggestEntry **ret_entry) {
        int result = 0;

        for (SuggestGroup g = 0; g < _SUGGEST_GROUP_MAX; g++)
                for (size_t i = 0; is_judged(g) && i < t->destinations.n[g]; i++) {
                        SuggestEntry *entry = suggest_table_entry(t, g, i);

                        entry->allowed_by = RULE_NONE;
                        int r = g == SUGGEST_KEPT ? check_kept(p, entry) : check_left_out(p, entry);
                        if (r < 0 && r != -EBADMSG)
                                return r;
                        entry->is_wrong = r < 0;
                        if (r < 0) {
                                *ret_entry = entry;
                                result = g == SUGGEST_KEPT && result != -EBADMSG ? -ENOTSUP : -EBADMSG;
                        }
                }
        return result;
}

/* -ENOTSUP: the policy does not allow all that is kept, -EBADMSG: it allows what it should not. */
static int build(SuggestTable *t, const SuggestDenials *denials, SuggestDocument *ret, const SuggestEntry **ret_entry) {
        _cleanup_(suggest_document_done) SuggestDocument d = {};

        int r = make_text(t, denials, &d);
        if (r >= 0)
                r = parse(&d);
        if (r >= 0)
                r = check(t, d.policy, ret_entry);
        if (r < 0)
                return r;

        *ret = d;
        d = (SuggestDocument) {};
        return 0;
}

/* What no policy can judge is left out: a name below too many others, which whoever chooses names can arrange. */
static int build_allows(SuggestTable *t, SuggestDocument *ret, const SuggestEntry **ret_entry) {
        static const SuggestDenials none = {};
        int r = -ENOTSUP;

        for (int i = 0; i < BUILDS_MAX && r == -ENOTSUP; i++) {
                r = build(t, &none, ret, ret_entry);
                if (r == -ENOTSUP)
                        suggest_table_leave_out_wrong(t);
        }
        return r == -ENOTSUP ? -EBADMSG : r;
}

/* Replaces d by a document with rules for what is left out, but is allowed by it; if that is not possible, d remains. */
static int add_denials(SuggestTable *t, SuggestDocument *d, const SuggestEntry **ret_entry) {
        _cleanup_(suggest_denials_done) SuggestDenials denials = {};
        _cleanup_(suggest_document_done) SuggestDocument with = {};

        int r = suggest_denials_make(t, d->policy, &denials);
        if (r < 0 || denials.n == 0)
                return r;
        r = build(t, &denials, &with, ret_entry);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return check(t, d->policy, ret_entry) < 0 ? -EBADMSG : 0;
        suggest_denials_mark(&denials);
        suggest_document_done(d);
        *d = with;
        with = (SuggestDocument) {};
        return 0;
}

int suggest_document_make(SuggestTable *t, SuggestDocument *ret, const SuggestEntry **ret_entry) {
        _cleanup_(suggest_document_done) SuggestDocument d = {};

        assert(t && t->finished);
        assert(ret);
        assert(ret_entry);

        *ret_entry = NULL;
        int r = build_allows(t, &d, ret_entry);
        if (r >= 0)
                r = add_denials(t, &d, ret_entry);
        if (r < 0)
                return r;

        *ret = d;
        d = (SuggestDocument) {};
        return 0;
}

bool suggest_rule_is_widened(const SuggestTable *t, const Rule *rule) {
        uint32_t n_ports = 0, n_kept = 0;

        assert(t);
        assert(rule);

        if (rule->action != ACTION_ALLOW)
                return false;
        for (size_t i = 0; i < rule->n_ports; i++)
                n_ports += rule->ports[i].high - rule->ports[i].low + 1U;
        for (size_t i = 0; i < t->destinations.n[SUGGEST_KEPT]; i++) {
                const Destination *d = &suggest_table_entry(t, SUGGEST_KEPT, i)->base.destination;

                n_kept += rule->type == RULE_CIDR ? d->name[0] == '\0' && in_prefix_contains(&rule->prefix, &d->addr)
                                                  : strcmp(rule->name, d->name) == 0;
        }
        return n_ports > n_kept;
}
