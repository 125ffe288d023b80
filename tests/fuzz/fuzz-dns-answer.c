/* SPDX-License-Identifier: Apache-2.0 */

/* The input: the type asked, flags and counts of the header, the records. What was read can be written and read again. */

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "basic/macro.h"
#include "dns/dns-message.h"
#include "dns/dns-signed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const DnsAnswer *a, const DnsQuery *q) {
        static uint8_t buf[DNS_MESSAGE_MAX];
        static DnsAnswer again;

        assert(a->n_chain <= DNS_CHAIN_MAX && a->n_addrs <= DNS_ADDRS_MAX && a->n_services <= DNS_SVC_MAX);
        assert(a->ttl <= INT32_MAX && (a->rcode == DNS_RCODE_NOERROR || a->rcode == DNS_RCODE_NXDOMAIN));
        for (size_t i = 0; i < a->n_chain; i++)
                assert(memchr(a->chain[i], '\0', DNS_NAME_SIZE) && dns_name_is_canonical(a->chain[i]));
        size_t n = dns_reply_build(buf, sizeof(buf), q, a->rcode, a, a->ttl, NULL);
        assert(dns_answer_parse(buf, n, q->id, q->name, q->type, q->case_bits, &again) == 0);
        if (again.truncated) /* names in the plain form of records may be longer than compressed ones in a message */
                return;
        assert(again.n_chain == a->n_chain && again.n_addrs == a->n_addrs && again.n_services == a->n_services);
        assert(again.n_records == a->n_records && again.records_size == a->records_size && again.has_soa == a->has_soa);
        assert(memcmp(again.records, a->records, a->records_size) == 0);
}

/* What is relayed with its signatures has the records that were read, and no others. */
static void check_signed(uint8_t *m, size_t size, const DnsAnswer *a, const DnsQuery *q) {
        static DnsAnswer again;

        int n = a->truncated ? -1 : dns_signed_limit(m, size, q->name, a);
        if (n < 0)
                return;
        assert((size_t) n <= size && m[10] == 0 && m[11] == 1);
        assert(dns_answer_parse(m, (size_t) n, q->id, q->name, q->type, q->case_bits, &again) == 0);
        assert(again.n_chain == a->n_chain && again.n_addrs == a->n_addrs && again.n_services == a->n_services);
        assert(again.n_records == a->n_records && again.ttl == a->ttl);
        assert(memcmp(again.addrs, a->addrs, a->n_addrs * sizeof(a->addrs[0])) == 0);
        assert(dns_signed_limit(m, (size_t) n, q->name, &again) == n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const uint16_t types[] = { DNS_TYPE_A, DNS_TYPE_AAAA, DNS_TYPE_CNAME, DNS_TYPE_HTTPS, DNS_TYPE_NS, DNS_TYPE_SOA,
                                          DNS_TYPE_MX, DNS_TYPE_TXT, DNS_TYPE_SRV, DNS_TYPE_NAPTR, DNS_TYPE_CAA, DNS_TYPE_DS };
        static DnsAnswer a;
        if (size < 11)
                return 0;
        DnsQuery q = { .name = "a.example", .id = 7, .type = types[data[0] % ELEMENTSOF(types)] };
        uint8_t *m = malloc(512 + size); /* shrunk below, so that a sanitizer sees a read past the end */
        size_t n = dns_reply_build(m, 512, &q, DNS_RCODE_NOERROR, NULL, 0, NULL);
        memcpy(m + 2, data + 1, 10);
        m[2] |= DNS_FLAG_QR >> 8;
        memcpy(m + n, data + 11, size - 11);
        m = realloc(m, n + size - 11);
        if (dns_answer_parse(m, n + size - 11, q.id, q.name, q.type, q.case_bits, &a) == 0) {
                check(&a, &q);
                check_signed(m, n + size - 11, &a, &q);
        }
        free(m);
        return 0;
}
