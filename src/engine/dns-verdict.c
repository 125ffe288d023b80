/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/dns-verdict.h"

#include <assert.h>
#include <string.h>

#include "basic/macro.h"
#include "policy/suffix.h"

/* May the name be looked up? Returns the layer that denies it, or a negative number. *ret_deciding is always set. */
static int judge_names(const LayerTable *layers, DnsRequest *q, uint64_t now, size_t *ret_deciding) {
        const DnsRequester *requester = &q->requester;
        LayerVerdict verdicts[CW_CHAIN_MAX];

        for (size_t i = 0; i < requester->n_layers; i++) {
                const Layer *l = requester->layers[i];

                verdicts[i] = (LayerVerdict) { .kind = l->kind, .mode = MODE_OFF };
                if (!layer_is_judged(l))
                        continue;
                judge_name(l, q->message->name, q->message->type, now, &q->findings[i]);
                verdicts[i] = name_finding_verdict(l, &q->findings[i]);
        }
        int deciding = chain_fold(verdicts, requester->n_layers);
        *ret_deciding = (size_t) MAX(deciding, 0);
        if (deciding < 0 || verdicts[deciding].action == ACTION_ALLOW ||
            (requester->forwards && layers_resolve(layers, q->message->name, q->message->type, now)))
                return -1;
        return deciding;
}

/* Would a client that made this name of a shorter one and a search domain ask the shorter one next, and learn there what
 * the policy says of it? Then it is no attempt to reach anything. */
static bool is_expanded(const Layer *l, const NameFinding *f, const SearchList *search, const char *name, uint64_t now) {
        size_t length = 0;

        if (f->verdict.n_deny + f->verdict.n_late > 0 || f->verdict.overflow)
                return false;
        while (search_list_strip(search, name, &length)) {
                char brief[DNS_NAME_SIZE];
                NameFinding finding;

                memcpy(brief, name, length);
                brief[length] = '\0';
                if (name_has_public_suffix(brief))
                        return true;
                judge_name(l, brief, DNS_TYPE_A, now, &finding);
                if (finding.verdict.n_allow > 0)
                        return true;
        }
        return false;
}

/* Reverse names are answered from our own leases and never asked upstream, where they could carry data out. */
static const Lease *lease_of_reverse(const LayerTable *layers, const DnsRequester *requester, const InAddr *addr,
                                     uint64_t now) {
        const Lease *lease = NULL;

        for (size_t i = 0; i < requester->n_layers && !lease; i++)
                lease = lease_table_get(requester->layers[i]->leases, addr, now);
        for (size_t i = 0; i < layers->n && !lease && requester->forwards; i++)
                lease = lease_table_get(layers->layers[i]->leases, addr, now);
        return lease;
}

/* True: it is a reverse name, and *ret is set. */
static bool judge_reverse(const LayerTable *layers, const DnsRequest *q, bool enforced, uint64_t now, QueryVerdict *ret) {
        InAddr addr;

        if (q->message->type != DNS_TYPE_PTR || dns_reverse_name_to_addr(q->message->name, &addr) < 0)
                return false;
        ret->lease = lease_of_reverse(layers, &q->requester, &addr, now);
        if (!ret->lease)
                ret->why = "reverse";
        if (enforced)
                ret->action = ret->lease ? QUERY_REVERSE : QUERY_REFUSE;
        return true;
}

static bool type_is_permitted(const LayerTable *layers, const DnsRequest *q, uint64_t now) {
        const DnsRequester *requester = &q->requester;
        uint16_t type = q->message->type;

        if (dns_type_is_served(type))
                return true;
        for (size_t i = 0; i < layers->n && requester->forwards; i++) {
                const Layer *l = layers->layers[i];
                NameFinding finding;

                if (!layer_is_judged(l))
                        continue;
                judge_name(l, q->message->name, type, now, &finding);
                if (finding_permits_type(l, &finding, type))
                        return true;
        }
        for (size_t i = 0; i < requester->n_layers; i++) {
                const Layer *l = requester->layers[i];

                if (layer_is_judged(l) && l->mode == MODE_ENFORCE && !finding_permits_type(l, &q->findings[i], type))
                        return false;
        }
        return !requester->forwards;
}

bool asks_for_keys(const LayerTable *layers, const DnsRequest *q, uint64_t now) {
        const DnsQuery *message = q->message;

        assert(layers);

        return dns_request_wants_signatures(q) && dns_query_asks_for_keys(message) &&
               (layers_have_zone(layers, message->name, now) ||
                (message->name[0] != '\0' && layers_resolve(layers, message->name, message->type, now)));
}

void judge_query(const LayerTable *layers, const SearchList *search, DnsRequest *q, uint64_t now, QueryVerdict *ret) {
        const DnsRequester *requester = &q->requester;
        bool enforced = dns_requester_is_enforced(requester);
        size_t deciding;

        assert(layers);
        assert(requester->n_layers > 0);
        assert(ret);

        *ret = (QueryVerdict) { .action = QUERY_RELAY, .layer = requester->layers[0], .rule = RULE_NONE };
        if (!dns_requester_is_judged(requester) || judge_reverse(layers, q, enforced, now, ret))
                return;
        if (enforced && asks_for_keys(layers, q, now)) {
                ret->action = QUERY_VALIDATE;
                return;
        }
        bool denied = judge_names(layers, q, now, &deciding) >= 0;
        ret->layer = requester->layers[deciding];
        if (denied && is_expanded(ret->layer, &q->findings[deciding], search, q->message->name, now)) {
                ret->action = ret->layer->mode == MODE_ENFORCE ? QUERY_EXPANDED : QUERY_RELAY;
                return;
        }
        if (denied) {
                ret->why = "policy";
                ret->rule = q->findings[deciding].rule;
        }
        if (denied && ret->layer->mode == MODE_ENFORCE)
                ret->action = QUERY_REFUSE;
        else if (enforced && search_list_is_service_domain(search, q->message->name))
                ret->action = QUERY_EXPANDED;
        else if (enforced)
                ret->action = type_is_permitted(layers, q, now) ? QUERY_SERVE : QUERY_WITHHOLD;
}

void judge_chain_answer(const LayerTable *layers, DnsRequest *q, const DnsAnswer *a, uint64_t now,
                        AnswerFinding findings[static CW_CHAIN_MAX], AnswerVerdict *ret) {
        const DnsRequester *requester = &q->requester;
        LayerVerdict verdicts[CW_CHAIN_MAX];

        assert(layers);
        assert(a);
        assert(ret);

        for (size_t i = 0; i < requester->n_layers; i++) {
                judge_answer(requester->layers[i], q->message->name, a, now, &q->findings[i], &findings[i]);
                verdicts[i] = findings[i].verdict;
        }
        int deciding = chain_fold(verdicts, requester->n_layers);
        *ret = (AnswerVerdict) { .layer = requester->layers[MAX(deciding, 0)], .f = &findings[MAX(deciding, 0)] };
        ret->denied = deciding >= 0 && verdicts[deciding].action == ACTION_DENY && !requester->asks_for_us &&
                      !(requester->forwards && layers_allow(layers, q->message->name, a, now));
        ret->enforced = ret->denied && verdicts[deciding].mode == MODE_ENFORCE;
}

uint8_t answer_refusal(const AnswerFinding *f, uint8_t refusal) {
        assert(f);

        return f->why && strcmp(f->why, "rebinding") == 0 && refusal == DNS_RCODE_NXDOMAIN ? DNS_RCODE_NOERROR : refusal;
}

bool dns_type_opens(uint16_t type) {
        return type == DNS_TYPE_A || type == DNS_TYPE_AAAA || type == DNS_TYPE_CNAME || type == DNS_TYPE_HTTPS ||
               type == DNS_TYPE_SVCB;
}

bool dns_query_is_plain(const DnsQuery *q) {
        assert(q);

        return !q->dnssec_ok && !q->checking_disabled && (q->type == DNS_TYPE_A || q->type == DNS_TYPE_AAAA);
}

bool dns_query_asks_for_keys(const DnsQuery *q) {
        assert(q);

        return q->type == DNS_TYPE_DS || q->type == DNS_TYPE_DNSKEY;
}

bool dns_request_wants_signatures(const DnsRequest *q) {
        assert(q);

        return q->requester.forwards && q->message->dnssec_ok;
}
