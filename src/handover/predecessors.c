/* SPDX-License-Identifier: Apache-2.0 */

#include "handover/predecessors.h"

#include <assert.h>
#include <string.h>

#include "bpf/api.h"

void predecessors_forget(Predecessors *p) {
        assert(p);

        for (size_t i = 0; i < p->n; i++) {
                free(p->items[i].name);
                free(p->items[i].digest);
        }
        free(p->items);
        p->items = NULL;
        p->n = 0;
}

static Predecessor *find_name(const Predecessors *p, const char *name) {
        for (size_t i = 0; i < p->n; i++)
                if (strcmp(p->items[i].name, name) == 0)
                        return &p->items[i];
        return NULL;
}

const Predecessor *predecessors_find(const Predecessors *p, const char *name) {
        assert(p);
        assert(name);

        return find_name(p, name);
}

void predecessors_note_id(Predecessors *p, uint32_t policy_id) {
        assert(p);

        p->last_policy_id = MAX(p->last_policy_id, policy_id);
}

static int list_append(Predecessors *p, const char *name, Predecessor **ret) {
        _cleanup_free_ char *copy = strdup(name);
        Predecessor *items = copy ? reallocarray(p->items, p->n + 1, sizeof(*items)) : NULL;

        if (!items)
                return -ENOMEM;
        p->items = items;
        items[p->n] = (Predecessor) { .name = TAKE_PTR(copy) };
        *ret = &items[p->n++];
        return 0;
}

int predecessors_add(Predecessors *p, const char *name, uint32_t policy_id, const char *digest) {
        Predecessor *own;

        assert(p);
        assert(name);
        assert(digest);

        predecessors_note_id(p, policy_id);
        char *copy = strdup(digest);
        if (!copy)
                return -ENOMEM;
        own = find_name(p, name);
        if (!own) {
                int r = list_append(p, name, &own);
                if (r < 0) {
                        free(copy);
                        return r;
                }
        }
        free(own->digest);
        own->digest = copy;
        /* A slot belongs to the layer written last; removed layers are still in this list. */
        for (size_t i = 0; i < p->n; i++)
                if (CW_POLICY_LAYER(p->items[i].policy_id) == CW_POLICY_LAYER(policy_id))
                        p->items[i].policy_id = 0;
        own->policy_id = policy_id;
        return 0;
}
