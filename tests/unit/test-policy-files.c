/* SPDX-License-Identifier: Apache-2.0 */
#include "host/policy-files.h"

#include <stdio.h>
#include <string.h>

#include <check.h>

#include "fake-root.h"

#define HOST "/etc/cargowall/policy.json"
#define DIR "/etc/cargowall/policy.d"

static void set_up(void) {
        root_make();
        directory_make(DIR);
}

static void load(PolicyFiles *ret) {
        _cleanup_(fault_list_done) FaultList list = {};

        int r = policy_files_load(root, ret, &list);
        ck_assert_msg(r == 0, "%d: %s: %s: %s", r, list.faults[0].file, list.faults[0].item, list.faults[0].reason);
        ck_assert_uint_eq(fault_list_count(&list), 0);
}

/* "file:line path" of each fault, on lines of their own. */
static void assert_faults(const char *expected) {
        _cleanup_(fault_list_done) FaultList list = {};
        PolicyFiles files;
        char text[4096] = "";

        ck_assert_int_eq(policy_files_load(root, &files, &list), -EINVAL);
        ck_assert_uint_gt(list.n, 0);
        for (size_t i = 0; i < list.n; i++) {
                const Fault *f = &list.faults[i];

                ck_assert_str_ne(f->reason, "");
                (void) snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s:%u %s\n", f->file, f->line,
                                f->item);
        }
        ck_assert_str_eq(text, expected);
}

#define MATCH(unit) "\"match\":{\"units\":[\"" unit "\"]}"

START_TEST(nothing_is_fine) {
        PolicyFiles files;

        load(&files);
        ck_assert(files.n == 0 && !files.has_host);
        policy_files_done(&files);
        file_remove(DIR);
        load(&files);
        ck_assert_uint_eq(files.n, 0);
        policy_files_done(&files);
}
END_TEST

START_TEST(host_alone) {
        static const char text[] = "{\"mode\":\"audit\"}\n";
        PolicyFiles files;

        file_write(HOST, text);
        load(&files);
        ck_assert(files.n == 1 && files.has_host);
        ck_assert_str_eq(files.files[0].path, HOST);
        ck_assert_str_eq(files.files[0].text, text);
        ck_assert_uint_eq(files.files[0].size, strlen(text));
        ck_assert_str_eq(files.files[0].document.name, "host");
        ck_assert(!files.files[0].document.has_inbound && files.files[0].document.inbound);
        ck_assert_int_eq(files.files[0].document.source.mode, MODE_AUDIT);
        /* printf '{"mode":"audit"}\n' | sha256sum */
        ck_assert_str_eq(files.files[0].digest,
                         "sha256:394302144d83bc75c7afdf89335b82ab9462996733aa16f9ad30be796a9cd2af");
        policy_files_done(&files);

        file_write(HOST, "{\"name\":\"host\",\"inbound\":\"judge\"}");
        load(&files);
        ck_assert(files.files[0].document.has_inbound && !files.files[0].document.inbound);
        policy_files_done(&files);
}
END_TEST

START_TEST(many_in_order) {
        static const char *const names[] = { "host", "10-b", "9-a", "named", "z" };
        PolicyFiles files;

        file_write(DIR "/z.json", "{" MATCH("z.service") "}");
        file_write(DIR "/9-a.json", "{" MATCH("a.service") ",\"inbound\":\"allow\"}");
        file_write(DIR "/10-b.json", "{" MATCH("b.service") "}");
        file_write(DIR "/Upper case.json", "{" MATCH("c.service") ",\"name\":\"named\"}");
        file_write(HOST, "{}");
        file_write(DIR "/x.json~", "no policy");
        file_write(DIR "/.x.json", "no policy");
        file_write(DIR "/README", "{}");
        load(&files);
        ck_assert(files.has_host);
        ck_assert_uint_eq(files.n, ELEMENTSOF(names));
        /* "Upper case.json" comes after digits, before lower case. */
        for (size_t i = 0; i < files.n; i++) {
                ck_assert_str_eq(files.files[i].document.name, names[i]);
                ck_assert_uint_eq(files.files[i].document.match.n, i > 0);
        }
        ck_assert(!files.files[1].document.inbound && files.files[2].document.inbound);
        policy_files_done(&files);

        file_remove(HOST);
        load(&files);
        ck_assert(files.n == ELEMENTSOF(names) - 1 && !files.has_host);
        ck_assert_str_eq(files.files[0].path, DIR "/10-b.json");
        policy_files_done(&files);
}
END_TEST

START_TEST(links_are_followed) {
        PolicyFiles files;
        char path[512];

        file_write("/etc/managed", "{" MATCH("a.service") "}");
        link_make("../../managed", DIR "/a.json");
        ck_assert_int_eq(mkdir(path_of("/etc/cargowall/real", path), 0755), 0);
        file_write("/etc/cargowall/real/policy", "{}");
        link_make("real/policy", HOST);
        load(&files);
        ck_assert(files.n == 2 && files.has_host);
        ck_assert_str_eq(files.files[1].document.name, "a");
        policy_files_done(&files);
}
END_TEST

START_TEST(what_cannot_be_read) {
        char path[512];

        ck_assert_int_eq(mkfifo(path_of(HOST, path), 0644), 0);
        assert_faults(HOST ":0 $\n");
        file_remove(HOST);
        link_make("/dev/null", HOST); /* no way to say "none": that is what no file says */
        assert_faults(HOST ":0 $\n");
        file_remove(HOST);
        link_make("nowhere", HOST);
        assert_faults(HOST ":0 $\n");
        file_remove(HOST);
        ck_assert_int_eq(mkdir(path_of(DIR "/a.json", path), 0755), 0);
        link_make("nowhere", DIR "/b.json");
        file_write(DIR "/c.json", "");
        assert_faults(DIR "/a.json:0 $\n" DIR "/b.json:0 $\n" DIR "/c.json:0 $\n");
}
END_TEST

START_TEST(host_has_no_match) {
        file_write(HOST, "{\n" MATCH("a.service") ",\n\"name\":\"box\"}");
        assert_faults(HOST ":2 $.match\n" HOST ":3 $.name\n");
}
END_TEST

START_TEST(others_have_one) {
        file_write(DIR "/a.json", "{}");
        file_write(DIR "/b.json", "{\"name\":\"x\"}");
        file_write(DIR "/host.json", "{" MATCH("a.service") "}");
        file_write(DIR "/j.json", "{" MATCH("a.service") ",\n\"name\":\"host\"}");
        file_write(DIR "/k_l.json", "{" MATCH("a.service") "}");
        assert_faults(DIR "/a.json:1 $\n" DIR "/b.json:1 $\n" DIR "/host.json:1 $.name\n" DIR "/j.json:2 $.name\n" DIR
                          "/k_l.json:0 $\n");
}
END_TEST

START_TEST(names_are_unique) {
        _cleanup_(fault_list_done) FaultList list = {};
        PolicyFiles files;

        file_write(DIR "/a.json", "{" MATCH("a.service") "}");
        file_write(DIR "/b.json", "{" MATCH("b.service") ",\n\"name\":\"a\"}");
        assert_faults(DIR "/b.json:2 $.name\n");
        ck_assert_int_eq(policy_files_load(root, &files, &list), -EINVAL);
        ck_assert_str_eq(list.faults[0].reason, "a.json has the same name");
}
END_TEST

START_TEST(all_faults_are_reported) {
        _cleanup_(fault_list_done) FaultList list = {};
        PolicyFiles files;

        file_write(HOST, "{\"rules\":[{}]}");
        file_write(DIR "/a.json", "{\n\"x\":1,\n\"y\":2," MATCH("a.service") "}");
        file_write(DIR "/b.json", "{" MATCH("b.service") "}");
        file_write(DIR "/c.json", "{");
        ck_assert_int_eq(policy_files_load(root, &files, &list), -EINVAL);
        ck_assert_uint_eq(fault_list_count(&list), 6);
        assert_faults(HOST ":1 $.rules[0]\n" HOST ":1 $.rules[0]\n" HOST ":1 $.rules[0]\n" DIR "/a.json:2 $.x\n" DIR
                           "/a.json:3 $.y\n" DIR "/c.json:1 $\n");
}
END_TEST

START_TEST(number_is_bounded) {
        PolicyFiles files;
        char file[64], text[64];

        file_write(HOST, "{}");
        for (unsigned i = 0; i < POLICY_DIR_MAX; i++) {
                (void) snprintf(file, sizeof(file), DIR "/%u.json", i);
                (void) snprintf(text, sizeof(text), "{\"match\":{\"units\":[\"a%u.service\"]}}", i);
                file_write(file, text);
        }
        load(&files);
        ck_assert_uint_eq(files.n, POLICY_DIR_MAX + 1);
        policy_files_done(&files);
        file_write(DIR "/more.json", "{" MATCH("b.service") "}");
        assert_faults(DIR ":0 $\n");
}
END_TEST

/* Blanks around the document: what is bounded is the text, not what it says. */
START_TEST(size_is_bounded) {
        static const char text[] = "{" MATCH("a.service") "}";
        _cleanup_free_ char *large = malloc(POLICY_TEXT_MAX + 1);
        PolicyFiles files;

        ck_assert_ptr_nonnull(large);
        memset(large, '\n', POLICY_TEXT_MAX + 1);
        memcpy(large, text, strlen(text));
        file_make(DIR "/a.json", large, POLICY_TEXT_MAX + 1);
        assert_faults(DIR "/a.json:0 $\n");
        for (unsigned i = 0; i < POLICY_FILES_TEXT_MAX / POLICY_TEXT_MAX; i++) {
                char path[] = DIR "/a.json";

                path[strlen(DIR "/")] = (char) ('a' + i);
                file_make(path, large, POLICY_TEXT_MAX);
        }
        load(&files);
        ck_assert_uint_eq(files.n, POLICY_FILES_TEXT_MAX / POLICY_TEXT_MAX);
        policy_files_done(&files);
        file_write(DIR "/z.json", text);
        assert_faults(DIR "/z.json:0 $\n");
}
END_TEST

/* FIPS 180-4, as the examples of NIST have them. */
START_TEST(digest) {
        char text[POLICY_DIGEST_SIZE];

        policy_digest("abc", 3, text);
        ck_assert_str_eq(text, "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        policy_digest("", 0, text);
        ck_assert_str_eq(text, "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("policy-files");
        TCase *t = tcase_create("policy-files");

        tcase_set_timeout(t, 60);
        tcase_add_checked_fixture(t, set_up, root_remove);
        tcase_add_test(t, nothing_is_fine);
        tcase_add_test(t, host_alone);
        tcase_add_test(t, many_in_order);
        tcase_add_test(t, links_are_followed);
        tcase_add_test(t, what_cannot_be_read);
        tcase_add_test(t, host_has_no_match);
        tcase_add_test(t, others_have_one);
        tcase_add_test(t, names_are_unique);
        tcase_add_test(t, all_faults_are_reported);
        tcase_add_test(t, number_is_bounded);
        tcase_add_test(t, size_is_bounded);
        tcase_add_test(t, digest);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
