/* SPDX-License-Identifier: Apache-2.0 */

#include "dns/dns-message.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "basic/macro.h"
#include "wire-builder.h"

static const uint8_t no_case[DNS_CASE_BITS_SIZE];

/* Every message of the tables begins with this question: a.example is at 12, example at 14, the records at 27. */
#define QUESTION_NAME "a.example"
#define Q "\300\14"
#define ZONE "\300\16"

#define BYTES(s) (s), sizeof(s) - 1
#define TTL(high, low) "\0\0" high low
#define RR(owner, type, ttl, length, rdata) owner "\0" type "\0\1" ttl "\0" length rdata
#define A(owner, octet) RR(owner, "\1", TTL("\0", "\144"), "\4", "\300\0\2" octet) /* TTL 100, 192.0.2.octet */
#define AAAA(owner) RR(owner, "\34", TTL("\0", "\144"), "\20", "\40\1\15\270\0\0\0\0\0\0\0\0\0\0\0\1")
#define CNAME(owner, letter) RR(owner, "\5", TTL("\0", "\62"), "\4", "\1" letter ZONE) /* TTL 50, letter.example */
#define NAME(letter) "\1" letter ZONE
#define SOA_RDATA(minimum) "\0\0" "\0\0\0\1" "\0\0\0\2" "\0\0\0\3" "\0\0\0\4" minimum
#define SOA(owner, ttl, minimum) RR(owner, "\6", ttl, "\26", SOA_RDATA(minimum))
#define OPT(rcode_high) "\0\0\51\4\320" rcode_high "\0\0\0\0\0"

enum {
        OK = DNS_FLAG_QR | DNS_FLAG_RD | DNS_FLAG_RA,
        NX = OK | DNS_RCODE_NXDOMAIN,
};

#define MALFORMED -EBADMSG, 0, 0, 0, 0
#define LOOP -ELOOP, 0, 0, 0, 0

typedef struct Counts {
        uint16_t an, ns, ar;
} Counts;

static const struct {
        const char *what;
        uint16_t type;
        uint16_t flags;
        Counts counts;
        const char *records;
        size_t size;
        int r;
        size_t n_chain, n_addrs, n_services;
        uint32_t ttl;
} answers[] = {
        { "one address", 1, OK, { 1, 0, 0 }, BYTES(A(Q, "\1")), 0, 0, 1, 0, 100 },
        { "owner without compression", 1, OK, { 1, 0, 0 }, BYTES(A("\1a\7example\0", "\1")), 0, 0, 1, 0, 100 },
        { "owner in other case", 1, OK, { 1, 0, 0 }, BYTES(A("\1A" ZONE, "\1")), 0, 0, 1, 0, 100 },
        { "AA, AD, CD", 1, OK | 0x430, { 1, 0, 0 }, BYTES(A(Q, "\1")), 0, 0, 1, 0, 100 },
        { "AAAA", 28, OK, { 1, 0, 0 }, BYTES(AAAA(Q)), 0, 0, 1, 0, 100 },
        { "with OPT", 1, OK, { 1, 0, 1 }, BYTES(A(Q, "\1") OPT("\0")), 0, 0, 1, 0, 100 },
        { "lowest TTL", 1, OK, { 2, 0, 0 },
          BYTES(A(Q, "\1") RR(Q, "\1", TTL("\0", "\7"), "\4", "\1\2\3\4")), 0, 0, 2, 0, 7 },
        { "TTL with the top bit", 1, OK, { 1, 0, 0 },
          BYTES(RR(Q, "\1", "\200\0\0\1", "\4", "\1\2\3\4")), 0, 0, 1, 0, 0 },
        { "largest TTL", 1, OK, { 1, 0, 0 },
          BYTES(RR(Q, "\1", "\177\377\377\377", "\4", "\1\2\3\4")), 0, 0, 1, 0, INT32_MAX },

        { "chain", 1, OK, { 3, 0, 0 }, BYTES(CNAME(Q, "b") CNAME(NAME("b"), "c") A(NAME("c"), "\1")), 0, 2, 1, 0, 50 },
        { "chain backwards", 1, OK, { 3, 0, 0 },
          BYTES(A(NAME("c"), "\1") CNAME(NAME("b"), "c") CNAME(Q, "b")), 0, 2, 1, 0, 50 },
        { "records inside the chain", 1, OK, { 3, 0, 0 },
          BYTES(CNAME(Q, "b") A(Q, "\1") A(NAME("b"), "\2")), 0, 1, 1, 0, 50 },
        { "CNAME twice alike", 1, OK, { 3, 0, 0 },
          BYTES(CNAME(Q, "b") CNAME(Q, "B") A(NAME("b"), "\2")), 0, 1, 1, 0, 50 },
        { "two CNAMEs", 1, OK, { 3, 0, 0 }, BYTES(CNAME(Q, "b") CNAME(Q, "c") A(NAME("b"), "\2")), MALFORMED },
        { "loop", 1, OK, { 2, 0, 0 }, BYTES(CNAME(Q, "b") CNAME(NAME("b"), "a")), LOOP },
        { "loop off the question", 1, OK, { 3, 0, 0 },
          BYTES(CNAME(Q, "b") CNAME(NAME("b"), "c") CNAME(NAME("c"), "b")), LOOP },
        { "CNAME of itself", 1, OK, { 1, 0, 0 }, BYTES(CNAME(Q, "a")), LOOP },
        { "loop aside", 1, OK, { 3, 0, 0 },
          BYTES(CNAME(NAME("b"), "c") CNAME(NAME("c"), "b") A(Q, "\1")), 0, 0, 1, 0, 100 },
        { "odd target", 1, OK, { 1, 0, 0 }, BYTES(CNAME(Q, "*")), MALFORMED },
        { "odd target aside", 1, OK, { 2, 0, 0 }, BYTES(CNAME(NAME("b"), "*") A(Q, "\1")), 0, 0, 1, 0, 100 },
        { "root target", 1, OK, { 1, 0, 0 }, BYTES(RR(Q, "\5", TTL("\0", "\1"), "\1", "\0")), MALFORMED },
        { "target shorter than rdata", 1, OK, { 1, 0, 0 },
          BYTES(RR(Q, "\5", TTL("\0", "\1"), "\5", "\1b" ZONE "x")), MALFORMED },
        { "target longer than rdata", 1, OK, { 1, 0, 0 },
          BYTES(RR(Q, "\5", TTL("\0", "\1"), "\3", "\1bx") "\0"), MALFORMED },
        { "CNAME asked", 5, OK, { 2, 0, 0 }, BYTES(CNAME(Q, "b") CNAME(NAME("b"), "c")), 0, 1, 0, 0, 50 },
        { "CNAME asked, none", 5, OK, { 1, 0, 0 }, BYTES(A(Q, "\1")), 0, 0, 0, 0, 0 },

        { "other owners", 1, OK, { 3, 0, 0 }, BYTES(A(NAME("b"), "\1") A(ZONE, "\2") A("\0", "\3")), 0, 0, 0, 0, 0 },
        { "other type", 1, OK, { 1, 0, 0 }, BYTES(AAAA(Q)), 0, 0, 0, 0, 0 },
        { "other class", 1, OK, { 1, 0, 0 }, BYTES(Q "\0\1\0\3\0\0\0\1\0\4abcd"), 0, 0, 0, 0, 0 },
        { "CNAME of another class", 1, OK, { 2, 0, 0 },
          BYTES(Q "\0\5\0\3\0\0\0\1\0\4\1b" ZONE A(Q, "\1")), 0, 0, 1, 0, 100 },
        { "addresses in other sections", 1, OK, { 0, 1, 1 }, BYTES(A(Q, "\1") A(Q, "\2")), 0, 0, 0, 0, 0 },
        { "CNAME in other sections", 1, OK, { 0, 1, 1 }, BYTES(CNAME(Q, "b") A(NAME("b"), "\2")), 0, 0, 0, 0, 0 },
        { "type without storage", 16, OK, { 1, 0, 0 },
          BYTES(RR(Q, "\20", TTL("\0", "\144"), "\2", "\1x")), 0, 0, 0, 0, 100 },
        { "A of 5 bytes", 1, OK, { 1, 0, 0 }, BYTES(RR(Q, "\1", TTL("\0", "\1"), "\5", "\1\2\3\4\5")), MALFORMED },
        { "A of 3 bytes", 1, OK, { 1, 0, 0 }, BYTES(RR(Q, "\1", TTL("\0", "\1"), "\3", "\1\2\3")), MALFORMED },
        { "AAAA of 4 bytes", 28, OK, { 1, 0, 0 }, BYTES(RR(Q, "\34", TTL("\0", "\1"), "\4", "\1\2\3\4")), MALFORMED },

        { "no data, SOA", 1, OK, { 0, 1, 0 }, BYTES(SOA(ZONE, TTL("\2", "\0"), TTL("\1", "\0"))), 0, 0, 0, 0, 256 },
        { "NXDOMAIN, SOA", 1, NX, { 0, 1, 0 }, BYTES(SOA(ZONE, TTL("\1", "\1"), TTL("\2", "\0"))), 0, 0, 0, 0, 257 },
        { "SOA of the root", 1, NX, { 0, 1, 0 }, BYTES(SOA("\0", TTL("\0", "\5"), TTL("\2", "\0"))), 0, 0, 0, 0, 5 },
        { "SOA of the name", 1, OK, { 0, 1, 0 }, BYTES(SOA(Q, TTL("\0", "\5"), TTL("\2", "\0"))), 0, 0, 0, 0, 5 },
        { "SOA of another zone", 1, OK, { 0, 1, 0 },
          BYTES(SOA(NAME("b"), TTL("\0", "\5"), TTL("\2", "\0"))), 0, 0, 0, 0, 0 },
        { "SOA of a zone that ends alike", 1, OK, { 0, 1, 0 },
          BYTES(SOA("\6xample\0", TTL("\0", "\5"), TTL("\2", "\0"))), 0, 0, 0, 0, 0 },
        { "SOA capped", 1, NX, { 0, 1, 0 }, BYTES(SOA(ZONE, TTL("\377", "\0"), TTL("\377", "\0"))), 0, 0, 0, 0, 3600 },
        { "SOA minimum with the top bit", 1, NX, { 0, 1, 0 },
          BYTES(SOA(ZONE, TTL("\1", "\0"), "\377\0\0\0")), 0, 0, 0, 0, 0 },
        { "no data, no SOA", 1, OK, { 0, 0, 0 }, BYTES(""), 0, 0, 0, 0, 0 },
        { "NXDOMAIN, no SOA", 1, NX, { 0, 0, 0 }, BYTES(""), 0, 0, 0, 0, 0 },
        { "NXDOMAIN behind a chain", 1, NX, { 1, 1, 0 },
          BYTES(CNAME(Q, "b") SOA(ZONE, TTL("\0", "\144"), TTL("\0", "\144"))), 0, 1, 0, 0, 50 },
        { "SOA too short", 1, NX, { 0, 1, 0 }, BYTES(RR(ZONE, "\6", TTL("\0", "\1"), "\4", "\0\0\0\1")), MALFORMED },
        { "SOA too long", 1, NX, { 0, 1, 0 },
          BYTES(RR(ZONE, "\6", TTL("\0", "\1"), "\27", SOA_RDATA("\0\0\0\5") "x")), MALFORMED },
        { "NXDOMAIN with an address", 1, NX, { 1, 0, 0 }, BYTES(A(Q, "\1")), MALFORMED },
        { "NXDOMAIN with the CNAME asked", 5, NX, { 1, 0, 0 }, BYTES(CNAME(Q, "b")), MALFORMED },

        { "trailing byte", 1, OK, { 1, 0, 0 }, BYTES(A(Q, "\1") "x"), MALFORMED },
        { "count too high", 1, OK, { 2, 0, 0 }, BYTES(A(Q, "\1")), MALFORMED },
        { "count too low", 1, OK, { 1, 0, 0 }, BYTES(A(Q, "\1") A(Q, "\2")), MALFORMED },
        { "malformed record aside", 1, OK, { 1, 0, 1 }, BYTES(A(Q, "\1") "\1b\0\0\1\0\1\0\0\0\1\0\5abcd"), MALFORMED },
        { "two OPT", 1, OK, { 0, 0, 2 }, BYTES(OPT("\0") OPT("\0")), MALFORMED },
        { "OPT with an owner", 1, OK, { 0, 0, 1 }, BYTES("\1b" OPT("\0")), MALFORMED },
        { "opcode", 1, OK | 1 << 11, { 1, 0, 0 }, BYTES(A(Q, "\1")), MALFORMED },
        { "a query", 1, DNS_FLAG_RD, { 1, 0, 0 }, BYTES(A(Q, "\1")), MALFORMED },

        { "pointer to itself", 1, OK, { 1, 0, 0 }, BYTES(A("\300\33", "\1")), MALFORMED },
        { "pointer forwards", 1, OK, { 1, 0, 0 }, BYTES(A("\300\35", "\1")), MALFORMED },
        { "pointer to the label before", 1, OK, { 1, 0, 0 }, BYTES(A("\1b\300\33", "\1")), MALFORMED },
        { "pointer into the header", 1, OK, { 1, 0, 0 }, BYTES(A("\300\4", "\1")), MALFORMED },
        { "pointer past the end", 1, OK, { 1, 0, 0 }, BYTES(A("\377\377", "\1")), MALFORMED },
        { "pointer to a pointer", 1, OK, { 2, 0, 0 }, BYTES(A(Q, "\1") A("\300\33", "\2")), 0, 0, 2, 0, 100 },
        { "two pointers around", 1, OK, { 2, 0, 0 }, BYTES(A("\300\53", "\1") A("\300\33", "\2")), MALFORMED },
        { "label type 01", 1, OK, { 1, 0, 0 }, BYTES(A("\101a\0", "\1")), MALFORMED },
};

static void build(Wire *w, size_t i) {
        wire_header(w, answers[i].flags, 1, answers[i].counts.an, answers[i].counts.ns, answers[i].counts.ar);
        wire_question(w, QUESTION_NAME, answers[i].type);
        ck_assert_uint_eq(w->n, 27);
        wire_raw(w, answers[i].records, answers[i].size);
}

static int parse(const Wire *w, uint16_t type, DnsAnswer *ret) {
        return dns_answer_parse(w->b, w->n, 0x1234, QUESTION_NAME, type, no_case, ret);
}

START_TEST(test_parse) {
        static DnsAnswer a, untouched;
        static Wire w;

        build(&w, (size_t) _i);
        memset(&a, 0x55, sizeof(a));
        untouched = a;
        int r = parse(&w, answers[_i].type, &a);
        ck_assert_msg(r == answers[_i].r, "%s: %d", answers[_i].what, r);
        if (r < 0) {
                ck_assert_mem_eq(&a, &untouched, sizeof(a));
                return;
        }
        ck_assert_uint_eq(a.type, answers[_i].type);
        ck_assert_uint_eq(a.rcode, answers[_i].flags & DNS_RCODE_MASK);
        ck_assert(!a.truncated);
        ck_assert_uint_eq(a.n_chain, answers[_i].n_chain);
        ck_assert_uint_eq(a.n_addrs, answers[_i].n_addrs);
        ck_assert_uint_eq(a.n_services, answers[_i].n_services);
        ck_assert_msg(a.ttl == answers[_i].ttl, "%s: TTL %u", answers[_i].what, a.ttl);
        for (size_t i = 0; i < a.n_chain; i++) {
                char want[] = "b.example";

                want[0] = (char) ('b' + i);
                ck_assert_str_eq(a.chain[i], want);
                ck_assert_uint_eq(a.chain_ttl[i], 50);
        }
}
END_TEST

/* Each message that is taken, cut at every length. */
START_TEST(test_truncated) {
        static Wire w;
        DnsAnswer a;

        if (answers[_i].r != 0)
                return;
        build(&w, (size_t) _i);
        for (size_t n = 0; n < w.n; n++) {
                uint8_t *copy = malloc(n + 1); /* so that a sanitizer sees a read past the end */

                ck_assert_ptr_nonnull(copy);
                memcpy(copy + 1, w.b, n);
                ck_assert_int_eq(dns_answer_parse(copy + 1, n, 0x1234, QUESTION_NAME, answers[_i].type, no_case, &a),
                                 -EBADMSG);
                free(copy);
        }
}
END_TEST

START_TEST(test_values) {
        static const uint8_t mapped[] = "\0\0\0\0\0\0\0\0\0\0\377\377\300\0\2\1";
        static Wire w;
        DnsAnswer a;
        InAddr want;

        wire_header(&w, OK, 1, 3, 0, 0);
        wire_question(&w, QUESTION_NAME, DNS_TYPE_A);
        wire_record(&w, QUESTION_NAME, DNS_TYPE_A, 9, "\300\0\2\1", 4);
        wire_record(&w, QUESTION_NAME, DNS_TYPE_A, 8, "\300\0\2\2", 4);
        wire_record(&w, "b.example", DNS_TYPE_A, 1, "\300\0\2\3", 4);
        ck_assert_int_eq(parse(&w, DNS_TYPE_A, &a), 0);
        ck_assert_uint_eq(a.n_addrs, 2);
        ck_assert_uint_eq(a.ttl, 8);
        in_addr_from_v4((const uint8_t[]) { 192, 0, 2, 1 }, &want);
        ck_assert(in_addr_equal(&a.addrs[0], &want));

        wire_header(&w, OK, 1, 1, 0, 0);
        wire_question(&w, QUESTION_NAME, DNS_TYPE_AAAA);
        wire_record(&w, QUESTION_NAME, DNS_TYPE_AAAA, 9, mapped, 16);
        ck_assert_int_eq(parse(&w, DNS_TYPE_AAAA, &a), 0);
        ck_assert(in_addr_equal(&a.addrs[0], &want));
}
END_TEST

static const struct {
        const char *what;
        uint16_t id;
        const char *name;
        uint16_t type;
        uint8_t bits;
        int r;
} questions[] = {
        { "same", 0x1234, QUESTION_NAME, 1, 0, 0 },
        { "id", 0x1235, QUESTION_NAME, 1, 0, -EBADE },
        { "name", 0x1234, "b.example", 1, 0, -EBADE },
        { "shorter name", 0x1234, "example", 1, 0, -EBADE },
        { "type", 0x1234, QUESTION_NAME, 28, 0, -EBADE },
        { "case", 0x1234, QUESTION_NAME, 1, 1, -EBADE },
        { "case of the last letter", 0x1234, QUESTION_NAME, 1, 0x80, -EBADE },
};

START_TEST(test_question) {
        static Wire w;
        DnsAnswer a;

        wire_header(&w, OK, 1, 1, 0, 0);
        wire_question(&w, QUESTION_NAME, DNS_TYPE_A);
        wire_raw(&w, BYTES(A(Q, "\1")));
        int r = dns_answer_parse(w.b, w.n, questions[_i].id, questions[_i].name, questions[_i].type,
                                 (const uint8_t[DNS_CASE_BITS_SIZE]) { questions[_i].bits }, &a);
        ck_assert_msg(r == questions[_i].r, "%s: %d", questions[_i].what, r);
}
END_TEST

START_TEST(test_question_spelling) {
        static const uint8_t bits[DNS_CASE_BITS_SIZE] = { 0x05 }; /* A.eXample */
        static Wire w;
        DnsAnswer a;

        wire_header(&w, OK, 1, 1, 0, 0);
        wire_question(&w, "A.eXample", DNS_TYPE_A);
        wire_raw(&w, BYTES(A(Q, "\1")));
        ck_assert_int_eq(dns_answer_parse(w.b, w.n, 0x1234, QUESTION_NAME, DNS_TYPE_A, bits, &a), 0);
        ck_assert_uint_eq(a.n_addrs, 1);
        ck_assert_int_eq(dns_answer_parse(w.b, w.n, 0x1234, QUESTION_NAME, DNS_TYPE_A, no_case, &a), -EBADE);

        for (unsigned n = 0; n < 3; n++) { /* questions in the answer */
                wire_header(&w, OK, n, 0, 0, 0);
                for (unsigned i = 0; i < n; i++)
                        wire_question(&w, QUESTION_NAME, DNS_TYPE_A);
                ck_assert_int_eq(parse(&w, DNS_TYPE_A, &a), n == 1 ? 0 : -EBADE);
        }
}
END_TEST

static const struct {
        uint16_t flags;
        const char *records;
        size_t size;
        uint8_t rcode;
} refusals[] = {
        { OK | DNS_RCODE_FORMERR, BYTES(""), 1 },
        { OK | DNS_RCODE_SERVFAIL, BYTES(""), 2 },
        { OK | DNS_RCODE_REFUSED, BYTES(OPT("\0")), 5 },
        { OK, BYTES(OPT("\1")), 16 },                       /* BADVERS */
        { OK | DNS_RCODE_NXDOMAIN, BYTES(OPT("\1")), 19 },
        { OK, BYTES(OPT("\20")), 255 },                     /* does not fit: 256 */
        { OK | DNS_FLAG_TC | DNS_RCODE_SERVFAIL, BYTES(""), 2 },
};

START_TEST(test_rcode) {
        static Wire w;
        DnsAnswer a = {};

        wire_header(&w, refusals[_i].flags, 1, 0, 0, refusals[_i].size > 0);
        wire_question(&w, QUESTION_NAME, DNS_TYPE_A);
        wire_raw(&w, refusals[_i].records, refusals[_i].size);
        ck_assert_int_eq(parse(&w, DNS_TYPE_A, &a), -EREMOTEIO);
        ck_assert_uint_eq(a.rcode, refusals[_i].rcode);
}
END_TEST

START_TEST(test_tc) {
        static Wire w;
        DnsAnswer a;

        wire_header(&w, OK | DNS_FLAG_TC, 1, 2, 0, 0); /* says two, holds one and a half */
        wire_question(&w, QUESTION_NAME, DNS_TYPE_A);
        wire_raw(&w, BYTES(A(Q, "\1") Q "\0\1"));
        ck_assert_int_eq(parse(&w, DNS_TYPE_A, &a), 0);
        ck_assert(a.truncated);
        ck_assert_uint_eq(a.n_addrs + a.n_chain + a.n_services, 0);
        ck_assert_uint_eq(a.ttl, 0);

        ck_assert_int_eq(dns_answer_parse(w.b, w.n, 0x1234, "b.example", DNS_TYPE_A, no_case, &a), -EBADE);
}
END_TEST

/* A chain of n links, with an address at its end; backwards for the worst order. */
static void build_chain(Wire *w, unsigned n, unsigned n_aside) {
        char owner[32], target[32];

        wire_header(w, OK, 1, n + n_aside + 1, 0, 0);
        wire_question(w, QUESTION_NAME, DNS_TYPE_A);
        (void) snprintf(owner, sizeof(owner), "c%u.example", n);
        wire_record(w, n == 0 ? QUESTION_NAME : owner, DNS_TYPE_A, 60, "\300\0\2\1", 4);
        for (unsigned i = n; i-- > 0;) {
                (void) snprintf(owner, sizeof(owner), "c%u.example", i);
                (void) snprintf(target, sizeof(target), "c%u.example", i + 1);
                wire_cname(w, i == 0 ? QUESTION_NAME : owner, target, 60);
        }
        for (unsigned i = 0; i < n_aside; i++)
                wire_cname(w, "x.example", "y.example", 60);
}

START_TEST(test_chain_limit) {
        static const struct {
                unsigned n, n_aside;
                int r;
        } chains[] = {
                { 0, 0, 0 },
                { DNS_CHAIN_MAX, 0, 0 },
                { DNS_CHAIN_MAX + 1, 0, -ELOOP },
                { DNS_CHAIN_MAX, DNS_CHAIN_MAX, 0 },
                { DNS_CHAIN_MAX, DNS_CHAIN_MAX + 1, -ELOOP },
                { 0, 2 * DNS_CHAIN_MAX + 1, -ELOOP },
        };
        static Wire w;
        DnsAnswer a;

        for (size_t i = 0; i < ELEMENTSOF(chains); i++) {
                build_chain(&w, chains[i].n, chains[i].n_aside);
                ck_assert_int_eq(parse(&w, DNS_TYPE_A, &a), chains[i].r);
                if (chains[i].r < 0)
                        continue;
                ck_assert_uint_eq(a.n_chain, chains[i].n);
                ck_assert_uint_eq(a.n_addrs, 1);
        }
}
END_TEST

START_TEST(test_address_limit) {
        static const unsigned counts[] = { DNS_ADDRS_MAX, DNS_ADDRS_MAX + 1, 4000 };
        static Wire w;
        DnsAnswer a;

        for (size_t i = 0; i < ELEMENTSOF(counts); i++) {
                wire_header(&w, OK, 1, counts[i], 0, 0);
                wire_question(&w, QUESTION_NAME, DNS_TYPE_A);
                for (unsigned n = 0; n < counts[i]; n++)
                        wire_raw(&w, BYTES(A(Q, "\1")));
                w.b[w.n - 1] = 2; /* the last one */
                ck_assert_int_eq(parse(&w, DNS_TYPE_A, &a), 0);
                ck_assert_uint_eq(a.n_addrs, DNS_ADDRS_MAX);
                ck_assert_uint_eq(a.addrs[DNS_ADDRS_MAX - 1].b[15], counts[i] == DNS_ADDRS_MAX ? 2 : 1);
        }
}
END_TEST

START_TEST(test_name_limit) {
        static const struct {
                size_t length;
                int r;
        } lengths[] = { { 253, 0 }, { 254, -EBADMSG }, { 255, -EBADMSG } };
        static Wire w;
        char target[300];
        DnsAnswer a;

        for (size_t i = 0; i < ELEMENTSOF(lengths); i++) {
                wire_header(&w, OK, 1, 1, 0, 0);
                wire_question(&w, QUESTION_NAME, DNS_TYPE_A);
                wire_cname(&w, QUESTION_NAME, name_of_length(target, lengths[i].length), 1);
                ck_assert_int_eq(parse(&w, DNS_TYPE_A, &a), lengths[i].r);
                if (lengths[i].r == 0)
                        ck_assert_str_eq(a.chain[0], target);
        }
}
END_TEST

/* Labels that each end in a pointer to the one before: within the limits of a name, then with one label more. Also
 * pointers that lead to pointers without end. */
START_TEST(test_pointer_chain) {
        static const struct {
                unsigned n;
                const char *label;
                int r;
        } chains[] = {
                { 122, "\1x", 0 },        /* 9 + 122 * 2 = 253 */
                { 123, "\1x", -EBADMSG },
                { 100, "", 0 },
                { 200, "", -EBADMSG },
        };
        static Wire w;
        DnsAnswer a;

        for (size_t i = 0; i < ELEMENTSOF(chains); i++) {
                size_t last = DNS_HEADER_SIZE;

                wire_header(&w, OK, 1, 2, 0, 0);
                wire_question(&w, QUESTION_NAME, DNS_TYPE_A);
                wire_record(&w, "", 99, 1, "", 0);
                size_t rdata = w.n;
                for (unsigned n = 0; n < chains[i].n; n++) {
                        size_t here = w.n;

                        wire_raw(&w, chains[i].label, strlen(chains[i].label));
                        wire_u16(&w, 0xc000 | (unsigned) last);
                        last = here;
                }
                w.b[rdata - 2] = (uint8_t) ((w.n - rdata) >> 8);
                w.b[rdata - 1] = (uint8_t) (w.n - rdata);
                wire_u16(&w, 0xc000 | (unsigned) last);
                wire_raw(&w, BYTES("\0\1\0\1\0\0\0\1\0\4abcd"));
                ck_assert_msg(parse(&w, DNS_TYPE_A, &a) == chains[i].r, "%zu", i);
        }
}
END_TEST

#define PRIORITY_SELF "\0\1\0"
#define ALPN_H2 "\0\1\0\3\2h2"

static const struct {
        const char *what;
        const char *rdata;
        size_t size;
        int r;
        size_t n;
        DnsService want;
} services[] = {
        { "nothing", BYTES(PRIORITY_SELF), 0, 1, { .priority = 1 } },
        { "target is the owner", BYTES("\0\1\1a\7example\0"), 0, 1, { .priority = 1 } },
        { "target in other case", BYTES("\0\1\1A\7EXAMPLE\0"), 0, 1, { .priority = 1 } },
        { "other target", BYTES("\0\1\1b\7example\0"), 0, 0, {} },
        { "odd target", BYTES("\0\1\1*\7example\0"), 0, 0, {} },
        { "compressed target", BYTES("\0\1" Q), -EBADMSG, 0, {} },
        { "alias", BYTES("\0\0\1b\7example\0"), 0, 0, {} },
        { "alias of itself", BYTES("\0\0\0"), 0, 0, {} },
        { "alpn", BYTES("\1\0\0" "\0\1\0\14\2h2\10http/1.1"), 0, 1,
          { .priority = 256, .alpn_length = 12, .alpn = "\2h2\10http/1.1" } },
        { "alpn of other characters left out", BYTES(PRIORITY_SELF "\0\1\0\6\2h2\2\12\12"), 0, 1,
          { .priority = 1, .alpn_length = 3, .alpn = "\2h2" } },
        { "empty alpn", BYTES(PRIORITY_SELF "\0\1\0\0"), -EBADMSG, 0, {} },
        { "empty alpn id", BYTES(PRIORITY_SELF "\0\1\0\4\2h2\0"), -EBADMSG, 0, {} },
        { "alpn id too long", BYTES(PRIORITY_SELF "\0\1\0\3\3h2"), -EBADMSG, 0, {} },
        { "port", BYTES(PRIORITY_SELF "\0\3\0\2\40\373"), 0, 1, { .priority = 1, .port = 8443 } },
        { "port 0", BYTES(PRIORITY_SELF "\0\3\0\2\0\0"), 0, 0, {} },
        { "port of 1 byte", BYTES(PRIORITY_SELF "\0\3\0\1\1"), -EBADMSG, 0, {} },
        { "port of 3 bytes", BYTES(PRIORITY_SELF "\0\3\0\3\1\1\1"), -EBADMSG, 0, {} },
        { "no-default-alpn", BYTES(PRIORITY_SELF ALPN_H2 "\0\2\0\0"), 0, 1,
          { .priority = 1, .no_default_alpn = true, .alpn_length = 3, .alpn = "\2h2" } },
        { "no-default-alpn alone", BYTES(PRIORITY_SELF "\0\2\0\0"), 0, 0, {} },
        { "no-default-alpn with alpn left out", BYTES(PRIORITY_SELF "\0\1\0\3\2\12\12\0\2\0\0"), 0, 0, {} },
        { "no-default-alpn with a value", BYTES(PRIORITY_SELF ALPN_H2 "\0\2\0\1x"), -EBADMSG, 0, {} },
        { "hints and ech", BYTES(PRIORITY_SELF ALPN_H2 "\0\4\0\4\1\2\3\4\0\5\0\2xx\0\6\0\20abcdefghijklmnop"), 0, 1,
          { .priority = 1, .alpn_length = 3, .alpn = "\2h2" } },
        { "unknown key", BYTES(PRIORITY_SELF "\0\7\0\1x\377\0\0\0"), 0, 1, { .priority = 1 } },
        { "mandatory alpn and port", BYTES(PRIORITY_SELF "\0\0\0\4\0\1\0\3" ALPN_H2 "\0\3\0\2\0\1"), 0, 1,
          { .priority = 1, .port = 1, .alpn_length = 3, .alpn = "\2h2" } },
        { "mandatory ech", BYTES(PRIORITY_SELF "\0\0\0\2\0\5" "\0\5\0\2xx"), 0, 0, {} },
        { "mandatory unknown key", BYTES(PRIORITY_SELF "\0\0\0\4\0\1\2\0" ALPN_H2 "\2\0\0\0"), 0, 0, {} },
        { "mandatory key missing", BYTES(PRIORITY_SELF "\0\0\0\2\0\3" ALPN_H2), -EBADMSG, 0, {} },
        { "mandatory mandatory", BYTES(PRIORITY_SELF "\0\0\0\2\0\0"), -EBADMSG, 0, {} },
        { "mandatory not ascending", BYTES(PRIORITY_SELF "\0\0\0\4\0\3\0\1" ALPN_H2 "\0\3\0\2\0\1"), -EBADMSG, 0, {} },
        { "mandatory odd length", BYTES(PRIORITY_SELF "\0\0\0\3\0\1\0" ALPN_H2), -EBADMSG, 0, {} },
        { "mandatory empty", BYTES(PRIORITY_SELF "\0\0\0\0"), -EBADMSG, 0, {} },
        { "keys not ascending", BYTES(PRIORITY_SELF "\0\3\0\2\0\1" ALPN_H2), -EBADMSG, 0, {} },
        { "key twice", BYTES(PRIORITY_SELF ALPN_H2 ALPN_H2), -EBADMSG, 0, {} },
        { "value too long", BYTES(PRIORITY_SELF "\0\7\0\2x"), -EBADMSG, 0, {} },
        { "half a key", BYTES(PRIORITY_SELF "\0"), -EBADMSG, 0, {} },
        { "empty", BYTES(""), -EBADMSG, 0, {} },
        { "no target", BYTES("\0\1"), -EBADMSG, 0, {} },
};

static int parse_service(Wire *w, uint16_t type, const void *rdata, size_t size, unsigned n, DnsAnswer *ret) {
        wire_header(w, OK, 1, n, 0, 0);
        wire_question(w, QUESTION_NAME, type);
        for (unsigned i = 0; i < n; i++)
                wire_record(w, QUESTION_NAME, type, 77, rdata, size);
        return parse(w, type, ret);
}

START_TEST(test_service) {
        static Wire w;
        DnsAnswer a;

        int r = parse_service(&w, DNS_TYPE_HTTPS, services[_i].rdata, services[_i].size, 1, &a);
        ck_assert_msg(r == services[_i].r, "%s: %d", services[_i].what, r);
        if (r < 0)
                return;
        ck_assert_msg(a.n_services == services[_i].n, "%s", services[_i].what);
        ck_assert_uint_eq(a.ttl, 77); /* also when nothing was kept: the records are there */
        if (a.n_services == 0)
                return;
        const DnsService *s = &a.services[0], *want = &services[_i].want;
        ck_assert_uint_eq(s->priority, want->priority);
        ck_assert_uint_eq(s->port, want->port);
        ck_assert_uint_eq(s->no_default_alpn, want->no_default_alpn);
        ck_assert_uint_eq(s->alpn_length, want->alpn_length);
        ck_assert_mem_eq(s->alpn, want->alpn, want->alpn_length);
}
END_TEST

START_TEST(test_service_limits) {
        static Wire w;
        uint8_t rdata[3 + 4 + 64] = { 0, 1, 0, 0, 1, 0, 63, 62 };
        DnsAnswer a;

        ck_assert_int_eq(parse_service(&w, DNS_TYPE_SVCB, BYTES(PRIORITY_SELF), DNS_SVC_MAX + 1, &a), 0);
        ck_assert_uint_eq(a.n_services, DNS_SVC_MAX);

        memset(rdata + 8, 'h', 63);
        ck_assert_int_eq(parse_service(&w, DNS_TYPE_SVCB, rdata, 3 + 4 + 63, 1, &a), 0);
        ck_assert_uint_eq(a.services[0].alpn_length, 63);
        rdata[6]++;
        rdata[7]++; /* an id that no longer fits */
        ck_assert_int_eq(parse_service(&w, DNS_TYPE_SVCB, rdata, 3 + 4 + 64, 1, &a), 0);
        ck_assert_uint_eq(a.services[0].alpn_length, 0);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("dns-answer");
        TCase *tc = tcase_create("answer");

        tcase_add_loop_test(tc, test_parse, 0, ELEMENTSOF(answers));
        tcase_add_loop_test(tc, test_truncated, 0, ELEMENTSOF(answers));
        tcase_add_test(tc, test_values);
        tcase_add_loop_test(tc, test_question, 0, ELEMENTSOF(questions));
        tcase_add_test(tc, test_question_spelling);
        tcase_add_loop_test(tc, test_rcode, 0, ELEMENTSOF(refusals));
        tcase_add_test(tc, test_tc);
        tcase_add_test(tc, test_chain_limit);
        tcase_add_test(tc, test_address_limit);
        tcase_add_test(tc, test_name_limit);
        tcase_add_test(tc, test_pointer_chain);
        tcase_add_loop_test(tc, test_service, 0, ELEMENTSOF(services));
        tcase_add_test(tc, test_service_limits);
        suite_add_tcase(s, tc);
        return s;
}

#include "check-main.h"
