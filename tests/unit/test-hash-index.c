/* SPDX-License-Identifier: Apache-2.0 */
#include "basic/hash-index.h"

#include <check.h>

#include "basic/macro.h"

static const uint8_t key[16] = "sixteen bytes ok";

typedef struct Number {
        HashItem item; /* first: found by casting */
        uint32_t value;
} Number;

static Number *number_find(const HashIndex *h, uint32_t value) {
        uint64_t hash = hash_index_hash(h, &value, sizeof(value));

        for (HashItem *i = hash_index_next(h, hash, NULL); i; i = hash_index_next(h, hash, i))
                if (((Number *) i)->value == value)
                        return (Number *) i;
        return NULL;
}

START_TEST(test_insert_find_remove) {
        static Number numbers[1000];
        _cleanup_(hash_index_done) HashIndex h = {};

        ck_assert_int_eq(hash_index_init(&h, ELEMENTSOF(numbers), key), 0);
        ck_assert_uint_eq(h.mask, 1023);
        for (uint32_t i = 0; i < ELEMENTSOF(numbers); i++) {
                ck_assert_ptr_null(number_find(&h, i));
                numbers[i].value = i;
                hash_index_insert(&h, &numbers[i].item, hash_index_hash(&h, &i, sizeof(i)));
                ck_assert_uint_eq(h.n, i + 1);
        }
        for (uint32_t i = 0; i < ELEMENTSOF(numbers); i += 2)
                hash_index_remove(&h, &numbers[i].item);
        ck_assert_uint_eq(h.n, ELEMENTSOF(numbers) / 2);
        for (uint32_t i = 0; i < ELEMENTSOF(numbers); i++)
                ck_assert_ptr_eq(number_find(&h, i), i % 2 == 0 ? NULL : &numbers[i]);
}
END_TEST

/* Items with one hash, and others that only share its bucket, are all there and told apart. */
START_TEST(test_collisions) {
        Number same[3] = {}, neighbour = {};
        _cleanup_(hash_index_done) HashIndex h = {};

        ck_assert_int_eq(hash_index_init(&h, 4, key), 0);
        hash_index_insert(&h, &same[0].item, 5);
        hash_index_insert(&h, &neighbour.item, 5 + 4);
        hash_index_insert(&h, &same[1].item, 5);
        hash_index_insert(&h, &same[2].item, 5);

        size_t n = 0;
        for (HashItem *i = hash_index_next(&h, 5, NULL); i; i = hash_index_next(&h, 5, i)) {
                ck_assert_ptr_ne(i, &neighbour.item);
                n++;
        }
        ck_assert_uint_eq(n, 3);

        hash_index_remove(&h, &same[1].item);
        hash_index_remove(&h, &same[0].item);
        ck_assert_ptr_eq(hash_index_next(&h, 5, NULL), &same[2].item);
        ck_assert_ptr_null(hash_index_next(&h, 5, &same[2].item));
        ck_assert_ptr_eq(hash_index_next(&h, 9, NULL), &neighbour.item);
}
END_TEST

/* The index keeps 32 bits of a hash, the caller compares the key: it sees too much at worst, never too little. */
START_TEST(test_long_hashes) {
        Number low = {}, high = {};
        _cleanup_(hash_index_done) HashIndex h = {};

        ck_assert_int_eq(hash_index_init(&h, 2, key), 0);
        hash_index_insert(&h, &low.item, 7);
        hash_index_insert(&h, &high.item, 7 | 1ULL << 40);
        ck_assert_ptr_eq(hash_index_next(&h, 7 | 1ULL << 40, NULL), &high.item);
        ck_assert_ptr_eq(hash_index_next(&h, 7 | 1ULL << 40, &high.item), &low.item);
        hash_index_remove(&h, &high.item);
        ck_assert_ptr_eq(hash_index_next(&h, 7, NULL), &low.item);
}
END_TEST

START_TEST(test_capacity) {
        static const struct {
                size_t capacity, mask;
        } table[] = { { 0, 0 }, { 1, 0 }, { 2, 1 }, { 3, 3 }, { 4, 3 }, { 5, 7 } };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                _cleanup_(hash_index_done) HashIndex h = {};

                ck_assert_int_eq(hash_index_init(&h, table[i].capacity, key), 0);
                ck_assert_uint_eq(h.mask, table[i].mask);
                ck_assert_ptr_null(hash_index_next(&h, 42, NULL));
        }

        HashIndex untouched = { .n = 7 };
        ck_assert_int_eq(hash_index_init(&untouched, SIZE_MAX, key), -ENOMEM);
        ck_assert_uint_eq(untouched.n, 7);
}
END_TEST

START_TEST(test_key_matters) {
        static const uint8_t other[16] = "another 16 bytes";
        _cleanup_(hash_index_done) HashIndex a = {}, b = {};

        ck_assert_int_eq(hash_index_init(&a, 1, key), 0);
        ck_assert_int_eq(hash_index_init(&b, 1, other), 0);
        ck_assert_uint_ne(hash_index_hash(&a, "x", 1), hash_index_hash(&b, "x", 1));
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("hash-index");
        TCase *t = tcase_create("hash-index");

        tcase_add_test(t, test_insert_find_remove);
        tcase_add_test(t, test_collisions);
        tcase_add_test(t, test_long_hashes);
        tcase_add_test(t, test_capacity);
        tcase_add_test(t, test_key_matters);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
