/* SPDX-License-Identifier: Apache-2.0 */

/* Modes that were set, and their text. */

#include "policy/mode-table.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

static ModeTable table;

static void set_up(void) {
        table = (ModeTable) MODE_TABLE_EMPTY;
}

static void tear_down(void) {
        mode_table_done(&table);
}

START_TEST(by_name_and_for_all) {
        ck_assert(mode_table_is_empty(&table));
        ck_assert_int_eq(mode_table_set(&table, "a", MODE_SETTING_ENFORCE), 0);
        ck_assert_int_eq(mode_table_set(&table, "b", MODE_SETTING_AUDIT), 0);
        ck_assert_int_eq(mode_table_get(&table, "a"), MODE_SETTING_ENFORCE);
        ck_assert_int_eq(mode_table_get(&table, "c"), MODE_SETTING_CONFIGURED);
        ck_assert_int_eq(mode_table_set(&table, NULL, MODE_SETTING_ENFORCE), 0);
        ck_assert_uint_eq(table.n, 2); /* it weakens nothing */
        ck_assert_int_eq(mode_table_set(&table, "a", MODE_SETTING_CONFIGURED), 0);
        ck_assert_int_eq(mode_table_get(&table, "a"), MODE_SETTING_CONFIGURED);
        ck_assert_int_eq(mode_table_set(&table, "b", MODE_SETTING_OFF), 0);
        ck_assert_uint_eq(table.n, 1);
        ck_assert_int_eq(mode_table_set(&table, NULL, MODE_SETTING_AUDIT), 0);
        ck_assert_uint_eq(table.n, 0);
        ck_assert_int_eq(mode_table_set(&table, "No Name", MODE_SETTING_AUDIT), -EINVAL);
        ck_assert_int_eq(mode_table_set(&table, NULL, MODE_SETTING_CONFIGURED), 0);
        ck_assert(mode_table_is_empty(&table));
}
END_TEST

START_TEST(names_are_bounded) {
        char name[16];

        for (unsigned i = 0; i <= MODE_TABLE_MAX; i++) {
                (void) snprintf(name, sizeof(name), "n%u", i);
                ck_assert_int_eq(mode_table_set(&table, name, MODE_SETTING_AUDIT), i < MODE_TABLE_MAX ? 0 : -ENOSPC);
        }
        ck_assert_int_eq(mode_table_set(&table, "n0", MODE_SETTING_OFF), 0);
}
END_TEST

START_TEST(text) {
        static const char wanted[] = "cargowall modes 1\nall enforce\nscope a audit\nscope b off\nend\n";
        ModeTable again, copy;
        char *formatted;
        size_t size;

        ck_assert_int_eq(mode_table_set(&table, NULL, MODE_SETTING_ENFORCE), 0);
        ck_assert_int_eq(mode_table_set(&table, "a", MODE_SETTING_AUDIT), 0);
        ck_assert_int_eq(mode_table_set(&table, "b", MODE_SETTING_OFF), 0);
        ck_assert_int_eq(mode_table_format(&table, &formatted, &size), 0);
        ck_assert_str_eq(formatted, wanted);
        ck_assert_int_eq(mode_table_parse(formatted, size, &again), 0);
        ck_assert_int_eq(mode_table_copy(&again, &copy), 0);
        ck_assert(mode_table_equals(&table, &again) && mode_table_equals(&copy, &table));
        for (size_t n = 0; n < size; n++) {
                ModeTable cut;
                ck_assert_int_eq(mode_table_parse(formatted, n, &cut), -EBADMSG);
        }
        again.entries[0].mode = MODE_OFF;
        ck_assert(!mode_table_equals(&table, &again));
        mode_table_done(&again);
        mode_table_done(&copy);
        free(formatted);
}
END_TEST

START_TEST(other_texts) {
        static const char *const texts[] = {
                "cargowall modes 2\nend\n",
                "cargowall modes 1\nall on\nend\n",
                "cargowall modes 1\nall audit\nall enforce\nend\n",
                "cargowall modes 1\nscope a audit\nall enforce\nend\n",
                "cargowall modes 1\nscope a audit\nscope a enforce\nend\n",
                "cargowall modes 1\nscope A audit\nend\n",
                "cargowall modes 1\nscope a\nend\n",
                "cargowall modes 1\nscope a configured\nend\n",
                "cargowall modes 1\n\nend\n",
                "cargowall modes 1\nend\nend\n",
        };
        ModeTable t;

        ck_assert_int_eq(mode_table_parse("cargowall modes 1\nend\n", strlen("cargowall modes 1\nend\n"), &t), 0);
        ck_assert(mode_table_is_empty(&t));
        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                ck_assert_msg(mode_table_parse(texts[i], strlen(texts[i]), &t) == -EBADMSG, "%s", texts[i]);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("mode-table");
        TCase *t = tcase_create("mode-table");

        tcase_add_checked_fixture(t, set_up, tear_down);
        tcase_add_test(t, by_name_and_for_all);
        tcase_add_test(t, names_are_bounded);
        tcase_add_test(t, text);
        tcase_add_test(t, other_texts);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
