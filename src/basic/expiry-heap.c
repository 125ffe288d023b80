/* SPDX-License-Identifier: Apache-2.0 */
#include "basic/expiry-heap.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

int expiry_heap_init(ExpiryHeap *h, size_t capacity) {
        assert(h);
        assert(capacity > 0);

        if (capacity > (size_t) 1 << 31)
                return -ENOMEM;

        ExpiryItem **items = calloc(capacity, sizeof(ExpiryItem *));
        if (!items)
                return -ENOMEM;

        *h = (ExpiryHeap) { .items = items, .capacity = capacity };
        return 0;
}

void expiry_heap_done(ExpiryHeap *h) {
        assert(h);

        free(h->items);
        *h = (ExpiryHeap) {};
}

static void heap_place(ExpiryHeap *h, ExpiryItem *item, size_t position) {
        h->items[position] = item;
        item->position = (uint32_t) position;
}

static void heap_sift_up(ExpiryHeap *h, ExpiryItem *item) {
        size_t i = item->position;

        while (i > 0) {
                ExpiryItem *parent = h->items[(i - 1) / 2];

                if (parent->time_nsec <= item->time_nsec)
                        break;
                heap_place(h, parent, i);
                i = (i - 1) / 2;
        }
        heap_place(h, item, i);
}

static void heap_sift_down(ExpiryHeap *h, ExpiryItem *item) {
        size_t i = item->position;

        for (size_t child = 2 * i + 1; child < h->n; child = 2 * i + 1) {
                if (child + 1 < h->n && h->items[child + 1]->time_nsec < h->items[child]->time_nsec)
                        child++;
                if (item->time_nsec <= h->items[child]->time_nsec)
                        break;
                heap_place(h, h->items[child], i);
                i = child;
        }
        heap_place(h, item, i);
}

void expiry_heap_insert(ExpiryHeap *h, ExpiryItem *item, uint64_t time_nsec) {
        assert(h);
        assert(item);
        assert(h->n < h->capacity);

        item->time_nsec = time_nsec;
        item->position = (uint32_t) h->n++;
        heap_sift_up(h, item);
}

void expiry_heap_move(ExpiryHeap *h, ExpiryItem *item, uint64_t time_nsec) {
        assert(h);
        assert(item);
        assert(item->position < h->n && h->items[item->position] == item);

        item->time_nsec = time_nsec;
        heap_sift_up(h, item);
        heap_sift_down(h, item);
}

void expiry_heap_remove(ExpiryHeap *h, ExpiryItem *item) {
        assert(h);
        assert(item);
        assert(item->position < h->n && h->items[item->position] == item);

        ExpiryItem *last = h->items[--h->n];

        if (last == item)
                return;
        heap_place(h, last, item->position);
        heap_sift_up(h, last);
        heap_sift_down(h, last);
}

void expiry_heap_replace(ExpiryHeap *h, ExpiryItem *old, ExpiryItem *item) {
        assert(h);
        assert(old && item);
        assert(old->position < h->n && h->items[old->position] == old);

        item->time_nsec = old->time_nsec;
        heap_place(h, item, old->position);
}

ExpiryItem *expiry_heap_first(const ExpiryHeap *h) {
        assert(h);

        return h->n > 0 ? h->items[0] : NULL;
}
