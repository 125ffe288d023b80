/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the chain of a requester says about a query, before anything is asked, and about an answer. */

#include "engine/dns-waiter.h"
#include "host/search-list.h"

typedef enum QueryAction {
        QUERY_SERVE,    /* ask, and build the reply from parsed values */
        QUERY_VALIDATE, /* for keys by which a resolver validates what is allowed: relay it, and nothing but these */
        QUERY_RELAY,    /* nothing is enforced: relay it as it is */
        QUERY_WITHHOLD, /* an allowed name, but not a type that is served: a reply without records */
        QUERY_EXPANDED, /* made by a search list, of a name that is judged itself: the name does not exist */
        QUERY_REVERSE,  /* the reverse name of a leased address: its name is known */
        QUERY_REFUSE,
} QueryAction;

typedef struct QueryVerdict {
        QueryAction action;
        const char *why;    /* to be reported, also if the query is answered; otherwise NULL */
        const Layer *layer; /* the deciding one */
        uint32_t rule;
        const Lease *lease; /* for QUERY_REVERSE; valid until the tables of leases change */
} QueryVerdict;

/* Class IN, canonical name, and a requester that has layers. Fills the findings of the request. */
void judge_query(const LayerTable *layers, const SearchList *search, DnsRequest *q, uint64_t now_nsec,
                 QueryVerdict *ret);

/* findings: one for each layer of the requester. f: of the deciding layer, in findings. */
typedef struct AnswerVerdict {
        bool denied;        /* by a layer, in any mode */
        bool enforced;
        const Layer *layer; /* the deciding one */
        const AnswerFinding *f;
} AnswerVerdict;

/* Does a resolver ask for keys by which answers are validated that some policy allows? Names above those that policies
 * allow are no secret of anybody; of others, a job may choose a part. Also for the root. */
bool asks_for_keys(const LayerTable *layers, const DnsRequest *q, uint64_t now_nsec);
void judge_chain_answer(const LayerTable *layers, DnsRequest *q, const DnsAnswer *a, uint64_t now_nsec,
                        AnswerFinding findings[static CW_CHAIN_MAX], AnswerVerdict *ret);

/* What a client gets instead of an answer that must not reach it: refusal, the rcode for denied names, or NOERROR without
 * records. An alias that is denied is so for both families; of a family with addresses that the name may not have, there
 * are none, and the other one may be right. */
uint8_t answer_refusal(const AnswerFinding *f, uint8_t refusal);
/* Do answers of this type open something: addresses, and aliases that may be asked next? */
bool dns_type_opens(uint16_t type);
/* May a query that is relayed be answered from the cache, which has less than the upstream sends for others? */
bool dns_query_is_plain(const DnsQuery *q);
/* DS and DNSKEY, which open nothing. */
bool dns_query_asks_for_keys(const DnsQuery *q);
/* Does a resolver ask that validates the answer itself? */
bool dns_request_wants_signatures(const DnsRequest *q);
