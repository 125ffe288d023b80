/* SPDX-License-Identifier: Apache-2.0 */
#include "basic/siphash.h"

#include <check.h>
#include <string.h>

#include "basic/macro.h"

/* Vectors of the paper's authors: key 00..0f, input 00, 01, 02 … of the given size. */
static const struct {
        size_t size;
        uint64_t hash;
} vectors[] = {
        { 0, 0x726fdb47dd0e0e31ULL },
        { 1, 0x74f839c593dc67fdULL },
        { 7, 0xab0200f58b01d137ULL },
        { 8, 0x93f5f5799a932462ULL },
        { 15, 0xa129ca6149be45e5ULL },
        { 16, 0x3f2acc7f57c29bdbULL },
        { 63, 0x958a324ceb064572ULL },
};

START_TEST(test_vector) {
        uint8_t key[16], data[64];

        for (size_t i = 0; i < sizeof(key); i++)
                key[i] = (uint8_t) i;
        for (size_t i = 0; i < sizeof(data); i++)
                data[i] = (uint8_t) i;

        ck_assert_uint_eq(siphash24(data, vectors[_i].size, key), vectors[_i].hash);
}
END_TEST

START_TEST(test_unaligned_and_empty) {
        uint8_t key[16] = {}, data[24] = "0123456789abcdefghi", moved[25];

        memcpy(moved + 1, data, sizeof(data));
        ck_assert_uint_eq(siphash24(data, 20, key), siphash24(moved + 1, 20, key));
        ck_assert_uint_eq(siphash24(NULL, 0, key), siphash24("", 0, key));
}
END_TEST

/* One bit of key, data or length must change the hash. */
START_TEST(test_every_bit_counts) {
        uint8_t key[16] = {}, data[17] = {};
        uint64_t base = siphash24(data, sizeof(data), key);

        ck_assert_uint_ne(base, siphash24(data, sizeof(data) - 1, key));
        for (size_t i = 0; i < 8 * sizeof(key); i++) {
                key[i / 8] ^= (uint8_t) (1 << i % 8);
                ck_assert_uint_ne(base, siphash24(data, sizeof(data), key));
                key[i / 8] ^= (uint8_t) (1 << i % 8);
        }
        for (size_t i = 0; i < 8 * sizeof(data); i++) {
                data[i / 8] ^= (uint8_t) (1 << i % 8);
                ck_assert_uint_ne(base, siphash24(data, sizeof(data), key));
                data[i / 8] ^= (uint8_t) (1 << i % 8);
        }
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("siphash");
        TCase *t = tcase_create("siphash24");

        tcase_add_loop_test(t, test_vector, 0, ELEMENTSOF(vectors));
        tcase_add_test(t, test_unaligned_and_empty);
        tcase_add_test(t, test_every_bit_counts);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
