/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Shared by the files that implement the proxy. Only they include it. */

#include "basic/fair-share.h"
#include "basic/hash-index.h"
#include "dns/dns-cache.h"
#include "engine/dns-listening.h"
#include "engine/dns-passthrough.h"
#include "engine/dns-proxy.h"
#include "engine/dns-waiter.h"
#include "engine/flood-watch.h"

struct DnsProxy {
        sd_event *event;         /* borrowed */
        DnsProxyOptions o;       /* without servers and sockets */
        DnsStub *stub;
        UpstreamGroups *upstream;
        uint32_t n_upstreams; /* so far */
        DnsPassthrough *passthrough;
        DnsCache *cache;
        HashIndex pending;
        LocalNames *local_names; /* NULL: none */
        DnsListening listening;
        SelfQuery self_query;
        DnsProxyStats stats;
        FairShare pending_places, passed_places, waiting_places;
        FloodWatch flood;
        size_t n_abandoned;      /* questions and relayed queries that nobody waits for any more */
        DnsAnswer answer;        /* buffer: too large for the stack of a deep call */
        uint8_t reply[DNS_MESSAGE_MAX];
};

void proxy_waiter_free(DnsProxy *p, DnsWaiter *w);
/* For a waiter whose query is relayed. False: its group has too much in flight already. */
bool proxy_take_relay_places(DnsProxy *p, DnsWaiter *w);
/* Judges an answer and stores what it opens. Returns 0, 1 if the answer is refused with *ret_rcode, or a negative number
 * if what it opens cannot be stored. */
int proxy_accept_answer(DnsProxy *p, DnsRequest *q, DnsClient *client, const DnsAnswer *a, uint64_t now, uint8_t *ret_rcode);
/* Replies with what the last function said of the answer. */
void proxy_reply_judged(DnsProxy *p, const DnsRequest *q, DnsClient *client, const DnsAnswer *a, int judged, uint8_t rcode);
/* Asks, or takes from the cache, what is replied from parsed values. */
void proxy_serve_query(DnsProxy *p, DnsRequest *q, DnsClient *client, uint64_t now);
void proxy_report_failure(DnsProxy *p, const DnsRequest *q, DnsClient *client, int r, uint8_t rcode);
void proxy_report_failure_of(DnsProxy *p, const DnsWaiter *w, int r, uint8_t rcode);
