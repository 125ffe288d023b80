/* SPDX-License-Identifier: Apache-2.0 */
#include "dns/lease-groups.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "basic/macro.h"

void lease_groups_done(LeaseGroups *g) {
        assert(g);

        free(g->items);
        *g = (LeaseGroups) {};
}

static LeaseGroup *find(const LeaseGroups *g, uint32_t group) {
        for (size_t i = 0; i < g->n; i++)
                if (g->items[i].group == group)
                        return &g->items[i];
        return NULL;
}

int lease_groups_add(LeaseGroups *g, uint32_t group) {
        assert(g);

        LeaseGroup *found = find(g, group);
        if (found) {
                found->n++;
                return 0;
        }
        if (g->n == g->n_allocated) {
                size_t n = MAX(2 * g->n_allocated, (size_t) 8);
                LeaseGroup *items = reallocarray(g->items, n, sizeof(*items));

                if (!items)
                        return -ENOMEM;
                g->items = items;
                g->n_allocated = n;
        }
        g->items[g->n++] = (LeaseGroup) { .group = group, .n = 1 };
        return 0;
}

void lease_groups_remove(LeaseGroups *g, uint32_t group) {
        assert(g);

        LeaseGroup *found = find(g, group);
        assert(found);
        if (--found->n == 0)
                *found = g->items[--g->n];
}

size_t lease_groups_n(const LeaseGroups *g, uint32_t group) {
        assert(g);

        const LeaseGroup *found = find(g, group);
        return found ? found->n : 0;
}

bool lease_groups_displaced(const LeaseGroups *g, uint32_t group, size_t max, uint32_t *ret) {
        const LeaseGroup *most = NULL;

        assert(g && ret);

        for (size_t i = 0; i < g->n; i++)
                if (!most || g->items[i].n > most->n)
                        most = &g->items[i];
        if (!most || most->n <= max / 4 || lease_groups_n(g, group) >= max / 4)
                return false;
        *ret = most->group;
        return true;
}
