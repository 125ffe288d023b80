/* SPDX-License-Identifier: Apache-2.0 */

/* What is written is read again; what was cut or changed is not. */

#include "policy/document-bundle.h"

#include <check.h>
#include <string.h>

#define DIGEST "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static char host_text[] = "{}", unit_text[] = "{\n\"file 3 /x\": 1}\n", bus_text[] = "{\"bus\":1}";
static char host_path[] = "/etc/cargowall/policy.json", unit_path[] = "/etc/cargowall/policy.d/a b.json";
static Document items[] = {
        { .origin = DOCUMENT_FILE, .source = host_path, .text = host_text, .size = sizeof(host_text) - 1 },
        { .origin = DOCUMENT_BUS, .source = bus_text, .text = bus_text, .size = sizeof(bus_text) - 1 },
        { .origin = DOCUMENT_FILE, .source = unit_path, .text = unit_text, .size = sizeof(unit_text) - 1 },
        { .origin = DOCUMENT_NONE },
};
static const Documents documents = { items, ELEMENTSOF(items) };

static char *make(size_t *ret_size) {
        char *text;

        ck_assert_int_eq(document_bundle_format(&documents, 1732924800000000, &text, ret_size), 0);
        ck_assert_int_eq(document_bundle_seal(&text, ret_size, DIGEST), 0);
        return text;
}

static int parse(const char *text, size_t size) {
        _cleanup_(document_bundle_done) DocumentBundle b = {};

        return document_bundle_parse(text, size, &b);
}

START_TEST(what_was_written_is_read) {
        _cleanup_(document_bundle_done) DocumentBundle b = {};
        size_t size;
        _cleanup_free_ char *text = make(&size);

        ck_assert_int_eq(document_bundle_parse(text, size, &b), 0);
        ck_assert_uint_eq(b.time_usec, 1732924800000000);
        ck_assert_uint_eq(b.n, 2);
        ck_assert_str_eq(b.entries[0].path, host_path);
        ck_assert_str_eq(b.entries[1].path, unit_path);
        ck_assert_uint_eq(b.entries[1].size, strlen(unit_text));
        ck_assert_mem_eq(b.entries[1].text, unit_text, strlen(unit_text));
        ck_assert_str_eq(b.digest, DIGEST);
        ck_assert_uint_eq(b.covered, size - strlen("end " DIGEST "\n"));
        ck_assert(document_bundle_equals(&b, &documents));
        unit_text[0] = '[';
        ck_assert(!document_bundle_equals(&b, &documents));
        unit_text[0] = '{';
        ck_assert(!document_bundle_equals(&b, &(Documents) { items, 1 }));
        ck_assert(!document_bundle_equals(&b, &(Documents) { items + 1, 3 }));
}
END_TEST

START_TEST(nothing_from_files_is_not_written) {
        char *text;
        size_t size;

        ck_assert_int_eq(document_bundle_format(&(Documents) { items + 1, 1 }, 1, &text, &size), -ENOENT);
}
END_TEST

START_TEST(cut_anywhere_is_refused) {
        size_t size;
        _cleanup_free_ char *text = make(&size);

        for (size_t n = 0; n < size; n++)
                ck_assert_msg(parse(text, n) == -EBADMSG, "cut to %zu", n);
        ck_assert_int_eq(parse(text, size), 0);
}
END_TEST

START_TEST(other_texts_are_refused) {
        static const char *const texts[] = {
                "cargowall documents 2\ntime 1\nfile 2 /a\n{}\nend " DIGEST "\n",
                "cargowall documents 1\ntime -1\nfile 2 /a\n{}\nend " DIGEST "\n",
                "cargowall documents 1\ntime 18446744073709551616\nfile 2 /a\n{}\nend " DIGEST "\n",
                "cargowall documents 1\ntime 01\nfile 2 /a\n{}\nend " DIGEST "\n",
                "cargowall documents 1\ntime 1 \nfile 2 /a\n{}\nend " DIGEST "\n",
                "cargowall documents 1\ntime 1\nend " DIGEST "\n",
                "cargowall documents 1\ntime 1\nfile 3 /a\n{}\nend " DIGEST "\n",
                "cargowall documents 1\ntime 1\nfile 1 /a\n{}\nend " DIGEST "\n",
                "cargowall documents 1\ntime 1\nfile 2 a\n{}\nend " DIGEST "\n",
                "cargowall documents 1\ntime 1\nfile 18446744073709551615 /a\n{}\nend " DIGEST "\n",
                "cargowall documents 1\ntime 1\nfile 2 /a\n{}\nend sha256:0\n",
                "cargowall documents 1\ntime 1\nfile 2 /a\n{}\nend " DIGEST "\nmore",
                "cargowall documents 1\ntime 1\nfile 2 /a\n{}\nother\nend " DIGEST "\n",
        };

        ck_assert_int_eq(parse("cargowall documents 1\ntime 1\nfile 2 /a\n{}\nend " DIGEST "\n",
                               strlen("cargowall documents 1\ntime 1\nfile 2 /a\n{}\nend " DIGEST "\n")), 0);
        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                ck_assert_msg(parse(texts[i], strlen(texts[i])) == -EBADMSG, "%s", texts[i]);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("document-bundle");
        TCase *t = tcase_create("bundle");

        tcase_add_test(t, what_was_written_is_read);
        tcase_add_test(t, nothing_from_files_is_not_written);
        tcase_add_test(t, cut_anywhere_is_refused);
        tcase_add_test(t, other_texts_are_refused);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
