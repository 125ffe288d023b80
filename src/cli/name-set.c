/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/name-set.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

typedef struct Name {
        HashItem item; /* first, so that a HashItem can be cast to its name */
        char text[];
} Name;

_Static_assert(offsetof(Name, item) == 0, "an item's address is its name's");

int name_set_init(NameSet *s, size_t n_max, const uint8_t key[static 16]) {
        assert(s);
        assert(n_max > 0);

        *s = (NameSet) { .n_max = n_max };
        return hash_index_init(&s->index, n_max, key);
}

void name_set_done(NameSet *s) {
        assert(s);

        for (size_t i = 0; s->index.buckets && i <= s->index.mask; i++)
                for (HashItem *item = s->index.buckets[i], *next; item; item = next) {
                        next = item->next;
                        free(item);
                }
        hash_index_done(&s->index);
        *s = (NameSet) {};
}

static bool has(const NameSet *s, const char *name, uint64_t hash) {
        for (HashItem *i = hash_index_next(&s->index, hash, NULL); i; i = hash_index_next(&s->index, hash, i))
                if (strcmp(((Name *) i)->text, name) == 0)
                        return true;
        return false;
}

int name_set_add(NameSet *s, const char *name) {
        assert(s);
        assert(name);

        for (const char *dot; name; name = dot ? dot + 1 : NULL) {
                size_t size = strlen(name) + 1;
                uint64_t hash = hash_index_hash(&s->index, name, size);

                dot = strchr(name, '.');
                if (has(s, name, hash))
                        return 0; /* and so are those above */
                if (s->index.n >= s->n_max) {
                        s->full = true;
                        return 0;
                }
                Name *n = malloc(sizeof(*n) + size);
                if (!n)
                        return -ENOMEM;
                memcpy(n->text, name, size);
                hash_index_insert(&s->index, &n->item, hash);
        }
        return 0;
}

bool name_set_has(const NameSet *s, const char *name) {
        assert(s);
        assert(name);

        return has(s, name, hash_index_hash(&s->index, name, strlen(name) + 1));
}
