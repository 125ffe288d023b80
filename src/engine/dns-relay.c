/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/dns-relay.h"

#include <assert.h>
#include <stdlib.h>

#include "basic/macro.h"

struct DnsRelayer {
        DnsUpstream *upstream; /* borrowed */
        dns_relayer_may_fn may;
        void *userdata;
        size_t n;              /* in flight */
        uint8_t reply[DNS_MESSAGE_MAX];
};

typedef struct Passage {
        DnsRelayer *relayer; /* borrowed */
        DnsClient *client;
        uint32_t scope_id;
        DnsRelay relay;
} Passage;

int dns_relayer_new(dns_relayer_may_fn may, void *userdata, DnsRelayer **ret) {
        assert(may);
        assert(ret);

        DnsRelayer *r = calloc(1, sizeof(*r));
        if (!r)
                return -ENOMEM;
        r->may = may;
        r->userdata = userdata;
        *ret = r;
        return 0;
}

DnsRelayer *dns_relayer_free(DnsRelayer *r) {
        assert(!r || r->n == 0);

        free(r);
        return NULL;
}

void dns_relayer_set_upstream(DnsRelayer *r, DnsUpstream *upstream) {
        r->upstream = upstream;
}

static void reply_error(DnsRelayer *r, DnsClient *client, const DnsRelay *relay) {
        dns_client_reply(client, r->reply, dns_relay_build_error(relay, DNS_RCODE_SERVFAIL, r->reply));
}

static void relayer_on_answer(int error, const uint8_t *answer, size_t size, void *userdata) {
        Passage *p = userdata;
        DnsRelayer *r = p->relayer;

        /* The servers have been replaced: ask the new ones. */
        if (error == -ECANCELED && r->upstream && dns_upstream_relay(r->upstream, &p->relay, relayer_on_answer, p) >= 0)
                return;
        r->n--;
        if (!answer || !r->may(p->scope_id, r->userdata))
                reply_error(r, p->client, &p->relay);
        else {
                size_t max = dns_client_is_tcp(p->client) ? DNS_MESSAGE_MAX : MIN(p->relay.udp_size, DNS_UDP_MAX);

                size = dns_relay_build_reply(&p->relay, answer, size, max, r->reply);
                dns_client_reply(p->client, r->reply, size);
        }
        free(p);
}

void dns_relayer_pass(DnsRelayer *r, DnsClient *client, const void *query, size_t size, uint32_t scope_id) {
        Passage *p;
        DnsRelay relay;

        assert(r);
        assert(client);

        if (dns_relay_read(query, size, &relay) < 0) {
                dns_client_drop(client); /* cannot happen: the caller has parsed it */
                return;
        }
        p = r->upstream && r->n < DNS_RELAYS_MAX ? malloc(sizeof(*p)) : NULL;
        if (!p) {
                reply_error(r, client, &relay);
                return;
        }
        *p = (Passage) { .relayer = r, .client = client, .scope_id = scope_id, .relay = relay };
        if (dns_upstream_relay(r->upstream, &relay, relayer_on_answer, p) < 0) {
                free(p);
                reply_error(r, client, &relay);
                return;
        }
        r->n++;
}
