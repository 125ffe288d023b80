/* SPDX-License-Identifier: Apache-2.0 */
#include "basic/utf8.h"

#include <check.h>
#include <stdbool.h>

/* The encoder of RFC 3629 3. Returns the length. */
static size_t encode(uint32_t code, char buf[static 4]) {
        if (code < 0x80) {
                buf[0] = (char) code;
                return 1;
        }

        size_t n = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
        for (size_t i = n; i-- > 1; code >>= 6)
                buf[i] = (char) (0x80 | (code & 0x3f));
        buf[0] = (char) (0xf00U >> n | code);
        return n;
}

/* Check notes each assertion that it passes, which takes longer than what is tested here. */
static bool is_read_back(uint32_t code) {
        bool valid = code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
        uint32_t got = UINT32_MAX;
        char buf[4];

        size_t n = encode(code, buf);
        for (size_t k = 1; k < n; k++)
                if (utf8_decode(buf, k, &got) != 0)
                        return false;
        if (!valid)
                return utf8_decode(buf, n, &got) == 0 && got == UINT32_MAX;
        return utf8_decode(buf, n, &got) == n && got == code;
}

START_TEST(each_character_is_read_back) {
        for (uint32_t code = 0; code <= 0x110000; code++)
                if (!is_read_back(code))
                        ck_abort_msg("U+%04x", code);
}
END_TEST

/* Of all that up to three bytes can spell, as much is valid as there are characters. */
START_TEST(nothing_else_is_valid) {
        size_t found[4] = {};

        for (uint32_t bytes = 0; bytes < 1U << 24; bytes++) {
                const char text[] = { (char) (bytes >> 16), (char) (bytes >> 8), (char) bytes };
                uint32_t code;

                found[utf8_decode(text, sizeof(text), &code)]++;
        }
        ck_assert_uint_eq(found[1], 0x80U << 16);
        ck_assert_uint_eq(found[2], (0x800U - 0x80U) << 8);
        ck_assert_uint_eq(found[3], 0x10000U - 0x800U - 0x800U);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("utf8");
        TCase *c = tcase_create("utf8");

        tcase_set_timeout(c, 60);
        tcase_add_test(c, each_character_is_read_back);
        tcase_add_test(c, nothing_else_is_valid);
        suite_add_tcase(s, c);
        return s;
}

#include "check-main.h"
