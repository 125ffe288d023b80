/* SPDX-License-Identifier: Apache-2.0 */
#include "config/conf-file.h"

#include <stdio.h>
#include <string.h>

#include <check.h>

#include "basic/macro.h"

#define SEEN_MAX 512

/* Writes each statement down: "[A]" for a head, "key=value;" for an assignment. The value "bad" is a fault, "stop" ends
 * it all. */
static int note(_unused_ const char *section, const char *key, const char *value, const char **ret_reason,
                void *userdata) {
        char *seen = userdata;
        size_t n = strlen(seen);

        if (!key)
                (void) snprintf(seen + n, SEEN_MAX - n, "[%s]", section);
        else
                (void) snprintf(seen + n, SEEN_MAX - n, "%s=%s;", key, value);
        if (key && strcmp(value, "stop") == 0)
                return -ECANCELED;
        if (key && strcmp(value, "bad") == 0) {
                *ret_reason = "a bad value";
                return -EINVAL;
        }
        return 0;
}

static const struct {
        const char *text;
        const char *seen;
} good[] = {
        { "", "" },
        { "\n\n", "" },
        { "[A]", "[A]" },
        { "[A]\nk=v", "[A]k=v;" },
        { "[A]\nk=v\n", "[A]k=v;" },
        { " [A] \n\t k\t = v w \t\n", "[A]k=v w;" },
        { "# c\n; c\n  # [B]\n[A]\n#k=v\nk=v # no comment\n", "[A]k=v # no comment;" },
        { "[A]\nk=\n", "[A]k=;" },
        { "[A]\nk==v=w\n", "[A]k==v=w;" },
        { "[A]\nk=\"v\"\n", "[A]k=\"v\";" },
        { "[A]\nk=v \\\n  w\nl=x\n", "[A]k=v    w;l=x;" },
        { "[A]\nk=\\\nv\\\nw\n", "[A]k=v w;" },
        { "[A]\nk=v\\\\\nl=x\n", "[A]k=v\\\\;l=x;" },
        { "[A]\nk=v\\\\\\\nl=x\n", "[A]k=v\\\\ l=x;" },
        { "[A]\nk=v\\\n# comment\n ; comment\nw\n", "[A]k=v w;" },
        { "[A]\nk=v\\\n\nl=x\n", "[A]k=v;l=x;" },
        { "# comment \\\n[A]\nk=v\n", "[A]k=v;" },
        { "[A]\n[B-2]\nk=v\n[A]\n", "[A][B-2]k=v;[A]" },
        { "[A]\nk=\xc3\xa9\n", "[A]k=\xc3\xa9;" },
};

START_TEST(good_text_is_read) {
        char seen[SEEN_MAX] = "";
        _cleanup_(fault_list_done) FaultList list = {};

        int r = conf_file_parse(good[_i].text, strlen(good[_i].text), note, seen, &list);
        ck_assert_msg(r == 0 && list.n == 0, "%s: %d, line %u: %s", good[_i].text, r, list.faults[0].line,
                      list.faults[0].reason);
        ck_assert_str_eq(seen, good[_i].seen);
}
END_TEST

static const struct {
        const char *text;
        unsigned line;
        const char *item;
        const char *reason; /* begin of it */
        const char *seen;
} bad[] = {
        { "k=v\n", 1, "", "a key before the first section", "" },
        { "[A]\nv\n", 2, "[A]", "neither", "[A]" },
        { "[A]\n=v\n", 2, "[A]", "a key has", "[A]" },
        { "[A]\nk k=v\n", 2, "[A]", "a key has", "[A]" },
        { "[A]\n\xef\xbb\xbfk=v\n", 2, "[A]", "a key has", "[A]" },
        { "\xef\xbb\xbf[A]\n", 1, "", "neither", "" },
        { "[A\n", 1, "", "a section header", "" },
        { "[\n", 1, "", "a section header", "" },
        { "[A] x\n", 1, "", "a section header", "" },
        { "[A]# x\n", 1, "", "a section header", "" },
        { "[]\n", 1, "", "a section name", "" },
        { "[A B]\n", 1, "", "a section name", "" },
        { "[A]]\n", 1, "", "a section name", "" },
        { "[A]\r\n", 1, "", "a carriage return", "" },
        { "[A]\nk=v\rw\n", 2, "[A]", "a carriage return", "[A]" },
        { "[A]\nk=\x1b[2J\n", 2, "[A]", "a control", "[A]" },
        { "[A]\nk=\x7f\n", 2, "[A]", "a control", "[A]" },
        { "# \x01\n[A]\n", 1, "", "a control", "[A]" },
        { "[A]\nk=v\\\n", 2, "[A]", "the last line", "[A]" },
        { "[A]\nk=v\\", 2, "[A]", "the last line", "[A]" },
        { "[A]\nk=v\\\n# c\n", 2, "[A]", "the last line", "[A]" },
        { "[A]\n\nk=\\\n\\\nbad\nl=w\n", 3, "[A] k", "a bad value", "[A]k=bad;l=w;" },
        { "[A]\nk=v\\\n\x02\nl=w\n", 2, "[A]", "a control", "[A]l=w;" },
};

START_TEST(bad_text_is_refused) {
        char seen[SEEN_MAX] = "";
        _cleanup_(fault_list_done) FaultList list = {};

        int r = conf_file_parse(bad[_i].text, strlen(bad[_i].text), note, seen, &list);
        ck_assert_msg(r == -EINVAL && list.n == 1, "%s: %d, %zu faults", bad[_i].text, r, list.n);
        ck_assert_uint_eq(list.faults[0].line, bad[_i].line);
        ck_assert_str_eq(list.faults[0].item, bad[_i].item);
        ck_assert_msg(strncmp(list.faults[0].reason, bad[_i].reason, strlen(bad[_i].reason)) == 0, "%s: %s", bad[_i].text,
                      list.faults[0].reason);
        ck_assert_str_eq(seen, bad[_i].seen);
}
END_TEST

START_TEST(nul_is_refused) {
        static const char text[] = "[A]\nk=v\0w\n";
        char seen[SEEN_MAX] = "";
        _cleanup_(fault_list_done) FaultList list = {};

        ck_assert_int_eq(conf_file_parse(text, sizeof(text) - 1, note, seen, &list), -EINVAL);
        ck_assert_str_eq(list.faults[list.n - 1].reason, "a NUL byte");
        ck_assert_str_eq(seen, "[A]");
}
END_TEST

/* After a bad head, keys do not go to the section before it. */
START_TEST(all_faults_are_reported) {
        static const char text[] = "[A]\nx\n[B\nk=v\ny\n[C]\nk=bad\n";
        char seen[SEEN_MAX] = "";
        _cleanup_(fault_list_done) FaultList list = {};

        ck_assert_int_eq(conf_file_parse(text, strlen(text), note, seen, &list), -EINVAL);
        ck_assert_uint_eq(fault_list_count(&list), 5);
        ck_assert_uint_eq(list.faults[0].line, 2);
        ck_assert_uint_eq(list.faults[1].line, 3);
        ck_assert_uint_eq(list.faults[2].line, 4);
        ck_assert_str_eq(seen, "[A][C]k=bad;");
}
END_TEST

START_TEST(caller_stops) {
        static const char text[] = "[A]\nk=stop\nl=v\n";
        char seen[SEEN_MAX] = "";
        _cleanup_(fault_list_done) FaultList list = {};

        ck_assert_int_eq(conf_file_parse(text, strlen(text), note, seen, &list), -ECANCELED);
        ck_assert_uint_eq(fault_list_count(&list), 0);
        ck_assert_str_eq(seen, "[A]k=stop;");
}
END_TEST

static int count(_unused_ const char *section, const char *key, const char *value, _unused_ const char **ret_reason,
                 void *userdata) {
        if (key)
                *(size_t *) userdata += strlen(key) + 1 + strlen(value);
        return 0;
}

/* _i: by how many bytes the line is too long; once in one piece, once joined from many. */
START_TEST(long_line) {
        char text[2 * CONF_LINE_MAX] = "[A]\n";
        const size_t length = CONF_LINE_MAX + (size_t) _i;
        size_t total = 0;
        _cleanup_(fault_list_done) FaultList list = {};

        memset(text + 4, 'k', length);
        text[4 + 2] = '=';
        ck_assert_int_eq(conf_file_parse(text, 4 + length, count, &total, &list), _i > 0 ? -EINVAL : 0);
        ck_assert_uint_eq(total, _i > 0 ? 0 : length);

        for (size_t i = 100; i < length; i += 100)
                memcpy(text + 4 + i, "\\\n", 2);
        const size_t newlines = (length - 1) / 100;
        memset(text + 4 + length, 'v', newlines);
        total = 0;
        ck_assert_int_eq(conf_file_parse(text, 4 + length + newlines, count, &total, &list),
                         _i > 0 ? -EINVAL : 0);
        ck_assert_uint_eq(total, _i > 0 ? 0 : length);
}
END_TEST

START_TEST(long_names) {
        char text[256], name[66], seen[SEEN_MAX] = "";
        _cleanup_(fault_list_done) FaultList list = {};

        memset(name, 'n', 64);
        name[64] = '\0';
        (void) snprintf(text, sizeof(text), "[%s]\n%s=bad", name, name);
        ck_assert_int_eq(conf_file_parse(text, strlen(text), note, seen, &list), -EINVAL);
        ck_assert_uint_eq(strlen(list.faults[list.n - 1].item), 66 + 1 + 28);
        ck_assert_str_eq(list.faults[list.n - 1].reason, "a bad value");

        strcat(name, "n");
        (void) snprintf(text, sizeof(text), "[%s]", name);
        ck_assert_int_eq(conf_file_parse(text, strlen(text), note, seen, &list), -EINVAL);
        (void) snprintf(text, sizeof(text), "[A]\n%s=v", name);
        ck_assert_int_eq(conf_file_parse(text, strlen(text), note, seen, &list), -EINVAL);
        ck_assert_uint_eq(list.faults[list.n - 1].line, 2);
}
END_TEST

START_TEST(large_text) {
        _cleanup_free_ char *text = malloc(CONF_TEXT_MAX + 1);
        char seen[SEEN_MAX] = "";
        _cleanup_(fault_list_done) FaultList list = {};

        ck_assert_ptr_nonnull(text);
        memset(text, '\n', CONF_TEXT_MAX + 1);
        ck_assert_int_eq(conf_file_parse(text, CONF_TEXT_MAX, note, seen, &list), 0);
        ck_assert_int_eq(conf_file_parse(text, CONF_TEXT_MAX + 1, note, seen, &list), -EINVAL);
        ck_assert_uint_eq(list.faults[list.n - 1].line, 0);
        ck_assert_str_ne(list.faults[list.n - 1].reason, "");
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("conf-file");
        TCase *t = tcase_create("conf-file");

        tcase_add_loop_test(t, good_text_is_read, 0, ELEMENTSOF(good));
        tcase_add_loop_test(t, bad_text_is_refused, 0, ELEMENTSOF(bad));
        tcase_add_test(t, nul_is_refused);
        tcase_add_test(t, all_faults_are_reported);
        tcase_add_test(t, caller_stops);
        tcase_add_loop_test(t, long_line, 0, 2);
        tcase_add_test(t, long_names);
        tcase_add_test(t, large_text);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
