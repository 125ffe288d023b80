/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/suggest-denials.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "basic/macro.h"
#include "cli/suggest-text.h"
#include "policy/metadata.h"

#define DENIALS_MAX 4096 /* with as many that are kept, they fit into a document */

void suggest_denials_done(SuggestDenials *d) {
        assert(d);

        free(d->entries);
        *d = (SuggestDenials) {};
}

/* Whatever name leads to it. */
static bool by_address(const SuggestEntry *e) {
        return e->base.kind == RECORDED_CONNECTION && addr_is_metadata(&e->base.destination.addr);
}

static const char *value(const SuggestEntry *e, char buf[static IN_ADDR_TEXT_MAX]) {
        return by_address(e) ? in_addr_format(&e->base.destination.addr, buf) : e->base.destination.name;
}

/* Not what has the rule of its own name or address, whose ports became ranges; and no alias of what is kept. */
static bool can_be_denied(const SuggestTable *t, const Policy *policy, const SuggestEntry *e) {
        const Rule *rule = policy_rule(policy, e->allowed_by);
        const char *name = e->base.destination.name, *reason;
        RuleValue v;

        if (!rule)
                return false;
        if (by_address(e))
                return true;
        return name[0] != '\0' && rule->type == RULE_HOSTNAME && strcmp(rule->name, name) != 0 &&
               !t->aliases.full && !name_set_has(&t->aliases, name) &&
               !(e->base.kind == RECORDED_QUERY && suggest_table_keeps_name(t, name)) &&
               rule_value_parse(RULE_HOSTNAME, name, &v, &reason) >= 0;
}

/* Names first, then by port; what has no port, a query, precedes all ports. */
static int compare(const void *a, const void *b) {
        const SuggestEntry *x = *(SuggestEntry *const *) a, *y = *(SuggestEntry *const *) b;

        if (by_address(x) != by_address(y))
                return by_address(x) ? 1 : -1;
        if (by_address(x))
                return memcmp(&x->base.destination.addr, &y->base.destination.addr, sizeof(InAddr));
        return suggest_entry_compare(x, y);
}

int suggest_denials_make(const SuggestTable *t, const Policy *policy, SuggestDenials *ret) {
        assert(t);
        assert(policy);
        assert(ret);

        SuggestEntry **entries = calloc(DENIALS_MAX, sizeof(SuggestEntry *));
        if (!entries)
                return -ENOMEM;

        size_t n = 0;
        for (SuggestGroup g = SUGGEST_KEPT + 1; g < _SUGGEST_GROUP_MAX; g++)
                for (size_t i = 0; i < t->destinations.n[g] && n < DENIALS_MAX; i++) {
                        SuggestEntry *e = suggest_table_entry(t, g, i);

                        if (can_be_denied(t, policy, e))
                                entries[n++] = e;
                }
        if (n > 1)
                qsort(entries, n, sizeof(SuggestEntry *), compare);
        *ret = (SuggestDenials) { .entries = entries, .n = n };
        return 0;
}

/* The entries from the first on that have one rule. */
static size_t count_group(const SuggestDenials *d, size_t first) {
        const SuggestEntry *e = d->entries[first];
        size_t n = 1;

        for (; first + n < d->n; n++) {
                const SuggestEntry *other = d->entries[first + n];

                if (by_address(e) != by_address(other))
                        break;
                if (by_address(e) ? !in_addr_equal(&e->base.destination.addr, &other->base.destination.addr)
                                  : strcmp(e->base.destination.name, other->base.destination.name) != 0)
                        break;
        }
        return n;
}

static int write_rule(FILE *out, SuggestEntry *const *entries, size_t n, bool first) {
        _cleanup_free_ PortRange *ranges = calloc(n, sizeof(PortRange));
        bool all_ports = by_address(entries[0]) || entries[0]->base.kind == RECORDED_QUERY;
        char addr[IN_ADDR_TEXT_MAX];
        size_t n_ranges = 0;

        if (!ranges)
                return -ENOMEM;
        for (size_t i = 0; i < n && !all_ports; i++) {
                const Destination *d = &entries[i]->base.destination;
                const PortRange *last = n_ranges > 0 ? &ranges[n_ranges - 1] : NULL;

                if (!last || last->protocol != d->protocol || last->low != d->port) /* several groups can have it */
                        ranges[n_ranges++] = (PortRange) { d->port, d->port, d->protocol };
        }
        n_ranges = port_ranges_reduce(ranges, n_ranges);
        rule_text_begin(out, first, !by_address(entries[0]), value(entries[0], addr), ACTION_DENY);
        rule_text_ports(out, ranges, n_ranges);
        fprintf(out, " }");
        return 0;
}

int suggest_denials_write(FILE *out, const SuggestDenials *d, bool first, size_t *ret_n_rules) {
        size_t n_rules = 0;

        assert(out);
        assert(d);
        assert(ret_n_rules);

        for (size_t i = 0, n; i < d->n; i += n) {
                n = count_group(d, i);
                int r = write_rule(out, d->entries + i, n, first && n_rules == 0);
                if (r < 0)
                        return r;
                n_rules++;
        }
        *ret_n_rules = n_rules;
        return 0;
}

void suggest_denials_mark(const SuggestDenials *d) {
        assert(d);

        for (size_t i = 0; i < d->n; i++)
                d->entries[i]->is_denied = d->entries[i]->allowed_by == RULE_NONE;
}
