/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/dns-proxy.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "basic/clock.h"
#include "basic/fair-share.h"
#include "basic/hash-index.h"
#include "basic/macro.h"
#include "dns/dns-cache.h"
#include "engine/dns-listening.h"
#include "engine/dns-passthrough.h"
#include "engine/dns-waiter.h"
#include "engine/flood-watch.h"

#define CACHE_ENTRIES_MAX 10000
#define CACHE_BYTES_MAX (4U * 1024 * 1024)
/* In flight at a time, shared fairly among the groups of requesters. */
#define PENDING_MAX 2048        /* questions upstream */
#define PASSED_MAX 1024         /* queries that are relayed unchanged */
#define WAITERS_MAX (DNS_STUB_CLIENTS_MAX - 1) /* clients waiting for either; one more is being looked at */
#define PATIENCE_NSEC (2 * NSEC_PER_SEC) /* of a group above its share, when places are short */
#define ABANDONED_MAX 2048      /* c-ares still waits for their answers; beyond, only newcomers displace others */
#define UPSTREAM_TIMEOUT_USEC (8 * USEC_PER_SEC)

_Static_assert(PENDING_MAX + PASSED_MAX + 2 * ABANDONED_MAX < DNS_UPSTREAM_IN_FLIGHT_MAX, "room for newcomers");

/* One question in flight upstream; clients that ask the same in the meantime share it. */
typedef struct Pending {
        HashItem item; /* first, so that a HashItem can be cast to its Pending */
        DnsProxy *proxy;
        char name[DNS_NAME_SIZE];
        uint16_t type;
        LIST_HEAD(, DnsWaiter) waiters;
        FairItem place; /* the first requester's, or of another who waits; without one it is abandoned, and nobody waits */
        bool forwards;
        Endpoint asked;
        UpstreamKey key;
} Pending;

struct DnsProxy {
        sd_event *event;         /* borrowed */
        DnsStub *stub;
        UpstreamGroups *upstream;
        uint32_t n_upstreams; /* so far */
        DnsPassthrough *passthrough;
        DnsCache *cache;
        HashIndex pending;
        const LayerTable *layers; /* borrowed */
        DnsListening listening;
        SelfQuery self_query;
        dns_denial_fn on_denial;
        dns_crowded_fn on_crowded;
        dns_flooded_fn on_flooded;
        dns_requester_fn on_query;
        dns_lease_fn on_lease;
        dns_answer_fn on_answer;
        DnsUpstreamHooks upstream_hooks;
        void *userdata;
        DnsProxyStats stats;
        FairShare pending_places, passed_places, waiting_places;
        FloodWatch flood;
        size_t n_abandoned;      /* questions and relayed queries that nobody waits for any more */
        DnsAnswer answer;        /* buffer: too large for the stack of a deep call */
        uint8_t reply[DNS_MESSAGE_MAX];
};

/* ------------------------------------------------------------------ replies */

static void reply(DnsProxy *p, DnsClient *client, const DnsQuery *q, uint8_t rcode, const DnsAnswer *answer,
                  const char *ptr_name) {
        size_t max = dns_client_is_tcp(client) ? DNS_MESSAGE_MAX : MIN((size_t) q->udp_size, (size_t) DNS_UDP_MAX);
        size_t n = dns_reply_build(p->reply, max, q, rcode, answer, answer ? dns_client_ttl(answer) : 0, ptr_name);

        dns_client_reply(client, p->reply, n);
}

static void reply_error(DnsProxy *p, DnsClient *client, const DnsQuery *q, uint8_t rcode) {
        size_t n = dns_reply_build_error(p->reply, q, rcode);

        dns_client_reply(client, p->reply, n);
}

static DnsPeer peer_of(const DnsClient *client) {
        DnsPeer peer = { .is_tcp = dns_client_is_tcp(client), .server_port = dns_client_server_port(client) };

        dns_client_peer(client, &peer.addr, &peer.port);
        return peer;
}

static void report(DnsProxy *p, const Layer *layer, DnsClient *client, const DnsQuery *q, const char *why,
                   uint32_t rule) {
        DnsDenial d = {
                .peer = peer_of(client), .layer = layer, .name = q->name, .type = q->type, .why = why, .rule = rule,
        };

        p->on_denial(&d, p->userdata);
}

static void report_refused(DnsProxy *p, const Layer *layer, DnsClient *client, const DnsQuery *q,
                           const AnswerFinding *f) {
        DnsDenial d = {
                .peer = peer_of(client), .layer = layer, .name = q->name, .type = q->type,
                .why = f->why, .rule = f->rule, .refused = f->refused,
        };

        p->on_denial(&d, p->userdata);
}

/* A forwarder on this machine that is asked by us, or asks several servers at a time: there is an event already. */
static bool is_asked_again(const DnsProxy *p, const DnsRequest *q) {
        return q->requester.forwards && upstream_groups_ask(p->upstream, q->message->name, q->message->type);
}

static void deny(DnsProxy *p, const Layer *layer, DnsClient *client, const DnsRequest *q, const char *why, uint32_t rule) {
        if (is_asked_again(p, q))
                return;
        p->stats.refused++;
        report(p, layer, client, q->message, why, rule);
}

/* ------------------------------------------------------------------ answers */

static bool type_is_served(uint16_t type) {
        return type == DNS_TYPE_A || type == DNS_TYPE_AAAA || type == DNS_TYPE_CNAME || type == DNS_TYPE_HTTPS ||
               type == DNS_TYPE_SVCB;
}

/* Returns an error only if the answer must not be given without what could not be stored. */
static int store(DnsProxy *p, const DnsRequest *q, DnsClient *client, Layer *l, const DnsAnswer *a,
                 const AnswerFinding *f, uint64_t now) {
        int r = keep_answer(l, q->message->name, a, f, now, p->on_lease, p->userdata);
        bool needed = answer_needs_lease(l, f) || (r == -E2BIG && f->verdict.mode == MODE_ENFORCE);

        if (r >= 0 || (!needed && !name_verdict_has_rules(&f->name)))
                return 0;
        p->stats.lease_failures++;
        report(p, l, client, q->message, "lease", RULE_NONE);
        return needed ? r : 0;
}

/* The answer to a forwarder reaches processes of every chain: each layer with a rule for the name stores it, even a
 * layer that denies it, since what another layer allowed must not pass there by a default action or a grant.
 * A layer without room for what it allows stays closed and costs the others nothing. What it denies must be stored. */
static int store_in_others(DnsProxy *p, const DnsRequest *q, DnsClient *client, const DnsAnswer *a, uint64_t now) {
        const DnsRequester *requester = &q->requester;
        int r = 0;

        for (size_t i = 0; i < p->layers->n; i++) {
                Layer *l = p->layers->layers[i];
                NameFinding finding = {};
                bool own = false;
                AnswerFinding f;

                for (size_t k = 0; k < requester->n_layers; k++)
                        own = own || requester->layers[k] == l;
                if (own)
                        continue;
                judge_answer(l, q->message->name, a, now, &finding, &f);
                if (f.verdict.mode == MODE_OFF || (f.verdict.action == ACTION_DENY && f.verdict.mode != MODE_ENFORCE))
                        continue;
                int k = store(p, q, client, l, a, &f, now);
                if (k < 0 && f.name.n_deny > 0)
                        r = k;
        }
        return r;
}

/* Judges an answer and stores what it opens. Returns the rcode for the client: the answer's, or an error instead of
 * it. */
static uint8_t accept_answer(DnsProxy *p, DnsRequest *q, DnsClient *client, const DnsAnswer *a, uint64_t now) {
        const DnsRequester *requester = &q->requester;
        LayerVerdict verdicts[CW_CHAIN_MAX];
        AnswerFinding findings[CW_CHAIN_MAX];
        const char *name = q->message->name;
        int r = 0;

        for (size_t i = 0; i < requester->n_layers; i++) {
                judge_answer(requester->layers[i], name, a, now, &q->findings[i], &findings[i]);
                verdicts[i] = findings[i].verdict;
        }
        int deciding = chain_fold(verdicts, requester->n_layers);
        bool denied = deciding >= 0 && verdicts[deciding].action == ACTION_DENY;
        if (denied && requester->forwards && layers_allow(p->layers, name, a, now))
                denied = false;
        const AnswerFinding *f = &findings[MAX(deciding, 0)];
        if (denied && f->why && !is_asked_again(p, q)) {
                p->stats.refused++;
                report_refused(p, requester->layers[deciding], client, q->message, f);
        }
        if (denied && verdicts[deciding].mode == MODE_ENFORCE)
                return DNS_RCODE_REFUSED;
        for (size_t i = 0; i < requester->n_layers && r >= 0; i++)
                r = store(p, q, client, requester->layers[i], a, &findings[i], now);
        if (r >= 0 && requester->forwards)
                r = store_in_others(p, q, client, a, now);
        if (r < 0)
                return DNS_RCODE_SERVFAIL;
        p->stats.answered++;
        if (p->on_answer && a->n_addrs > 0)
                p->on_answer(requester, name, a, p->userdata);
        return a->rcode;
}

static void answer_client(DnsProxy *p, DnsRequest *q, DnsClient *client, const DnsAnswer *a, uint64_t now) {
        uint8_t rcode = accept_answer(p, q, client, a, now);

        reply(p, client, q->message, rcode, rcode == a->rcode ? a : NULL, NULL);
}

/* ------------------------------------------------------------------ upstream */

static uint64_t pending_hash(const DnsProxy *p, UpstreamKey key, const char *name, uint16_t type) {
        return hash_index_hash(&p->pending, name, strlen(name)) ^ type ^ key << 16;
}

static Pending *pending_find(const DnsProxy *p, UpstreamKey key, const char *name, uint16_t type) {
        uint64_t hash = pending_hash(p, key, name, type);

        for (HashItem *i = hash_index_next(&p->pending, hash, NULL); i; i = hash_index_next(&p->pending, hash, i)) {
                Pending *pending = (Pending *) i;
                if (pending->type == type && pending->key == key && strcmp(pending->name, name) == 0)
                        return pending;
        }
        return NULL;
}

static void waiter_free(DnsProxy *p, DnsWaiter *w) {
        fair_share_put(&p->waiting_places, &w->waiting);
        fair_share_put(&p->passed_places, &w->passed);
        dns_waiter_free(w);
}

static void waiter_freep(DnsWaiter **w) {
        if (*w)
                waiter_free((*w)->userdata, *w);
}

/* Nobody is to wait for it. */
static void pending_free(Pending *pending) {
        DnsProxy *p = pending->proxy;

        assert(LIST_EMPTY(&pending->waiters));
        if (pending->place.group)
                hash_index_remove(&p->pending, &pending->item);
        else
                p->n_abandoned--;
        fair_share_put(&p->pending_places, &pending->place);
        free(pending);
}

/* ------------------------------------------------------------------ places */

static void crowded(DnsProxy *p, uint32_t group, bool is_connection, size_t n) {
        p->stats.crowded++;
        if (p->on_crowded)
                p->on_crowded(group, is_connection, n, p->userdata);
}

/* Ends a waiter before its answer comes. */
static void fail_waiter(DnsProxy *p, DnsWaiter *w) {
        bool is_relayed = w->passed.group;

        crowded(p, w->group, false, fair_share_n(&p->waiting_places, w->group));
        reply(p, w->client, &w->message, DNS_RCODE_SERVFAIL, NULL, NULL);
        w->client = NULL;
        if (!is_relayed) {
                LIST_REMOVE(w, waiters);
                waiter_free(p, w);
                return;
        }
        fair_share_put(&p->waiting_places, &w->waiting); /* the rest when the answer comes */
        fair_share_put(&p->passed_places, &w->passed);
        p->n_abandoned++;
}

static void displace_waiter(DnsProxy *p, FairItem *item) {
        fail_waiter(p, (DnsWaiter *) item);
}

static void displace_passed(DnsProxy *p, FairItem *item) {
        fail_waiter(p, (DnsWaiter *) (void *) ((char *) item - offsetof(DnsWaiter, passed)));
}

/* If others wait for the same answer, the question becomes one of theirs. Otherwise the answer, if it comes, is only
 * cached. */
static void displace_pending(DnsProxy *p, FairItem *item) {
        Pending *pending = (Pending *) (void *) ((char *) item - offsetof(Pending, place));
        int64_t group = fair_share_group(item);

        for (DnsWaiter *w = LIST_FIRST(&pending->waiters), *next; w; w = next) {
                next = LIST_NEXT(w, waiters);
                if (w->group == group)
                        fail_waiter(p, w);
        }
        if (!LIST_EMPTY(&pending->waiters)) {
                fair_share_move(&p->pending_places, item, LIST_FIRST(&pending->waiters)->group);
                return;
        }
        hash_index_remove(&p->pending, &pending->item);
        fair_share_put(&p->pending_places, item);
        p->n_abandoned++;
}

/* False: the group has too much in flight already. displace ends an item that has to give up its place. */
static bool take_place(DnsProxy *p, FairShare *f, uint32_t group, FairItem *item,
                       void (*displace)(DnsProxy *p, FairItem *item)) {
        uint64_t now = clock_nsec(CLOCK_MONOTONIC);

        f->patience_nsec = p->n_abandoned < ABANDONED_MAX ? PATIENCE_NSEC : 0;
        for (FairItem *old; (old = fair_share_displaced(f, group, now));)
                displace(p, old);
        if (fair_share_take(f, group, now, item))
                return true;
        crowded(p, group, false, fair_share_n(f, group));
        return false;
}

static void serve_waiter(DnsProxy *p, const DnsWaiter *w, const DnsAnswer *answer, uint64_t now) {
        DnsRequest q;

        if (!p->upstream)
                dns_client_drop(w->client); /* this process ends: the client asks its successor again */
        else if (answer && dns_waiter_request(w, p->layers, &q))
                answer_client(p, &q, w->client, answer, now);
        else
                reply(p, w->client, &w->message, DNS_RCODE_SERVFAIL, NULL, NULL);
}

static void proxy_on_answer(int r, const DnsAnswer *answer, void *userdata);

/* Its key stays: who asks later does not share what is asked of other servers. */
static int pending_ask(Pending *pending) {
        UpstreamGroups *upstream = pending->proxy->upstream;
        UpstreamKey key;
        int r = upstream_groups_find(upstream, &pending->asked, pending->forwards, &key);

        return r < 0 ? r :
                       upstream_groups_query(upstream, key, pending->name, pending->type, proxy_on_answer, pending);
}

static void proxy_on_answer(int r, const DnsAnswer *answer, void *userdata) {
        Pending *pending = userdata;
        DnsProxy *p = pending->proxy;
        uint64_t now = clock_nsec(CLOCK_BOOTTIME);

        /* The servers have been replaced: ask the new ones. */
        if (r == -ECANCELED && p->upstream && pending->place.group && pending_ask(pending) >= 0)
                return;

        if (r < 0 || answer->truncated) {
                p->stats.upstream_failures++;
                r = -EREMOTEIO;
        } else
                /* on failure the next client asks again */
                (void) dns_cache_put(p->cache, pending->key, pending->name, answer, now);

        for (DnsWaiter *w; (w = LIST_FIRST(&pending->waiters));) {
                LIST_REMOVE(w, waiters);
                serve_waiter(p, w, r < 0 ? NULL : answer, now);
                waiter_free(p, w);
        }
        pending_free(pending);
}

static int ask_new(DnsProxy *p, const DnsRequest *q, UpstreamKey key, uint32_t group, Pending **ret) {
        Pending *pending = calloc(1, sizeof(*pending));
        int r;

        if (!pending)
                return -ENOMEM;
        pending->proxy = p;
        pending->type = q->message->type;
        pending->asked = q->requester.asked;
        pending->forwards = q->requester.forwards;
        pending->key = key;
        memcpy(pending->name, q->message->name, sizeof(pending->name));
        LIST_INIT(&pending->waiters);
        r = take_place(p, &p->pending_places, group, &pending->place, displace_pending) ? 0 : -EBUSY;
        if (r < 0) {
                free(pending);
                return r;
        }
        hash_index_insert(&p->pending, &pending->item, pending_hash(p, key, pending->name, pending->type));
        r = pending_ask(pending);
        if (r < 0)
                pending_free(pending);
        else
                *ret = pending;
        return r;
}

static int ask_upstream(DnsProxy *p, const DnsRequest *q, UpstreamKey key, DnsClient *client) {
        _cleanup_(waiter_freep) DnsWaiter *w = dns_waiter_new(q, client, p);

        if (!w)
                return -ENOMEM;
        if (!take_place(p, &p->waiting_places, w->group, &w->waiting, displace_waiter))
                return -EBUSY;
        Pending *pending = pending_find(p, key, q->message->name, q->message->type);
        int r = pending ? 0 : ask_new(p, q, key, w->group, &pending);
        if (r < 0)
                return r;
        LIST_INSERT_HEAD(&pending->waiters, w, waiters);
        w = NULL; /* taken */
        return 0;
}

/* ------------------------------------------------------------------ relayed unchanged */

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
        return accept_answer(p, q, client, a, now) == a->rcode &&
               dns_relay_limit_ttl(p->reply, size, dns_client_ttl(a)) >= 0;
}

static void answer_relayed(DnsProxy *p, DnsRequest *q, DnsClient *client, const DnsRelay *relay, const uint8_t *answer,
                           size_t size) {
        size_t max = dns_client_is_tcp(client) ? DNS_MESSAGE_MAX : MIN((size_t) relay->udp_size, (size_t) DNS_UDP_MAX);
        size_t n = dns_relay_build_reply(relay, answer, size, DNS_MESSAGE_MAX, p->reply);

        if (type_is_served(q->message->type) && !accept_relayed(p, q, client, n)) {
                reply_relayed_error(p, client, relay);
                return;
        }
        if (n > max) /* with TC: the client repeats it over TCP */
                n = dns_relay_build_reply(relay, answer, size, max, p->reply);
        dns_client_reply(client, p->reply, n);
}

static void proxy_on_relayed(const DnsRelay *relay, const uint8_t *answer, size_t size, void *userdata) {
        DnsWaiter *w = userdata;
        DnsProxy *p = w->userdata;
        DnsRequest q;

        if (!w->client) { /* it has not waited */
                p->n_abandoned--;
                waiter_free(p, w);
                return;
        }
        /* The layers may have been removed meanwhile, or have begun to enforce. */
        if (answer && dns_waiter_request(w, p->layers, &q) && !dns_requester_is_enforced(&q.requester))
                answer_relayed(p, &q, w->client, relay, answer, size);
        else
                reply_relayed_error(p, w->client, relay);
        waiter_free(p, w);
}

static int relay_waiter(DnsProxy *p, const DnsRequest *q, const DnsRelay *relay, DnsWaiter *w) {
        if (!take_place(p, &p->waiting_places, w->group, &w->waiting, displace_waiter) ||
            !take_place(p, &p->passed_places, w->group, &w->passed, displace_passed))
                return -EBUSY;
        return dns_passthrough_query(p->passthrough, &q->requester.asked, q->requester.forwards, relay, w);
}

static void relay_query(DnsProxy *p, const DnsRequest *q, DnsClient *client) {
        _cleanup_(waiter_freep) DnsWaiter *w = NULL;
        DnsRelay relay;

        if (dns_relay_read(q->data, q->size, &relay) < 0) {
                dns_client_drop(client); /* cannot happen: it has been parsed */
                return;
        }
        w = dns_waiter_new(q, client, p);
        if (w && relay_waiter(p, q, &relay, w) >= 0)
                w = NULL; /* taken */
        else
                reply_relayed_error(p, client, &relay);
}

/* ------------------------------------------------------------------ queries */

/* What the proxy does not serve: refused, or relayed if no layer enforces its policy. */
static void refuse(DnsProxy *p, const DnsRequest *q, DnsClient *client, const Layer *layer, const char *why) {
        if (dns_requester_is_judged(&q->requester))
                deny(p, layer, client, q, why, RULE_NONE);
        if (dns_requester_is_enforced(&q->requester))
                reply(p, client, q->message, DNS_RCODE_REFUSED, NULL, NULL);
        else
                relay_query(p, q, client);
}

/* Reverse names are answered from our own leases and never asked upstream, where they could carry data out. */
static void answer_reverse(DnsProxy *p, const DnsRequest *q, DnsClient *client) {
        const DnsRequester *requester = &q->requester;
        uint64_t now = clock_nsec(CLOCK_BOOTTIME);
        const Lease *lease = NULL;
        InAddr addr;

        if (dns_reverse_name_to_addr(q->message->name, &addr) >= 0) {
                for (size_t i = 0; i < requester->n_layers && !lease; i++)
                        lease = lease_table_get(requester->layers[i]->leases, &addr, now);
                for (size_t i = 0; i < p->layers->n && !lease && requester->forwards; i++)
                        lease = lease_table_get(p->layers->layers[i]->leases, &addr, now);
        }
        if (!lease) {
                refuse(p, q, client, requester->layers[0], "reverse");
                return;
        }
        p->stats.answered++;
        reply(p, client, q->message, DNS_RCODE_NOERROR, NULL, lease->bindings[lease->latest].name);
}

/* May the question be asked? NULL, or the reason why not, and the deciding layer. */
static const char *refusal_reason(const DnsProxy *p, DnsRequest *q, uint64_t now, const Layer **ret_layer,
                                  uint32_t *ret_rule) {
        const DnsRequester *requester = &q->requester;
        bool served = type_is_served(q->message->type);
        LayerVerdict verdicts[CW_CHAIN_MAX];

        for (size_t i = 0; i < requester->n_layers; i++) {
                const Layer *l = requester->layers[i];

                verdicts[i] = (LayerVerdict) { .kind = l->kind, .mode = l->mode, .reason = CW_REASON_PROTOCOL };
                if (!layer_is_judged(l)) {
                        verdicts[i].mode = MODE_OFF;
                        continue;
                }
                if (!served)
                        continue;
                judge_name(l, q->message->name, now, &q->findings[i]);
                verdicts[i] = name_finding_verdict(l, &q->findings[i]);
        }
        int deciding = chain_fold(verdicts, requester->n_layers);
        *ret_layer = requester->layers[MAX(deciding, 0)];
        *ret_rule = RULE_NONE;
        if (!served)
                return "type";
        if (deciding < 0 || verdicts[deciding].action == ACTION_ALLOW ||
            (requester->forwards && layers_resolve(p->layers, q->message->name, now)))
                return NULL;
        *ret_rule = q->findings[deciding].rule;
        return "policy";
}

/* From an earlier self-test, or not a question of one: not reported. */
static void answer_self(DnsProxy *p, DnsClient *client, const DnsQuery *q) {
        if (q->type != DNS_TYPE_AAAA || p->self_query.name[0] == '\0' || strcmp(q->name, p->self_query.name) != 0) {
                reply(p, client, q, DNS_RCODE_REFUSED, NULL, NULL);
                return;
        }
        p->answer = (DnsAnswer) { .type = DNS_TYPE_AAAA, .n_addrs = 1, .addrs = { p->self_query.answer } };
        reply(p, client, q, DNS_RCODE_NOERROR, &p->answer, NULL);
}

/* Of a type and with a name that the proxy serves. */
static void answer_served(DnsProxy *p, DnsRequest *q, DnsClient *client, uint64_t now) {
        const DnsQuery *message = q->message;
        UpstreamKey key;

        if (message->dnssec_ok && !dns_requester_is_enforced(&q->requester)) { /* a validator needs the signatures */
                relay_query(p, q, client);
                return;
        }
        int r = upstream_groups_find(p->upstream, &q->requester.asked, q->requester.forwards, &key);
        if (r >= 0 && dns_cache_get(p->cache, key, message->name, message->type, now, &p->answer) > 0) {
                p->stats.cache_hits++;
                answer_client(p, q, client, &p->answer, now);
                return;
        }
        if (r < 0 || ask_upstream(p, q, key, client) < 0) {
                p->stats.upstream_failures++;
                reply(p, client, message, DNS_RCODE_SERVFAIL, NULL, NULL);
        }
}

static void answer_query(DnsProxy *p, DnsRequest *q, DnsClient *client) {
        const DnsQuery *message = q->message;
        uint64_t now = clock_nsec(CLOCK_BOOTTIME);
        const Layer *layer;
        uint32_t rule;

        if (q->requester.is_self && self_query_owns(message->name)) {
                answer_self(p, client, message);
                return;
        }
        if (message->type == DNS_TYPE_PTR && dns_requester_is_judged(&q->requester)) {
                answer_reverse(p, q, client);
                return;
        }
        const char *why = refusal_reason(p, q, now, &layer, &rule);
        if (!type_is_served(message->type)) {
                refuse(p, q, client, layer, why);
                return;
        }
        if (why)
                deny(p, layer, client, q, why, rule);
        if (why && layer->mode == MODE_ENFORCE)
                reply(p, client, message, DNS_RCODE_REFUSED, NULL, NULL);
        else
                answer_served(p, q, client, now);
}

static void proxy_on_query(_unused_ DnsStub *stub, DnsClient *client, const uint8_t *data, size_t size, void *userdata) {
        DnsProxy *p = userdata;
        DnsQuery message;
        const DnsPeer peer = peer_of(client);
        DnsRequest q = { .message = &message, .data = data, .size = size };
        int r;

        p->on_query(&peer, &q.requester, p->userdata);
        if (dns_listening_is_at(&p->listening, &q.requester.asked))
                q.requester.asked.port = 0;
        if (q.requester.is_stranger) {
                p->stats.strangers++;
                dns_client_drop(client);
                return;
        }
        p->stats.queries++;
        if (flood_watch_look(&p->flood, dns_stub_stats(p->stub)->lost) && p->on_flooded)
                p->on_flooded(q.requester.group, p->userdata);
        r = dns_query_parse(data, size, &message);
        if (r == -EBADMSG) {
                p->stats.malformed++;
                dns_client_drop(client);
                return;
        }
        if (r < 0 && r != -EPERM) {
                p->stats.malformed++;
                reply_error(p, client, &message, r == -EOPNOTSUPP ? DNS_RCODE_NOTIMP : DNS_RCODE_FORMERR);
                return;
        }
        if (q.requester.n_layers == 0) { /* its policy is not known yet; resolvers retry */
                p->stats.unattributed++;
                reply(p, client, &message, DNS_RCODE_SERVFAIL, NULL, NULL);
        } else if (r == -EPERM)
                refuse(p, &q, client, q.requester.layers[0], "name");
        else
                answer_query(p, &q, client);
}

static int64_t proxy_group_of(const InAddr *addr, uint16_t port, uint16_t server_port, void *userdata) {
        const DnsPeer peer = { .addr = *addr, .port = port, .server_port = server_port, .is_tcp = true };
        DnsRequester requester = {};
        DnsProxy *p = userdata;

        p->on_query(&peer, &requester, p->userdata);
        p->stats.strangers += requester.is_stranger;
        return requester.is_stranger ? -EACCES : (int64_t) requester.group;
}

static void proxy_on_crowded(int64_t group, size_t n, void *userdata) {
        crowded(userdata, (uint32_t) group, true, n);
}

/* ------------------------------------------------------------------ life */

static int start_upstream(DnsProxy *p, const DnsServer *servers, size_t n_servers, UpstreamGroups **ret) {
        int r = upstream_groups_new(p->event, servers, n_servers, UPSTREAM_TIMEOUT_USEC, ++p->n_upstreams, ret);

        if (r >= 0)
                upstream_groups_set_hooks(*ret, &p->upstream_hooks);
        return r;
}

/* Everything but the sockets. */
static int proxy_init(DnsProxy *p, sd_event *event, const DnsProxyOptions *o) {
        uint8_t key[16];
        int r;

        p->event = event;
        p->on_denial = o->on_denial;
        p->on_crowded = o->on_crowded;
        p->on_flooded = o->on_flooded;
        p->on_query = o->on_query;
        p->on_lease = o->on_lease;
        p->on_answer = o->on_answer;
        p->upstream_hooks = o->upstream_hooks;
        p->upstream_hooks.userdata = o->userdata;
        p->layers = o->layers;
        p->userdata = o->userdata;
        p->pending_places = (FairShare) { .max = PENDING_MAX, .kept = o->one_group ? 0 : PENDING_MAX / 4 };
        p->passed_places = (FairShare) { .max = PASSED_MAX, .kept = o->one_group ? 0 : PASSED_MAX / 4 };
        p->waiting_places = (FairShare) { .max = WAITERS_MAX, .kept = o->one_group ? 0 : WAITERS_MAX / 4 };
        if (getrandom(key, sizeof(key), 0) != sizeof(key))
                return -EIO;
        r = hash_index_init(&p->pending, PENDING_MAX, key);
        if (r >= 0)
                r = dns_cache_new(CACHE_ENTRIES_MAX, CACHE_BYTES_MAX, key, &p->cache);
        if (r >= 0)
                r = start_upstream(p, o->servers, o->n_servers, &p->upstream);
        if (r >= 0)
                r = dns_passthrough_new(proxy_on_relayed, &p->passthrough);
        if (r >= 0)
                r = dns_stub_new(event, proxy_on_query, p, &p->stub);
        if (r < 0)
                return r;
        dns_stub_set_groups(p->stub, proxy_group_of, proxy_on_crowded, o->one_group ? 0 : DNS_STUB_CLIENTS_TCP_MAX / 4);
        dns_passthrough_set_upstream(p->passthrough, p->upstream);
        return 0;
}

int dns_proxy_new(sd_event *event, const DnsProxyOptions *o, DnsProxy **ret) {
        _cleanup_(dns_proxy_freep) DnsProxy *p = calloc(1, sizeof(*p));
        int r = p ? proxy_init(p, event, o) : -ENOMEM;

        if (r < 0) {
                for (size_t i = 0; i < o->n_fds; i++)
                        (void) close(o->fds[i]);
                return r;
        }
        r = dns_listening_start(p->stub, o->fds, o->n_fds, &p->listening);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(p);
        return 0;
}

DnsProxy *dns_proxy_free(DnsProxy *p) {
        if (!p)
                return NULL;
        UpstreamGroups *upstream = TAKE_PTR(p->upstream);
        if (p->passthrough)
                dns_passthrough_set_upstream(p->passthrough, NULL);
        upstream_groups_free(upstream); /* ends every pending question while the stub still has their clients */
        dns_passthrough_free(p->passthrough);
        dns_stub_free(p->stub);
        dns_cache_free(p->cache);
        hash_index_done(&p->pending);
        free(p);
        return NULL;
}

void dns_proxy_address(const DnsProxy *p, InAddr *ret_addr4, uint16_t *ret_port4, uint16_t *ret_port6) {
        *ret_addr4 = p->listening.addr4;
        *ret_port4 = p->listening.port4;
        *ret_port6 = p->listening.port6;
}

int dns_proxy_set_filter(DnsProxy *p, int program_fd) {
        return dns_stub_set_filter(p->stub, program_fd);
}

size_t dns_proxy_endpoints(const DnsProxy *p, DnsEndpoint *ret, size_t max) {
        return dns_stub_endpoints(p->stub, ret, max);
}

int dns_proxy_renew_self_query(DnsProxy *p, SelfQuery *ret) {
        int r = self_query_renew(&p->self_query);

        if (r >= 0)
                *ret = p->self_query;
        return r;
}

int dns_proxy_set_servers(DnsProxy *p, const DnsServer *servers, size_t n_servers) {
        UpstreamGroups *upstream, *old = p->upstream;
        int r = start_upstream(p, servers, n_servers, &upstream);

        if (r < 0)
                return r;
        p->upstream = upstream;
        dns_passthrough_set_upstream(p->passthrough, upstream);
        dns_cache_flush(p->cache);
        upstream_groups_free(old); /* its questions end, and are asked again at the new servers */
        return 0;
}

const DnsProxyStats *dns_proxy_stats(const DnsProxy *p) {
        return &p->stats;
}

size_t dns_proxy_n_cached(const DnsProxy *p) {
        return dns_cache_n_entries(p->cache);
}

const DnsStubStats *dns_proxy_stub_stats(const DnsProxy *p) {
        return dns_stub_stats(p->stub);
}
