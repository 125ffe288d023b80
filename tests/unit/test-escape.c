/* SPDX-License-Identifier: Apache-2.0 */
#include "event/escape.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "basic/macro.h"

static const struct {
        const char *in, *terminal, *markdown, *json;
} cases[] = {
        { "", "", "", "" },
        { "github.com", "github.com", "github.com", "github.com" },
        { "a\nb\tc", "a\\x0ab\\x09c", "a&#92;x0ab&#92;x09c", "a\\u000ab\\u0009c" },
        { "\033[31m", "\\x1b[31m", "&#92;x1b&#91;31m", "\\u001b[31m" },
        { "\x7f", "\\x7f", "&#92;x7f", "\\u007f" },
        { "\"\\", "\"\\", "\"&#92;", "\\\"\\\\" },
        { "é", "é", "é", "é" },
        { "😀", "😀", "😀", "😀" },
        /* C1 control, bidi override, line and paragraph separator, zero width space, byte order mark */
        { "\xc2\x9b", "\\u{009b}", "&#92;u{009b}", "\\u009b" },
        { "\xe2\x80\xae", "\\u{202e}", "&#92;u{202e}", "\\u202e" },
        { "\xe2\x80\xa8\xe2\x80\xa9", "\\u{2028}\\u{2029}", "&#92;u{2028}&#92;u{2029}", "\\u2028\\u2029" },
        { "\xe2\x81\xa6", "\\u{2066}", "&#92;u{2066}", "\\u2066" },
        { "a\xe2\x80\x8b", "a\\u{200b}", "a&#92;u{200b}", "a\\u200b" },
        { "\xef\xbb\xbf", "\\u{feff}", "&#92;u{feff}", "\\ufeff" },
        /* invalid: lone continuation, overlong '/', overlong NUL, surrogate, above U+10FFFF, cut short, 0xff */
        { "\x80", "\\x80", "&#92;x80", "\\ufffd" },
        { "\xc0\xaf", "\\xc0\\xaf", "&#92;xc0&#92;xaf", "\\ufffd\\ufffd" },
        { "\xe0\x80\x80", "\\xe0\\x80\\x80", "&#92;xe0&#92;x80&#92;x80", "\\ufffd\\ufffd\\ufffd" },
        { "\xed\xa0\x80", "\\xed\\xa0\\x80", "&#92;xed&#92;xa0&#92;x80", "\\ufffd\\ufffd\\ufffd" },
        { "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80", "&#92;xf4&#92;x90&#92;x80&#92;x80",
          "\\ufffd\\ufffd\\ufffd\\ufffd" },
        { "\xe2\x82", "\\xe2\\x82", "&#92;xe2&#92;x82", "\\ufffd\\ufffd" },
        { "\xe2z", "\\xe2z", "&#92;xe2z", "\\ufffdz" },
        { "\xff", "\\xff", "&#92;xff", "\\ufffd" },
        /* commands of CI runners */
        { "::error::x", "\\x3a:error::x", "&#92;x3a&#58;error&#58;&#58;x", "::error::x" },
        { "  ::error::x", "  \\x3a:error::x", "  &#92;x3a&#58;error&#58;&#58;x", "  ::error::x" },
        { "\xc2\xa0::a::", "\\u{00a0}\\x3a:a::", "&#92;u{00a0}&#92;x3a&#58;a&#58;&#58;", "\\u00a0::a::" },
        { "a\xe3\x80\x80\xe2\x80\x82z", "a\\u{3000}\\u{2002}z", "a&#92;u{3000}&#92;u{2002}z", "a\\u3000\\u2002z" },
        { "\xc2\xad\xe3\x85\xa4", "\\u{00ad}\\u{3164}", "&#92;u{00ad}&#92;u{3164}", "\\u00ad\\u3164" },
        { "\xf3\xa0\x81\x81", "\\u{e0041}", "&#92;u{e0041}", "\\udb40\\udc41" },
        { "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80" },
        { "::1", "::1", "&#58;&#58;1", "::1" },
        { "std::error::x", "std::error::x", "std&#58;&#58;error&#58;&#58;x", "std::error::x" },
        { "x##[error]", "x\\x23#[error]", "x&#92;x23&#35;&#91;error&#93;", "x##[error]" },
        { "#1", "#1", "&#35;1", "#1" },
        { "|`*_<>[]#&!~@:$", "|`*_<>[]#&!~@:$",
          "&#124;&#96;&#42;&#95;&#60;&#62;&#91;&#93;&#35;&#38;&#33;&#126;&#64;&#58;&#36;", "|`*_<>[]#&!~@:$" },
};

START_TEST(test_cases) {
        char buf[256];

        ck_assert_str_eq(escape_terminal(cases[_i].in, buf, sizeof(buf)), cases[_i].terminal);
        ck_assert_str_eq(escape_markdown(cases[_i].in, buf, sizeof(buf)), cases[_i].markdown);
        buf[escape_json(cases[_i].in, strlen(cases[_i].in), buf, sizeof(buf) - 1)] = '\0';
        ck_assert_str_eq(buf, cases[_i].json);
}
END_TEST

/* Is a a beginning of b? */
static bool begins(const char *b, const char *a) {
        return strncmp(b, a, strlen(a)) == 0;
}

/* At every size the result is a beginning of the whole that ends between two pieces. */
START_TEST(test_cut) {
        static const char in[] = "a\033\xe2\x80\xae|é\xff##";
        static const char *const terminal[] = { "", "a", "a\\x1b", "a\\x1b\\u{202e}", "a\\x1b\\u{202e}|",
                                                "a\\x1b\\u{202e}|é", "a\\x1b\\u{202e}|é\\xff",
                                                "a\\x1b\\u{202e}|é\\xff\\x23", "a\\x1b\\u{202e}|é\\xff\\x23#" };
        char whole[128], part[128];

        (void) escape_terminal(in, whole, sizeof(whole));
        for (size_t size = 1; size <= strlen(whole) + 1; size++) {
                memset(part, 'Z', sizeof(part));
                (void) escape_terminal(in, part, size);
                ck_assert_uint_lt(strlen(part), size);
                ck_assert_int_eq(part[size], 'Z');

                const char *longest = "";
                for (size_t i = 0; i < ELEMENTSOF(terminal); i++)
                        if (strlen(terminal[i]) < size)
                                longest = terminal[i];
                ck_assert_str_eq(part, longest);
        }

        (void) escape_markdown(in, whole, sizeof(whole));
        for (size_t size = 1; size <= strlen(whole) + 1; size++) {
                (void) escape_markdown(in, part, size);
                ck_assert(begins(whole, part));
                const char *reference = strrchr(part, '&');
                ck_assert(!reference || strchr(reference, ';'));
        }
}
END_TEST

START_TEST(test_json_cut) {
        static const char in[] = "a\033é\xff";
        static const size_t lengths[] = { 0, 1, 1, 1, 1, 1, 1, 7, 7, 9, 9, 9, 9, 9, 9, 15, 15 };
        char buf[32];

        for (size_t max = 0; max < ELEMENTSOF(lengths); max++) {
                memset(buf, 'Z', sizeof(buf));
                ck_assert_uint_eq(escape_json(in, sizeof(in) - 1, buf, max), lengths[max]);
                ck_assert_int_eq(buf[max], 'Z');
        }
}
END_TEST

START_TEST(test_json_nul) {
        char buf[32];
        size_t n = escape_json("a\0b", 3, buf, sizeof(buf));

        ck_assert_uint_eq(n, 8);
        ck_assert_mem_eq(buf, "a\\u0000b", 8);
}
END_TEST

static const struct {
        const char *in, *out;
} utf8[] = {
        { "", "" }, { "a\n\x1b", "a\n\x1b" }, { "\xc3\xa9", "\xc3\xa9" }, { "\xe2\x80\xae", "\xe2\x80\xae" },
        { "a\xc3", "a\xef\xbf\xbd" }, { "\xff\xfe", "\xef\xbf\xbd\xef\xbf\xbd" },
        { "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
};

START_TEST(test_utf8) {
        char buf[32];

        buf[escape_utf8(utf8[_i].in, strlen(utf8[_i].in), buf, sizeof(buf) - 1)] = '\0';
        ck_assert_str_eq(buf, utf8[_i].out);
}
END_TEST

START_TEST(test_utf8_cut) {
        static const char in[] = "a\0\xc3\xa9";
        static const size_t lengths[] = { 0, 1, 1, 1, 4, 4, 6, 6 };
        char buf[16];

        for (size_t max = 0; max < ELEMENTSOF(lengths); max++) {
                memset(buf, 'Z', sizeof(buf));
                ck_assert_uint_eq(escape_utf8(in, sizeof(in) - 1, buf, max), lengths[max]);
                ck_assert_int_eq(buf[max], 'Z');
        }
        ck_assert_mem_eq(buf, "a\xef\xbf\xbd\xc3\xa9", 6);
}
END_TEST

/* Words of eight bytes are looked at as a whole: each byte at each place. */
START_TEST(test_json_words) {
        char in[17], buf[17 * ESCAPE_JSON_MAX], one[ESCAPE_JSON_MAX];

        for (unsigned b = 0; b < 256; b++)
                for (size_t place = 0; place < 16; place++) {
                        memset(in, 'a', 16);
                        in[place] = (char) b;
                        size_t n = escape_json((const char[]) { (char) b }, 1, one, sizeof(one));
                        ck_assert_uint_eq(escape_json(in, 16, buf, sizeof(buf)), 15 + n);
                        ck_assert_mem_eq(buf + place, one, n);
                }
}
END_TEST

/* No single byte, and no pair, becomes longer than the header says. */
START_TEST(test_worst_case) {
        char in[3] = {}, buf[64];

        for (unsigned a = 1; a < 256; a++)
                for (unsigned b = 0; b < 256; b++) {
                        in[0] = (char) a;
                        in[1] = (char) b;
                        size_t n = b ? 2 : 1;
                        ck_assert_uint_le(strlen(escape_terminal(in, buf, sizeof(buf))), n * ESCAPE_TERMINAL_MAX);
                        ck_assert_uint_le(strlen(escape_markdown(in, buf, sizeof(buf))), n * ESCAPE_MARKDOWN_MAX);
                        ck_assert_uint_le(escape_json(in, n, buf, sizeof(buf)), n * ESCAPE_JSON_MAX);
                        ck_assert_uint_le(escape_utf8(in, n, buf, sizeof(buf)), n * ESCAPE_UTF8_MAX);
                }
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("escape");
        TCase *t = tcase_create("escape");

        tcase_add_loop_test(t, test_cases, 0, ELEMENTSOF(cases));
        tcase_add_test(t, test_cut);
        tcase_add_test(t, test_json_cut);
        tcase_add_test(t, test_json_nul);
        tcase_add_test(t, test_json_words);
        tcase_add_loop_test(t, test_utf8, 0, ELEMENTSOF(utf8));
        tcase_add_test(t, test_utf8_cut);
        tcase_add_test(t, test_worst_case);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
