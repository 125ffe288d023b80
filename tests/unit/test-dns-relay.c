/* SPDX-License-Identifier: Apache-2.0 */
#include "dns/dns-relay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "basic/macro.h"

typedef struct Text {
        const char *s;
        size_t n;
} Text;

/* The answer of a validating server: an address with its signature, the servers' SOA, and OPT. */
#define SIGNED(ttl, do_flag)                                                                                           \
        "\x12\x34\x81\xa0\0\1\0\2\0\1\0\1" "\3wWw\7example\0\0\1\0\1"                                              \
        "\xc0\x0c\0\1\0\1" ttl "\0\4\xc0\0\2\1" "\xc0\x0c\0\x2e\0\1" ttl "\0\3sig"                                 \
        "\xc0\x10\0\6\0\1\0\0\0\5\0\1x" "\0\0\x29\x04\xd0" do_flag "\0\0"

#define TEXT(s) { s, sizeof(s) - 1 }

static const Text plain = TEXT("\x12\x34\x01\x00\0\1\0\0\0\0\0\0" "\3wWw\7example\0\0\x10\0\1");
static const Text checking = TEXT("\x12\x34\x01\x30\0\1\0\0\0\0\0\1" "\3www\7example\0\0\x10\0\1" "\0\0\x29\x10\0\0\0\x80\0\0\0");
static const Text root = TEXT("\x12\x34\x01\x00\0\1\0\0\0\0\0\0" "\0\0\2\0\1");
static const Text odd = TEXT("\x12\x34\x01\x00\0\1\0\0\0\0\0\0" "\5a b\0c\0\0\x0c\0\3");

START_TEST(queries) {
        uint8_t buf[DNS_RELAY_MESSAGE_MAX];
        DnsRelay r;

        ck_assert_int_eq(dns_relay_read(plain.s, plain.n, &r), 0);
        ck_assert_uint_eq(dns_relay_build_query(&r, 0xabcd, buf), plain.n); /* no EDNS where the client has none */
        ck_assert_mem_eq(buf, "\xab\xcd\x01\x00", 4);
        ck_assert_mem_eq(buf + 4, plain.s + 4, plain.n - 4);

        ck_assert_int_eq(dns_relay_read(checking.s, checking.n, &r), 0);
        ck_assert_uint_eq(dns_relay_build_query(&r, 0x1234, buf), checking.n);
        ck_assert_mem_eq(buf, checking.s, checking.n - 8); /* up to the size of the OPT record, which is ours */
        ck_assert_mem_eq(buf + checking.n - 8, "\x04\xd0\0\0\x80\0\0\0", 8);

        ck_assert_int_eq(dns_relay_read(plain.s, plain.n, &r), 0);
        r.lower_case = true; /* what is asked, but not what is replied */
        ck_assert_uint_eq(dns_relay_build_query(&r, 0xabcd, buf), plain.n);
        ck_assert_mem_eq(buf + DNS_HEADER_SIZE, "\3www\7example\0\0\x10\0\1", 17);
        ck_assert_uint_eq(dns_relay_build_error(&r, DNS_RCODE_SERVFAIL, buf), plain.n);
        ck_assert_mem_eq(buf + DNS_HEADER_SIZE, "\3wWw\7example\0\0\x10\0\1", 17);

        ck_assert_int_eq(dns_relay_read(root.s, root.n, &r), 0);
        ck_assert_uint_eq(r.question_size, 5);
        ck_assert_int_eq(dns_relay_read(odd.s, odd.n, &r), 0);
        ck_assert_uint_eq(r.question_size, 11);
}
END_TEST

START_TEST(same_questions) {
        const Text *texts[] = { &plain, &checking, &root, &odd };
        DnsRelay r[ELEMENTSOF(texts)];

        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                ck_assert_int_eq(dns_relay_read(texts[i]->s, texts[i]->n, &r[i]), 0);
        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                for (size_t k = 0; k < ELEMENTSOF(texts); k++) /* the first two differ in case and flags only */
                        ck_assert_int_eq(dns_relay_asks_same(&r[i], &r[k]), i == k || i + k == 1);
        r[0].is_whole = true;
        ck_assert(!dns_relay_asks_same(&r[0], &r[1]));

        ck_assert(dns_relay_asks(&r[1], "www.example", DNS_TYPE_TXT));
        ck_assert(!dns_relay_asks(&r[1], "www.example", DNS_TYPE_A));
        ck_assert(!dns_relay_asks(&r[1], "example", DNS_TYPE_TXT));
        ck_assert(!dns_relay_asks(&r[1], "www.example.net", DNS_TYPE_TXT));
        ck_assert(dns_relay_asks(&r[2], "", DNS_TYPE_NS));
        ck_assert(!dns_relay_asks(&r[3], "a b.c", DNS_TYPE_PTR)); /* of class CH */
}
END_TEST

START_TEST(bad_queries) {
        char copy[64];
        DnsRelay r;

        ck_assert_int_eq(dns_relay_read(plain.s, plain.n - 1, &r), -EINVAL);
        ck_assert_int_eq(dns_relay_read(plain.s, 11, &r), -EBADMSG);
        ck_assert_int_eq(dns_relay_read(NULL, 0, &r), -EBADMSG);
        memcpy(copy, plain.s, plain.n);
        copy[2] = (char) 0x81; /* an answer */
        ck_assert_int_eq(dns_relay_read(copy, plain.n, &r), -EBADMSG);
        copy[2] = 0x29; /* an update */
        ck_assert_int_eq(dns_relay_read(copy, plain.n, &r), -EINVAL);
}
END_TEST

START_TEST(ttls_are_limited) {
        static const char before[] = SIGNED("\0\1\x51\x80", "\0\0\x80\0"), after[] = SIGNED("\0\0\1\x2c", "\0\0\x80\0");
        uint8_t copy[sizeof(before)];
        size_t n = sizeof(before) - 1;

        memcpy(copy, before, n);
        ck_assert_int_eq(dns_relay_limit_ttl(copy, n, 300), 0);
        ck_assert_mem_eq(copy, after, n);
        for (size_t cut = 0; cut < n; cut++) {
                uint8_t *part = malloc(cut + 1); /* an access beyond it is found by the sanitizer */
                memcpy(part, before, cut);
                ck_assert_int_eq(dns_relay_limit_ttl(part, cut, 300), -EBADMSG);
                free(part);
        }
}
END_TEST

static const struct {
        Text answer;
        int result;
        bool truncated;
} answers[] = {
        { TEXT("\xab\xcd\x81\x80\0\1\0\0\0\0\0\0" "\3www\7EXAMPLE\0\0\x10\0\1"), 0, false },
        { TEXT("\xab\xcd\x81\x83\0\1\0\0\0\0\0\0" "\3www\7example\0\0\x10\0\1"), 0, false }, /* NXDOMAIN */
        { TEXT("\xab\xcd\x83\x80\0\1\0\0\0\0\0\0" "\3www\7example\0\0\x10\0\1"), 0, true },
        { TEXT("\xab\xcd\x81\x85\0\1\0\0\0\0\0\0" "\3www\7example\0\0\x10\0\1"), -EREMOTEIO, false },
        { TEXT("\xab\xcd\x81\x81\0\0\0\0\0\0\0\0"), -EREMOTEIO, false },
        { TEXT("\xab\xcd\x81\x80\0\0\0\0\0\0\0\0"), -EBADMSG, false },
        { TEXT("\xab\xcd\x01\x00\0\1\0\0\0\0\0\0" "\3www\7example\0\0\x10\0\1"), -EBADMSG, false },
        { TEXT("\xab\xcd\xa9\x80\0\1\0\0\0\0\0\0" "\3www\7example\0\0\x10\0\1"), -EBADMSG, false },
        { TEXT("\xab\xcd\x81\x80\0\2\0\0\0\0\0\0" "\3www\7example\0\0\x10\0\1"), -EBADMSG, false },
        { TEXT("\xab\xcd\x81\x80\0\1\0\0\0\0\0\0" "\3www\7example\0\0\x10\0"), -EBADMSG, false },
        { TEXT("\xab\xcd\x81\x80\0\1\0\0\0\0\0\0" "\3www\7exampl!\0\0\x10\0\1"), -EBADE, false },
        { TEXT("\xab\xcd\x81\x80\0\1\0\0\0\0\0\0" "\3www\7example\0\0\x30\0\1"), -EBADE, false },
        { TEXT("\xab\xcd\x81\x80\0\1\0\0\0\0\0\0" "\3www\7example\0\0\x10\0\3"), -EBADE, false },
        { TEXT("\xab\xcd\x81\x80\0\1\0\0\0\0"), -EBADMSG, false },
};

START_TEST(answers_are_checked) {
        const Text *a = &answers[_i].answer;
        bool truncated = false;
        uint8_t *copy = malloc(a->n); /* of the exact size, for the sanitizers */
        DnsRelay r;

        ck_assert_ptr_nonnull(copy);
        memcpy(copy, a->s, a->n);
        ck_assert_int_eq(dns_relay_read(plain.s, plain.n, &r), 0);
        ck_assert_int_eq(dns_relay_check(&r, copy, a->n, &truncated), answers[_i].result);
        ck_assert_int_eq(truncated, answers[_i].truncated);
        free(copy);
}
END_TEST

START_TEST(replies) {
        static const Text answer = TEXT("\xab\xcd\x81\x80\0\1\0\1\0\0\0\0" "\3www\7EXAMPLE\0\0\x10\0\1"
                                        "\xc0\x0c\0\x10\0\1\0\0\0\1\0\3\2hi");
        static uint8_t buf[DNS_MESSAGE_MAX];
        DnsRelay r;

        ck_assert_int_eq(dns_relay_read(plain.s, plain.n, &r), 0);
        ck_assert_uint_eq(dns_relay_build_reply(&r, answer.s, answer.n, 512, buf), answer.n);
        ck_assert_mem_eq(buf, "\x12\x34\x81\x80\0\1\0\1\0\0\0\0" "\3wWw\7example\0\0\x10\0\1", plain.n);
        ck_assert_mem_eq(buf + plain.n, answer.s + plain.n, answer.n - plain.n);

        ck_assert_uint_eq(dns_relay_build_reply(&r, answer.s, answer.n, answer.n - 1, buf), plain.n);
        ck_assert_mem_eq(buf, "\x12\x34\x83\x80\0\1\0\0\0\0\0\0" "\3wWw\7example\0\0\x10\0\1", plain.n);

        ck_assert_uint_eq(dns_relay_build_reply(&r, answers[4].answer.s, answers[4].answer.n, 512, buf), plain.n);
        ck_assert_mem_eq(buf, "\x12\x34\x81\x81\0\1\0\0\0\0\0\0", 12);

        ck_assert_uint_eq(dns_relay_build_error(&r, DNS_RCODE_SERVFAIL, buf), plain.n);
        ck_assert_mem_eq(buf, "\x12\x34\x81\x82\0\1\0\0\0\0\0\0", 12);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("dns-relay");
        TCase *t = tcase_create("dns-relay");

        tcase_add_test(t, queries);
        tcase_add_test(t, same_questions);
        tcase_add_test(t, bad_queries);
        tcase_add_loop_test(t, answers_are_checked, 0, ELEMENTSOF(answers));
        tcase_add_test(t, replies);
        tcase_add_test(t, ttls_are_limited);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
