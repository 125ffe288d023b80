/* SPDX-License-Identifier: Apache-2.0 */

/* A query that was read gives a reply and an upstream query that both can be read again. */

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "dns/dns-message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        uint8_t buf[512];
        DnsQuery q, again;
        DnsAnswer a;

        int r = dns_query_parse(data, size, &q);
        assert(r == 0 || r == -EBADMSG || r == -EINVAL || r == -EOPNOTSUPP || r == -EPERM);
        if (r == -EBADMSG)
                return 0;
        assert(memchr(q.name, '\0', sizeof(q.name)));
        assert(q.udp_size >= 512);
        assert(r == 0 || q.type == 0 || q.name[0] == '\0');

        size_t n = dns_reply_build(buf, sizeof(buf), &q, DNS_RCODE_NOERROR, NULL, 0, NULL);
        assert(n >= DNS_HEADER_SIZE && n <= sizeof(buf));
        if (r < 0)
                return 0;
        assert(q.name[0] != '\0' && dns_name_is_canonical(q.name));
        assert(dns_answer_parse(buf, n, q.id, q.name, q.type, q.case_bits, &a) == 0);

        n = dns_query_build(buf, q.id, q.name, q.type, q.case_bits);
        assert(dns_query_parse(buf, n, &again) == 0);
        assert(strcmp(again.name, q.name) == 0 && again.type == q.type && again.id == q.id);
        assert(memcmp(again.case_bits, q.case_bits, sizeof(q.case_bits)) == 0);
        return 0;
}
