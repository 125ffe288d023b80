/* SPDX-License-Identifier: Apache-2.0 */
#include "basic/expiry-heap.h"

#include <check.h>

#include "basic/macro.h"

#define N_ITEMS 200

static void check_heap(const ExpiryHeap *h) {
        for (size_t i = 0; i < h->n; i++) {
                ck_assert_uint_eq(h->items[i]->position, i);
                ck_assert_uint_le(h->items[(i - (i > 0)) / 2]->time_nsec, h->items[i]->time_nsec);
        }
}

START_TEST(test_sorts) {
        ExpiryItem items[N_ITEMS];
        _cleanup_(expiry_heap_done) ExpiryHeap h = {};

        ck_assert_int_eq(expiry_heap_init(&h, N_ITEMS), 0);
        ck_assert_ptr_null(expiry_heap_first(&h));
        for (size_t i = 0; i < N_ITEMS; i++) {
                expiry_heap_insert(&h, &items[i], i * 7919 % 101);
                check_heap(&h);
        }

        uint64_t last = 0;
        for (size_t left = N_ITEMS; left > 0; left--) {
                ExpiryItem *first = expiry_heap_first(&h);

                ck_assert_uint_eq(h.n, left);
                ck_assert_uint_ge(first->time_nsec, last);
                last = first->time_nsec;
                expiry_heap_remove(&h, first);
                check_heap(&h);
        }
        ck_assert_uint_eq(last, 100);
        ck_assert_ptr_null(expiry_heap_first(&h));
}
END_TEST

START_TEST(test_move_and_remove_anywhere) {
        ExpiryItem items[N_ITEMS];
        _cleanup_(expiry_heap_done) ExpiryHeap h = {};

        ck_assert_int_eq(expiry_heap_init(&h, N_ITEMS), 0);
        for (size_t i = 0; i < N_ITEMS; i++)
                expiry_heap_insert(&h, &items[i], 1000 + i);
        for (size_t i = 0; i < N_ITEMS; i += 3) {
                expiry_heap_move(&h, &items[i], i % 2 == 0 ? i : 5000 - i);
                check_heap(&h);
        }
        for (size_t i = 1; i < N_ITEMS; i += 3) {
                expiry_heap_remove(&h, &items[i]);
                check_heap(&h);
        }
        ck_assert_ptr_eq(expiry_heap_first(&h), &items[0]);
}
END_TEST

START_TEST(test_replace) {
        ExpiryItem items[N_ITEMS], other;
        _cleanup_(expiry_heap_done) ExpiryHeap h = {};

        ck_assert_int_eq(expiry_heap_init(&h, N_ITEMS), 0);
        for (size_t i = 0; i < N_ITEMS; i++)
                expiry_heap_insert(&h, &items[i], i * 7919 % 101);
        expiry_heap_replace(&h, &items[42], &other);
        ck_assert_uint_eq(other.time_nsec, items[42].time_nsec);
        check_heap(&h);
        expiry_heap_remove(&h, &other);
        check_heap(&h);
        for (size_t i = 0; i < h.n; i++)
                ck_assert_ptr_ne(h.items[i], &items[42]);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("expiry-heap");
        TCase *t = tcase_create("expiry-heap");

        tcase_add_test(t, test_sorts);
        tcase_add_test(t, test_move_and_remove_anywhere);
        tcase_add_test(t, test_replace);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
