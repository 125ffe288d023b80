/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/pattern.h"

#include <check.h>
#include <errno.h>
#include <string.h>

#include "basic/macro.h"

#define A63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A61 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct {
        const char *text;
        bool allow_wildcards;
        const char *canonical; /* NULL: refused */
} names[] = {
        { "GitHub.COM", false, "github.com" },
        { "github.com.", false, "github.com" },
        { "github.com..", false, NULL },
        { "bastion", false, "bastion" },
        { "_dmarc.example.com", false, "_dmarc.example.com" },
        { "xn--bcher-kva.de", false, "xn--bcher-kva.de" },
        { "b\xc3\xbc"
          "cher.de", false, NULL },
        { "", false, NULL },
        { ".", false, NULL },
        { ".github.com", false, NULL },
        { "a..b", false, NULL },
        { "a b.com", false, NULL },
        { "a\tb.com", false, NULL },
        { "a/b", false, NULL },
        { "a:1", false, NULL },
        { "a\\.b", false, NULL },
        { "*.github.com", false, NULL },
        { "*.GitHub.com", true, "*.github.com" },
        { "**.github.com.", true, "**.github.com" },
        { "***.github.com", true, NULL },
        { "a*.github.com", true, NULL },
        { A63 ".com", false, A63 ".com" },
        { A63 "a.com", false, NULL },
        { A63 "." A63 "." A63 "." A61, false, A63 "." A63 "." A63 "." A61 }, /* 253 bytes */
        { A63 "." A63 "." A63 "." A61 ".", false, A63 "." A63 "." A63 "." A61 },
        { A63 "." A63 "." A63 "." A61 "a", false, NULL },
        { A63 "." A63 "." A63 "." A61 "..", false, NULL },
};

START_TEST(test_canonical) {
        char buf[254] = "untouched";
        const char *reason = NULL;

        int r = hostname_canonical(names[_i].text, names[_i].allow_wildcards, buf, &reason);
        if (names[_i].canonical) {
                ck_assert_int_eq(r, 0);
                ck_assert_str_eq(buf, names[_i].canonical);
        } else {
                ck_assert_int_eq(r, -EINVAL);
                ck_assert_ptr_nonnull(reason);
                ck_assert_str_eq(buf, "untouched");
        }
}
END_TEST

static const struct {
        const char *pattern;
        const char *name;
        bool matches;
} matches[] = {
        { "github.com", "github.com", true },
        { "github.com", "api.github.com", false },
        { "*", "bastion", true },
        { "*", "a.b", false },
        { "**", "bastion", true },
        { "**", "a.b.c", true },
        { "*.*", "a.b", true },
        { "**.*", "a", false },
        { "**.*", "a.b", true },
        { "*.github.com", "xgithub.com", false },
        { "*.github.com", "github.com", false },
        { "a.**.c", "a.c", false },
        { "a.**.c", "a.c.c", true },
        { "a.**.c", "a.b.c.d", false },
        { "evil.**", "evil.a.b", true },
        { "evil.**", "evil", false },
        { "**.a.**.a", "a.a.a.a", true },
        { "**.a.**.a", "a.a.a", false },
        { "**.b.*.b.**", "x.b.b.b.x", true },
        { "**.b.*.b.**", "x.b.x.x.b.x", false },
};

START_TEST(test_match) {
        Pattern *p = NULL;
        const char *reason;

        ck_assert_int_eq(pattern_new(matches[_i].pattern, &p, &reason), 0);
        ck_assert_msg(pattern_matches(p, matches[_i].name) == matches[_i].matches, "%s %s", matches[_i].pattern,
                      matches[_i].name);
        pattern_free(p);
}
END_TEST

/* The most labels a name can have, against the pattern that backtracks most. */
START_TEST(test_match_longest) {
        char name[254], text[254];
        Pattern *p = NULL;
        const char *reason;

        for (size_t i = 0; i < 253; i++)
                name[i] = i % 2 == 0 ? 'a' : '.';
        name[253] = '\0';
        strcpy(text, "**.a");
        while (strlen(text) + 5 < sizeof(text))
                strcat(text, ".**.a");
        ck_assert_int_eq(pattern_new(text, &p, &reason), 0);
        ck_assert(pattern_matches(p, name));
        name[252] = 'b';
        ck_assert(!pattern_matches(p, name));
        pattern_free(p);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("pattern");
        TCase *t = tcase_create("pattern");

        tcase_add_loop_test(t, test_canonical, 0, ELEMENTSOF(names));
        tcase_add_loop_test(t, test_match, 0, ELEMENTSOF(matches));
        tcase_add_test(t, test_match_longest);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
