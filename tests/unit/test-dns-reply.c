/* SPDX-License-Identifier: Apache-2.0 */

#include "dns/dns-message.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "basic/macro.h"
#include "wire-builder.h"

#define REPLY_ID_FLAGS "\x12\x34\x81\x80"
#define OPT "\0\0\51\4\320\0\0\0\0\0\0"

static DnsQuery query(const char *name, uint16_t type, bool edns) {
        DnsQuery q = { .id = 0x1234, .type = type, .recursion_desired = true, .has_edns = edns, .udp_size = 512 };

        strcpy(q.name, name);
        return q;
}

static void add_addr(DnsAnswer *a, const char *text) {
        ck_assert_int_eq(in_addr_parse(text, &a->addrs[a->n_addrs++]), 0);
}

START_TEST(test_address) {
        static const char want[] = REPLY_ID_FLAGS "\0\1\0\3\0\0\0\1" "\1A\7exaMple\0" "\0\1\0\1"
                                   "\300\14" "\0\5\0\1" "\0\0\1\2" "\0\7" "\1b\3com\0"
                                   "\300\47" "\0\1\0\1" "\0\0\1\2" "\0\4" "\300\0\2\1"
                                   "\300\47" "\0\1\0\1" "\0\0\1\2" "\0\4" "\300\0\2\2" OPT;
        uint8_t buf[512];
        DnsQuery q = query("a.example", DNS_TYPE_A, true);
        DnsAnswer a = { .type = DNS_TYPE_A, .n_chain = 1, .chain = { "b.com" }, .ttl = 5 };

        q.case_bits[0] = 0x11; /* A, M */
        add_addr(&a, "192.0.2.1");
        add_addr(&a, "192.0.2.2");
        size_t n = dns_reply_build(buf, sizeof(buf), &q, DNS_RCODE_NOERROR, &a, 258, NULL);
        ck_assert_uint_eq(n, sizeof(want) - 1);
        ck_assert_mem_eq(buf, want, n);
}
END_TEST

START_TEST(test_address6) {
        static const char want[] = "\x12\x34\x80\x80" "\0\1\0\2\0\0\0\0" "\1a\0" "\0\34\0\1"
                                   "\300\14" "\0\34\0\1" "\0\0\0\7" "\0\20" "\40\1\15\270\0\0\0\0\0\0\0\0\0\0\0\1"
                                   "\300\14" "\0\34\0\1" "\0\0\0\7" "\0\20" "\0\0\0\0\0\0\0\0\0\0\377\377\300\0\2\1";
        uint8_t buf[512];
        DnsQuery q = query("a", DNS_TYPE_AAAA, false);
        DnsAnswer a = { .type = DNS_TYPE_AAAA };

        q.recursion_desired = false;
        add_addr(&a, "2001:db8::1");
        add_addr(&a, "::ffff:192.0.2.1");
        size_t n = dns_reply_build(buf, sizeof(buf), &q, DNS_RCODE_NOERROR, &a, 7, NULL);
        ck_assert_uint_eq(n, sizeof(want) - 1);
        ck_assert_mem_eq(buf, want, n);
}
END_TEST

START_TEST(test_service) {
        static const char want[] = REPLY_ID_FLAGS "\0\1\0\2\0\0\0\0" "\1a\0" "\0\101\0\1"
                                   "\300\14" "\0\101\0\1" "\0\0\0\7" "\0\24" "\0\1" "\0" "\0\1\0\3\2h2" "\0\2\0\0"
                                   "\0\3\0\2\40\373"
                                   "\300\14" "\0\101\0\1" "\0\0\0\7" "\0\3" "\0\2" "\0";
        uint8_t buf[512];
        DnsQuery q = query("a", DNS_TYPE_HTTPS, false);
        DnsAnswer a = {
                .type = DNS_TYPE_HTTPS,
                .n_services = 2,
                .services = {
                        { .priority = 1, .port = 8443, .no_default_alpn = true, .alpn_length = 3, .alpn = "\2h2" },
                        { .priority = 2 },
                },
        };

        size_t n = dns_reply_build(buf, sizeof(buf), &q, DNS_RCODE_NOERROR, &a, 7, NULL);
        ck_assert_uint_eq(n, sizeof(want) - 1);
        ck_assert_mem_eq(buf, want, n);
}
END_TEST

START_TEST(test_ptr) {
        static const char want[] = REPLY_ID_FLAGS "\0\1\0\1\0\0\0\1"
                                   "\0011\0012\0010\003192\7in-addr\4arpa\0" "\0\14\0\1"
                                   "\300\14" "\0\14\0\1" "\0\0\0\7" "\0\7" "\1b\3com\0" OPT;
        uint8_t buf[512];
        DnsQuery q = query("1.2.0.192.in-addr.arpa", DNS_TYPE_PTR, true);

        size_t n = dns_reply_build(buf, sizeof(buf), &q, DNS_RCODE_NOERROR, NULL, 7, "b.com");
        ck_assert_uint_eq(n, sizeof(want) - 1);
        ck_assert_mem_eq(buf, want, n);
}
END_TEST

START_TEST(test_without_records) {
        static const char refused[] = "\x12\x34\x81\x85" "\0\1\0\0\0\0\0\1" "\1a\0" "\0\1\0\1" OPT;
        static const char header[] = "\x12\x34\x81\x81" "\0\0\0\0\0\0\0\0";
        static const char root[] = "\x12\x34\x81\x85" "\0\1\0\0\0\0\0\0" "\0" "\0\2\0\1";
        uint8_t buf[512];
        DnsQuery q = query("a", DNS_TYPE_A, true);

        ck_assert_uint_eq(dns_reply_build(buf, sizeof(buf), &q, DNS_RCODE_REFUSED, NULL, 0, NULL), sizeof(refused) - 1);
        ck_assert_mem_eq(buf, refused, sizeof(refused) - 1);

        ck_assert_uint_eq(dns_reply_build_error(buf, &q, DNS_RCODE_FORMERR), DNS_HEADER_SIZE);
        ck_assert_mem_eq(buf, header, DNS_HEADER_SIZE);
        q.type = 0; /* a question that could not be read */
        ck_assert_uint_eq(dns_reply_build(buf, sizeof(buf), &q, DNS_RCODE_FORMERR, NULL, 0, NULL), DNS_HEADER_SIZE);
        ck_assert_mem_eq(buf, header, DNS_HEADER_SIZE);
        q = query("a?b", DNS_TYPE_A, true);
        ck_assert_uint_eq(dns_reply_build(buf, sizeof(buf), &q, DNS_RCODE_FORMERR, NULL, 0, NULL), DNS_HEADER_SIZE);
        ck_assert_mem_eq(buf, header, DNS_HEADER_SIZE);

        q = query("", DNS_TYPE_NS, false);
        ck_assert_uint_eq(dns_reply_build(buf, sizeof(buf), &q, DNS_RCODE_REFUSED, NULL, 0, NULL), sizeof(root) - 1);
        ck_assert_mem_eq(buf, root, sizeof(root) - 1);
}
END_TEST

/* The largest answer there can be. */
static void fill_answer(DnsAnswer *a, uint16_t type) {
        memset(a, 0, sizeof(*a));
        a->type = type;
        a->n_chain = type == DNS_TYPE_CNAME ? 1 : DNS_CHAIN_MAX;
        for (size_t i = 0; i < a->n_chain; i++) {
                name_of_length(a->chain[i], DNS_NAME_MAX);
                a->chain[i][0] = (char) ('b' + i);
        }
        if (type == DNS_TYPE_A || type == DNS_TYPE_AAAA)
                for (size_t i = 0; i < DNS_ADDRS_MAX; i++)
                        add_addr(a, type == DNS_TYPE_A ? "192.0.2.1" : "2001:db8::1");
        if (type != DNS_TYPE_HTTPS)
                return;
        a->n_services = DNS_SVC_MAX;
        for (size_t i = 0; i < DNS_SVC_MAX; i++) {
                a->services[i] = (DnsService) { 1, .port = 65535, .no_default_alpn = true, .alpn_length = 63 };
                memset(a->services[i].alpn, 'h', 63);
                a->services[i].alpn[0] = 62;
        }
}

/* A counter of the header. */
static unsigned records_of(const uint8_t *message, size_t pos) {
        return (unsigned) message[pos] << 8 | message[pos + 1];
}

static const uint16_t types[] = { DNS_TYPE_A, DNS_TYPE_AAAA, DNS_TYPE_CNAME, DNS_TYPE_HTTPS };

/* What was built is an answer to the same question; if one byte is missing, the last record is left out. */
START_TEST(test_round_trip) {
        static uint8_t buf[DNS_MESSAGE_MAX + 10];
        static DnsAnswer a, got;
        DnsQuery q = query("a.example", types[_i], _i % 2);

        q.case_bits[0] = 0x5a;
        a = got = (DnsAnswer) {};
        fill_answer(&a, types[_i]);
        size_t whole = dns_reply_build(buf, sizeof(buf), &q, DNS_RCODE_NOERROR, &a, 99, NULL);
        ck_assert_int_eq(dns_answer_parse(buf, whole, q.id, q.name, q.type, q.case_bits, &got), 0);
        ck_assert(!got.truncated);
        ck_assert_uint_eq(got.ttl, 99);
        ck_assert_uint_eq(got.n_chain, a.n_chain);
        for (size_t i = 0; i < a.n_chain; i++)
                ck_assert_str_eq(got.chain[i], a.chain[i]);
        ck_assert_uint_eq(got.n_addrs, a.n_addrs);
        ck_assert_mem_eq(got.addrs, a.addrs, a.n_addrs * sizeof(a.addrs[0]));
        ck_assert_uint_eq(got.n_services, a.n_services);
        for (size_t i = 0; i < a.n_services; i++) {
                ck_assert_uint_eq(got.services[i].priority, a.services[i].priority);
                ck_assert_uint_eq(got.services[i].port, a.services[i].port);
                ck_assert_uint_eq(got.services[i].no_default_alpn, a.services[i].no_default_alpn);
                ck_assert_uint_eq(got.services[i].alpn_length, a.services[i].alpn_length);
                ck_assert_mem_eq(got.services[i].alpn, a.services[i].alpn, sizeof(a.services[i].alpn));
        }

        if (whole < 512)
                return;
        ck_assert_uint_eq(dns_reply_build(buf, whole, &q, DNS_RCODE_NOERROR, &a, 99, NULL), whole);
        size_t n = dns_reply_build(buf, whole - 1, &q, DNS_RCODE_NOERROR, &a, 99, NULL);
        ck_assert_uint_lt(n, whole);
        ck_assert_uint_eq(records_of(buf, 6), a.n_chain + a.n_addrs + a.n_services - 1U);
        ck_assert_int_eq(dns_answer_parse(buf, n, q.id, q.name, q.type, q.case_bits, &got), 0);
        ck_assert(got.truncated);
}
END_TEST

/* No size writes past its end, and every reply can be read. */
START_TEST(test_every_size) {
        static DnsAnswer a, got;
        char name[DNS_NAME_SIZE];
        DnsQuery q = query(name_of_length(name, DNS_NAME_MAX), types[_i], true);

        fill_answer(&a, types[_i]);
        for (size_t max = 512; max < 9000; max += max < 1300 ? 1 : 97) {
                uint8_t *buf = malloc(max);

                ck_assert_ptr_nonnull(buf);
                size_t n = dns_reply_build(buf, max, &q, DNS_RCODE_NOERROR, &a, 1, NULL);
                ck_assert_uint_le(n, max);
                ck_assert_int_eq(dns_answer_parse(buf, n, q.id, q.name, q.type, q.case_bits, &got), 0);
                free(buf);
        }
}
END_TEST

START_TEST(test_negative) {
        uint8_t buf[512];
        DnsQuery q = query("a.example", DNS_TYPE_A, true);
        DnsAnswer a = { .type = DNS_TYPE_A, .rcode = DNS_RCODE_NXDOMAIN, .n_chain = 1, .chain = { "b.example" } }, got;

        size_t n = dns_reply_build(buf, sizeof(buf), &q, DNS_RCODE_NXDOMAIN, &a, 3, NULL);
        ck_assert_int_eq(dns_answer_parse(buf, n, q.id, q.name, q.type, q.case_bits, &got), 0);
        ck_assert_uint_eq(got.rcode, DNS_RCODE_NXDOMAIN);
        ck_assert_uint_eq(got.n_chain, 1);
        ck_assert_uint_eq(got.n_addrs, 0);
}
END_TEST

/* A content network's chain and two addresses, which fit in 512 bytes only with compression. */
START_TEST(test_compression) {
        static const char *const chain[] = {
                "production-frontdoor-endpoint.delivery.cdn.example", "traffic-manager-profile-eu.delivery.cdn.example",
                "edge-cluster-northeurope-01.delivery.cdn.example", "origin-shield-selector-v2.delivery.cdn.example",
                "regional-loadbalancer-set.delivery.cdn.example", "cache-tier-assignment-ab.delivery.cdn.example",
                "backend-pool-blue-primary.delivery.cdn.example", "ingress-node-group-0042.delivery.cdn.example",
        };
        uint8_t buf[512];
        DnsQuery q = query("start.delivery.cdn.example", DNS_TYPE_A, false);
        DnsAnswer a = { .type = DNS_TYPE_A, .n_chain = ELEMENTSOF(chain) }, got;

        memset(q.case_bits, 0x5a, sizeof(q.case_bits));
        for (size_t i = 0; i < ELEMENTSOF(chain); i++)
                strcpy(a.chain[i], chain[i]);
        add_addr(&a, "192.0.2.1");
        add_addr(&a, "192.0.2.2");
        size_t n = dns_reply_build(buf, sizeof(buf), &q, DNS_RCODE_NOERROR, &a, 3, NULL);
        ck_assert_uint_le(n, 401); /* what a common name server needs */
        ck_assert_int_eq(dns_answer_parse(buf, n, q.id, q.name, q.type, q.case_bits, &got), 0);
        ck_assert(!got.truncated);
        ck_assert_uint_eq(got.n_addrs, 2);
        ck_assert_uint_eq(got.n_chain, a.n_chain);
        for (size_t i = 0; i < a.n_chain; i++)
                ck_assert_str_eq(got.chain[i], chain[i]);
}
END_TEST

/* Clients without TCP use what came with TC. */
START_TEST(test_whole_records) {
        uint8_t buf[512];
        DnsQuery q = query("forty.example", DNS_TYPE_A, false);
        DnsAnswer a = { .type = DNS_TYPE_A };

        for (int i = 0; i < 40; i++)
                add_addr(&a, "192.0.2.1");
        size_t n = dns_reply_build(buf, sizeof(buf), &q, DNS_RCODE_NOERROR, &a, 3, NULL);
        ck_assert(buf[2] & DNS_FLAG_TC >> 8);
        ck_assert_uint_eq(records_of(buf, 6), (512 - 31) / 16);
        ck_assert_uint_eq(n, 31 + 16 * records_of(buf, 6));
}
END_TEST

static void add_record(DnsAnswer *a, const void *plain, size_t size) {
        uint8_t *p = a->records + a->records_size;

        p[0] = 0;
        p[1] = (uint8_t) size;
        memcpy(p + 2, plain, size);
        a->records_size = (uint16_t) (a->records_size + 2 + size);
        a->n_records++;
}

/* Names in MX records are compressed, those in SRV records are not. */
START_TEST(test_other_types) {
        static const char mx[] = REPLY_ID_FLAGS "\0\1\0\1\0\0\0\0" "\1a\7example\0" "\0\17\0\1"
                                 "\300\14" "\0\17\0\1" "\0\0\0\7" "\0\11" "\0\12" "\4mail\300\16";
        static const char srv[] = REPLY_ID_FLAGS "\0\1\0\1\0\0\0\0" "\1a\7example\0" "\0\41\0\1"
                                  "\300\14" "\0\41\0\1" "\0\0\0\7" "\0\24" "\0\1\0\2\1\273" "\4mail\7example\0";
        uint8_t buf[512];
        DnsQuery q = query("a.example", DNS_TYPE_MX, false);
        DnsAnswer a = { .type = DNS_TYPE_MX };

        add_record(&a, "\0\12\4mail\7example\0", 16);
        size_t n = dns_reply_build(buf, sizeof(buf), &q, DNS_RCODE_NOERROR, &a, 7, NULL);
        ck_assert_uint_eq(n, sizeof(mx) - 1);
        ck_assert_mem_eq(buf, mx, n);

        q.type = a.type = DNS_TYPE_SRV;
        a.n_records = a.records_size = 0;
        add_record(&a, "\0\1\0\2\1\273\4mail\7example\0", 20);
        n = dns_reply_build(buf, sizeof(buf), &q, DNS_RCODE_NOERROR, &a, 7, NULL);
        ck_assert_uint_eq(n, sizeof(srv) - 1);
        ck_assert_mem_eq(buf, srv, n);
}
END_TEST

/* That of the upstream, and our own. */
START_TEST(test_soa) {
        uint8_t buf[512];
        DnsQuery q = query("a.b.example", DNS_TYPE_A, true);
        DnsAnswer a = { .type = DNS_TYPE_A, .rcode = DNS_RCODE_NXDOMAIN, .has_soa = true, .zone_offset = 4 }, got;

        add_record(&a, "\2ns\7example\0\0\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\144", 33);
        size_t n = dns_reply_build(buf, sizeof(buf), &q, DNS_RCODE_NXDOMAIN, &a, 50, NULL);
        ck_assert_uint_eq(records_of(buf, 6), 0);
        ck_assert_uint_eq(records_of(buf, 8), 1);
        ck_assert_int_eq(dns_answer_parse(buf, n, q.id, q.name, q.type, q.case_bits, &got), 0);
        ck_assert_uint_eq(got.ttl, 50);
        ck_assert(got.has_soa);
        ck_assert_uint_eq(got.zone_offset, 4);
        ck_assert_uint_eq(got.records_size, a.records_size);
        ck_assert_mem_eq(got.records, a.records, a.records_size);

        for (int edns = 0; edns < 2; edns++) {
                q.has_edns = edns;
                n = dns_reply_build_negative(buf, sizeof(buf), &q, DNS_RCODE_NXDOMAIN, 5, DNS_ERROR_BLOCKED);
                ck_assert_uint_eq(buf[3] & DNS_RCODE_MASK, DNS_RCODE_NXDOMAIN);
                ck_assert_uint_eq(records_of(buf, 8), 1);
                ck_assert_uint_eq(records_of(buf, 10), (unsigned) edns);
                ck_assert_int_eq(dns_answer_parse(buf, n, q.id, q.name, q.type, q.case_bits, &got), 0);
                ck_assert_uint_eq(got.ttl, 5);
                ck_assert_uint_eq(got.zone_offset, 0);
                if (edns)
                        ck_assert_mem_eq(buf + n - 8, "\0\6\0\17\0\2\0\17", 8);
        }
        (void) dns_reply_build_negative(buf, sizeof(buf), &q, DNS_RCODE_REFUSED, 5, DNS_ERROR_NONE);
        ck_assert_uint_eq(records_of(buf, 8), 0);
}
END_TEST

/* The question comes back as the client spelled it. */
START_TEST(test_spelling) {
        static const char data[] = "\x12\x34\x01\x00\0\1\0\0\0\0\0\0" "\6gItH1B\3CoM\0" "\0\1\0\1";
        uint8_t buf[512];
        DnsQuery q;

        ck_assert_int_eq(dns_query_parse(data, sizeof(data) - 1, &q), 0);
        size_t n = dns_reply_build(buf, sizeof(buf), &q, DNS_RCODE_SERVFAIL, NULL, 0, NULL);
        ck_assert_uint_eq(n, sizeof(data) - 1);
        ck_assert_mem_eq(buf + DNS_HEADER_SIZE, data + DNS_HEADER_SIZE, n - DNS_HEADER_SIZE);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("dns-reply");
        TCase *tc = tcase_create("reply");

        tcase_add_test(tc, test_address);
        tcase_add_test(tc, test_address6);
        tcase_add_test(tc, test_service);
        tcase_add_test(tc, test_ptr);
        tcase_add_test(tc, test_without_records);
        tcase_add_loop_test(tc, test_round_trip, 0, ELEMENTSOF(types));
        tcase_add_loop_test(tc, test_every_size, 0, ELEMENTSOF(types));
        tcase_add_test(tc, test_negative);
        tcase_add_test(tc, test_spelling);
        tcase_add_test(tc, test_compression);
        tcase_add_test(tc, test_whole_records);
        tcase_add_test(tc, test_other_types);
        tcase_add_test(tc, test_soa);
        suite_add_tcase(s, tc);
        return s;
}

#include "check-main.h"
