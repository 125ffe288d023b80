/* SPDX-License-Identifier: Apache-2.0 */

#include "daemon/document-files.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "fake-root.h"

#define HOST "/etc/cargowall/policy.json"
#define DIR "/etc/cargowall/policy.d"

static void set_up(void) {
        root_make();
        directory_make(DIR);
}

static int load(Documents *ret, Fault *ret_fault) {
        _cleanup_(fault_list_done) FaultList faults = {};
        int r = documents_load(root, ret, &faults);

        ck_assert_int_eq(r == -EINVAL, faults.n > 0);
        if (faults.n > 0)
                *ret_fault = faults.faults[0];
        return r;
}

#define ALLOW(value) "{\"type\":\"hostname\",\"value\":\"" value "\",\"action\":\"allow\"}"
#define MATCH "\"match\":{\"units\":[\"runner.service\"]},"

static const char host_text[] = "{\"defaultAction\":\"deny\",\"rules\":[" ALLOW("github.com") "]}\n";
static const char runner_text[] =
        "{" MATCH "\"mode\":\"audit\",\"inbound\":\"allow\",\"rules\":[" ALLOW("a.example") "," ALLOW("b.example") "]}";

/* ------------------------------------------------------------------ load */

START_TEST(documents_are_loaded) {
        _cleanup_(documents_done) Documents d = {};
        Fault fault = {};
        char digest[POLICY_DIGEST_SIZE];

        file_write(HOST, host_text);
        file_write(DIR "/runner.json", runner_text);
        ck_assert_int_eq(load(&d, &fault), 0);
        ck_assert_uint_eq(d.n, 2);
        ck_assert_str_eq(d.items[0].name, POLICY_HOST_NAME);
        ck_assert_str_eq(d.items[0].source, HOST);
        ck_assert_str_eq(d.items[0].text, host_text);
        ck_assert_uint_eq(d.items[0].size, strlen(host_text));
        ck_assert_uint_eq(d.items[0].n_rules, 1);
        ck_assert_uint_eq(d.items[0].match.n, 0);
        ck_assert(d.items[0].inbound && !d.items[0].has_mode && d.items[0].policy);
        policy_digest(host_text, strlen(host_text), digest);
        ck_assert_str_eq(d.items[0].digest, digest);

        ck_assert_str_eq(d.items[1].name, "runner");
        ck_assert_str_eq(d.items[1].source, DIR "/runner.json");
        ck_assert_uint_eq(d.items[1].n_rules, 2);
        ck_assert_uint_eq(d.items[1].match.n, 1);
        ck_assert_str_eq(d.items[1].match.patterns[0].text, "runner.service");
        ck_assert(d.items[1].inbound && d.items[1].has_mode && d.items[1].mode == MODE_AUDIT);
}
END_TEST

START_TEST(host_without_a_document_is_there) {
        _cleanup_(documents_done) Documents d = {};
        Fault fault = {};
        char digest[POLICY_DIGEST_SIZE];

        file_write(DIR "/runner.json", runner_text);
        ck_assert_int_eq(load(&d, &fault), 0);
        ck_assert_uint_eq(d.n, 2);
        ck_assert_str_eq(d.items[0].name, POLICY_HOST_NAME);
        ck_assert_ptr_null(d.items[0].source);
        ck_assert_ptr_null(d.items[0].text);
        ck_assert_ptr_null(d.items[0].policy);
        ck_assert_str_eq(d.items[0].digest, "");
        ck_assert(d.items[0].inbound);
        documents_digest(&d, digest);
        ck_assert_str_eq(digest, d.items[1].digest); /* of the only one there is */
}
END_TEST

/* 100 rules that cover one address, with a port list of their own each: more lines than the kernel's list has. */
static void write_too_dense(char *text, size_t size) {
        size_t n = (size_t) snprintf(text, size, "{\"rules\":[");

        for (unsigned i = 0; i < 100; i++)
                n += (size_t) snprintf(text + n, size - n,
                                       "%s{\"type\":\"cidr\",\"value\":\"192.0.2.0/%u\",\"ports\":[%u,%u,%u,%u,%u],"
                                       "\"action\":\"deny\"}", i ? "," : "", 8 + i % 24, 10 * i + 1, 10 * i + 3,
                                       10 * i + 5, 10 * i + 7, 10 * i + 9);
        ck_assert_uint_lt((size_t) snprintf(text + n, size - n, "]}") + n, size);
}

START_TEST(whole_or_not_at_all) {
        Documents d = { .n = 77 };
        Fault fault = {};
        char dense[32768];

        ck_assert_int_eq(load(&d, &fault), -ENOENT);
        file_write(HOST, host_text);
        file_write(DIR "/a.json", "{\"match\":{\"units\":[\"a.service\"]},\"rules\":7}");
        ck_assert_int_eq(load(&d, &fault), -EINVAL);
        ck_assert_str_eq(fault.file, DIR "/a.json");
        file_write(DIR "/a.json", runner_text);
        write_too_dense(dense, sizeof(dense));
        file_write(HOST, dense);
        ck_assert_int_eq(load(&d, &fault), -EINVAL);
        ck_assert_str_eq(fault.file, HOST);
        ck_assert_ptr_nonnull(strstr(fault.reason, "port rules"));
        ck_assert_uint_eq(d.n, 77); /* untouched */
}
END_TEST

/* ------------------------------------------------------------------ digest of all */

START_TEST(digest_of_several_is_that_of_their_list) {
        _cleanup_(documents_done) Documents d = {};
        char digest[POLICY_DIGEST_SIZE], expected[POLICY_DIGEST_SIZE], list[512];
        Fault fault = {};

        file_write(HOST, host_text);
        file_write(DIR "/runner.json", runner_text);
        ck_assert_int_eq(load(&d, &fault), 0);
        documents_digest(&d, digest);
        int n = snprintf(list, sizeof(list), "%s  host\n%s  runner\n", d.items[0].digest + 7, d.items[1].digest + 7);
        policy_digest(list, (size_t) n, expected);
        ck_assert_str_eq(digest, expected);
        ck_assert_uint_eq(strlen(digest), POLICY_DIGEST_SIZE - 1);

        char old[POLICY_DIGEST_SIZE];
        memcpy(old, digest, sizeof(old));
        documents_done(&d);
        file_write(DIR "/runner.json", "{" MATCH "\"rules\":[]}");
        ck_assert_int_eq(load(&d, &fault), 0);
        documents_digest(&d, digest);
        ck_assert_str_ne(digest, old);
}
END_TEST

/* ------------------------------------------------------------------ replace */

static int replace(const Document *d, const char *text, size_t size, Document *ret, char reason[static 160]) {
        _cleanup_(fault_list_done) FaultList faults = {};
        int r = documents_replace(d, text, size, ret, &faults);

        ck_assert_int_eq(r == -EINVAL || r == -E2BIG, faults.n > 0);
        (void) snprintf(reason, 160, "%s", faults.n > 0 ? faults.faults[0].reason : "");
        return r;
}

START_TEST(document_is_replaced) {
        static const char plain[] = "{\"name\":\"runner\",\"rules\":[" ALLOW("c.example") "]}";
        static const char other[] = "{\"match\":{\"slices\":[\"jobs.slice\"]},\"inbound\":\"judge\","
                                    "\"mode\":\"enforce\"}";
        _cleanup_(documents_done) Documents d = {};
        _cleanup_(document_done) Document a = {}, b = {}, h = {};
        char reason[160], digest[POLICY_DIGEST_SIZE];
        Fault fault = {};

        file_write(DIR "/runner.json", runner_text);
        ck_assert_int_eq(load(&d, &fault), 0);
        ck_assert_int_eq(replace(&d.items[1], plain, strlen(plain), &a, reason), 0);
        ck_assert_str_eq(a.name, "runner");
        ck_assert_str_eq(a.source, DOCUMENT_SOURCE_BUS);
        ck_assert_str_eq(a.text, plain);
        ck_assert_uint_eq(a.size, strlen(plain));
        policy_digest(plain, strlen(plain), digest);
        ck_assert_str_eq(a.digest, digest);
        ck_assert_uint_eq(a.n_rules, 1);
        ck_assert(!a.has_mode && !a.inbound && a.policy); /* what the new text does not say is not inherited ... */
        ck_assert_uint_eq(a.match.n, 1);                  /* ... but for whom it is */
        ck_assert_str_eq(a.match.patterns[0].text, "runner.service");
        ck_assert_ptr_ne(a.match.patterns[0].text, d.items[1].match.patterns[0].text);

        ck_assert_int_eq(replace(&d.items[1], other, strlen(other), &b, reason), 0);
        ck_assert_uint_eq(b.match.n, 1);
        ck_assert_str_eq(b.match.patterns[0].text, "jobs.slice");
        ck_assert(b.has_mode && b.mode == MODE_ENFORCE && !b.inbound);

        /* The host's, which had none yet. */
        ck_assert_int_eq(replace(&d.items[0], host_text, strlen(host_text), &h, reason), 0);
        ck_assert_str_eq(h.name, POLICY_HOST_NAME);
        ck_assert(h.inbound && h.match.n == 0);
        ck_assert_str_eq(d.items[1].text, runner_text); /* the old one stays as it is */
}
END_TEST

static const struct {
        bool host;
        const char *text, *reason;
} refused[] = {
        { true, "{" MATCH "\"rules\":[]}", "a name or a match" },
        { true, "{\"name\":\"runner\",\"rules\":[]}", "a name or a match" },
        { false, "{\"name\":\"other\",\"rules\":[]}", "that of another scope" },
        { false, "{\"name\":\"host\",\"rules\":[]}", "that of another scope" },
        { false, "{\"rules\":7}", "" },
        { false, "{\"unknown\":7}", "" },
        { false, "{", "" },
        { false, "", "" },
};

START_TEST(replacement_is_refused) {
        _cleanup_(documents_done) Documents d = {};
        Document new = { .size = 77 };
        Fault fault = {};
        char reason[160];

        file_write(HOST, host_text);
        file_write(DIR "/runner.json", runner_text);
        ck_assert_int_eq(load(&d, &fault), 0);
        const Document *old = &d.items[refused[_i].host ? 0 : 1];
        ck_assert_int_eq(replace(old, refused[_i].text, strlen(refused[_i].text), &new, reason), -EINVAL);
        ck_assert_msg(strstr(reason, refused[_i].reason) != NULL, "%s", reason);
        ck_assert_str_ne(reason, "");
        ck_assert_uint_eq(new.size, 77); /* untouched */
}
END_TEST

/* Size and text belong together: a byte past the end would be a text that nobody read. */
START_TEST(nul_bytes_are_refused) {
        static const char text[] = "{\"rules\":[]}\0{\"rules\":[]}";
        _cleanup_(documents_done) Documents d = {};
        Document new = {};
        Fault fault = {};
        char reason[160];

        file_write(DIR "/runner.json", runner_text);
        ck_assert_int_eq(load(&d, &fault), 0);
        ck_assert_int_eq(replace(&d.items[1], text, sizeof(text) - 1, &new, reason), -EINVAL);
        ck_assert_int_eq(replace(&d.items[1], text, strlen(text) + 1, &new, reason), -EINVAL);
}
END_TEST

START_TEST(too_many_port_rules_are_reported) {
        _cleanup_(documents_done) Documents d = {};
        Document new = {};
        Fault fault = {};
        _cleanup_(fault_list_done) FaultList faults = {};
        char dense[32768], reason[160];

        file_write(DIR "/runner.json", runner_text);
        ck_assert_int_eq(load(&d, &fault), 0);
        write_too_dense(dense, sizeof(dense));
        ck_assert_int_eq(replace(&d.items[1], dense, strlen(dense), &new, reason), -E2BIG);
        ck_assert_ptr_nonnull(strstr(reason, "port rules"));
        ck_assert_int_eq(document_validate(dense, strlen(dense), &faults), -E2BIG);
        ck_assert_uint_eq(fault_list_count(&faults), 1);
        ck_assert_ptr_nonnull(strstr(faults.faults[0].reason, "port rules"));
        ck_assert_str_eq(faults.faults[0].item, "$.rules");
}
END_TEST

START_TEST(text_is_validated) {
        static const char bad[] = "{\"rules\":[{\"type\":\"cidr\",\"value\":\"x\",\"action\":\"deny\"},7]}";
        _cleanup_(fault_list_done) FaultList faults = {};

        ck_assert_int_eq(document_validate(host_text, strlen(host_text), &faults), 0);
        ck_assert_uint_eq(fault_list_count(&faults), 0);
        ck_assert_int_eq(document_validate(runner_text, strlen(runner_text), &faults), 0);
        ck_assert_int_eq(document_validate(bad, strlen(bad), &faults), -EINVAL);
        ck_assert_uint_eq(fault_list_count(&faults), 2);
        ck_assert_str_eq(faults.faults[0].item, "$.rules[0].value");
        ck_assert_str_eq(faults.faults[1].item, "$.rules[1]");
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("document-files");
        TCase *t = tcase_create("document");

        tcase_add_checked_fixture(t, set_up, root_remove);
        tcase_add_test(t, documents_are_loaded);
        tcase_add_test(t, host_without_a_document_is_there);
        tcase_add_test(t, whole_or_not_at_all);
        tcase_add_test(t, digest_of_several_is_that_of_their_list);
        tcase_add_test(t, document_is_replaced);
        tcase_add_loop_test(t, replacement_is_refused, 0, ELEMENTSOF(refused));
        tcase_add_test(t, nul_bytes_are_refused);
        tcase_add_test(t, too_many_port_rules_are_reported);
        tcase_add_test(t, text_is_validated);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
