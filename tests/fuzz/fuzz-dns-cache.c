/* SPDX-License-Identifier: Apache-2.0 */

/* Operations read from the bytes, on a cache and on what was last put for each name. */

#include <stdlib.h>
#include <string.h>

#include "dns/dns-cache.h"

enum { N_NAMES = 16, MAX_ENTRIES = 6, MAX_BYTES = 4000 };

#define CHECK(x) ((x) ? (void) 0 : abort())

static void answer_fill(DnsAnswer *a, uint8_t x) {
        *a = (DnsAnswer) { .type = DNS_TYPE_A, .ttl = x % 8 };
        a->n_addrs = x % DNS_ADDRS_MAX;
        a->n_chain = x / DNS_CHAIN_MAX;
        a->n_services = x % (DNS_SVC_MAX + 1);
        for (size_t i = 0; i < a->n_chain; i++) {
                memset(a->chain[i], 'a' + (int) i, 1U + x % 253);
                a->chain_ttl[i] = 8;
        }
        memset(a->addrs, x, a->n_addrs * sizeof(a->addrs[0]));
        memset(a->services, x, a->n_services * sizeof(a->services[0]));
}

static void check_answer(const DnsAnswer *put, const DnsAnswer *got, uint64_t passed) {
        CHECK(got->ttl == put->ttl - passed && got->ttl > 0);
        CHECK(got->n_addrs == put->n_addrs && got->n_chain == put->n_chain && got->n_services == put->n_services);
        CHECK(memcmp(got->addrs, put->addrs, put->n_addrs * sizeof(put->addrs[0])) == 0);
        CHECK(memcmp(got->services, put->services, put->n_services * sizeof(put->services[0])) == 0);
        for (size_t i = 0; i < put->n_chain; i++)
                CHECK(strcmp(got->chain[i], put->chain[i]) == 0 && got->chain_ttl[i] == 8 - passed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(dns_cache_freep) DnsCache *c = NULL;
        uint64_t now = 0, put_at[N_NAMES] = {};
        uint8_t put[N_NAMES] = {};
        DnsAnswer expected, got;

        CHECK(dns_cache_new(MAX_ENTRIES, MAX_BYTES, (const uint8_t *) "sixteen bytes ok", &c) == 0);
        for (; size >= 2; data += 2, size -= 2) {
                size_t i = data[0] % N_NAMES;
                char name[] = { (char) ('a' + i), '\0' };

                now += data[0] >= 0xc0;
                if (data[0] & 0x40) {
                        answer_fill(&expected, put[i] = data[1]);
                        CHECK(dns_cache_put(c, 0, name, &expected, now * NSEC_PER_SEC) == 0);
                        put_at[i] = now;
                } else if (dns_cache_get(c, 0, name, DNS_TYPE_A, now * NSEC_PER_SEC, &got) > 0) {
                        answer_fill(&expected, put[i]);
                        check_answer(&expected, &got, now - put_at[i]);
                }
                CHECK(dns_cache_n_entries(c) <= MAX_ENTRIES && dns_cache_n_bytes(c) <= MAX_BYTES);
        }
        return 0;
}
