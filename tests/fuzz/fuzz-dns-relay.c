/* SPDX-License-Identifier: Apache-2.0 */

/* The first byte is the length of a query, which the answer follows. What is relayed keeps the client's question. */

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "dns/dns-relay.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static uint8_t reply[DNS_MESSAGE_MAX];
        bool truncated = false;
        uint8_t buf[DNS_RELAY_MESSAGE_MAX];
        DnsRelay r, again;

        if (size == 0 || size - 1 < data[0])
                return 0;
        const uint8_t *answer = data + 1 + data[0];
        size_t n_answer = size - 1 - data[0];
        if (dns_relay_read_message(data + 1, data[0], &r) == 0) {
                size_t whole = dns_relay_build_query(&r, 7, buf);
                assert(whole == data[0] && buf[1] == 7 && memcmp(buf + 2, data + 3, whole - 2) == 0);
                (void) dns_relay_check(&r, answer, n_answer, &truncated);
        }
        if (dns_relay_read(data + 1, data[0], &r) < 0)
                return 0;
        size_t n = dns_relay_build_query(&r, 7, buf);
        assert(dns_relay_read(buf, n, &again) == 0);
        assert(again.id == 7 && again.flags == r.flags && again.has_edns == r.has_edns && again.dnssec_ok == r.dnssec_ok);
        assert(again.question_size == r.question_size && memcmp(again.question, r.question, r.question_size) == 0);

        int result = dns_relay_check(&r, answer, n_answer, &truncated);
        assert(result == 0 || result == -EBADMSG || result == -EBADE || result == -EREMOTEIO);
        if (result < 0 && result != -EREMOTEIO)
                return 0;
        for (size_t max = 512; max <= DNS_MESSAGE_MAX; max += DNS_MESSAGE_MAX - 512) {
                n = dns_relay_build_reply(&r, answer, n_answer, max, reply);
                assert(n >= DNS_HEADER_SIZE + (size_t) r.question_size && (n <= max || n <= 512));
                assert(reply[0] == r.id >> 8 && reply[1] == (r.id & 0xff));
                assert(memcmp(reply + DNS_HEADER_SIZE, r.question, r.question_size) == 0);
                int limited = dns_relay_limit_ttl(reply, n, 7);
                assert(limited == 0 || limited == -EBADMSG);
                assert(memcmp(reply + DNS_HEADER_SIZE, r.question, r.question_size) == 0);
        }
        return 0;
}
