/* SPDX-License-Identifier: Apache-2.0 */

#include "event/name-history.h"

#include <assert.h>
#include <string.h>
#include <sys/queue.h>

#include "basic/hash-index.h"

typedef struct Entry {
        HashItem item; /* first, so that a HashItem can be cast to its Entry */
        TAILQ_ENTRY(Entry) entry;
        InAddr addr;
        char *name;
        char *chain;
} Entry;

struct NameHistory {
        HashIndex index;
        TAILQ_HEAD(, Entry) entries; /* least recently used first */
        size_t max;
};

static void history_entry_free(Entry *e) {
        free(e->name);
        free(e->chain);
        free(e);
}

int name_history_new(size_t max, const uint8_t key[static 16], NameHistory **ret) {
        _cleanup_(name_history_freep) NameHistory *h = calloc(1, sizeof(*h));

        assert(max > 0);

        if (!h)
                return -ENOMEM;
        h->max = max;
        TAILQ_INIT(&h->entries);
        int r = hash_index_init(&h->index, max, key);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(h);
        return 0;
}

NameHistory *name_history_free(NameHistory *h) {
        Entry *e;

        if (!h)
                return NULL;
        while ((e = TAILQ_FIRST(&h->entries))) {
                TAILQ_REMOVE(&h->entries, e, entry);
                history_entry_free(e);
        }
        hash_index_done(&h->index);
        free(h);
        return NULL;
}

static Entry *history_find(const NameHistory *h, const InAddr *addr, uint64_t hash) {
        for (HashItem *i = hash_index_next(&h->index, hash, NULL); i; i = hash_index_next(&h->index, hash, i))
                if (in_addr_equal(&((Entry *) i)->addr, addr))
                        return (Entry *) i;
        return NULL;
}

static bool same(const char *a, const char *b) {
        return a && b ? strcmp(a, b) == 0 : a == b;
}

static void history_drop(NameHistory *h, Entry *e) {
        hash_index_remove(&h->index, &e->item);
        TAILQ_REMOVE(&h->entries, e, entry);
        history_entry_free(e);
}

int name_history_put(NameHistory *h, const InAddr *addr, const char *name, const char *chain) {
        uint64_t hash = hash_index_hash(&h->index, addr, sizeof(*addr));
        Entry *old = history_find(h, addr, hash), *e;

        if (old && same(old->name, name) && same(old->chain, chain)) {
                TAILQ_REMOVE(&h->entries, old, entry);
                TAILQ_INSERT_TAIL(&h->entries, old, entry);
                return 0;
        }
        e = calloc(1, sizeof(*e));
        if (!e)
                return -ENOMEM;
        e->addr = *addr;
        e->name = strdup(name);
        e->chain = chain ? strdup(chain) : NULL;
        if (!e->name || (chain && !e->chain)) {
                history_entry_free(e);
                return -ENOMEM;
        }
        if (old)
                history_drop(h, old);
        else if (h->index.n == h->max)
                history_drop(h, TAILQ_FIRST(&h->entries));
        hash_index_insert(&h->index, &e->item, hash);
        TAILQ_INSERT_TAIL(&h->entries, e, entry);
        return 0;
}

const char *name_history_get(const NameHistory *h, const InAddr *addr, const char **ret_chain) {
        const Entry *e = history_find(h, addr, hash_index_hash(&h->index, addr, sizeof(*addr)));

        if (!e)
                return NULL;
        *ret_chain = e->chain;
        return e->name;
}

size_t name_history_n(const NameHistory *h) {
        return h->index.n;
}
