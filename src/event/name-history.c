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
        uint64_t owner;
        bool has_chain;
        char text[]; /* the name and, if there is one, the chain, each NUL-terminated */
} Entry;

struct NameHistory {
        HashIndex index;
        TAILQ_HEAD(, Entry) entries; /* least recently used first */
        size_t max;
};

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
                free(e);
        }
        hash_index_done(&h->index);
        free(h);
        return NULL;
}

static uint64_t history_hash(const NameHistory *h, const InAddr *addr, uint64_t owner) {
        uint8_t key[sizeof(*addr) + sizeof(owner)];

        memcpy(key, addr, sizeof(*addr));
        memcpy(key + sizeof(*addr), &owner, sizeof(owner));
        return hash_index_hash(&h->index, key, sizeof(key));
}

static Entry *history_find(const NameHistory *h, const InAddr *addr, uint64_t owner, uint64_t hash) {
        for (HashItem *i = hash_index_next(&h->index, hash, NULL); i; i = hash_index_next(&h->index, hash, i)) {
                Entry *e = (Entry *) i;

                if (e->owner == owner && in_addr_equal(&e->addr, addr))
                        return e;
        }
        return NULL;
}

static const char *entry_chain(const Entry *e) {
        return e->has_chain ? e->text + strlen(e->text) + 1 : NULL;
}

static NameChange entry_change(const Entry *e, const char *name, const char *chain) {
        const char *has = entry_chain(e);

        if (strcmp(e->text, name) != 0)
                return NAME_REPLACED;
        return (has && chain ? strcmp(has, chain) == 0 : has == chain) ? NAME_KEPT : NAME_NEW;
}

static void history_use(NameHistory *h, Entry *e) {
        TAILQ_REMOVE(&h->entries, e, entry);
        TAILQ_INSERT_TAIL(&h->entries, e, entry);
}

static void history_drop(NameHistory *h, Entry *e) {
        hash_index_remove(&h->index, &e->item);
        TAILQ_REMOVE(&h->entries, e, entry);
        free(e);
}

int name_history_put(NameHistory *h, const InAddr *addr, uint64_t owner, const char *name, const char *chain) {
        uint64_t hash = history_hash(h, addr, owner);
        Entry *old = history_find(h, addr, owner, hash), *e;
        size_t name_size = strlen(name) + 1, chain_size = chain ? strlen(chain) + 1 : 0;

        if (old && entry_change(old, name, chain) == NAME_KEPT) {
                history_use(h, old);
                return 0;
        }
        e = calloc(1, sizeof(*e) + name_size + chain_size);
        if (!e)
                return -ENOMEM;
        e->addr = *addr;
        e->owner = owner;
        e->has_chain = chain;
        memcpy(e->text, name, name_size);
        if (chain)
                memcpy(e->text + name_size, chain, chain_size);
        if (old)
                history_drop(h, old);
        else if (h->index.n == h->max)
                history_drop(h, TAILQ_FIRST(&h->entries));
        hash_index_insert(&h->index, &e->item, hash);
        TAILQ_INSERT_TAIL(&h->entries, e, entry);
        return 0;
}

NameChange name_history_renew(NameHistory *h, const InAddr *addr, uint64_t owner, const char *name, const char *chain) {
        Entry *e = history_find(h, addr, owner, history_hash(h, addr, owner));
        NameChange change = e ? entry_change(e, name, chain) : NAME_NEW;

        if (change == NAME_KEPT)
                history_use(h, e);
        return change;
}

const char *name_history_get(const NameHistory *h, const InAddr *addr, uint64_t owner, const char **ret_chain) {
        const Entry *e = history_find(h, addr, owner, history_hash(h, addr, owner));

        if (!e)
                return NULL;
        *ret_chain = entry_chain(e);
        return e->text;
}

size_t name_history_n(const NameHistory *h) {
        return h->index.n;
}
