/* SPDX-License-Identifier: Apache-2.0 */
#include "basic/fault.h"

#include <stdio.h>
#include <string.h>

#include <check.h>

START_TEST(list_is_bounded) {
        _cleanup_(fault_list_done) FaultList l = {};
        char item[16];

        for (unsigned i = 0; i < FAULTS_MAX + 3; i++) {
                (void) snprintf(item, sizeof(item), "$.a[%u]", i);
                ck_assert_uint_eq(fault_list_count(&l), i);
                ck_assert_int_eq(fault_list_add(&l, item, i, "wrong") != NULL, i < FAULTS_MAX);
        }
        ck_assert_uint_eq(l.n, FAULTS_MAX);
        ck_assert_uint_eq(l.n_more, 3);
        for (unsigned i = 0; i < FAULTS_MAX; i++) {
                (void) snprintf(item, sizeof(item), "$.a[%u]", i);
                ck_assert_str_eq(l.faults[i].item, item);
                ck_assert_uint_eq(l.faults[i].line, i);
        }
        fault_list_done(&l);
        ck_assert_uint_eq(fault_list_count(&l), 0);
        fault_list_done(&l);
}
END_TEST

START_TEST(text_is_copied_and_cut) {
        _cleanup_(fault_list_done) FaultList l = {};
        char reason[400];

        memset(reason, 'x', sizeof(reason) - 1);
        reason[sizeof(reason) - 1] = '\0';
        l.file = reason;
        Fault *f = fault_list_add(&l, reason, 1, reason);
        ck_assert_uint_eq(strlen(f->file), sizeof(f->file) - 1);
        ck_assert_uint_eq(strlen(f->item), sizeof(f->item) - 1);
        ck_assert_uint_eq(strlen(f->reason), sizeof(f->reason) - 1);
        l.file = NULL;
        ck_assert_str_eq(fault_list_add(&l, NULL, 0, "")->file, "");

        char text[FAULT_TEXT_MAX];
        ck_assert_uint_eq(strlen(fault_format(&l.faults[0], NULL, text)), sizeof(f->file) + sizeof(f->item) + sizeof(f->reason) + 3);
}
END_TEST

static const struct {
        Fault fault;
        const char *origin;
        const char *text;
} formats[] = {
        { { .file = "/a", .item = "$.b", .reason = "wrong", .line = 3 }, "origin", "/a:3: $.b: wrong" },
        { { .file = "/a", .item = "$.b", .reason = "wrong" }, NULL, "/a: $.b: wrong" },
        { { .item = "$.b", .reason = "wrong", .line = 3 }, "origin", "origin:3: $.b: wrong" },
        { { .item = "$.b", .reason = "wrong", .line = 3 }, NULL, "line 3: $.b: wrong" },
        { { .item = "$.b", .reason = "wrong" }, NULL, "$.b: wrong" },
        { { .file = "/a", .reason = "wrong" }, NULL, "/a: wrong" },
        { { .reason = "wrong" }, NULL, "wrong" },
};

START_TEST(one_is_formatted) {
        char text[FAULT_TEXT_MAX];

        ck_assert_str_eq(fault_format(&formats[_i].fault, formats[_i].origin, text), formats[_i].text);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("fault");
        TCase *t = tcase_create("fault");

        tcase_add_test(t, list_is_bounded);
        tcase_add_test(t, text_is_copied_and_cut);
        tcase_add_loop_test(t, one_is_formatted, 0, ELEMENTSOF(formats));
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
