/* SPDX-License-Identifier: Apache-2.0 */
#include "basic/rate-table.h"

#include <assert.h>
#include <string.h>

#include "basic/expiry-heap.h"
#include "basic/hash-index.h"

/* As a time: the bucket is full when due is in the past, and each token taken moves it by one interval. */
typedef struct Bucket {
        HashItem item;  /* first, so that a HashItem can be cast to its Bucket */
        ExpiryItem due;
        uint64_t n_over[2];
        uint8_t size;
        uint8_t key[]; /* size bytes */
} Bucket;

_Static_assert(offsetof(Bucket, item) == 0, "an item's address is its bucket's");

struct RateTable {
        HashIndex index;
        ExpiryHeap dues;
        Bucket others; /* in neither */
        size_t max;
        uint64_t interval_nsec, burst_nsec;
        bool has_counts;
};

static Bucket *bucket_of_due(ExpiryItem *i) {
        return (Bucket *) ((char *) i - offsetof(Bucket, due));
}

int rate_table_new(const RateTableOptions *o, RateTable **ret) {
        assert(o);
        assert(o->max > 0 && o->rate > 0 && o->burst > 0);
        assert(ret);

        _cleanup_(rate_table_freep) RateTable *t = calloc(1, sizeof(*t));
        if (!t)
                return -ENOMEM;
        t->max = o->max;
        t->interval_nsec = NSEC_PER_SEC / o->rate;
        t->burst_nsec = o->burst * t->interval_nsec;

        int r = hash_index_init(&t->index, o->max, o->hash_key);
        if (r >= 0)
                r = expiry_heap_init(&t->dues, o->max);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(t);
        return 0;
}

static void bucket_drop(RateTable *t, Bucket *b) {
        expiry_heap_remove(&t->dues, &b->due);
        hash_index_remove(&t->index, &b->item);
        free(b);
}

RateTable *rate_table_free(RateTable *t) {
        if (!t)
                return NULL;

        for (ExpiryItem *i; t->dues.items && (i = expiry_heap_first(&t->dues));)
                bucket_drop(t, bucket_of_due(i));
        expiry_heap_done(&t->dues);
        hash_index_done(&t->index);
        free(t);
        return NULL;
}

static Bucket *bucket_find(const RateTable *t, const void *key, size_t size, uint64_t hash) {
        for (HashItem *i = hash_index_next(&t->index, hash, NULL); i; i = hash_index_next(&t->index, hash, i)) {
                Bucket *b = (Bucket *) i;
                if (b->size == size && memcmp(b->key, key, size) == 0)
                        return b;
        }
        return NULL;
}

static bool is_idle(const Bucket *b, uint64_t now_nsec) {
        return b->due.time_nsec <= now_nsec && b->n_over[0] == 0 && b->n_over[1] == 0;
}

/* NULL: no place, or out of memory. */
static Bucket *bucket_new(RateTable *t, const void *key, size_t size, uint64_t hash, uint64_t now_nsec) {
        if (t->index.n == t->max) {
                Bucket *first = bucket_of_due(expiry_heap_first(&t->dues));
                if (!is_idle(first, now_nsec))
                        return NULL;
                bucket_drop(t, first);
        }

        Bucket *b = calloc(1, sizeof(*b) + size);
        if (!b)
                return NULL;
        b->size = (uint8_t) size;
        memcpy(b->key, key, size);
        hash_index_insert(&t->index, &b->item, hash);
        expiry_heap_insert(&t->dues, &b->due, now_nsec);
        return b;
}

RateVerdict rate_table_take(RateTable *t, const void *key, size_t size, uint64_t now_nsec) {
        assert(t);
        assert(key);

        size = MIN(size, (size_t) RATE_KEY_MAX);
        uint64_t hash = hash_index_hash(&t->index, key, size);
        Bucket *b = bucket_find(t, key, size, hash) ?: bucket_new(t, key, size, hash, now_nsec);
        bool has_place = b != NULL;
        if (!b)
                b = &t->others;

        bool is_full = b->due.time_nsec <= now_nsec;
        uint64_t from = MAX(b->due.time_nsec, now_nsec);
        if (from - now_nsec > t->burst_nsec - t->interval_nsec)
                return RATE_OVER;
        if (has_place)
                expiry_heap_move(&t->dues, &b->due, from + t->interval_nsec);
        else
                b->due.time_nsec = from + t->interval_nsec;
        return is_full ? RATE_FIRST : RATE_TAKEN;
}

static uint64_t add_saturated(uint64_t a, uint64_t b) {
        uint64_t sum;
        return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

void rate_table_count(RateTable *t, const void *key, size_t size, unsigned kind, uint64_t n) {
        assert(t);
        assert(key);
        assert(kind < 2);

        size = MIN(size, (size_t) RATE_KEY_MAX);
        Bucket *b = bucket_find(t, key, size, hash_index_hash(&t->index, key, size)) ?: &t->others;
        b->n_over[kind] = add_saturated(b->n_over[kind], n);
        t->has_counts = true;
}

static void bucket_report(Bucket *b, rate_table_fn fn, void *userdata) {
        if (b->n_over[0] == 0 && b->n_over[1] == 0)
                return;
        fn(b->key, b->size, b->n_over, userdata);
        b->n_over[0] = b->n_over[1] = 0;
}

void rate_table_report(RateTable *t, rate_table_fn fn, void *userdata) {
        assert(t);
        assert(fn);

        if (!t->has_counts)
                return;
        t->has_counts = false;
        for (size_t i = 0; i < t->dues.n; i++)
                bucket_report(bucket_of_due(t->dues.items[i]), fn, userdata);
        bucket_report(&t->others, fn, userdata);
}

bool rate_table_has_counts(const RateTable *t) {
        assert(t);

        return t->has_counts;
}
