/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Intrusive hash table with a fixed number of buckets and a keyed hash: constant time as long as the owner stays
 * within the capacity. Items embed a HashItem and are owned by the caller. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct HashItem {
        struct HashItem *next;
        uint32_t hash; /* distinguishes most items within a bucket */
} HashItem;

typedef struct HashIndex {
        HashItem **buckets;
        size_t mask;  /* buckets - 1 */
        size_t n;
        uint8_t key[16];
} HashIndex;

/* capacity: the maximum number of items, at most 2^31. key: random bytes chosen by the caller. -ENOMEM. */
int hash_index_init(HashIndex *h, size_t capacity, const uint8_t key[static 16]);
void hash_index_done(HashIndex *h);
uint64_t hash_index_hash(const HashIndex *h, const void *key, size_t size);
void hash_index_insert(HashIndex *h, HashItem *item, uint64_t hash);
void hash_index_remove(HashIndex *h, HashItem *item);
/* The first item with this hash after prev (NULL: from the start), or NULL. The caller compares the actual keys. */
HashItem *hash_index_next(const HashIndex *h, uint64_t hash, const HashItem *prev);
