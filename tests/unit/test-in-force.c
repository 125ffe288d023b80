/* SPDX-License-Identifier: Apache-2.0 */

/* What a start puts into force when documents have faults, and what is kept for it. */

#include "daemon/in-force.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "fake-root.h"
#include "host/state-file.h"

#define HOST "/etc/cargowall/policy.json"
#define DIR "/etc/cargowall/policy.d"
#define STATE "/state"
#define NOW 1732924800000000 /* 2024-11-30T00:00:00Z */
#define MATCH(unit) "\"match\":{\"units\":[\"" unit "\"]},"
#define RULES "\"rules\":[{\"type\":\"hostname\",\"value\":\"a.example\",\"action\":\"allow\"}]"
#define GOOD_HOST "{\"mode\":\"enforce\"," RULES "}"
#define GOOD_UNIT "{" MATCH("a.service") "\"mode\":\"enforce\"," RULES "}"

static char state[512];
static LastGood kept;
static Documents documents;
static InForce in_force;
static FaultList faults;

static void set_up(void) {
        root_make();
        directory_make(DIR);
        directory_make(STATE);
        (void) path_of(STATE, state);
        ck_assert_int_eq(chmod(state, 0750), 0);
        kept = (LastGood) { .directory = state };
        file_write(HOST, GOOD_HOST);
        file_write(DIR "/unit.json", GOOD_UNIT);
}

static void tear_down(void) {
        last_good_done(&kept);
        documents_done(&documents);
        fault_list_done(&faults);
        root_remove();
}

static int start(void) {
        documents_done(&documents);
        fault_list_done(&faults);
        return in_force_load(root, &kept, MODE_ENFORCE, &documents, &in_force, &faults);
}

/* A start with sound documents, which are then in force. */
static void start_well(void) {
        ck_assert_int_eq(start(), 0);
        ck_assert_int_eq(in_force.kind, IN_FORCE_AS_WRITTEN);
        ck_assert_int_eq(last_good_prepare(&kept, &documents, NOW), 0);
        ck_assert_int_ge(last_good_write(&kept), 0);
}

static const char *text(void) {
        static char buf[IN_FORCE_TEXT_MAX];

        return in_force_format(&in_force, buf);
}

static const Document *document(const char *name) {
        for (size_t i = 0; i < documents.n; i++)
                if (strcmp(documents.items[i].name, name) == 0)
                        return &documents.items[i];
        return NULL;
}

START_TEST(faults_leave_the_last_good_ones_in_force) {
        char short_text[96];

        start_well();
        ck_assert_str_eq(text(), "");
        file_write(DIR "/unit.json", "{");
        file_write(DIR "/new.json", "{" MATCH("b.service") "\"rules\":[]}");
        ck_assert_int_eq(start(), 0);
        ck_assert_int_eq(in_force.kind, IN_FORCE_LAST_GOOD);
        ck_assert_uint_eq(faults.n, 1);
        ck_assert_uint_eq(documents.n, 2);
        ck_assert_str_eq(document("unit")->text, GOOD_UNIT);
        ck_assert_str_eq(document("unit")->source, DOCUMENT_SOURCE_LAST_GOOD);
        ck_assert_int_eq(document("unit")->origin, DOCUMENT_LAST_GOOD);
        ck_assert_str_eq(document("host")->text, GOOD_HOST);
        ck_assert_ptr_nonnull(strstr(text(), "2024-11-30T00:00:00Z"));
        ck_assert_ptr_nonnull(strstr(text(), DIR "/unit.json"));
        ck_assert_ptr_nonnull(strstr(in_force_format_short(&in_force, short_text, sizeof(short_text)), "documents have faults"));
}
END_TEST

START_TEST(documents_that_are_gone_are_a_fault) {
        char path[512];

        start_well();
        ck_assert_int_eq(unlink(path_of(HOST, path)), 0);
        ck_assert_int_eq(unlink(path_of(DIR "/unit.json", path)), 0);
        ck_assert_int_eq(start(), 0);
        ck_assert_int_eq(in_force.kind, IN_FORCE_LAST_GOOD);
        ck_assert_ptr_nonnull(strstr(text(), "there is no policy document"));
        ck_assert_int_eq(state_file_remove(state, LAST_GOOD_FILE), 0);
        ck_assert_int_eq(start(), -ENOENT);
}
END_TEST

START_TEST(without_last_good_ones_what_was_enforced_is_denied) {
        file_write(DIR "/unit.json", "{" MATCH("a.service") "\"mode\":\"enforce\",\"rules\":[{}]}");
        file_write(DIR "/audit.json", "{" MATCH("b.service") "\"mode\":\"audit\",\"rules\":[{}]}");
        file_write(DIR "/lost.json", "{\"mode\":\"enforce\",");
        ck_assert_int_eq(start(), 0);
        ck_assert_int_eq(in_force.kind, IN_FORCE_OUTLINES);
        ck_assert_uint_eq(in_force.n_left_out, 1);
        ck_assert_uint_eq(documents.n, 3);
        ck_assert_str_eq(document("host")->text, GOOD_HOST); /* has none */
        ck_assert_int_eq(document("host")->origin, DOCUMENT_FILE);
        ck_assert_int_eq(document("unit")->origin, DOCUMENT_OUTLINE);
        ck_assert_int_eq(document("unit")->mode, MODE_ENFORCE);
        ck_assert_uint_eq(document("unit")->n_rules, 0);
        ck_assert_str_eq(document("unit")->match.patterns[0].text, "a.service");
        ck_assert_int_eq(document("audit")->mode, MODE_AUDIT);
        ck_assert_ptr_nonnull(strstr(text(), "there is no last good policy"));
        ck_assert_ptr_nonnull(strstr(text(), "1 of them cannot be read that far and is not enforced"));
}
END_TEST

START_TEST(nothing_that_can_be_read_leaves_the_machine_alone) {
        char path[512];

        ck_assert_int_eq(unlink(path_of(DIR "/unit.json", path)), 0);
        file_write(HOST, "{");
        ck_assert_int_eq(start(), 0);
        ck_assert_int_eq(in_force.kind, IN_FORCE_OUTLINES);
        ck_assert_uint_eq(documents.n, 1);
        ck_assert_int_eq(documents.items[0].origin, DOCUMENT_NONE);
        ck_assert_uint_eq(in_force.n_left_out, 1);
}
END_TEST

START_TEST(two_with_one_name_are_both_in_force) {
        file_write(DIR "/z.json", "{\"name\":\"unit\"," MATCH("b.service") "\"mode\":\"enforce\",\"rules\":[]}");
        ck_assert_int_eq(start(), 0);
        ck_assert_uint_eq(documents.n, 3);
        ck_assert_str_eq(document("unit")->text, GOOD_UNIT);
        ck_assert_str_eq(document("z")->match.patterns[0].text, "b.service");
}
END_TEST

/* ------------------------------------------------------------------ what was kept */

static void start_with_fault(InForceKind kind, const char *part) {
        file_write(HOST, "{");
        ck_assert_int_eq(start(), 0);
        ck_assert_int_eq(in_force.kind, kind);
        ck_assert_msg(strstr(text(), part), "%s", text());
        file_write(HOST, GOOD_HOST);
}

START_TEST(what_was_changed_or_cut_is_not_taken) {
        char path[512];
        _cleanup_free_ char *good = NULL;
        const char *reason;
        size_t size;

        start_well();
        (void) path_of(STATE "/" LAST_GOOD_FILE, path);
        ck_assert_int_eq(state_file_read(state, LAST_GOOD_FILE, 1 << 20, &good, &size, &reason), 0);
        start_with_fault(IN_FORCE_LAST_GOOD, "2024");
        good[size / 2] ^= 1;
        file_make(STATE "/" LAST_GOOD_FILE, good, size);
        start_with_fault(IN_FORCE_OUTLINES, "changed");
        good[size / 2] ^= 1;
        file_make(STATE "/" LAST_GOOD_FILE, good, size - 1);
        start_with_fault(IN_FORCE_OUTLINES, "cut or changed");
        file_make(STATE "/" LAST_GOOD_FILE, good, size);
        start_with_fault(IN_FORCE_LAST_GOOD, "2024");
        ck_assert_int_eq(chmod(path, 0666), 0);
        start_with_fault(IN_FORCE_OUTLINES, "its mode lets other users");
        if (geteuid() != 0)
                return;
        ck_assert_int_eq(chmod(path, 0600), 0);
        ck_assert_int_eq(chown(path, 1, 1), 0);
        start_with_fault(IN_FORCE_OUTLINES, "belongs to another user");
}
END_TEST

START_TEST(only_changes_are_written) {
        uint64_t time;
        const char *reason;

        start_well();
        documents_done(&documents);
        ck_assert_int_eq(start(), 0);
        ck_assert_int_eq(last_good_prepare(&kept, &documents, NOW + 1), 0);
        ck_assert_int_eq(last_good_write(&kept), 0);
        documents_done(&documents);
        ck_assert_int_eq(last_good_load(&kept, &documents, &time, &reason), 0);
        ck_assert_uint_eq(time, NOW); /* since when they are in force */

        file_write(HOST, "{" RULES "}");
        ck_assert_int_eq(start(), 0);
        ck_assert_int_eq(last_good_prepare(&kept, &documents, NOW + 2), 0);
        ck_assert_int_eq(last_good_write(&kept), 1);
        ck_assert_int_eq(last_good_write(&kept), 0);
        documents_done(&documents);
        ck_assert_int_eq(last_good_load(&kept, &documents, &time, &reason), 0);
        ck_assert_uint_eq(time, NOW + 2);
}
END_TEST

/* Otherwise a later start would take older ones for those that were in force. */
START_TEST(what_cannot_be_replaced_is_removed) {
        char path[512];

        start_well();
        file_write(HOST, "{" RULES "}");
        ck_assert_int_eq(start(), 0);
        ck_assert_int_eq(last_good_prepare(&kept, &documents, NOW), 0);
        ck_assert_int_eq(mkdir(path_of(STATE "/.last-good.new", path), 0700), 0); /* in the way */
        ck_assert_int_lt(last_good_write(&kept), 0);
        ck_assert_int_ne(kept.error, 0);
        ck_assert_int_ne(access(path_of(STATE "/" LAST_GOOD_FILE, path), F_OK), 0);
        start_with_fault(IN_FORCE_OUTLINES, "could not be kept");

        ck_assert_int_eq(rmdir(path_of(STATE "/.last-good.new", path)), 0);
        ck_assert_int_eq(last_good_write(&kept), 1); /* tried again */
        start_with_fault(IN_FORCE_LAST_GOOD, "2024");
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("in-force");
        TCase *t = tcase_create("in-force");

        tcase_add_checked_fixture(t, set_up, tear_down);
        tcase_add_test(t, faults_leave_the_last_good_ones_in_force);
        tcase_add_test(t, documents_that_are_gone_are_a_fault);
        tcase_add_test(t, without_last_good_ones_what_was_enforced_is_denied);
        tcase_add_test(t, nothing_that_can_be_read_leaves_the_machine_alone);
        tcase_add_test(t, two_with_one_name_are_both_in_force);
        tcase_add_test(t, what_was_changed_or_cut_is_not_taken);
        tcase_add_test(t, only_changes_are_written);
        tcase_add_test(t, what_cannot_be_replaced_is_removed);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
