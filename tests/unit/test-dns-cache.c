/* SPDX-License-Identifier: Apache-2.0 */
#include "dns/dns-cache.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#define MANY_BYTES (64U * 1024 * 1024)

static const uint8_t key[16] = "sixteen bytes ok";

static DnsCache *cache_new(size_t max_entries, size_t max_bytes) {
        DnsCache *c = NULL;

        ck_assert_int_eq(dns_cache_new(max_entries, max_bytes, key, &c), 0);
        return c;
}

/* An answer with n of everything, every byte of it told apart by seed. */
static void answer_fill(DnsAnswer *a, size_t n, uint8_t seed, uint32_t ttl) {
        memset(a, 0, sizeof(*a));
        a->type = DNS_TYPE_A;
        a->ttl = ttl;
        a->n_chain = (uint8_t) MIN(n, (size_t) DNS_CHAIN_MAX);
        a->n_addrs = (uint16_t) MIN(n, (size_t) DNS_ADDRS_MAX);
        a->n_services = (uint8_t) MIN(n, (size_t) DNS_SVC_MAX);
        for (uint8_t i = 0; i < a->n_chain; i++) {
                memset(a->chain[i], 'a' + (seed + i) % 26, 1 + i * 16U);
                a->chain_ttl[i] = ttl + i;
        }
        for (size_t i = 0; i < a->n_addrs; i++)
                memset(&a->addrs[i], (int) (seed + i), sizeof(a->addrs[i]));
        a->n_records = (uint16_t) n;
        a->records_size = (uint16_t) MIN(n * 8, sizeof(a->records));
        memset(a->records, seed, a->records_size);
        a->has_soa = n % 2;
        a->zone_offset = (uint8_t) n;
        for (uint8_t i = 0; i < a->n_services; i++) {
                a->services[i].priority = seed + i;
                a->services[i].port = 443;
                a->services[i].alpn_length = 3;
                memcpy(a->services[i].alpn, "\2h2", 3);
        }
}

static void assert_same(const DnsAnswer *a, const DnsAnswer *b, uint32_t passed) {
        ck_assert_uint_eq(a->type, b->type);
        ck_assert_uint_eq(a->rcode, b->rcode);
        ck_assert_uint_eq(a->n_chain, b->n_chain);
        ck_assert_uint_eq(a->n_addrs, b->n_addrs);
        ck_assert_uint_eq(a->n_services, b->n_services);
        ck_assert(!b->truncated);
        ck_assert_uint_eq(a->ttl - passed, b->ttl);
        ck_assert_mem_eq(a->addrs, b->addrs, a->n_addrs * sizeof(a->addrs[0]));
        ck_assert_mem_eq(a->services, b->services, a->n_services * sizeof(a->services[0]));
        ck_assert_uint_eq(a->n_records, b->n_records);
        ck_assert_uint_eq(a->records_size, b->records_size);
        ck_assert_mem_eq(a->records, b->records, a->records_size);
        ck_assert_uint_eq(a->has_soa, b->has_soa);
        ck_assert_uint_eq(a->zone_offset, b->zone_offset);
        for (size_t i = 0; i < a->n_chain; i++) {
                ck_assert_str_eq(a->chain[i], b->chain[i]);
                ck_assert_uint_eq(a->chain_ttl[i] - passed, b->chain_ttl[i]);
        }
}

START_TEST(test_round_trip) {
        static const size_t sizes[] = { 0, 1, 4, DNS_CHAIN_MAX, DNS_ADDRS_MAX };
        char name[DNS_NAME_SIZE];

        snprintf(name, sizeof(name), "%0*d", DNS_NAME_MAX, 1);
        for (size_t i = 0; i < ELEMENTSOF(sizes); i++) {
                _cleanup_(dns_cache_freep) DnsCache *c = cache_new(4, MANY_BYTES);
                DnsAnswer in, out;

                answer_fill(&in, sizes[i], 3, 100);
                memset(&out, 0xee, sizeof(out));
                ck_assert_int_eq(dns_cache_put(c, 0, name, &in, NSEC_PER_SEC), 0);
                ck_assert_int_eq(dns_cache_get(c, 0, name, DNS_TYPE_A, 41 * NSEC_PER_SEC, &out), 1);
                assert_same(&in, &out, 40);
        }
}
END_TEST

START_TEST(test_negative) {
        _cleanup_(dns_cache_freep) DnsCache *c = cache_new(4, MANY_BYTES);
        DnsAnswer in, out;

        answer_fill(&in, 0, 0, 60);
        in.rcode = DNS_RCODE_NXDOMAIN;
        ck_assert_int_eq(dns_cache_put(c, 0, "no.example", &in, 0), 0);
        ck_assert_int_eq(dns_cache_get(c, 0, "no.example", DNS_TYPE_A, 0, &out), 1);
        assert_same(&in, &out, 0);
}
END_TEST

START_TEST(test_key_is_name_and_type) {
        _cleanup_(dns_cache_freep) DnsCache *c = cache_new(4, MANY_BYTES);
        DnsAnswer a, aaaa, out;
        char too_long[DNS_NAME_SIZE + 2];

        answer_fill(&a, 1, 4, 60);
        answer_fill(&aaaa, 1, 6, 60);
        aaaa.type = DNS_TYPE_AAAA;
        dns_cache_put(c, 0, "x.example", &a, 0);
        dns_cache_put(c, 0, "x.example", &aaaa, 0);
        ck_assert_uint_eq(dns_cache_n_entries(c), 2);
        ck_assert_int_eq(dns_cache_get(c, 0, "x.example", DNS_TYPE_AAAA, 0, &out), 1);
        assert_same(&aaaa, &out, 0);
        ck_assert_int_eq(dns_cache_get(c, 0, "x.example", DNS_TYPE_A, 0, &out), 1);
        assert_same(&a, &out, 0);
        ck_assert_int_eq(dns_cache_get(c, 0, "x.example", DNS_TYPE_HTTPS, 0, &out), 0);
        ck_assert_int_eq(dns_cache_get(c, 0, "x.exampl", DNS_TYPE_A, 0, &out), 0);

        memset(too_long, 'a', sizeof(too_long) - 1);
        too_long[sizeof(too_long) - 1] = '\0';
        ck_assert_int_eq(dns_cache_put(c, 0, too_long, &a, 0), 0);
        ck_assert_int_eq(dns_cache_get(c, 0, too_long, DNS_TYPE_A, 0, &out), 0);
}
END_TEST

START_TEST(test_ttl) {
        static const struct {
                uint64_t now_nsec;
                int hit;
                uint32_t ttl;
        } table[] = {
                { 1000, 1, 2 }, /* the time it was put */
                { 1001, 1, 2 }, /* rounded up */
                { 1000 + NSEC_PER_SEC - 1, 1, 2 },
                { 1000 + NSEC_PER_SEC, 1, 1 },
                { 1000 + 2 * NSEC_PER_SEC - 1, 1, 1 },
                { 1000 + 2 * NSEC_PER_SEC, 0, 0 },
                { 1000 + 9 * NSEC_PER_SEC, 0, 0 },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                _cleanup_(dns_cache_freep) DnsCache *c = cache_new(4, MANY_BYTES);
                DnsAnswer in, out = { .ttl = 77 };

                answer_fill(&in, 2, 0, 2);
                dns_cache_put(c, 0, "x.example", &in, 1000);
                ck_assert_int_eq(dns_cache_get(c, 0, "x.example", DNS_TYPE_A, table[i].now_nsec, &out), table[i].hit);
                ck_assert_uint_eq(out.ttl, table[i].hit ? table[i].ttl : 77);
                ck_assert_uint_eq(dns_cache_n_entries(c), (size_t) table[i].hit);
                ck_assert_uint_eq(dns_cache_n_bytes(c) > 0, table[i].hit);
        }
}
END_TEST

START_TEST(test_longest_ttl) {
        _cleanup_(dns_cache_freep) DnsCache *c = cache_new(1, MANY_BYTES);
        DnsAnswer in, out;

        answer_fill(&in, 1, 0, UINT32_MAX);
        dns_cache_put(c, 0, "x.example", &in, 5);
        ck_assert_int_eq(dns_cache_get(c, 0, "x.example", DNS_TYPE_A, 5 + NSEC_PER_SEC, &out), 1);
        ck_assert_uint_eq(out.ttl, UINT32_MAX - 1);
}
END_TEST

/* What is not kept still ends what was known before. */
START_TEST(test_not_stored) {
        _cleanup_(dns_cache_freep) DnsCache *c = cache_new(4, 2000);
        DnsAnswer good, bad, out;

        answer_fill(&good, 1, 0, 60);
        for (int i = 0; i < 3; i++) {
                dns_cache_put(c, 0, "x.example", &good, 0);
                ck_assert_uint_eq(dns_cache_n_entries(c), 1);

                answer_fill(&bad, i == 0 ? DNS_ADDRS_MAX : 1, 0, i == 1 ? 0 : 60);
                bad.truncated = i == 2;
                ck_assert_int_eq(dns_cache_put(c, 0, "x.example", &bad, 0), 0);
                ck_assert_int_eq(dns_cache_get(c, 0, "x.example", DNS_TYPE_A, 0, &out), 0);
                ck_assert_uint_eq(dns_cache_n_bytes(c), 0);
        }
}
END_TEST

START_TEST(test_replace) {
        _cleanup_(dns_cache_freep) DnsCache *c = cache_new(4, MANY_BYTES);
        DnsAnswer big, small, out;

        answer_fill(&big, 16, 1, 60);
        answer_fill(&small, 1, 2, 30);
        dns_cache_put(c, 0, "x.example", &big, 0);
        size_t bytes = dns_cache_n_bytes(c);
        dns_cache_put(c, 0, "x.example", &small, 0);
        ck_assert_uint_eq(dns_cache_n_entries(c), 1);
        ck_assert_uint_lt(dns_cache_n_bytes(c), bytes);
        ck_assert_int_eq(dns_cache_get(c, 0, "x.example", DNS_TYPE_A, 0, &out), 1);
        assert_same(&small, &out, 0);
}
END_TEST

START_TEST(test_evicts_least_recently_used) {
        _cleanup_(dns_cache_freep) DnsCache *c = cache_new(3, MANY_BYTES);
        DnsAnswer a, out;

        answer_fill(&a, 1, 0, 60);
        dns_cache_put(c, 0, "a.example", &a, 0);
        dns_cache_put(c, 0, "b.example", &a, 0);
        dns_cache_put(c, 0, "c.example", &a, 0);
        ck_assert_int_eq(dns_cache_get(c, 0, "a.example", DNS_TYPE_A, 0, &out), 1);
        dns_cache_put(c, 0, "d.example", &a, 0);
        ck_assert_int_eq(dns_cache_get(c, 0, "b.example", DNS_TYPE_A, 0, &out), 0);
        ck_assert_int_eq(dns_cache_get(c, 0, "a.example", DNS_TYPE_A, 0, &out), 1);
        ck_assert_int_eq(dns_cache_get(c, 0, "c.example", DNS_TYPE_A, 0, &out), 1);
        ck_assert_int_eq(dns_cache_get(c, 0, "d.example", DNS_TYPE_A, 0, &out), 1);
}
END_TEST

/* Ten times the room, by entries and by bytes: the bounds hold at each step and the newest are there. */
START_TEST(test_bounds) {
        static const struct {
                size_t max_entries, max_bytes;
        } table[] = { { 1000, MANY_BYTES }, { 100000, 200000 } };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                _cleanup_(dns_cache_freep) DnsCache *c = cache_new(table[i].max_entries, table[i].max_bytes);
                DnsAnswer a, out;
                char name[DNS_NAME_SIZE];

                for (unsigned n = 0; n < 10000; n++) {
                        answer_fill(&a, n % 8, (uint8_t) n, 60);
                        snprintf(name, sizeof(name), "n%u.example", n);
                        ck_assert_int_eq(dns_cache_put(c, 0, name, &a, 0), 0);
                        ck_assert_uint_le(dns_cache_n_entries(c), table[i].max_entries);
                        ck_assert_uint_le(dns_cache_n_bytes(c), table[i].max_bytes);
                        ck_assert_int_eq(dns_cache_get(c, 0, name, DNS_TYPE_A, 0, &out), 1);
                }
                ck_assert_int_eq(dns_cache_get(c, 0, "n9900.example", DNS_TYPE_A, 0, &out), 1);
                ck_assert_int_eq(dns_cache_get(c, 0, "n0.example", DNS_TYPE_A, 0, &out), 0);
                ck_assert(dns_cache_n_entries(c) == table[i].max_entries ||
                          dns_cache_n_bytes(c) > table[i].max_bytes - 1000);

                dns_cache_flush(c);
                ck_assert_uint_eq(dns_cache_n_entries(c), 0);
                ck_assert_uint_eq(dns_cache_n_bytes(c), 0);
                ck_assert_int_eq(dns_cache_get(c, 0, name, DNS_TYPE_A, 0, &out), 0);
        }
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("dns-cache");
        TCase *t = tcase_create("dns-cache");

        tcase_add_test(t, test_round_trip);
        tcase_add_test(t, test_negative);
        tcase_add_test(t, test_key_is_name_and_type);
        tcase_add_test(t, test_ttl);
        tcase_add_test(t, test_longest_ttl);
        tcase_add_test(t, test_not_stored);
        tcase_add_test(t, test_replace);
        tcase_add_test(t, test_evicts_least_recently_used);
        tcase_add_test(t, test_bounds);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
