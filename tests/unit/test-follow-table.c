/* SPDX-License-Identifier: Apache-2.0 */

/* Whose users are followed, and what is read of units and processes for that. */

#include "policy/follow-table.h"

#include <check.h>
#include <string.h>

#include "basic/macro.h"

static PolicySet set;
static FollowTable table;

static void add_document(const char *name, const char *text) {
        _cleanup_(policy_document_done) PolicyDocument parsed = {};
        _cleanup_(fault_list_done) FaultList faults = {};

        set.documents.items = reallocarray(set.documents.items, set.documents.n + 1, sizeof(Document));
        ck_assert_ptr_nonnull(set.documents.items);
        Document *d = &set.documents.items[set.documents.n++];
        *d = (Document) { .origin = DOCUMENT_FILE };
        ck_assert_int_eq(policy_document_from_json(&parsed, text, strlen(text), name, &faults), 0);
        ck_assert_int_eq(document_fill(d, &parsed, strlen(text)), 0);
}

static void set_up(void) {
        set = (PolicySet) { .configured_mode = MODE_ENFORCE };
        table = (FollowTable) {};
        add_document("host", "{}");
        add_document("a", "{\"match\":{\"units\":[\"a*.service\"],\"containers\":[\"*\"],\"follow\":true}}");
        add_document("b", "{\"match\":{\"units\":[\"b.service\"],\"follow\":true}}");
        add_document("plain", "{\"match\":{\"units\":[\"plain.service\"]}}");
}

static void tear_down(void) {
        policy_set_done(&set);
        follow_table_done(&table);
}

START_TEST(documents_of_cgroups) {
        ck_assert_str_eq(follow_document_of(&set, "/system.slice/a1.service")->name, "a");
        ck_assert_str_eq(follow_document_of(&set, "/x.slice/b.service/below")->name, "b");
        ck_assert_ptr_null(follow_document_of(&set, "/system.slice/plain.service"));
        ck_assert_ptr_null(follow_document_of(&set, "/system.slice/cron.service"));
        /* a container's users are not those of the machine, even if the document judges it */
        ck_assert_ptr_null(follow_document_of(&set, "/system.slice/docker-"
                                              "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.scope"));
}
END_TEST

START_TEST(all_documents_of_a_user) {
        const Document *d[CW_CHAIN_MAX];

        ck_assert_int_eq(follow_table_add(&table, 1001, "b"), 1);
        ck_assert_int_eq(follow_table_add(&table, 1000, "a"), 1);
        ck_assert_int_eq(follow_table_add(&table, 1001, "a"), 1);
        ck_assert_int_eq(follow_table_add(&table, 1001, "a"), 0);
        ck_assert_int_eq(follow_table_documents(&table, &set, 1001, d), 2);
        ck_assert_str_eq(d[0]->name, "a");
        ck_assert_str_eq(d[1]->name, "b");
        ck_assert_int_eq(follow_table_documents(&table, &set, 1000, d), 1);
        ck_assert_str_eq(d[0]->name, "a");
        ck_assert_int_eq(follow_table_documents(&table, &set, 1002, d), 0);
}
END_TEST

START_TEST(more_documents_than_fit) {
        const Document *d[CW_CHAIN_MAX];
        const char *const names[] = { "a", "b", "c", "d", "e" };

        for (size_t i = 2; i < ELEMENTSOF(names); i++)
                add_document(names[i], "{\"match\":{\"units\":[\"c.service\"],\"follow\":true}}");
        for (size_t i = 0; i < CW_CHAIN_MAX; i++)
                ck_assert_int_eq(follow_table_add(&table, 1001, names[i]), 1);
        ck_assert_int_eq(follow_table_documents(&table, &set, 1001, d), CW_CHAIN_MAX);
        ck_assert_int_eq(follow_table_add(&table, 1001, names[CW_CHAIN_MAX]), 1);
        ck_assert_int_eq(follow_table_documents(&table, &set, 1001, d), -E2BIG);
}
END_TEST

START_TEST(some_users_are_not_followed) {
        const uint32_t users[] = { 0, 65534, 65535, UINT32_MAX };

        for (size_t i = 0; i < ELEMENTSOF(users); i++)
                ck_assert_int_eq(follow_table_add(&table, users[i], "a"), -EINVAL);
        ck_assert_uint_eq(table.n, 0);
}
END_TEST

START_TEST(table_is_bounded) {
        for (uint32_t i = 1; i <= FOLLOW_USERS_MAX; i++)
                ck_assert_int_eq(follow_table_add(&table, i, "a"), 1);
        ck_assert_int_eq(follow_table_add(&table, FOLLOW_USERS_MAX + 1, "a"), -ENOSPC);
        ck_assert_int_eq(follow_table_add(&table, 5, "a"), 0);
        uint32_t uid = UINT32_MAX, n = 0;
        while (follow_table_next(&table, uid, &uid) >= 0)
                ck_assert_uint_eq(uid, ++n);
        ck_assert_uint_eq(n, FOLLOW_USERS_MAX);
}
END_TEST

START_TEST(documents_end_it) {
        const Document *d[CW_CHAIN_MAX];

        (void) follow_table_add(&table, 1001, "a");
        (void) follow_table_add(&table, 1001, "b");
        (void) follow_table_add(&table, 1001, "plain"); /* followed before a reload */
        (void) follow_table_add(&table, 1002, "gone");
        ck_assert(follow_table_retain(&table, &set));
        ck_assert(!follow_table_retain(&table, &set));
        ck_assert_int_eq(follow_table_documents(&table, &set, 1001, d), 2);
        ck_assert_uint_eq(table.n, 2);
}
END_TEST

/* What a user left behind still runs when its unit has ended; the number of a dynamic user is that of another unit then. */
START_TEST(dynamic_users_end_with_their_unit) {
        (void) follow_table_add(&table, 1001, "a");
        (void) follow_table_add(&table, 61184, "a");
        (void) follow_table_add(&table, 65519, "a");
        ck_assert(!follow_table_sweep(&table));
        (void) follow_table_add(&table, 65519, "a");
        ck_assert(follow_table_sweep(&table));
        ck_assert_uint_eq(table.n, 2);
        ck_assert_uint_eq(table.entries[0].uid, 1001);
        ck_assert_uint_eq(table.entries[1].uid, 65519);
        ck_assert(follow_table_sweep(&table));
        ck_assert(!follow_table_sweep(&table));
        ck_assert_uint_eq(table.n, 1);
}
END_TEST

static const struct {
        const char *path;
        int r;
        uint32_t uid;
} managers[] = {
        { "/user.slice/user-1000.slice/user@1000.service", 0, 1000 },
        { "/user.slice/user-1000.slice/user@1000.service/app.slice/a.service", 0, 1000 },
        { "/user.slice/user-0.slice/user@0.service", 0, 0 },
        { "/user.slice/user-4294967295.slice/user@4294967295.service", 0, UINT32_MAX },
        { "/user.slice/user-1000.slice/user@1001.service", -ENOENT, 0 },
        { "/user.slice/user-1000.slice/session-1.scope", -ENOENT, 0 },
        { "/user.slice/user-1000.slice/user@1000.serviceable", -ENOENT, 0 },
        { "/user.slice/user-01000.slice/user@01000.service", -ENOENT, 0 },
        { "/user.slice/user-4294968296.slice/user@4294968296.service", -ENOENT, 0 },
        { "/user.slice/user-.slice/user@.service", -ENOENT, 0 },
        { "/system.slice/user.slice/user-1000.slice/user@1000.service", -ENOENT, 0 },
        { "/user.slice", -ENOENT, 0 },
        { "/", -ENOENT, 0 },
};

START_TEST(managers_by_path) {
        uint32_t uid = 7;

        ck_assert_int_eq(follow_manager_of(managers[_i].path, &uid), managers[_i].r);
        ck_assert_uint_eq(uid, managers[_i].r < 0 ? 7 : managers[_i].uid);
}
END_TEST

static const struct {
        const char *text;
        int r;
        uint32_t uid;
} texts[] = {
        { "Name:\tRunner\nUmask:\t0022\nPid:\t7\nPPid:\t1\nTracerPid:\t0\nUid:\t1001\t0\t0\t0\nGid:\t5\t5\t5\t5\n", 0, 1001 },
        { "Name:\tsh\nPPid:\t7\nUid:\t1001\t1001\t1001\t1001\n", -ENOENT, 0 }, /* by another process of the unit */
        { "Name:\tPPid:\\t1\nPPid:\t7\nUid:\t5\t5\t5\t5\n", -ENOENT, 0 }, /* a name of its choice */
        { "Name:\tx\nPPid:\t1\nUid:\t0\t0\t0\t0\n", 0, 0 },
        { "Name:\tx\nPPid:\t10\nUid:\t5\t5\t5\t5\n", -ENOENT, 0 },
        { "Name:\tx\nPPid:\t1\nUid:\t4294967296\t0\t0\t0\n", -EBADMSG, 0 },
        { "Name:\tx\nPPid:\t1\nUid:\t\n", -EBADMSG, 0 },
        { "Name:\tx\nPPid:\t1\nUid:\t5", -EBADMSG, 0 },
        { "Name:\tx\nPPid:\t1x\nUid:\t5\t5\t5\t5\n", -EBADMSG, 0 },
        { "Name:\tx\nPPid:\t1\n", -EBADMSG, 0 },
        { "Uid:\t5\t5\t5\t5\n", -EBADMSG, 0 },
        { "", -EBADMSG, 0 },
};

START_TEST(users_of_processes) {
        uint32_t uid = 7;

        ck_assert_int_eq(follow_user_of_status(texts[_i].text, &uid), texts[_i].r);
        ck_assert_uint_eq(uid, texts[_i].r < 0 ? 7 : texts[_i].uid);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("follow-table");
        TCase *t = tcase_create("follow-table");

        tcase_add_checked_fixture(t, set_up, tear_down);
        tcase_add_test(t, documents_of_cgroups);
        tcase_add_test(t, all_documents_of_a_user);
        tcase_add_test(t, more_documents_than_fit);
        tcase_add_test(t, some_users_are_not_followed);
        tcase_add_test(t, table_is_bounded);
        tcase_add_test(t, documents_end_it);
        tcase_add_test(t, dynamic_users_end_with_their_unit);
        tcase_add_loop_test(t, managers_by_path, 0, ELEMENTSOF(managers));
        tcase_add_loop_test(t, users_of_processes, 0, ELEMENTSOF(texts));
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
