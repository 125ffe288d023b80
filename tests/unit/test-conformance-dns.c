/* SPDX-License-Identifier: Apache-2.0 */

/* The suites of tests/conformance/cases.json that concern names and answers on the wire. */

#include <check.h>
#include <errno.h>

#include "basic/macro.h"
#include "conformance.h"
#include "dns/dns-message.h"
#include "wire-builder.h"

static const char *text_at(json_object *row, size_t i) {
        return json_object_get_string(json_object_array_get_idx(row, i));
}

START_TEST(test_ptr_canonical) {
        json_object *cases = conformance_load(), *rows = conformance_rows(cases, "dns_ptr_canonical");

        for (size_t i = 0; i < json_object_array_length(rows); i++) {
                json_object *row = json_object_array_get_idx(rows, i);
                bool canonical = json_object_get_boolean(json_object_array_get_idx(row, 1));
                InAddr a;

                ck_assert_msg(dns_reverse_name_to_addr(text_at(row, 0), &a) == (canonical ? 0 : -EINVAL), "\"%s\"",
                              text_at(row, 0));
        }
        json_object_put(cases);
}
END_TEST

/* The answer with the row's CNAMEs, in order or reversed. */
static int parse_chain(json_object *row, bool reversed, DnsAnswer *ret) {
        static const uint8_t no_case[DNS_CASE_BITS_SIZE];
        static Wire w;
        json_object *cnames = json_object_array_get_idx(row, 1);
        size_t n = json_object_array_length(cnames);

        wire_header(&w, DNS_FLAG_QR, 1, (unsigned) n, 0, 0);
        wire_question(&w, text_at(row, 0), DNS_TYPE_A);
        for (size_t i = 0; i < n; i++) {
                json_object *c = json_object_array_get_idx(cnames, reversed ? n - 1 - i : i);

                wire_cname(&w, text_at(c, 0), text_at(c, 1),
                           (uint32_t) json_object_get_int(json_object_array_get_idx(c, 2)));
        }
        return dns_answer_parse(w.b, w.n, 0x1234, text_at(row, 0), DNS_TYPE_A, no_case, ret);
}

static void check_chain(json_object *row, const DnsAnswer *a) {
        json_object *learned = json_object_array_get_idx(row, 2);

        ck_assert_uint_eq(a->n_chain, json_object_array_length(learned));
        for (size_t i = 0; i < a->n_chain; i++) {
                json_object *target = json_object_array_get_idx(learned, i);

                ck_assert_str_eq(a->chain[i], text_at(target, 0));
                ck_assert_int_eq(a->chain_ttl[i], json_object_get_int(json_object_array_get_idx(target, 1)));
        }
}

/* A chain that comes back to the question is followed up to there in the source of the cases. Here nothing is learnt
 * from such an answer. */
START_TEST(test_cname_chain_walk) {
        json_object *cases = conformance_load(), *rows = conformance_rows(cases, "dns_cname_chain_walk");
        size_t n_loops = 0;

        for (size_t i = 0; i < json_object_array_length(rows) * 2; i++) {
                json_object *row = json_object_array_get_idx(rows, i / 2);
                json_object *cnames = json_object_array_get_idx(row, 1);
                size_t n = json_object_array_length(cnames);
                bool loop = n > 0 && strcmp(text_at(json_object_array_get_idx(cnames, n - 1), 1), text_at(row, 0)) == 0;
                DnsAnswer a;

                int r = parse_chain(row, i % 2, &a);
                if (loop) {
                        ck_assert_int_eq(r, -ELOOP);
                        n_loops++;
                        continue;
                }
                ck_assert_int_eq(r, 0);
                check_chain(row, &a);
        }
        ck_assert_uint_eq(n_loops, 2);
        json_object_put(cases);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("conformance-dns");
        TCase *tc = tcase_create("cases");

        tcase_add_test(tc, test_ptr_canonical);
        tcase_add_test(tc, test_cname_chain_walk);
        suite_add_tcase(s, tc);
        return s;
}

#include "check-main.h"
