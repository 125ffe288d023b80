/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What one layer says about a name and about an answer to it, and what an accepted answer leaves in the layer: leases,
 * and the names behind a CNAME. */

#include "dns/dns-message.h"
#include "engine/layer-table.h"

#define DNS_CLIENT_TTL_MAX 300 /* seconds for which a client may cache an answer: always covered by the lease */

/* The address was just leased to the layer: name led to it, with the chain as one text or NULL. */
typedef void (*dns_lease_fn)(const Layer *layer, const Lease *lease, void *userdata);

/* The verdict of a layer's policy for a name. Valid as long as the policy is the same. */
typedef struct NameFinding {
        uint32_t policy_id; /* 0: none yet */
        NameVerdict verdict;
        uint32_t rule;      /* the deciding rule, or RULE_NONE */
        bool resolves;
        bool derived;       /* reached through a CNAME of an allowed name, and treated as that name */
} NameFinding;

/* The verdict of a layer for an answer. */
typedef struct AnswerFinding {
        LayerVerdict verdict;
        NameVerdict name;   /* including the denials of the aliases it leads to */
        bool derived;
        const char *why;    /* to be reported if this layer decides; NULL: already reported with the query */
        uint32_t rule;      /* RULE_NONE if "rebinding": no rule denies it */
        const InAddr *refused; /* "rebinding": this address of the answer */
} AnswerFinding;

uint32_t dns_client_ttl(const DnsAnswer *a);
/* The CNAME targets of an answer joined by ' ', "" if there are none. first: one that precedes them, or NULL. -E2BIG:
 * too long to be evaluated again after a policy swap. */
int answer_chain_text(const DnsAnswer *a, const char *first, char buf[static LEASE_CHAIN_TEXT_MAX]);

/* May the name be looked up? A name reached through a CNAME of an allowed name counts as that name, and so does a name
 * with labels for a service in front ("_imaps._tcp.mail.example"), for all types but addresses. */
void judge_name(const Layer *l, const char *name, uint16_t type, uint64_t now_nsec, NameFinding *ret);
bool finding_permits_type(const Layer *l, const NameFinding *f, uint16_t type);
/* The same for the fold. */
LayerVerdict name_finding_verdict(const Layer *l, const NameFinding *f);
/* A CNAME of a denied name, or an address that the name may not have, is refused even if the name itself is allowed.
 * finding: of the same layer; it is brought up to date. */
void judge_answer(const Layer *l, const char *name, const DnsAnswer *a, uint64_t now_nsec, NameFinding *finding,
                  AnswerFinding *ret);
/* Stores an accepted answer. If only audit mode let it pass, it opens nothing: the connection gets its own verdict.
 * What a grant lifted is not allowed in this layer. When it returns 0, the kernel allows everything that this permits.
 * Negative: there is no room. Only if answer_needs_lease() must the answer be refused for that. fn may be NULL. */
int keep_answer(Layer *l, const char *name, const DnsAnswer *a, const AnswerFinding *f, uint64_t now_nsec,
                dns_lease_fn fn, void *userdata);
/* Does an address without the lease get another verdict that is enforced? */
bool answer_needs_lease(const Layer *l, const AnswerFinding *f);
/* For a forwarder: does any layer that is judged, and does not only restrict, allow to look up the name, or its answer? */
bool layers_resolve(const LayerTable *t, const char *name, uint16_t type, uint64_t now_nsec);
/* Is this domain at or above a name of their rules, or above one that an alias of theirs leads to? "": the root. */
bool layers_have_zone(const LayerTable *t, const char *zone, uint64_t now_nsec);
bool layers_allow(const LayerTable *t, const char *name, const DnsAnswer *a, uint64_t now_nsec);
