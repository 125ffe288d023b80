/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/relayed-query.h"

#include <assert.h>
#include <string.h>

#include "basic/clock.h"
#include "basic/macro.h"
#include "dns/dns-signed.h"
#include "engine/dns-verdict.h"

static void reply_relayed_error(DnsProxy *p, DnsClient *client, const DnsRelay *relay) {
        p->stats.upstream_failures++;
        if (p->upstream)
                dns_client_reply(client, p->reply, dns_relay_build_error(relay, DNS_RCODE_SERVFAIL, p->reply));
        else
                dns_client_drop(client); /* as in serve_waiter() */
}

/* What the bytes open, as if the proxy had built the reply from them. Returns whether the client may have them. A
 * forwarder passes its answers on to others, so what was not understood must not reach it. */
static bool accept_relayed(DnsProxy *p, DnsRequest *q, DnsClient *client, size_t size) {
        const DnsQuery *message = q->message;
        uint64_t now = clock_nsec(CLOCK_BOOTTIME);
        DnsAnswer *a = &p->answer;

        int r = dns_answer_parse(p->reply, size, message->id, message->name, message->type, message->case_bits, a);
        if (r == -EREMOTEIO)
                return true; /* an error of the server, without records */
        if (r < 0 || a->truncated || a->n_addrs == DNS_ADDRS_MAX)
                return !q->requester.forwards;
        uint8_t rcode;
        if (proxy_accept_answer(p, q, client, a, now, &rcode) != 0 ||
            dns_relay_limit_ttl(p->reply, size, dns_client_ttl(a)) < 0)
                return false;
        UpstreamKey key;
        if (dns_query_is_plain(message) && upstream_groups_find(p->upstream, &q->requester.asked, q->requester.forwards, &key) >= 0)
                (void) dns_cache_put(p->cache, key, message->name, a, now);
        return true;
}

/* The message is in the buffer. */
static void reply_relayed(DnsProxy *p, DnsClient *client, const DnsRelay *relay, size_t n) {
        size_t max = dns_client_is_tcp(client) ? DNS_MESSAGE_MAX : MIN((size_t) relay->udp_size, (size_t) DNS_UDP_MAX);

        if (n > max) { /* with TC: the client repeats it over TCP */
                uint8_t header[DNS_HEADER_SIZE];

                memcpy(header, p->reply, sizeof(header));
                n = dns_relay_build_truncated(relay, header, p->reply);
        }
        dns_client_reply(client, p->reply, n);
}

static void answer_relayed(DnsProxy *p, DnsRequest *q, DnsClient *client, const DnsRelay *relay, const uint8_t *answer,
                           size_t size) {
        size_t n = dns_relay_build_reply(relay, answer, size, DNS_MESSAGE_MAX, p->reply);

        if (dns_type_opens(q->message->type) && !accept_relayed(p, q, client, n)) {
                reply_relayed_error(p, client, relay);
                return;
        }
        reply_relayed(p, client, relay, n);
}

/* Keys open nothing: no address, and no alias that is followed. */
static int accept_signed(DnsProxy *p, DnsRequest *q, DnsClient *client, uint64_t now, uint8_t *ret_rcode) {
        if (!dns_query_asks_for_keys(q->message))
                return proxy_accept_answer(p, q, client, &p->answer, now, ret_rcode);
        p->stats.answered++;
        return 0;
}

/* A signature holds for the records as they came: the answer is relayed if the policy allows all of it. Otherwise it is
 * replied from parsed values, as to anybody else; keys, which are not, fail. */
static void answer_signed(DnsProxy *p, DnsRequest *q, DnsClient *client, const DnsRelay *relay, const uint8_t *answer,
                          size_t size) {
        size_t n = dns_relay_build_reply(relay, answer, size, DNS_MESSAGE_MAX, p->reply);
        const DnsQuery *message = q->message;
        uint64_t now = clock_nsec(CLOCK_BOOTTIME);
        DnsAnswer *a = &p->answer;
        uint8_t rcode = 0;

        int r = dns_answer_parse(p->reply, n, message->id, message->name, message->type, message->case_bits, a);
        bool parsed = r >= 0 && !a->truncated, keys = dns_query_asks_for_keys(message);
        int end = parsed ? dns_signed_limit(p->reply, n, message->name, a) : -EBADMSG;

        if (end >= 0 && dns_relay_limit_ttl(p->reply, (size_t) end, dns_client_ttl(a)) < 0)
                end = -EBADMSG;
        if (end < 0 && keys) {
                reply_relayed_error(p, client, relay);
                return;
        }
        if (!parsed) {
                proxy_serve_query(p, q, client, now);
                return;
        }
        r = accept_signed(p, q, client, now, &rcode);
        if (r != 0 || end < 0)
                proxy_reply_judged(p, q, client, a, r, rcode);
        else
                reply_relayed(p, client, relay, (size_t) end);
}

void proxy_on_relayed(int r, const DnsRelay *relay, const uint8_t *answer, size_t size, void *userdata) {
        DnsWaiter *w = userdata;
        DnsProxy *p = w->userdata;
        DnsRequest q;

        if (!w->client) { /* it has not waited */
                p->n_abandoned--;
                proxy_waiter_free(p, w);
                return;
        }
        bool known = dns_waiter_request(w, p->o.layers, &q);
        /* A server that does not know EDNS may know the name. */
        bool again = w->is_signed && known && answer && (answer[3] & DNS_RCODE_MASK) != DNS_RCODE_SERVFAIL && r < 0 &&
                     !dns_query_asks_for_keys(&w->message);
        if (again) {
                proxy_serve_query(p, &q, w->client, clock_nsec(CLOCK_BOOTTIME));
                proxy_waiter_free(p, w);
                return;
        }
        if (r < 0 && !relay->is_whole) /* signed messages have answers of their own */
                proxy_report_failure_of(p, w, r, answer ? answer[3] & 0xf : 0);
        /* The layers may have been removed meanwhile, or have begun to enforce. */
        if (answer && known && !dns_requester_is_enforced(&q.requester))
                answer_relayed(p, &q, w->client, relay, answer, size);
        else if (answer && known && r >= 0 && w->is_signed)
                answer_signed(p, &q, w->client, relay, answer, size);
        else
                reply_relayed_error(p, w->client, relay);
        proxy_waiter_free(p, w);
}

static int relay_waiter(DnsProxy *p, const DnsRequest *q, const DnsRelay *relay, DnsWaiter *w) {
        if (!proxy_take_relay_places(p, w))
                return -EBUSY;
        return dns_passthrough_query(p->passthrough, &q->requester.asked, q->requester.forwards, relay, w);
}

static void waiter_freep(DnsWaiter **w) {
        if (*w)
                proxy_waiter_free((*w)->userdata, *w);
}

void proxy_relay_message(DnsProxy *p, const DnsRequest *q, DnsClient *client, const DnsRelay *relay) {
        _cleanup_(waiter_freep) DnsWaiter *w = dns_waiter_new(q, client, p);
        int r = w ? relay_waiter(p, q, relay, w) : -ENOMEM;
        bool elsewhere = r == -ENOTCONN && dns_requester_asks_elsewhere(&q->requester);

        if (r == -ENODEV || (r == -ENOTCONN && !elsewhere))
                proxy_report_failure(p, q, client, r, 0);
        if (elsewhere)
                dns_client_reply(client, p->reply, dns_relay_build_error(relay, DNS_RCODE_REFUSED, p->reply));
        else if (r < 0)
                reply_relayed_error(p, client, relay);
        else
                w = NULL; /* taken */
}

void proxy_relay_signed(DnsProxy *p, DnsRequest *q, DnsClient *client) {
        DnsRelay relay;

        if (dns_relay_read(q->data, q->size, &relay) < 0) {
                dns_client_drop(client); /* cannot happen: it has been parsed */
                return;
        }
        relay.lower_case = true;
        q->is_signed = true;
        proxy_relay_message(p, q, client, &relay);
}
