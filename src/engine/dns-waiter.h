/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A query with what was found out about it, and the client that waits for the answer. */

#include <sys/queue.h>

#include "basic/fair-share.h"
#include "basic/macro.h"
#include "engine/dns-judge.h"
#include "engine/dns-requester.h"
#include "net/dns-stub.h"

typedef struct DnsRequest {
        const DnsQuery *message; /* borrowed */
        const uint8_t *data;     /* borrowed; as the client sent it, NULL once it waits */
        size_t size;
        DnsRequester requester;
        bool is_signed;          /* relayed though a policy is enforced, see relayed-query */
        NameFinding findings[CW_CHAIN_MAX]; /* per layer of the requester, at the arrival */
} DnsRequest;

typedef struct DnsWaiter {
        FairItem waiting;   /* first, so that a FairItem can be cast to its waiter; taken and put by the owner, as the next */
        FairItem passed;    /* of a query that is relayed */
        LIST_ENTRY(DnsWaiter) waiters;
        void *userdata;
        uint32_t group;     /* the requester's */
        DnsClient *client;  /* ended by the owner; NULL: has been */
        DnsQuery message;
        uint32_t layer_ids[CW_CHAIN_MAX]; /* a layer may have been removed when the answer arrives */
        size_t n_layers;
        uint32_t actor, pid; /* of the requester */
        bool forwards, asks_for_us, is_signed;
        DnsServer asked;
        NameFinding findings[CW_CHAIN_MAX];
} DnsWaiter;

/* Without a place yet. NULL: no memory. */
DnsWaiter *dns_waiter_new(const DnsRequest *q, DnsClient *client, void *userdata);
DnsWaiter *dns_waiter_free(DnsWaiter *w);
/* The request as of now, valid as long as the waiter. False: a layer was removed meanwhile. */
bool dns_waiter_request(const DnsWaiter *w, const LayerTable *layers, DnsRequest *ret);

DEFINE_CLEANUP_FUNC(DnsWaiter *, dns_waiter_free)
