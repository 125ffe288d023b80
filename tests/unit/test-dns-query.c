/* SPDX-License-Identifier: Apache-2.0 */

#include "dns/dns-message.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "basic/macro.h"
#include "wire-builder.h"

#define BYTES(s) (s), sizeof(s) - 1
/* Header up to the counts, then the counts of a plain question, of one with OPT. */
#define ID_RD "\x12\x34\x01\x00"
#define COUNTS "\0\1\0\0\0\0\0\0"
#define COUNTS_OPT "\0\1\0\0\0\0\0\1"
#define NAME "\6github\3com\0"
#define A_IN "\0\1\0\1"
#define OPT(size, rest) "\0\0\51" size rest

static const struct {
        const char *what;
        const char *data;
        size_t size;
        int r;
        const char *name;
        uint16_t type;
        uint16_t udp_size;
        bool has_edns;
} queries[] = {
        { "plain", BYTES(ID_RD COUNTS NAME A_IN), 0, "github.com", 1, 512, false },
        { "AAAA", BYTES(ID_RD COUNTS NAME "\0\34\0\1"), 0, "github.com", 28, 512, false },
        { "type above 255", BYTES(ID_RD COUNTS NAME "\1\1\0\1"), 0, "github.com", 257, 512, false },
        { "AD and CD set", BYTES("\x12\x34\x01\x30" COUNTS NAME A_IN), 0, "github.com", 1, 512, false },
        { "folded", BYTES(ID_RD COUNTS "\6GitHub\3COM\0" A_IN), 0, "github.com", 1, 512, false },
        { "underscore and hyphen", BYTES(ID_RD COUNTS "\5_a-1_\1b\0" A_IN), 0, "_a-1_.b", 1, 512, false },
        { "EDNS", BYTES(ID_RD COUNTS_OPT NAME A_IN OPT("\4\320", "\0\0\0\0\0\0")), 0, "github.com", 1, 1232, true },
        { "EDNS with DO", BYTES(ID_RD COUNTS_OPT NAME A_IN OPT("\20\0", "\0\0\200\0\0\0")), 0, "github.com", 1, 4096,
          true },
        { "EDNS below 512", BYTES(ID_RD COUNTS_OPT NAME A_IN OPT("\0\1", "\0\0\0\0\0\0")), 0, "github.com", 1, 512,
          true },
        { "EDNS with a cookie", BYTES(ID_RD COUNTS_OPT NAME A_IN OPT("\4\320", "\0\0\0\0\0\14\0\12\0\10abcdefgh")), 0,
          "github.com", 1, 1232, true },

        { "a response", BYTES("\x12\x34\x81\x00" COUNTS NAME A_IN), -EBADMSG, NULL, 0, 0, false },
        { "empty", BYTES(""), -EBADMSG, NULL, 0, 0, false },

        { "STATUS", BYTES("\x12\x34\x10\x00" COUNTS NAME A_IN), -EOPNOTSUPP, "", 0, 512, false },
        { "UPDATE", BYTES("\x12\x34\x28\x00" COUNTS NAME A_IN), -EOPNOTSUPP, "", 0, 512, false },

        { "no question", BYTES(ID_RD "\0\0\0\0\0\0\0\0"), -EINVAL, "", 0, 512, false },
        { "two questions", BYTES(ID_RD "\0\2\0\0\0\0\0\0" NAME A_IN NAME A_IN), -EINVAL, "", 0, 512, false },
        { "256 questions", BYTES(ID_RD "\1\0\0\0\0\0\0\0" NAME A_IN), -EINVAL, "", 0, 512, false },
        { "an answer", BYTES(ID_RD "\0\1\0\1\0\0\0\0" NAME A_IN "\300\14" A_IN "\0\0\0\1\0\4abcd"), -EINVAL, "", 0, 512,
          false },
        { "an authority", BYTES(ID_RD "\0\1\0\0\0\1\0\0" NAME A_IN "\300\14" A_IN "\0\0\0\1\0\4abcd"), -EINVAL, "", 0,
          512, false },
        { "two additionals", BYTES(ID_RD "\0\1\0\0\0\0\0\2" NAME A_IN OPT("\4\320", "\0\0\0\0\0\0")
                                   OPT("\4\320", "\0\0\0\0\0\0")), -EINVAL, "", 0, 512, false },
        { "TSIG alone", BYTES(ID_RD COUNTS_OPT NAME A_IN "\0\0\372\0\377\0\0\0\0\0\0"), -EINVAL, "github.com", 0, 512,
          false },
        { "OPT with an owner", BYTES(ID_RD COUNTS_OPT NAME A_IN "\1a\0\0\51\4\320\0\0\0\0\0\0"), -EINVAL, "github.com",
          0, 512, false },
        { "EDNS version 1", BYTES(ID_RD COUNTS_OPT NAME A_IN OPT("\4\320", "\0\1\0\0\0\0")), -EINVAL, "github.com", 0,
          512, false },
        { "EDNS option too long", BYTES(ID_RD COUNTS_OPT NAME A_IN OPT("\4\320", "\0\0\0\0\0\5\0\12\0\2a")), -EINVAL,
          "github.com", 0, 512, false },
        { "trailing byte", BYTES(ID_RD COUNTS NAME A_IN "x"), -EINVAL, "github.com", 0, 512, false },
        { "pointer", BYTES(ID_RD COUNTS "\300\14" A_IN), -EINVAL, "", 0, 512, false },
        { "pointer after a label", BYTES(ID_RD COUNTS "\1a\300\14" A_IN), -EINVAL, "", 0, 512, false },
        { "label type 01", BYTES(ID_RD COUNTS "\101a\0" A_IN), -EINVAL, "", 0, 512, false },
        { "label type 10", BYTES(ID_RD COUNTS "\201a\0" A_IN), -EINVAL, "", 0, 512, false },
        { "type 0", BYTES(ID_RD COUNTS NAME "\0\0\0\1"), -EINVAL, "github.com", 0, 512, false },

        { "class CH", BYTES(ID_RD COUNTS "\7version\4bind\0" "\0\20\0\3"), -EPERM, "version.bind", 0, 512, false },
        { "class ANY", BYTES(ID_RD COUNTS NAME "\0\1\0\377"), -EPERM, "github.com", 0, 512, false },
        { "class in the high byte", BYTES(ID_RD COUNTS NAME "\0\1\1\1"), -EPERM, "github.com", 0, 512, false },
        { "root", BYTES(ID_RD COUNTS "\0" "\0\2\0\1"), -EPERM, "", 2, 512, false },
        { "wildcard", BYTES(ID_RD COUNTS "\1*\1b\0" A_IN), -EPERM, "?.b", 0, 512, false },
        { "space, dot, NUL, 8 bits", BYTES(ID_RD COUNTS "\7a .\0\\\377z\1b\0" A_IN), -EPERM, "a?????z.b", 0, 512,
          false },
        { "odd name, then malformed", BYTES(ID_RD COUNTS "\1*\0" A_IN "x"), -EINVAL, "?", 0, 512, false },
};

START_TEST(test_parse) {
        DnsQuery q, untouched;

        memset(&q, 0x55, sizeof(q));
        untouched = q;
        int r = dns_query_parse(queries[_i].data, queries[_i].size, &q);
        ck_assert_msg(r == queries[_i].r, "%s: %d", queries[_i].what, r);
        if (r == -EBADMSG) {
                ck_assert_mem_eq(&q, &untouched, sizeof(q));
                return;
        }
        ck_assert_uint_eq(q.id, 0x1234);
        ck_assert_str_eq(q.name, queries[_i].name);
        ck_assert_uint_eq(q.type, queries[_i].type);
        ck_assert_uint_eq(q.recursion_desired, (uint8_t) queries[_i].data[2] & 1);
        if (r != 0)
                return;
        ck_assert_uint_eq(q.udp_size, queries[_i].udp_size);
        ck_assert_uint_eq(q.has_edns, queries[_i].has_edns);
}
END_TEST

START_TEST(test_truncated) {
        static const char whole[] = ID_RD COUNTS_OPT NAME A_IN OPT("\4\320", "\0\0\0\0\0\14\0\12\0\10abcdefgh");

        for (size_t n = 0; n < sizeof(whole) - 1; n++) {
                uint8_t *copy = malloc(n + 1); /* so that a sanitizer sees a read past the end */
                DnsQuery q;

                ck_assert_ptr_nonnull(copy);
                memcpy(copy + 1, whole, n);
                ck_assert_int_eq(dns_query_parse(copy + 1, n, &q), n < DNS_HEADER_SIZE ? -EBADMSG : -EINVAL);
                free(copy);
        }
}
END_TEST

static const struct {
        size_t label; /* length of the first one; 0: name_of_length() */
        size_t name;
        int r;
} limits[] = {
        { 63, 0, 0 },
        { 64, 0, -EINVAL },
        { 0, 250, 0 },
        { 0, 253, 0 },
        { 0, 254, -EINVAL },
        { 0, 255, -EINVAL },
};

START_TEST(test_limits) {
        static Wire w;
        char name[300];
        DnsQuery q;

        if (limits[_i].label > 0) {
                memset(name, 'a', limits[_i].label);
                strcpy(name + limits[_i].label, ".example");
        } else
                name_of_length(name, limits[_i].name);
        wire_header(&w, DNS_FLAG_RD, 1, 0, 0, 0);
        wire_question(&w, name, DNS_TYPE_A);
        ck_assert_int_eq(dns_query_parse(w.b, w.n, &q), limits[_i].r);
        ck_assert_str_eq(q.name, limits[_i].r == 0 ? name : "");

        uint8_t buf[512];
        size_t n = dns_query_build(buf, 1, name, DNS_TYPE_A, (const uint8_t[DNS_CASE_BITS_SIZE]) {});
        ck_assert_uint_eq(n, limits[_i].r == 0 ? DNS_HEADER_SIZE + strlen(name) + 2 + 4 + 11 : 0);
}
END_TEST

START_TEST(test_case_bits) {
        static const char data[] = ID_RD COUNTS "\6gItH1B\3CoM\0" A_IN;
        DnsQuery q;

        ck_assert_int_eq(dns_query_parse(data, sizeof(data) - 1, &q), 0);
        ck_assert_str_eq(q.name, "gith1b.com");
        ck_assert_uint_eq(q.case_bits[0], 0xba); /* g I t H B C o M: bits 1, 3, 4, 5, 7 */
        ck_assert_uint_eq(q.case_bits[1], 0);
}
END_TEST

START_TEST(test_build) {
        static const char want[] = "\xab\xcd\x01\x00" COUNTS_OPT "\3A1b\2_C\0" "\0\34\0\1"
                                   OPT("\4\320", "\0\0\0\0\0\0");
        uint8_t buf[512];

        size_t n = dns_query_build(buf, 0xabcd, "a1b._c", DNS_TYPE_AAAA, (const uint8_t[DNS_CASE_BITS_SIZE]) { 0x05 });
        ck_assert_uint_eq(n, sizeof(want) - 1);
        ck_assert_mem_eq(buf, want, n);
}
END_TEST

static const char *const bad_names[] = { "A.example", "a..b", "a.", ".", "*.example", "a b", "\xff" };

START_TEST(test_build_refuses) {
        static const uint8_t no_case[DNS_CASE_BITS_SIZE];
        uint8_t buf[512];

        ck_assert_uint_eq(dns_query_build(buf, 1, bad_names[_i], DNS_TYPE_A, no_case), 0);
}
END_TEST

START_TEST(test_build_round_trip) {
        uint8_t buf[512], bits[DNS_CASE_BITS_SIZE];
        char name[DNS_NAME_SIZE];
        DnsQuery q;

        memset(bits, 0xff, sizeof(bits));
        size_t n = dns_query_build(buf, 7, name_of_length(name, DNS_NAME_MAX), DNS_TYPE_HTTPS, bits);
        ck_assert_int_eq(dns_query_parse(buf, n, &q), 0);
        ck_assert_str_eq(q.name, name);
        ck_assert_uint_eq(q.type, DNS_TYPE_HTTPS);
        ck_assert_uint_eq(q.udp_size, DNS_UDP_MAX);
        for (size_t i = 0; i < DNS_NAME_MAX - 3; i++) /* 3 dots */
                ck_assert(q.case_bits[i / 8] & 1 << i % 8);
}
END_TEST

START_TEST(test_type_names) {
        static const struct {
                uint16_t type;
                const char *text;
        } types[] = {
                { 1, "A" }, { 28, "AAAA" }, { 65, "HTTPS" }, { 255, "ANY" }, { 257, "CAA" }, { 999, "TYPE999" }, { 65535, "TYPE65535" },
        };
        char buf[12];

        for (size_t i = 0; i < ELEMENTSOF(types); i++)
                ck_assert_str_eq(dns_type_to_string(types[i].type, buf), types[i].text);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("dns-query");
        TCase *tc = tcase_create("query");

        tcase_add_loop_test(tc, test_parse, 0, ELEMENTSOF(queries));
        tcase_add_test(tc, test_truncated);
        tcase_add_loop_test(tc, test_limits, 0, ELEMENTSOF(limits));
        tcase_add_test(tc, test_case_bits);
        tcase_add_test(tc, test_build);
        tcase_add_loop_test(tc, test_build_refuses, 0, ELEMENTSOF(bad_names));
        tcase_add_test(tc, test_build_round_trip);
        tcase_add_test(tc, test_type_names);
        suite_add_tcase(s, tc);
        return s;
}

#include "check-main.h"
