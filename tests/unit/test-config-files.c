/* SPDX-License-Identifier: Apache-2.0 */
#include "host/config-files.h"

#include <stdio.h>
#include <string.h>

#include <check.h>

#include "fake-root.h"

#define VENDOR "/usr/lib/cargowall/cargowall.conf"
#define ETC "/etc/cargowall/cargowall.conf"
#define RUN "/run/cargowall/cargowall.conf"

static void set_up(void) {
        root_make();
        directory_make(VENDOR ".d");
        directory_make(ETC ".d");
        directory_make(RUN ".d");
}

/* What the configuration says, "LEVEL UPSTREAM..."; the order of the files shows in the list. */
static void assert_loaded(const char *expected) {
        _cleanup_(fault_list_done) FaultList list = {};
        ServiceConfig c;
        char text[512];

        int r = config_files_load(root, &c, &list);
        ck_assert_msg(r == 0, "%d: %s:%u: %s", r, list.faults[0].file, list.faults[0].line, list.faults[0].reason);
        ck_assert_uint_eq(fault_list_count(&list), 0);
        (void) snprintf(text, sizeof(text), "%s", log_level_to_string(c.log_level));
        for (size_t i = 0; i < c.n_upstreams; i++)
                strcat(strcat(text, " "), c.upstreams[i]);
        ck_assert_str_eq(text, expected);
        service_config_done(&c);
}

static void assert_fault(const char *file, unsigned line, const char *reason) {
        _cleanup_(fault_list_done) FaultList list = {};
        ServiceConfig c;

        ck_assert_int_eq(config_files_load(root, &c, &list), -EINVAL);
        ck_assert_uint_eq(fault_list_count(&list), 1);
        ck_assert_str_eq(list.faults[0].file, file);
        ck_assert_uint_eq(list.faults[0].line, line);
        ck_assert_str_eq(list.faults[0].reason, reason);
}

START_TEST(nothing_is_fine) {
        assert_loaded("info");
        root_remove();
        ck_assert_int_eq(mkdir(root, 0700), 0);
        assert_loaded("info");
}
END_TEST

START_TEST(order) {
        file_write(VENDOR, "[Service]\nLogLevel=debug\n[DNS]\nUpstream=192.0.2.1\n");
        assert_loaded("debug 192.0.2.1");
        file_write(ETC, "[DNS]\nUpstream=192.0.2.2\n");
        assert_loaded("debug 192.0.2.1 192.0.2.2");
        file_write(ETC ".d/30-c.conf", "[DNS]\nUpstream=192.0.2.30\n");
        file_write(RUN ".d/20-b.conf", "[DNS]\nUpstream=192.0.2.20\n[Service]\nLogLevel=err\n");
        file_write(VENDOR ".d/10-a.conf", "[DNS]\nUpstream=192.0.2.10\n");
        file_write(VENDOR ".d/40-d.conf", "[DNS]\nUpstream=192.0.2.40\n");
        assert_loaded("err 192.0.2.1 192.0.2.2 192.0.2.10 192.0.2.20 192.0.2.30 192.0.2.40");
        file_write(ETC ".d/9.conf", "[DNS]\nUpstream=\n"); /* bytes, not numbers */
        assert_loaded("err");
        file_write(ETC ".d/05.conf", "[DNS]\nUpstream=\n");
        ck_assert_int_eq(remove(path_of(ETC ".d/9.conf", (char[512]) {})), 0);
        assert_loaded("err 192.0.2.10 192.0.2.20 192.0.2.30 192.0.2.40");
}
END_TEST

START_TEST(same_name_hides) {
        file_write(VENDOR ".d/10.conf", "[DNS]\nUpstream=192.0.2.1\n");
        file_write(RUN ".d/10.conf", "[DNS]\nUpstream=192.0.2.2\n");
        assert_loaded("info 192.0.2.2");
        file_write(ETC ".d/10.conf", "[DNS]\nUpstream=192.0.2.3\n");
        assert_loaded("info 192.0.2.3");

        file_write(VENDOR ".d/20.conf", "not read at all\n");
        link_make("/dev/null", ETC ".d/20.conf");
        assert_loaded("info 192.0.2.3");
        file_write(VENDOR ".d/30.conf", "nor this\n");
        file_write(RUN ".d/30.conf", "");
        assert_loaded("info 192.0.2.3");
        link_make("/dev/null", ETC);
        assert_loaded("info 192.0.2.3");
}
END_TEST

START_TEST(other_files_are_left_alone) {
        file_write(ETC ".d/a.conf~", "x\n");
        file_write(ETC ".d/a.conf.dpkg-old", "x\n");
        file_write(ETC ".d/.a.conf", "x\n");
        file_write(ETC ".d/.conf", "x\n");
        file_write(ETC ".d/README", "x\n");
        assert_loaded("info");
        file_write(ETC ".d/x", "[Service]\nLogLevel=err\n");
        link_make("x", ETC ".d/a.conf");
        assert_loaded("err");
}
END_TEST

START_TEST(what_cannot_be_read) {
        char path[512];

        link_make("nowhere", ETC);
        assert_fault(ETC, 0, "a broken symbolic link");
        ck_assert_int_eq(remove(path_of(ETC, path)), 0);

        ck_assert_int_eq(mkdir(path_of(ETC, path), 0755), 0);
        assert_fault(ETC, 0, "not a regular file");
        ck_assert_int_eq(remove(path), 0);

        ck_assert_int_eq(mkfifo(path_of(ETC ".d/a.conf", path), 0644), 0);
        assert_fault(ETC ".d/a.conf", 0, "not a regular file");
        ck_assert_int_eq(remove(path), 0);

        link_make("/dev/zero", ETC ".d/a.conf");
        assert_fault(ETC ".d/a.conf", 0, "not a regular file");
        ck_assert_int_eq(remove(path), 0);

        link_make("a.conf", ETC ".d/a.conf");
        assert_fault(ETC ".d/a.conf", 0, strerrordesc_np(ELOOP));
        ck_assert_int_eq(remove(path), 0);

        ck_assert_int_eq(remove(path_of(ETC ".d", path)), 0);
        file_write(ETC ".d", "");
        assert_fault(ETC ".d", 0, strerrordesc_np(ENOTDIR));
        ck_assert_int_eq(remove(path), 0);

        link_make("nowhere", ETC ".d");
        assert_fault(ETC ".d", 0, "a broken symbolic link");
}
END_TEST

START_TEST(size_limit) {
        _cleanup_free_ char *text = malloc(CONF_TEXT_MAX + 1);

        ck_assert_ptr_nonnull(text);
        memset(text, '\n', CONF_TEXT_MAX + 1);
        file_make(ETC, text, CONF_TEXT_MAX);
        assert_loaded("info");
        file_make(ETC, text, CONF_TEXT_MAX + 1);
        assert_fault(ETC, 0, "too large");
}
END_TEST

START_TEST(drop_ins_are_bounded) {
        char file[128];

        for (unsigned i = 0; i < CONFIG_DROP_INS_MAX; i++) {
                (void) snprintf(file, sizeof(file), ETC ".d/%u.conf", i);
                file_write(file, "");
        }
        assert_loaded("info");
        file_write(ETC ".d/more.conf", "");
        assert_fault(ETC ".d", 0, "too many files");
}
END_TEST

/* Each with its file and line, the good ones between them or not. */
START_TEST(all_faults_are_reported) {
        _cleanup_(fault_list_done) FaultList list = {};
        ServiceConfig c;

        file_write(VENDOR, "[Service]\nMode=no\n");
        link_make("nowhere", ETC);
        file_write(ETC ".d/a.conf", "\n\n[Logs]\n");
        file_write(ETC ".d/b.conf", "[Log]\nEventsFile=/x\n");
        file_write(RUN ".d/c.conf", "[Log]\nEventsFile=x\ny\nz\n");
        ck_assert_int_eq(config_files_load(root, &c, &list), -EINVAL);
        ck_assert_uint_eq(fault_list_count(&list), 6);
        const Fault *faults = list.faults;
        ck_assert_str_eq(faults[0].file, VENDOR);
        ck_assert_uint_eq(faults[0].line, 2);
        ck_assert_str_eq(faults[0].item, "[Service] Mode");
        ck_assert_str_eq(faults[1].file, ETC);
        ck_assert_str_eq(faults[2].file, ETC ".d/a.conf");
        ck_assert_uint_eq(faults[2].line, 3);
        ck_assert_str_eq(faults[2].item, "[Logs]");
        ck_assert_str_eq(faults[3].file, RUN ".d/c.conf");
        ck_assert_uint_eq(faults[3].line, 2);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("config-files");
        TCase *t = tcase_create("config-files");

        tcase_add_checked_fixture(t, set_up, root_remove);
        tcase_add_test(t, nothing_is_fine);
        tcase_add_test(t, order);
        tcase_add_test(t, same_name_hides);
        tcase_add_test(t, other_files_are_left_alone);
        tcase_add_test(t, what_cannot_be_read);
        tcase_add_test(t, size_limit);
        tcase_add_test(t, drop_ins_are_bounded);
        tcase_add_test(t, all_faults_are_reported);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
