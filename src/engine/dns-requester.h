/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Who sent a query, and the layers that judge it. */

#include "basic/endpoint.h"
#include "engine/layer-table.h"
#include "net/dns-server.h"

/* The client's own address and port. */
typedef struct DnsPeer {
        InAddr addr;
        uint16_t port;
        uint16_t server_port;   /* ours */
        bool is_tcp;
        uint64_t batch;         /* dns_client_batch(); 0: alone */
} DnsPeer;

typedef struct DnsRequester {
        Layer *layers[CW_CHAIN_MAX]; /* in chain order */
        size_t n_layers; /* 0: unknown, the query fails */
        bool forwards;   /* a resolver that asks on behalf of processes of any chain */
        bool asks_for_us; /* a resolver that asks because the proxy asks it: the question has been judged, the answer will be */
        DnsServer asked; /* the resolver that it addressed; port 0: unknown, or the proxy itself */
        bool is_self;    /* this process, for a self-test */
        bool is_stranger; /* not of those whom this proxy serves: no answer, and no denial in their name */
        uint32_t actor, pid; /* who sent it; 0: unknown */
        uint32_t group;  /* requesters of one group share what they may have in flight (basic/fair-share.h) */
} DnsRequester;

/* Of the resolver that it addressed; zone 0: unknown. */
void dns_requester_set_asked(DnsRequester *r, const uint8_t addr[static 16], uint16_t port, uint32_t zone);
/* A forwarder asks the proxy itself, and nobody is known for it: REFUSED makes it ask another of its servers. */
bool dns_requester_asks_elsewhere(const DnsRequester *r);
/* Does a policy judge this client, in any mode? If none does, everything must work as without the proxy. */
bool dns_requester_is_judged(const DnsRequester *r);
/* Does a layer enforce its policy? If none does, the client must lose nothing: audit mode only reports. */
bool dns_requester_is_enforced(const DnsRequester *r);
