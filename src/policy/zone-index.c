/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/zone-index.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/name-index.h"

/* The end of a label comes first, so that a name is followed by all that are below it. */
static int order_of(char c) {
        return c == '.' ? 0 : 1 + (unsigned char) c;
}

/* Compares from the last byte to the first. A name comes after its parents. */
static int compare_names(const char *a, const char *b) {
        size_t i = strlen(a), k = strlen(b);

        while (i > 0 && k > 0) {
                int x = order_of(a[--i]), y = order_of(b[--k]);

                if (x != y)
                        return x < y ? -1 : 1;
        }
        return i > 0 ? 1 : k > 0 ? -1 : 0;
}

static int compare_entries(const void *a, const void *b) {
        return compare_names(*(const char *const *) a, *(const char *const *) b);
}

int zone_index_init(ZoneIndex *x, const RuleList *rules, char *const *search_domains, size_t n_search_domains) {
        assert(x);
        assert(rules);
        assert(search_domains || n_search_domains == 0);

        *x = (ZoneIndex) { .names = calloc(rules->n + n_search_domains + 1, sizeof(char *)) };
        if (!x->names)
                return -ENOMEM;
        for (size_t i = 0; i < rules->n; i++)
                if (rules->rules[i].type == RULE_HOSTNAME && rules->rules[i].action == ACTION_ALLOW)
                        x->names[x->n++] = name_literal_tail(rules->rules[i].name);
        for (size_t i = 0; i < n_search_domains; i++)
                x->names[x->n++] = search_domains[i] + 1; /* after the dot */
        qsort(x->names, x->n, sizeof(char *), compare_entries);
        return 0;
}

void zone_index_done(ZoneIndex *x) {
        assert(x);

        free(x->names);
        *x = (ZoneIndex) {};
}

static bool is_at_or_below(const char *name, const char *zone) {
        size_t n = strlen(name), z = strlen(zone);

        return z == 0 || (n >= z && memcmp(name + n - z, zone, z) == 0 && (n == z || name[n - z - 1] == '.'));
}

bool zone_index_has(const ZoneIndex *x, const char *name) {
        size_t low = 0;

        assert(x);
        assert(name);

        for (size_t high = x->n; low < high;) {
                size_t middle = low + (high - low) / 2;

                if (compare_names(x->names[middle], name) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low < x->n && is_at_or_below(x->names[low], name);
}
