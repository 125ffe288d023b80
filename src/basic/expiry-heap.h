/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Intrusive binary min-heap ordered by time, with a fixed capacity: insert, move and remove are O(log n) and never
 * fail. Items embed an ExpiryItem and are owned by the caller. */

#include <stddef.h>
#include <stdint.h>

/* Without padding: there are tens of thousands. */
typedef struct __attribute__((packed, aligned(4))) ExpiryItem {
        uint64_t time_nsec;
        uint32_t position;
} ExpiryItem;

typedef struct ExpiryHeap {
        ExpiryItem **items;
        size_t n;
        size_t capacity;
} ExpiryHeap;

/* capacity: at most 2^31. -ENOMEM. */
int expiry_heap_init(ExpiryHeap *h, size_t capacity);
void expiry_heap_done(ExpiryHeap *h);
/* The caller must not exceed the capacity. */
void expiry_heap_insert(ExpiryHeap *h, ExpiryItem *item, uint64_t time_nsec);
void expiry_heap_move(ExpiryHeap *h, ExpiryItem *item, uint64_t time_nsec);
void expiry_heap_remove(ExpiryHeap *h, ExpiryItem *item);
/* item takes over the place and the time of old. */
void expiry_heap_replace(ExpiryHeap *h, ExpiryItem *old, ExpiryItem *item);
/* The item with the earliest time, or NULL. */
ExpiryItem *expiry_heap_first(const ExpiryHeap *h);
