/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/dns-proxy.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "basic/clock.h"
#include "basic/hash-index.h"
#include "basic/macro.h"
#include "dns/dns-cache.h"
#include "engine/dns-relay.h"
#include "policy/special-addr.h"

#define CACHE_ENTRIES_MAX 10000
#define CACHE_BYTES_MAX (4U * 1024 * 1024)
#define PENDING_MAX 1024        /* questions in flight upstream */
#define WAITERS_MAX 64          /* clients waiting for one of them */
#define GROUPS 64               /* shares of PENDING_MAX; several groups may have the same one */
#define GROUP_PENDING_MAX (PENDING_MAX / 4)
#define TTL_MAX 300             /* seconds for which a client may cache an answer: always covered by the lease */
#define UPSTREAM_TIMEOUT_USEC (8 * USEC_PER_SEC)

/* The verdict of a layer's policy for a name. Valid as long as the policy is the same. */
typedef struct NameFinding {
        uint32_t policy_id; /* 0: none yet */
        NameVerdict verdict;
        uint32_t rule;      /* the deciding rule, or RULE_NONE */
        bool resolves;
        bool derived;       /* reached through a CNAME of an allowed name, and treated as that name */
} NameFinding;

/* A query with its requester, and the verdicts at its arrival. */
typedef struct Query {
        const DnsQuery *message; /* borrowed */
        DnsRequester requester;
        NameFinding findings[CW_CHAIN_MAX]; /* per layer of the requester */
} Query;

typedef struct Waiter {
        struct Waiter *next;
        DnsClient *client;
        DnsQuery message;
        uint32_t layer_ids[CW_CHAIN_MAX]; /* a layer may have been removed when the answer arrives */
        size_t n_layers;
        bool forwards;
        NameFinding findings[CW_CHAIN_MAX];
} Waiter;

/* One question in flight upstream; clients that ask the same in the meantime share it. */
typedef struct Pending {
        HashItem item; /* first, so that a HashItem can be cast to its Pending */
        DnsProxy *proxy;
        char name[DNS_NAME_SIZE];
        uint16_t type;
        unsigned n_waiters;
        Waiter *waiters;
        unsigned share; /* the requester's share */
} Pending;

struct DnsProxy {
        sd_event *event;         /* borrowed */
        DnsStub *stub;
        DnsUpstream *upstream;
        DnsRelayer *relayer;
        DnsCache *cache;
        HashIndex pending;
        const LayerTable *layers; /* borrowed */
        InAddr addr4;
        uint16_t port4, port6;
        SelfQuery self_query;
        dns_denial_fn on_denial;
        dns_requester_fn on_query;
        dns_lease_fn on_lease;
        dns_upstream_socket_fn on_socket;
        void *userdata;
        DnsProxyStats stats;
        unsigned n_pending[GROUPS];
        DnsAnswer answer;        /* buffer: too large for the stack of a deep call */
        uint8_t reply[DNS_MESSAGE_MAX];
};

/* ------------------------------------------------------------------ replies */

/* How long a client may cache an answer. */
static uint32_t client_ttl(const DnsAnswer *a) {
        return MIN(a->ttl, (uint32_t) TTL_MAX);
}

static void reply(DnsProxy *p, DnsClient *client, const DnsQuery *q, uint8_t rcode, const DnsAnswer *answer,
                  const char *ptr_name) {
        size_t max = dns_client_is_tcp(client) ? DNS_MESSAGE_MAX : MIN((size_t) q->udp_size, (size_t) DNS_UDP_MAX);
        size_t n = dns_reply_build(p->reply, max, q, rcode, answer, answer ? client_ttl(answer) : 0, ptr_name);

        dns_client_reply(client, p->reply, n);
}

static void reply_error(DnsProxy *p, DnsClient *client, const DnsQuery *q, uint8_t rcode) {
        size_t n = dns_reply_build_error(p->reply, q, rcode);

        dns_client_reply(client, p->reply, n);
}

static DnsPeer peer_of(const DnsClient *client) {
        DnsPeer peer = { .is_tcp = dns_client_is_tcp(client) };

        dns_client_peer(client, &peer.addr, &peer.port);
        return peer;
}

static void deny(DnsProxy *p, const Layer *layer, DnsClient *client, const DnsQuery *q, const char *why, uint32_t rule) {
        DnsDenial d = {
                .peer = peer_of(client), .layer = layer, .name = q->name, .type = q->type, .why = why, .rule = rule,
        };

        p->stats.refused++;
        p->on_denial(&d, p->userdata);
}

/* ------------------------------------------------------------------ judging */

static bool type_is_served(uint16_t type) {
        return type == DNS_TYPE_A || type == DNS_TYPE_AAAA || type == DNS_TYPE_CNAME || type == DNS_TYPE_HTTPS ||
               type == DNS_TYPE_SVCB;
}

/* Does this layer let the name be looked up? A name reached through a CNAME of an allowed name counts as that name. */
static void find_name(const Layer *l, const char *name, uint64_t now, NameFinding *ret) {
        NameVerdict derived;
        const char *origin;

        *ret = (NameFinding) { .policy_id = layer_policy_id(l), .rule = RULE_NONE };
        policy_match_name(l->policy, name, &ret->verdict);
        ret->resolves = policy_name_resolves(l->policy, &ret->verdict, &ret->rule);
        if (ret->resolves || ret->verdict.n_deny + ret->verdict.n_late > 0 ||
            derived_names_get(l->derived, name, now, &derived, &origin) <= 0)
                return;
        ret->verdict = derived;
        ret->resolves = ret->derived = true;
}

/* Evaluates again only if the policy has changed, or if the CNAME that led to the name may have expired. */
static void refresh_finding(const Layer *l, const char *name, uint64_t now, NameFinding *f) {
        if (f->policy_id == 0 || f->policy_id != layer_policy_id(l) || f->derived)
                find_name(l, name, now, f);
}

/* The layer's verdict for a name, for the fold. */
static LayerVerdict name_verdict(const Layer *l, bool resolves, const NameVerdict *v) {
        bool by_rule = resolves ? v->n_allow > 0 : v->n_deny + v->n_late > 0 || v->overflow;

        return (LayerVerdict) {
                .kind = l->kind,
                .mode = l->mode,
                .action = resolves ? ACTION_ALLOW : ACTION_DENY,
                .reason = by_rule ? CW_REASON_RULE : CW_REASON_DEFAULT,
        };
}

/* The CNAME targets as one text; a chain too long to be evaluated again after a policy swap is refused. */
static int chain_text(const DnsAnswer *a, const char *first, char buf[static LEASE_CHAIN_TEXT_MAX]) {
        size_t n = 0;

        buf[0] = '\0';
        for (size_t i = 0; i < (size_t) a->n_chain + (first != NULL); i++) {
                const char *target = first ? (i == 0 ? first : a->chain[i - 1]) : a->chain[i];
                size_t length = strlen(target);

                if (n + length + 2 > LEASE_CHAIN_TEXT_MAX)
                        return -E2BIG;
                if (n > 0)
                        buf[n++] = ' ';
                memcpy(buf + n, target, length + 1);
                n += length;
        }
        return 0;
}

/* Rebinding guard: a public name should not have addresses of this kind. */
static bool addresses_fit(const Layer *l, const DnsAnswer *a, const NameVerdict *v) {
        for (size_t i = 0; i < a->n_addrs; i++)
                if (!rebinding_check(l->policy, &a->addrs[i], v))
                        return false;
        return true;
}

/* When it returns, the kernel allows everything that this permits. */
static int lease_answer(DnsProxy *p, Layer *l, const char *name, const DnsAnswer *a, const NameVerdict *v, bool derived,
                        uint64_t now) {
        const char *origin = name;
        char chain[LEASE_CHAIN_TEXT_MAX];
        const Lease *lease;
        NameVerdict unused;
        int r;

        if (derived && derived_names_get(l->derived, name, now, &unused, &origin) <= 0)
                return -ESTALE;
        r = chain_text(a, origin == name ? NULL : name, chain);
        for (size_t i = 0; i < a->n_addrs && r >= 0; i++) {
                r = layer_bind(l, &a->addrs[i], origin, *chain ? chain : NULL, v, client_ttl(a), now, &lease);
                if (r >= 0 && lease && p->on_lease)
                        p->on_lease(l, lease, p->userdata);
        }
        return r;
}

static void remember_chain(Layer *l, const char *name, const DnsAnswer *a, const NameVerdict *v, bool derived,
                           uint64_t now) {
        const char *origin = name;
        char kept[DNS_NAME_SIZE];
        NameVerdict unused;
        uint32_t ttl = 0;

        if (!name_verdict_has_rules(v))
                return;
        if (derived) {
                if (derived_names_get(l->derived, name, now, &unused, &origin) <= 0)
                        return;
                (void) snprintf(kept, sizeof(kept), "%s", origin); /* the next call may free it */
                origin = kept;
        }
        for (size_t i = 0; i < a->n_chain; i++) {
                ttl = derived_chain_ttl(ttl, a->chain_ttl[i]);
                /* If it cannot be stored, the query is refused: fail closed. */
                (void) derived_names_add(l->derived, a->chain[i], origin, v, ttl, now);
        }
}

/* The verdict of one layer for an answer. */
typedef struct Opinion {
        LayerVerdict verdict;
        NameVerdict name;   /* including the denials of the aliases it leads to */
        bool derived;
        const char *why;    /* to be reported if this layer decides; NULL: already reported with the query */
        uint32_t rule;
} Opinion;

/* A CNAME of a denied name, or an address that the name may not have, is refused even if the name itself is allowed. */
static void examine(const Layer *l, const char *name, const DnsAnswer *a, uint64_t now, NameFinding *finding,
                    Opinion *ret) {
        *ret = (Opinion) { .verdict = { .kind = l->kind, .mode = MODE_OFF }, .rule = RULE_NONE };
        if (!layer_is_judged(l))
                return; /* passes, but adds no lease: there is nothing to open */
        refresh_finding(l, name, now, finding);
        ret->name = finding->verdict;
        ret->derived = finding->derived;
        ret->rule = finding->rule;
        for (size_t i = 0; i < a->n_chain; i++)
                policy_follow_alias(l->policy, a->chain[i], &ret->name);
        bool resolves = a->n_chain == 0 ? finding->resolves :
                                          policy_name_resolves(l->policy, &ret->name, &ret->rule);
        ret->verdict = name_verdict(l, resolves, &ret->name);
        if (!resolves && finding->resolves)
                ret->why = "cname";
        else if (resolves && !addresses_fit(l, a, &ret->name)) {
                ret->why = "rebinding";
                ret->verdict.action = ACTION_DENY;
                ret->verdict.reason = CW_REASON_RULE; /* no grant lifts it */
        }
}

/* What an accepted answer stores in a layer. If only audit mode let it pass, it opens nothing: the connection gets
 * its own verdict. What a grant lifted is not allowed in this layer. */
static int keep_answer(DnsProxy *p, Layer *l, const char *name, const DnsAnswer *a, Opinion *o, uint64_t now) {
        bool denies = o->verdict.action == ACTION_DENY;
        int r;

        if (o->verdict.mode == MODE_OFF || (denies && o->verdict.mode == MODE_ENFORCE && o->name.n_deny == 0))
                return 0;
        if (o->why && o->verdict.mode != MODE_ENFORCE) {
                memset(&o->name, 0, sizeof(o->name));
                memset(o->name.rules, 0xff, sizeof(o->name.rules));
        }
        r = lease_answer(p, l, name, a, &o->name, o->derived, now);
        if (r >= 0)
                remember_chain(l, name, a, &o->name, o->derived, now);
        return r;
}

/* The answer to a forwarder reaches processes of every chain: each layer with a rule for the name stores it, even a
 * layer that denies it, since what another layer allowed must not pass there by a default action or a grant. Is it
 * allowed anywhere? */
static bool allowed_elsewhere(const DnsProxy *p, const char *name, const DnsAnswer *a, uint64_t now) {
        for (size_t i = 0; i < p->layers->n; i++) {
                NameFinding finding = {};
                Opinion o;

                if (p->layers->layers[i]->kind == LAYER_RESTRICT)
                        continue; /* only restricts */
                examine(p->layers->layers[i], name, a, now, &finding, &o);
                if (o.verdict.mode != MODE_OFF && o.verdict.action == ACTION_ALLOW)
                        return true;
        }
        return false;
}

static int keep_in_others(DnsProxy *p, const DnsRequester *requester, const char *name, const DnsAnswer *a,
                          uint64_t now) {
        int r = 0;

        for (size_t i = 0; i < p->layers->n && r >= 0; i++) {
                Layer *l = p->layers->layers[i];
                NameFinding finding = {};
                bool own = false;
                Opinion o;

                for (size_t k = 0; k < requester->n_layers; k++)
                        own = own || requester->layers[k] == l;
                if (own)
                        continue;
                examine(l, name, a, now, &finding, &o);
                if (o.verdict.mode == MODE_OFF || (o.verdict.action == ACTION_DENY && o.verdict.mode != MODE_ENFORCE))
                        continue;
                r = keep_answer(p, l, name, a, &o, now);
        }
        return r;
}

static void answer_client(DnsProxy *p, Query *q, DnsClient *client, const DnsAnswer *a, uint64_t now) {
        const DnsRequester *requester = &q->requester;
        LayerVerdict verdicts[CW_CHAIN_MAX];
        Opinion opinions[CW_CHAIN_MAX];
        const char *name = q->message->name;
        int r = 0;

        for (size_t i = 0; i < requester->n_layers; i++) {
                examine(requester->layers[i], name, a, now, &q->findings[i], &opinions[i]);
                verdicts[i] = opinions[i].verdict;
        }
        int deciding = chain_fold(verdicts, requester->n_layers);
        bool denied = deciding >= 0 && verdicts[deciding].action == ACTION_DENY;
        if (denied && requester->forwards && allowed_elsewhere(p, name, a, now))
                denied = false;
        if (denied && opinions[deciding].why)
                deny(p, requester->layers[deciding], client, q->message, opinions[deciding].why, opinions[deciding].rule);
        if (denied && verdicts[deciding].mode == MODE_ENFORCE) {
                reply(p, client, q->message, DNS_RCODE_REFUSED, NULL, NULL);
                return;
        }
        for (size_t i = 0; i < requester->n_layers && r >= 0; i++)
                r = keep_answer(p, requester->layers[i], name, a, &opinions[i], now);
        if (r >= 0 && requester->forwards)
                r = keep_in_others(p, requester, name, a, now);
        if (r < 0) {
                p->stats.lease_failures++;
                deny(p, requester->layers[0], client, q->message, "lease", RULE_NONE);
                reply(p, client, q->message, DNS_RCODE_SERVFAIL, NULL, NULL);
                return;
        }
        p->stats.answered++;
        reply(p, client, q->message, a->rcode, a, NULL);
}

/* ------------------------------------------------------------------ upstream */

static uint64_t pending_hash(const DnsProxy *p, const char *name, uint16_t type) {
        return hash_index_hash(&p->pending, name, strlen(name)) ^ type;
}

static Pending *pending_find(const DnsProxy *p, const char *name, uint16_t type) {
        uint64_t hash = pending_hash(p, name, type);

        for (HashItem *i = hash_index_next(&p->pending, hash, NULL); i; i = hash_index_next(&p->pending, hash, i)) {
                Pending *pending = (Pending *) i;
                if (pending->type == type && strcmp(pending->name, name) == 0)
                        return pending;
        }
        return NULL;
}

static void pending_free(Pending *pending) {
        for (Waiter *w = pending->waiters, *next; w; w = next) {
                next = w->next;
                free(w);
        }
        free(pending);
}

static void serve_waiter(DnsProxy *p, const Waiter *w, const DnsAnswer *answer, uint64_t now) {
        Query q = { .message = &w->message, .requester = { .forwards = w->forwards } };

        for (size_t i = 0; i < w->n_layers; i++) {
                Layer *l = layer_table_by_id(p->layers, w->layer_ids[i]);

                if (!l)
                        break;
                q.requester.layers[q.requester.n_layers++] = l;
                q.findings[i] = w->findings[i];
        }
        if (answer && q.requester.n_layers == w->n_layers)
                answer_client(p, &q, w->client, answer, now);
        else
                reply(p, w->client, &w->message, DNS_RCODE_SERVFAIL, NULL, NULL);
}

static void proxy_on_answer(int r, const DnsAnswer *answer, void *userdata) {
        Pending *pending = userdata;
        DnsProxy *p = pending->proxy;
        uint64_t now = clock_nsec(CLOCK_BOOTTIME);

        /* The servers have been replaced: ask the new ones. */
        if (r == -ECANCELED && p->upstream &&
            dns_upstream_query(p->upstream, pending->name, pending->type, proxy_on_answer, pending) >= 0)
                return;

        hash_index_remove(&p->pending, &pending->item);
        p->n_pending[pending->share]--;
        if (r < 0 || answer->truncated) {
                p->stats.upstream_failures++;
                r = -EREMOTEIO;
        } else
                (void) dns_cache_put(p->cache, pending->name, answer, now); /* on failure the next client asks again */

        while (pending->waiters) {
                Waiter *w = pending->waiters;
                pending->waiters = w->next;
                serve_waiter(p, w, r < 0 ? NULL : answer, now);
                free(w);
        }
        pending_free(pending);
}

static int wait_on(Pending *pending, const Query *q, DnsClient *client) {
        Waiter *w;

        if (pending->n_waiters >= WAITERS_MAX)
                return -EBUSY;
        w = calloc(1, sizeof(*w));
        if (!w)
                return -ENOMEM;
        w->client = client;
        w->message = *q->message;
        w->n_layers = q->requester.n_layers;
        for (size_t i = 0; i < w->n_layers; i++) {
                w->layer_ids[i] = q->requester.layers[i]->id;
                w->findings[i] = q->findings[i];
        }
        w->forwards = q->requester.forwards;
        w->next = pending->waiters;
        pending->waiters = w;
        pending->n_waiters++;
        return 0;
}

static int ask_upstream(DnsProxy *p, const Query *q, DnsClient *client) {
        const char *name = q->message->name;
        uint16_t type = q->message->type;
        uint64_t group = q->requester.group;
        Pending *pending = pending_find(p, name, type);
        int r;

        if (pending)
                return wait_on(pending, q, client);
        unsigned share = hash_index_hash(&p->pending, &group, sizeof(group)) % GROUPS;
        if (p->pending.n >= PENDING_MAX || (group != 0 && p->n_pending[share] >= GROUP_PENDING_MAX))
                return -EBUSY;
        pending = calloc(1, sizeof(*pending));
        if (!pending)
                return -ENOMEM;
        pending->proxy = p;
        pending->type = type;
        pending->share = share;
        memcpy(pending->name, name, sizeof(pending->name));
        r = wait_on(pending, q, client);
        if (r >= 0)
                r = dns_upstream_query(p->upstream, name, type, proxy_on_answer, pending);
        if (r < 0) {
                pending_free(pending);
                return r;
        }
        hash_index_insert(&p->pending, &pending->item, pending_hash(p, name, type));
        p->n_pending[share]++;
        return 0;
}

/* ------------------------------------------------------------------ queries */

/* Reverse names are answered from our own leases and never asked upstream, where they could carry data out. */
static void answer_reverse(DnsProxy *p, const Query *q, DnsClient *client) {
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
                deny(p, requester->layers[0], client, q->message, "reverse", RULE_NONE);
                reply(p, client, q->message, DNS_RCODE_REFUSED, NULL, NULL);
                return;
        }
        p->stats.answered++;
        reply(p, client, q->message, DNS_RCODE_NOERROR, NULL, lease->bindings[lease->latest].name);
}

static bool resolves_elsewhere(const DnsProxy *p, const char *name, uint64_t now) {
        for (size_t i = 0; i < p->layers->n; i++) {
                const Layer *l = p->layers->layers[i];
                NameFinding finding;

                if (!layer_is_judged(l) || l->kind == LAYER_RESTRICT)
                        continue;
                find_name(l, name, now, &finding);
                if (finding.resolves)
                        return true;
        }
        return false;
}

/* May the question be asked? NULL, or the reason why not, and the deciding layer. */
static const char *refusal_reason(const DnsProxy *p, Query *q, uint64_t now, const Layer **ret_layer,
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
                find_name(l, q->message->name, now, &q->findings[i]);
                verdicts[i] = name_verdict(l, q->findings[i].resolves, &q->findings[i].verdict);
        }
        int deciding = chain_fold(verdicts, requester->n_layers);
        *ret_layer = requester->layers[MAX(deciding, 0)];
        *ret_rule = RULE_NONE;
        if (!served)
                return "type";
        if (deciding < 0 || verdicts[deciding].action == ACTION_ALLOW ||
            (requester->forwards && resolves_elsewhere(p, q->message->name, now)))
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

static void answer_query(DnsProxy *p, Query *q, DnsClient *client) {
        const DnsQuery *message = q->message;
        uint64_t now = clock_nsec(CLOCK_BOOTTIME);
        const Layer *layer;
        uint32_t rule;

        if (q->requester.is_self && self_query_owns(message->name)) {
                answer_self(p, client, message);
                return;
        }
        if (message->type == DNS_TYPE_PTR) {
                answer_reverse(p, q, client);
                return;
        }
        const char *why = refusal_reason(p, q, now, &layer, &rule);
        if (why) {
                deny(p, layer, client, message, why, rule);
                /* Audit mode answers what it can: other types cannot be rebuilt. */
                if (layer->mode == MODE_ENFORCE || !type_is_served(message->type)) {
                        reply(p, client, message, DNS_RCODE_REFUSED, NULL, NULL);
                        return;
                }
        }
        if (dns_cache_get(p->cache, message->name, message->type, now, &p->answer) > 0) {
                p->stats.cache_hits++;
                answer_client(p, q, client, &p->answer, now);
                return;
        }
        if (ask_upstream(p, q, client) < 0) {
                p->stats.upstream_failures++;
                reply(p, client, message, DNS_RCODE_SERVFAIL, NULL, NULL);
        }
}

/* No policy judges this client: everything must work as without the proxy. */
static bool is_unjudged(const DnsRequester *requester) {
        bool judged = requester->is_self;

        for (size_t i = 0; i < requester->n_layers; i++)
                judged = judged || layer_is_judged(requester->layers[i]);
        return !judged;
}

static bool relay_may_end(uint32_t layer_id, void *userdata) {
        const Layer *l = layer_table_by_id(((const DnsProxy *) userdata)->layers, layer_id);

        return l && !layer_is_judged(l);
}

static void proxy_on_query(_unused_ DnsStub *stub, DnsClient *client, const uint8_t *data, size_t size, void *userdata) {
        DnsProxy *p = userdata;
        DnsQuery message;
        int r = dns_query_parse(data, size, &message);

        p->stats.queries++;
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
        const DnsPeer peer = peer_of(client);
        Query q = { .message = &message };
        p->on_query(&peer, &q.requester, p->userdata);
        if (q.requester.n_layers == 0) { /* its policy is not known yet; resolvers retry */
                p->stats.unattributed++;
                reply(p, client, &message, DNS_RCODE_SERVFAIL, NULL, NULL);
        } else if (is_unjudged(&q.requester) && (r == -EPERM || !type_is_served(message.type)))
                dns_relayer_pass(p->relayer, client, data, size, q.requester.layers[0]->id);
        else if (r == -EPERM) {
                deny(p, q.requester.layers[0], client, &message, "name", RULE_NONE);
                reply(p, client, &message, DNS_RCODE_REFUSED, NULL, NULL);
        } else
                answer_query(p, &q, client);
}

/* ------------------------------------------------------------------ life */

static int add_socket(DnsProxy *p, int fd) {
        struct sockaddr_storage sa;
        socklen_t size = sizeof(sa);
        int type;
        socklen_t type_size = sizeof(type);
        uint16_t port;
        InAddr addr;

        if (getsockname(fd, (struct sockaddr *) &sa, &size) < 0 ||
            getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_size) < 0) {
                int r = -errno;
                (void) close(fd);
                return r;
        }
        int r = in_addr_from_sockaddr((const struct sockaddr *) &sa, &addr, &port);
        if (r >= 0 && in_addr_is_v4(&addr) && addr.b[12] == 127) {
                p->addr4 = addr;
                p->port4 = port;
        } else if (r >= 0 && !in_addr_is_v4(&addr))
                p->port6 = port;
        return type == SOCK_STREAM ? dns_stub_add_tcp(p->stub, fd) : dns_stub_add_udp(p->stub, fd);
}

/* For a family without a passed socket: a free port that nobody else can bind while we run. */
static int listen_free(DnsProxy *p, int family) {
        int fds[2], r, k;

        r = dns_endpoint_bind_free(family, fds);
        if (r < 0)
                return r;
        r = add_socket(p, fds[0]);
        k = add_socket(p, fds[1]);
        return r < 0 ? r : k;
}

static int listen_sockets(DnsProxy *p, const DnsProxyOptions *o) {
        int r = 0;

        for (size_t i = 0; i < o->n_fds; i++) {
                int k = add_socket(p, o->fds[i]);
                if (k < 0)
                        r = k;
        }
        if (r >= 0 && p->port4 == 0)
                r = listen_free(p, AF_INET);
        if (r < 0 || p->port6 != 0)
                return r;
        r = listen_free(p, AF_INET6);
        return r == -EAFNOSUPPORT || r == -EADDRNOTAVAIL || r == -ENETUNREACH ? 0 : r;
}

static int start_upstream(DnsProxy *p, const DnsServer *servers, size_t n_servers, DnsUpstream **ret) {
        int r = dns_upstream_new(p->event, servers, n_servers, UPSTREAM_TIMEOUT_USEC, ret);

        if (r >= 0)
                dns_upstream_set_socket_fn(*ret, p->on_socket, p->userdata);
        return r;
}

int dns_proxy_new(sd_event *event, const DnsProxyOptions *o, DnsProxy **ret) {
        _cleanup_(dns_proxy_freep) DnsProxy *p = calloc(1, sizeof(*p));
        uint8_t key[16];
        int r;

        if (!p)
                return -ENOMEM;
        p->event = event;
        p->on_denial = o->on_denial;
        p->on_query = o->on_query;
        p->on_lease = o->on_lease;
        p->on_socket = o->on_socket;
        p->layers = o->layers;
        p->userdata = o->userdata;
        if (getrandom(key, sizeof(key), 0) != sizeof(key))
                return -EIO;
        r = hash_index_init(&p->pending, PENDING_MAX, key);
        if (r >= 0)
                r = dns_cache_new(CACHE_ENTRIES_MAX, CACHE_BYTES_MAX, key, &p->cache);
        if (r >= 0)
                r = start_upstream(p, o->servers, o->n_servers, &p->upstream);
        if (r >= 0)
                r = dns_relayer_new(relay_may_end, p, &p->relayer);
        if (r >= 0)
                r = dns_stub_new(event, proxy_on_query, p, &p->stub);
        if (r >= 0)
                r = listen_sockets(p, o);
        if (r < 0)
                return r;
        dns_relayer_set_upstream(p->relayer, p->upstream);
        *ret = TAKE_PTR(p);
        return 0;
}

DnsProxy *dns_proxy_free(DnsProxy *p) {
        if (!p)
                return NULL;
        DnsUpstream *upstream = TAKE_PTR(p->upstream);
        if (p->relayer)
                dns_relayer_set_upstream(p->relayer, NULL);
        dns_upstream_free(upstream); /* ends every pending question while the stub still exists for the replies */
        dns_relayer_free(p->relayer);
        dns_stub_free(p->stub);
        dns_cache_free(p->cache);
        hash_index_done(&p->pending);
        free(p);
        return NULL;
}

void dns_proxy_address(const DnsProxy *p, InAddr *ret_addr4, uint16_t *ret_port4, uint16_t *ret_port6) {
        *ret_addr4 = p->addr4;
        *ret_port4 = p->port4;
        *ret_port6 = p->port6;
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
        DnsUpstream *upstream, *old = p->upstream;
        int r = start_upstream(p, servers, n_servers, &upstream);

        if (r < 0)
                return r;
        p->upstream = upstream;
        dns_relayer_set_upstream(p->relayer, upstream);
        dns_upstream_free(old); /* its questions end, and are asked again at the new servers */
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
