/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/client-reply.h"

#include <assert.h>

#include "basic/macro.h"
#include "engine/dns-judge.h"

#define TTL_OF_REFUSALS 5 /* seconds: a rule or a grant that is added must have an effect soon */

static size_t size_max(const DnsClient *client, const DnsQuery *q) {
        return dns_client_is_tcp(client) ? DNS_MESSAGE_MAX : MIN((size_t) q->udp_size, (size_t) DNS_UDP_MAX);
}

void client_reply(uint8_t *buf, DnsClient *client, const DnsQuery *q, uint8_t rcode, const DnsAnswer *answer,
                  const char *ptr_name) {
        assert(client && q);

        uint32_t ttl = answer ? dns_client_ttl(answer) : 0;
        dns_client_reply(client, buf, dns_reply_build(buf, size_max(client, q), q, rcode, answer, ttl, ptr_name));
}

void client_reply_negative(uint8_t *buf, DnsClient *client, const DnsQuery *q, uint8_t rcode, DnsExtendedError error) {
        assert(client && q);

        size_t max = size_max(client, q);
        dns_client_reply(client, buf, dns_reply_build_negative(buf, max, q, rcode, TTL_OF_REFUSALS, error));
}

void client_reply_error(uint8_t *buf, DnsClient *client, const DnsQuery *q, uint8_t rcode) {
        assert(client && q);

        dns_client_reply(client, buf, dns_reply_build_error(buf, q, rcode));
}
