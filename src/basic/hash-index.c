/* SPDX-License-Identifier: Apache-2.0 */
#include "basic/hash-index.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "basic/siphash.h"

int hash_index_init(HashIndex *h, size_t capacity, const uint8_t key[static 16]) {
        assert(h);

        if (capacity > (size_t) 1 << 31 || capacity > SIZE_MAX / 2 / sizeof(HashItem *))
                return -ENOMEM;

        /* A power of two with at least one bucket per item: with a keyed hash, chains stay short. */
        size_t n_buckets = 1;
        while (n_buckets < capacity)
                n_buckets *= 2;

        HashItem **buckets = calloc(n_buckets, sizeof(HashItem *));
        if (!buckets)
                return -ENOMEM;

        *h = (HashIndex) { .buckets = buckets, .mask = n_buckets - 1 };
        memcpy(h->key, key, sizeof(h->key));
        return 0;
}

void hash_index_done(HashIndex *h) {
        assert(h);

        free(h->buckets);
        *h = (HashIndex) {};
}

uint64_t hash_index_hash(const HashIndex *h, const void *key, size_t size) {
        assert(h);

        return siphash24(key, size, h->key);
}

void hash_index_insert(HashIndex *h, HashItem *item, uint64_t hash) {
        assert(h);
        assert(item);

        HashItem **bucket = &h->buckets[hash & h->mask];

        item->hash = (uint32_t) hash;
        item->next = *bucket;
        *bucket = item;
        h->n++;
}

void hash_index_remove(HashIndex *h, HashItem *item) {
        assert(h);
        assert(item);

        HashItem **link = &h->buckets[item->hash & h->mask];

        while (*link != item) {
                assert(*link);
                link = &(*link)->next;
        }
        *link = item->next;
        item->next = NULL;
        h->n--;
}

HashItem *hash_index_next(const HashIndex *h, uint64_t hash, const HashItem *prev) {
        assert(h);

        HashItem *item = prev ? prev->next : h->buckets[hash & h->mask];

        while (item && item->hash != (uint32_t) hash)
                item = item->next;
        return item;
}
