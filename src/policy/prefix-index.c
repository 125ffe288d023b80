/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/prefix-index.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "basic/macro.h"

/* IPv6 before IPv4, then by address, then the shorter first: the prefixes inside a prefix directly follow it. */
static int compare_prefixes(const InPrefix *a, const InPrefix *b) {
        int c = memcmp(a->addr.b, b->addr.b, sizeof(a->addr.b));

        if (c == 0)
                return a->length - b->length; /* host bits are zero, so the address alone gives the family */
        if (memcmp(a->addr.b, b->addr.b, 12) == 0)
                return c; /* the usual case: two IPv4 prefixes, or IPv6 neighbours */
        bool v4_a = in_prefix_is_v4(a);
        return v4_a == in_prefix_is_v4(b) ? c : v4_a ? 1 : -1;
}

static int compare_rules(const void *a, const void *b, void *userdata) {
        const Rule *rules = userdata;
        const uint32_t *i = a, *j = b;
        const Rule *x = &rules[*i], *y = &rules[*j];

        int c = compare_prefixes(&x->prefix, &y->prefix);
        if (c != 0)
                return c;
        if (x->action != y->action)
                return x->action == ACTION_DENY ? -1 : 1;
        return *i < *j ? -1 : *i > *j;
}

/* The preceding node, or the nearest of its parents that contains this one. */
static uint32_t find_parent(const PrefixIndex *x, const InPrefix *p, uint32_t before) {
        while (before != PREFIX_NONE && !in_prefix_contains(&x->nodes[before].prefix, &p->addr))
                before = x->nodes[before].parent;
        return before;
}

int prefix_index_init(PrefixIndex *x, const RuleList *rules) {
        size_t n = 0;

        assert(x);
        assert(rules);

        for (uint32_t i = 0; i < rules->n; i++)
                n += rules->rules[i].type == RULE_CIDR;
        *x = (PrefixIndex) {
                .nodes = calloc(n + 1, sizeof(PrefixNode)),
                .rules = calloc(n + 1, sizeof(uint32_t)),
        };
        if (!x->nodes || !x->rules)
                return -ENOMEM;

        n = 0;
        for (uint32_t i = 0; i < rules->n; i++)
                if (rules->rules[i].type == RULE_CIDR)
                        x->rules[n++] = i;
        qsort_r(x->rules, n, sizeof(uint32_t), compare_rules, rules->rules);

        for (uint32_t i = 0; i < n; i++) {
                const InPrefix *p = &rules->rules[x->rules[i]].prefix;
                uint32_t last = x->n > 0 ? (uint32_t) x->n - 1 : PREFIX_NONE;

                if (last != PREFIX_NONE && compare_prefixes(&x->nodes[last].prefix, p) == 0) {
                        x->nodes[last].n++;
                        continue;
                }
                x->nodes[x->n++] = (PrefixNode) {
                        .prefix = *p,
                        .parent = find_parent(x, p, last),
                        .first = i,
                        .n = 1,
                };
        }
        return 0;
}

void prefix_index_done(PrefixIndex *x) {
        assert(x);

        free(x->nodes);
        free(x->rules);
        *x = (PrefixIndex) {};
}

uint32_t prefix_index_find(const PrefixIndex *x, const InAddr *addr) {
        InPrefix host = { .addr = *addr, .length = 128 };
        size_t low = 0, high = x->n;

        assert(x);
        assert(addr);

        while (low < high) { /* finds the first node after addr */
                size_t middle = low + (high - low) / 2;

                if (compare_prefixes(&x->nodes[middle].prefix, &host) <= 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return find_parent(x, &host, low > 0 ? (uint32_t) low - 1 : PREFIX_NONE);
}
