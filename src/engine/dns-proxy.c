/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/dns-proxy-private.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "basic/clock.h"
#include "basic/macro.h"
#include "engine/cached-answer.h"
#include "engine/client-reply.h"
#include "engine/dns-local.h"
#include "engine/dns-verdict.h"
#include "engine/relayed-query.h"

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
        DnsServer asked;
        UpstreamKey key;
} Pending;

/* ------------------------------------------------------------------ denials */

static DnsPeer peer_of(const DnsClient *client) {
        DnsPeer peer = { .is_tcp = dns_client_is_tcp(client), .server_port = dns_client_server_port(client),
                         .batch = dns_client_batch(client) };

        dns_client_peer(client, &peer.addr, &peer.port);
        return peer;
}

static void report_refused(DnsProxy *p, const Layer *layer, DnsClient *client, const DnsQuery *q,
                           const AnswerFinding *f) {
        DnsDenial d = {
                .peer = peer_of(client), .layer = layer, .name = q->name, .type = q->type,
                .why = f->why, .rule = f->rule, .refused = f->refused,
        };

        p->o.on_denial(&d, p->o.userdata);
}

static void report(DnsProxy *p, const Layer *layer, DnsClient *client, const DnsQuery *q, const char *why,
                   uint32_t rule) {
        report_refused(p, layer, client, q, &(const AnswerFinding) { .why = why, .rule = rule });
}

static void deny(DnsProxy *p, const Layer *layer, DnsClient *client, const DnsRequest *q, const char *why, uint32_t rule) {
        p->stats.refused++;
        report(p, layer, client, q->message, why, rule);
}

static void crowded(DnsProxy *p, uint32_t group, DnsShare share, size_t n) {
        p->stats.crowded++;
        if (p->o.on_crowded)
                p->o.on_crowded(group, share, n, p->o.userdata);
}

/* ------------------------------------------------------------------ answers */

/* Returns an error only if the answer must not be given without what could not be stored. */
static int store(DnsProxy *p, const DnsRequest *q, DnsClient *client, Layer *l, const DnsAnswer *a,
                 const AnswerFinding *f, uint64_t now) {
        lease_table_set_group(l->leases, q->requester.group, q->requester.forwards);
        int r = keep_answer(l, q->message->name, a, f, now, p->o.on_lease, p->o.userdata);
        uint32_t displaced = 0;
        InAddr evicted;
        bool needed = answer_needs_lease(l, f) || (r == -E2BIG && f->verdict.mode == MODE_ENFORCE);

        if (lease_table_evicted(l->leases, &evicted, &displaced) && displaced != 0)
                crowded(p, displaced, DNS_SHARE_LEASES, lease_table_n_of(l->leases, displaced));
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

        for (size_t i = 0; i < p->o.layers->n; i++) {
                Layer *l = p->o.layers->layers[i];
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

int proxy_accept_answer(DnsProxy *p, DnsRequest *q, DnsClient *client, const DnsAnswer *a, uint64_t now,
                        uint8_t *ret_rcode) {
        const DnsRequester *requester = &q->requester;
        AnswerFinding findings[CW_CHAIN_MAX];
        AnswerVerdict v;
        int r = 0;

        judge_chain_answer(p->o.layers, q, a, now, findings, &v);
        if (v.denied && v.f->why) {
                p->stats.refused++;
                report_refused(p, v.layer, client, q->message, v.f);
        }
        if (v.enforced) {
                *ret_rcode = answer_refusal(v.f, p->o.refusal);
                return 1;
        }
        for (size_t i = 0; i < requester->n_layers && r >= 0; i++)
                r = store(p, q, client, requester->layers[i], a, &findings[i], now);
        if (r >= 0 && requester->forwards)
                r = store_in_others(p, q, client, a, now);
        if (r < 0)
                return r;
        p->stats.answered++;
        if (p->o.on_answer && a->n_addrs > 0)
                p->o.on_answer(requester, q->message->name, a, p->o.userdata);
        return 0;
}

void proxy_reply_judged(DnsProxy *p, const DnsRequest *q, DnsClient *client, const DnsAnswer *a, int judged, uint8_t rcode) {
        if (judged == 0)
                client_reply(p->reply, client, q->message, a->rcode, a, NULL);
        else if (judged > 0)
                client_reply_negative(p->reply, client, q->message, rcode, DNS_ERROR_BLOCKED);
        else
                client_reply(p->reply, client, q->message, DNS_RCODE_SERVFAIL, NULL, NULL);
}

static void answer_client(DnsProxy *p, DnsRequest *q, DnsClient *client, const DnsAnswer *a, uint64_t now) {
        uint8_t rcode = 0;
        int r = proxy_accept_answer(p, q, client, a, now, &rcode);

        proxy_reply_judged(p, q, client, a, r, rcode);
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

void proxy_waiter_free(DnsProxy *p, DnsWaiter *w) {
        fair_share_put(&p->waiting_places, &w->waiting);
        fair_share_put(&p->passed_places, &w->passed);
        dns_waiter_free(w);
}

static void waiter_freep(DnsWaiter **w) {
        if (*w)
                proxy_waiter_free((*w)->userdata, *w);
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

/* Ends a waiter before its answer comes. */
static void fail_waiter(DnsProxy *p, DnsWaiter *w) {
        bool is_relayed = w->passed.group;

        crowded(p, w->group, DNS_SHARE_QUERIES, fair_share_n(&p->waiting_places, w->group));
        client_reply(p->reply, w->client, &w->message, DNS_RCODE_SERVFAIL, NULL, NULL);
        w->client = NULL;
        if (!is_relayed) {
                LIST_REMOVE(w, waiters);
                proxy_waiter_free(p, w);
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
        crowded(p, group, DNS_SHARE_QUERIES, fair_share_n(f, group));
        return false;
}

bool proxy_take_relay_places(DnsProxy *p, DnsWaiter *w) {
        return take_place(p, &p->waiting_places, w->group, &w->waiting, displace_waiter) &&
               take_place(p, &p->passed_places, w->group, &w->passed, displace_passed);
}

static void serve_waiter(DnsProxy *p, const DnsWaiter *w, const DnsAnswer *answer, uint64_t now) {
        DnsRequest q;

        if (!p->upstream)
                dns_client_drop(w->client); /* this process ends: the client asks its successor again */
        else if (answer && dns_waiter_request(w, p->o.layers, &q))
                answer_client(p, &q, w->client, answer, now);
        else
                client_reply(p->reply, w->client, &w->message, DNS_RCODE_SERVFAIL, NULL, NULL);
}

static void proxy_on_answer(int r, const DnsAnswer *answer, void *userdata);

/* Its key stays: a later client does not share what is asked of other servers. */
static int pending_ask(Pending *pending) {
        UpstreamGroups *upstream = pending->proxy->upstream;
        UpstreamKey key;
        int r = upstream_groups_find(upstream, &pending->asked, pending->forwards, &key);

        return r < 0 ? r :
                       upstream_groups_query(upstream, key, pending->name, pending->type, proxy_on_answer, pending);
}

void proxy_report_failure(DnsProxy *p, const DnsRequest *q, DnsClient *client, int r, uint8_t rcode) {
        DnsFailure f = { .peer = peer_of(client), .error = r, .rcode = rcode };

        if (p->upstream && p->o.on_failure && dns_failure_is_reported(&f, q, p->upstream))
                p->o.on_failure(&f, p->o.userdata);
}

void proxy_report_failure_of(DnsProxy *p, const DnsWaiter *w, int r, uint8_t rcode) {
        DnsRequest q;

        if (dns_waiter_request(w, p->o.layers, &q))
                proxy_report_failure(p, &q, w->client, r, rcode);
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
                if (!LIST_EMPTY(&pending->waiters)) /* one event for all */
                        proxy_report_failure_of(p, LIST_FIRST(&pending->waiters), r < 0 ? r : -EBADMSG, answer->rcode);
                r = -EREMOTEIO;
        } else
                /* on failure the next client asks again */
                (void) dns_cache_put(p->cache, pending->key, pending->name, answer, now);

        for (DnsWaiter *w; (w = LIST_FIRST(&pending->waiters));) {
                LIST_REMOVE(w, waiters);
                serve_waiter(p, w, r < 0 ? NULL : answer, now);
                proxy_waiter_free(p, w);
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

/* ------------------------------------------------------------------ queries */

static void answer_self(DnsProxy *p, DnsClient *client, const DnsQuery *q) {
        bool known = self_query_answer(&p->self_query, q, &p->answer);

        client_reply(p->reply, client, q, known ? DNS_RCODE_NOERROR : DNS_RCODE_REFUSED, known ? &p->answer : NULL, NULL);
}

/* True: it was answered from the cache. */
static bool answer_cached(DnsProxy *p, DnsRequest *q, UpstreamKey key, DnsClient *client, uint64_t now) {
        if (!cached_answer_find(p->cache, p->upstream, key, q->message, now, &p->answer))
                return false;
        p->stats.cache_hits++;
        answer_client(p, q, client, &p->answer, now);
        return true;
}

void proxy_serve_query(DnsProxy *p, DnsRequest *q, DnsClient *client, uint64_t now) {
        UpstreamKey key;
        int r = upstream_groups_find(p->upstream, &q->requester.asked, q->requester.forwards, &key);

        if (r >= 0 && answer_cached(p, q, key, client, now))
                return;
        r = r < 0 ? r : ask_upstream(p, q, key, client);
        if (r == -ENOTCONN && dns_requester_asks_elsewhere(&q->requester)) {
                client_reply_negative(p->reply, client, q->message, DNS_RCODE_REFUSED, DNS_ERROR_NONE);
                return;
        }
        if (r == -ENOTCONN || r == -ENODEV)
                proxy_report_failure(p, q, client, r, 0);
        if (r < 0) {
                p->stats.upstream_failures++;
                client_reply(p->reply, client, q->message, DNS_RCODE_SERVFAIL, NULL, NULL);
        }
}

/* Nothing is enforced. */
static void pass_query(DnsProxy *p, DnsRequest *q, DnsClient *client, uint64_t now) {
        UpstreamKey key;
        DnsRelay relay;

        if (dns_query_is_plain(q->message) &&
            upstream_groups_find(p->upstream, &q->requester.asked, q->requester.forwards, &key) >= 0 &&
            answer_cached(p, q, key, client, now))
                return;
        if (dns_relay_read(q->data, q->size, &relay) < 0)
                dns_client_drop(client); /* cannot happen: it has been parsed */
        else
                proxy_relay_message(p, q, client, &relay);
}

/* True: it was a name of this machine, and answered. */
static bool answer_local(DnsProxy *p, const DnsRequest *q, DnsClient *client, uint64_t now) {
        const DnsQuery *message = q->message;
        const char *name;

        if (dns_local_answer(p->local_names, q, now, &p->answer, &name) == 0)
                return false;
        p->stats.local++;
        for (size_t i = 0; i < q->requester.n_layers && !name; i++) {
                lease_table_set_group(q->requester.layers[i]->leases, q->requester.group, q->requester.forwards);
                if (dns_local_open(q->requester.layers[i], message->name, p->answer.addrs, p->answer.n_addrs, now,
                                   p->o.on_lease, p->o.userdata) < 0)
                        report(p, q->requester.layers[i], client, message, "lease", RULE_NONE);
        }
        if (name)
                client_reply(p->reply, client, message, DNS_RCODE_NOERROR, NULL, name);
        else if (p->answer.n_addrs > 0)
                client_reply(p->reply, client, message, DNS_RCODE_NOERROR, &p->answer, NULL);
        else
                client_reply_negative(p->reply, client, message, DNS_RCODE_NOERROR, DNS_ERROR_NONE);
        return true;
}

static void answer_query(DnsProxy *p, DnsRequest *q, DnsClient *client) {
        const DnsQuery *message = q->message;
        uint64_t now = clock_nsec(CLOCK_BOOTTIME);
        QueryVerdict v;

        if (q->requester.is_self && self_query_owns(message->name)) {
                answer_self(p, client, message);
                return;
        }
        if (answer_local(p, q, client, now))
                return;
        judge_query(p->o.layers, p->local_names ? local_names_search(p->local_names) : NULL, q, now, &v);
        if (v.why)
                deny(p, v.layer, client, q, v.why, v.rule);
        if (v.action == QUERY_VALIDATE || (v.action == QUERY_SERVE && dns_request_wants_signatures(q)))
                proxy_relay_signed(p, q, client);
        else if (v.action == QUERY_SERVE)
                proxy_serve_query(p, q, client, now);
        else if (v.action == QUERY_RELAY)
                pass_query(p, q, client, now);
        else if (v.action == QUERY_REFUSE)
                client_reply_negative(p->reply, client, message, p->o.refusal, DNS_ERROR_BLOCKED);
        else if (v.action == QUERY_REVERSE) {
                p->stats.answered++;
                client_reply(p->reply, client, message, DNS_RCODE_NOERROR, NULL, v.lease->bindings[v.lease->latest].name);
        } else if (v.action == QUERY_EXPANDED) {
                p->stats.expanded++;
                client_reply_negative(p->reply, client, message, DNS_RCODE_NXDOMAIN, DNS_ERROR_NONE);
        } else {
                p->stats.withheld++;
                client_reply_negative(p->reply, client, message, DNS_RCODE_NOERROR, DNS_ERROR_FILTERED);
        }
}

/* Not class IN, or with a name that is no host name. */
static void answer_other(DnsProxy *p, DnsRequest *q, DnsClient *client) {
        DnsRelay relay;

        if (dns_requester_is_enforced(&q->requester) && asks_for_keys(p->o.layers, q, clock_nsec(CLOCK_BOOTTIME))) {
                proxy_relay_signed(p, q, client);
                return;
        }
        if (dns_requester_is_judged(&q->requester))
                deny(p, q->requester.layers[0], client, q, "name", RULE_NONE);
        if (dns_relay_read(q->data, q->size, &relay) < 0)
                dns_client_drop(client); /* cannot happen: it has been parsed */
        else if (!dns_requester_is_enforced(&q->requester))
                proxy_relay_message(p, q, client, &relay);
        else
                dns_client_reply(client, p->reply, dns_relay_build_error(&relay, DNS_RCODE_REFUSED, p->reply));
}

/* What the parser does not take: other opcodes, signed messages, and what is malformed. Somebody whom no policy is
 * enforced on gets what the upstream makes of it. */
static void answer_unparsed(DnsProxy *p, const DnsRequest *q, DnsClient *client, uint8_t rcode) {
        DnsRelay relay;

        p->stats.malformed++;
        if (q->requester.n_layers > 0 && !dns_requester_is_enforced(&q->requester) &&
            dns_relay_read_message(q->data, q->size, &relay) >= 0)
                proxy_relay_message(p, q, client, &relay);
        else
                client_reply_error(p->reply, client, q->message, rcode);
}

static void proxy_on_query(_unused_ DnsStub *stub, DnsClient *client, const uint8_t *data, size_t size, void *userdata) {
        DnsProxy *p = userdata;
        DnsQuery message;
        const DnsPeer peer = peer_of(client);
        DnsRequest q = { .message = &message, .data = data, .size = size };
        int r;

        p->o.on_query(&peer, &q.requester, p->o.userdata);
        if (dns_listening_is_at(&p->listening, &q.requester.asked, q.requester.forwards))
                q.requester.asked.port = 0;
        if (q.requester.is_stranger) {
                p->stats.strangers++;
                dns_client_drop(client);
                return;
        }
        p->stats.queries++;
        if (flood_watch_look(&p->flood, dns_stub_stats(p->stub)->lost) && p->o.on_flooded)
                p->o.on_flooded(q.requester.group, p->o.userdata);
        r = dns_query_parse(data, size, &message);
        /* The resolver of this machine may be a forwarder whose queries come here. What it asks while we ask the same was
         * judged for the client, whose policy may let pass what no other would: one in audit mode, one of a single job. */
        if (q.requester.forwards && (r == 0 || r == -EPERM))
                q.requester.asks_for_us = upstream_groups_ask(p->upstream, data, size);
        if (r == -EBADMSG) {
                p->stats.malformed++;
                dns_client_drop(client);
        } else if (r < 0 && r != -EPERM)
                answer_unparsed(p, &q, client, r == -EOPNOTSUPP ? DNS_RCODE_NOTIMP : DNS_RCODE_FORMERR);
        else if (q.requester.n_layers == 0) { /* its policy is not known yet; resolvers retry */
                p->stats.unattributed++;
                client_reply(p->reply, client, &message, DNS_RCODE_SERVFAIL, NULL, NULL);
        } else if (r == -EPERM)
                answer_other(p, &q, client);
        else
                answer_query(p, &q, client);
}

static int64_t proxy_group_of(const InAddr *addr, uint16_t port, uint16_t server_port, void *userdata) {
        const DnsPeer peer = { .addr = *addr, .port = port, .server_port = server_port, .is_tcp = true };
        DnsRequester requester = {};
        DnsProxy *p = userdata;

        p->o.on_query(&peer, &requester, p->o.userdata);
        p->stats.strangers += requester.is_stranger;
        return requester.is_stranger ? -EACCES : (int64_t) requester.group;
}

static void proxy_on_crowded(int64_t group, size_t n, void *userdata) {
        crowded(userdata, (uint32_t) group, DNS_SHARE_CONNECTIONS, n);
}

/* ------------------------------------------------------------------ life */

static int start_upstream(DnsProxy *p, const DnsServer *servers, size_t n_servers, UpstreamGroups **ret) {
        int r = upstream_groups_new(p->event, servers, n_servers, UPSTREAM_TIMEOUT_USEC, ++p->n_upstreams, ret);

        if (r >= 0)
                upstream_groups_set_hooks(*ret, &p->o.upstream_hooks);
        return r;
}

/* Everything but the sockets. */
static int proxy_init(DnsProxy *p, sd_event *event, const DnsProxyOptions *o) {
        uint8_t key[16];
        int r;

        p->event = event;
        p->o = *o;
        p->o.servers = NULL;
        p->o.fds = NULL;
        p->o.upstream_hooks.userdata = o->userdata;
        p->pending_places = (FairShare) { .max = PENDING_MAX, .kept = o->one_group ? 0 : PENDING_MAX / 4 };
        p->passed_places = (FairShare) { .max = PASSED_MAX, .kept = o->one_group ? 0 : PASSED_MAX / 4 };
        p->waiting_places = (FairShare) { .max = WAITERS_MAX, .kept = o->one_group ? 0 : WAITERS_MAX / 4 };
        if (getrandom(key, sizeof(key), 0) != sizeof(key))
                return -EIO;
        r = hash_index_init(&p->pending, PENDING_MAX, key);
        if (r >= 0)
                r = dns_cache_new(CACHE_ENTRIES_MAX, CACHE_BYTES_MAX, key, &p->cache);
        if (r >= 0 && o->name_files)
                r = local_names_new(o->name_files, &p->local_names);
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
        local_names_free(p->local_names);
        hash_index_done(&p->pending);
        free(p);
        return NULL;
}

void dns_proxy_address(const DnsProxy *p, InAddr *ret_addr4, uint16_t *ret_port4, uint16_t *ret_port6) {
        *ret_addr4 = p->listening.addr4;
        *ret_port4 = p->listening.port4;
        *ret_port6 = p->listening.port6;
}

int dns_proxy_for_each_socket(const DnsProxy *p, dns_stub_socket_fn fn, void *userdata) {
        return dns_stub_for_each_socket(p->stub, fn, userdata);
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
