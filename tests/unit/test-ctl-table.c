/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/table.h"

#include <check.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

static const char *const headers[] = { "NAME", "N", "TEXT" };

static const Output plain = { .utf8 = true };

static char *print(const Output *o, const char *const *cells, size_t n, bool legend, bool full) {
        Table *t = NULL;
        char *text = NULL;
        size_t size;

        ck_assert_int_eq(table_new(o, headers, ELEMENTSOF(headers), &t), 0);
        for (size_t i = 0; i < n; i++)
                ck_assert_int_eq(table_add(t, cells[i]), 0);
        ck_assert_uint_eq(table_n_rows(t), n / ELEMENTSOF(headers));

        FILE *f = open_memstream(&text, &size);
        ck_assert_ptr_nonnull(f);
        table_print(t, f, legend, full);
        (void) fclose(f);
        table_free(t);
        return text;
}

#define EXPECT(output, cells, legend, full, wanted)                                           \
        do {                                                                                  \
                char *_text = print(output, cells, ELEMENTSOF(cells), legend, full);          \
                ck_assert_str_eq(_text, wanted);                                              \
                free(_text);                                                                  \
        } while (0)

START_TEST(test_layout) {
        static const char *const cells[] = { "a", "1", "x", "longer name", "22", "" };

        EXPECT(&plain, cells, true, false, "NAME         N   TEXT\na            1   x\nlonger name  22  -\n");
        EXPECT(&plain, cells, false, false, "a            1   x\nlonger name  22  -\n");
        char *empty = print(&plain, NULL, 0, true, false);
        ck_assert_str_eq(empty, "NAME  N  TEXT\n");
        free(empty);
}
END_TEST

/* Columns stay in line: U+4E16 takes two, a combining accent none. */
START_TEST(test_width) {
        static const char *const cells[] = { "世界", "1", "x", "e\xcc\x81", "2", "y", "abcde", "3", "z" };

        EXPECT(&plain, cells, false, false, "世界   1  x\ne\xcc\x81      2  y\nabcde  3  z\n");
}
END_TEST

START_TEST(test_hostile) {
        static const char *const cells[] = { "\033[2J", "\n", "\xe2\x80\xae", "\xff", "\t", "é" };
        static const Output ascii = {};

        EXPECT(&plain, cells, false, false, "\\x1b[2J  \\x0a  \\u{202e}\n\\xff     \\x09  é\n");
        EXPECT(&ascii, cells, false, false, "\\x1b[2J  \\x0a  \\u{202e}\n\\xff     \\x09  ??\n");
}
END_TEST

START_TEST(test_cut) {
        static const char *const cells[] = { "ab", "1", "0123456789abcdef", "cd", "2", "世界世界世界世界" };
        static const Output narrow = { .utf8 = true, .columns = 17 }, ascii = { .columns = 17 };
        static const Output tiny = { .utf8 = true, .columns = 1 };

        EXPECT(&narrow, cells, false, false, "ab  1  012345678…\ncd  2  世界世界…\n");
        EXPECT(&narrow, cells, false, true, "ab  1  0123456789abcdef\ncd  2  世界世界世界世界\n");
        EXPECT(&ascii, cells, false, true, "ab  1  0123456789abcdef\ncd  2  ????????????????????????\n");
        EXPECT(&ascii, cells, false, false, "ab  1  0123456...\ncd  2  ???????...\n");
        EXPECT(&tiny, cells, false, false, "ab  1  0123456…\ncd  2  世界世…\n");
}
END_TEST

/* At every width the text fits, and at its own width it is whole. */
START_TEST(test_cut_every_width) {
        static const char *const texts[] = { "", "a", "abcdef", "é世e\xcc\x81x", "世世世" };
        char buf[64];

        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                for (size_t columns = 0; columns < 10; columns++) {
                        size_t width = output_width(&plain, texts[i]);

                        strcpy(buf, texts[i]);
                        output_cut(&plain, buf, columns);
                        ck_assert_uint_le(output_width(&plain, buf), columns);
                        ck_assert_uint_le(strlen(buf), strlen(texts[i]));
                        if (columns >= width)
                                ck_assert_str_eq(buf, texts[i]);
                }
}
END_TEST

START_TEST(test_color) {
        static const Output colors = { .utf8 = true, .colors = true };
        static const char *const one[] = { "A", "B" };
        Table *t = NULL;
        char *text = NULL;
        size_t size;

        ck_assert_int_eq(table_new(&colors, one, 2, &t), 0);
        ck_assert_int_eq(table_add_color(t, COLOR_RED, "x"), 0);
        ck_assert_int_eq(table_add_u64(t, UINT64_MAX), 0);
        FILE *f = open_memstream(&text, &size);
        table_print(t, f, false, false);
        (void) fclose(f);
        ck_assert_str_eq(text, "\033[1;31mx\033[0m  18446744073709551615\n");
        free(text);
        table_free(t);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("ctl-table");
        TCase *t = tcase_create("ctl-table");

        (void) setlocale(LC_CTYPE, "C.UTF-8");
        tcase_add_test(t, test_layout);
        tcase_add_test(t, test_width);
        tcase_add_test(t, test_hostile);
        tcase_add_test(t, test_cut);
        tcase_add_test(t, test_cut_every_width);
        tcase_add_test(t, test_color);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
