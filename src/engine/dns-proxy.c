/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/dns-proxy.h"

#include <assert.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "basic/hash-index.h"
#include "basic/macro.h"
#include "dns/derived-name.h"
#include "dns/dns-cache.h"
#include "dns/special-addr.h"

#define CACHE_ENTRIES_MAX 10000
#define CACHE_BYTES_MAX (4U * 1024 * 1024)
#define DERIVED_MAX 4096
#define PENDING_MAX 1024        /* questions asked upstream at a time */
#define WAITERS_MAX 64          /* clients that wait for one of them */
#define TTL_MAX 300             /* seconds a client may keep an answer: what a lease is sure to cover */
#define UPSTREAM_TIMEOUT_USEC (8 * USEC_PER_SEC)

typedef struct Waiter {
        struct Waiter *next;
        DnsClient *client;
        DnsQuery query;
} Waiter;

/* One question on its way upstream; clients that ask the same meanwhile share it. */
typedef struct Pending {
        HashItem item; /* first member */
        DnsProxy *proxy;
        char name[DNS_NAME_SIZE];
        uint16_t type;
        unsigned n_waiters;
        Waiter *waiters;
} Pending;

struct DnsProxy {
        DnsStub *stub;
        DnsUpstream *upstream;
        DnsCache *cache;
        DerivedNames *derived;
        HashIndex pending;
        LeaseTable *leases;      /* borrowed, like all below */
        const Policy *policy;
        PolicyMaps *maps;
        Mode mode;
        uint16_t port4, port6;
        dns_denial_fn on_denial;
        dns_peer_fn on_peer;
        void *userdata;
        DnsProxyStats stats;
        DnsAnswer answer;        /* scratch: too big for the stack of a deep call */
        uint8_t reply[DNS_MESSAGE_MAX];
};

static uint64_t now_nsec(void) {
        struct timespec t = {};

        (void) clock_gettime(CLOCK_BOOTTIME, &t);
        return (uint64_t) t.tv_sec * NSEC_PER_SEC + (uint64_t) t.tv_nsec;
}

/* ------------------------------------------------------------------ replies */

static void reply(DnsProxy *p, DnsClient *client, const DnsQuery *q, uint8_t rcode, const DnsAnswer *answer,
                  const char *ptr_name) {
        size_t max = dns_client_is_tcp(client) ? DNS_MESSAGE_MAX : MIN((size_t) q->udp_size, (size_t) DNS_UDP_MAX);
        size_t n = dns_reply_build(p->reply, max, q, rcode, answer, answer ? answer->ttl : 0, ptr_name);

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

static void deny(DnsProxy *p, DnsClient *client, const DnsQuery *q, const char *why, uint32_t rule) {
        DnsDenial d = { .peer = peer_of(client), .name = q->name, .type = q->type, .why = why, .rule = rule };

        p->stats.refused++;
        p->on_denial(&d, p->userdata);
}

/* ------------------------------------------------------------------ judging */

static bool type_is_served(uint16_t type) {
        return type == DNS_TYPE_A || type == DNS_TYPE_AAAA || type == DNS_TYPE_CNAME || type == DNS_TYPE_HTTPS ||
               type == DNS_TYPE_SVCB;
}

/* A name under judgement. One behind a CNAME of an allowed name counts as that name, with the rest of the chain. */
typedef struct Judged {
        NameVerdict verdict;
        uint32_t rule;         /* that decided, or RULE_NONE */
        const char *origin;    /* the name that the rules speak of */
} Judged;

/* May the name be looked up? */
static bool judge_name(DnsProxy *p, const char *name, uint64_t now, Judged *ret) {
        NameVerdict derived;
        const char *origin;

        ret->origin = name;
        policy_match_name(p->policy, name, &ret->verdict);
        if (policy_name_resolves(p->policy, &ret->verdict, &ret->rule))
                return true;
        if (ret->verdict.n_deny + ret->verdict.n_late > 0 ||
            derived_names_get(p->derived, name, now, &derived, &origin) <= 0)
                return false;
        ret->verdict = derived;
        ret->origin = origin;
        return true;
}

/* The CNAME targets as one text; a chain too long to be judged again at a policy swap is refused. */
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

static const char *judge_chain(const DnsProxy *p, const DnsAnswer *a, Judged *j) {
        for (size_t i = 0; i < a->n_chain; i++)
                policy_follow_alias(p->policy, a->chain[i], &j->verdict);
        return a->n_chain == 0 || policy_name_resolves(p->policy, &j->verdict, &j->rule) ? NULL : "cname";
}

/* Rebinding guard: a public name has no business with addresses of this kind. */
static const char *judge_addresses(const DnsProxy *p, const DnsAnswer *a, const NameVerdict *v) {
        for (size_t i = 0; i < a->n_addrs; i++) {
                AddrKind kind = addr_kind(&a->addrs[i]);

                if (kind == ADDR_GLOBAL || policy_allows_address(p->policy, &a->addrs[i]))
                        continue;
                if (kind == ADDR_PRIVATE && policy_name_may_be_private(p->policy, v))
                        continue;
                return "rebinding";
        }
        return NULL;
}

/* One address into the kernel, unless it is there with enough life left. */
static int lease_address(DnsProxy *p, const InAddr *addr, const Judged *j, const char *chain, uint32_t ttl,
                         uint64_t now) {
        const Lease *lease;
        InAddr evicted;
        int r;

        r = lease_table_bind(p->leases, addr, j->origin, *chain ? chain : NULL, &j->verdict, ttl, now, &lease);
        if (lease_table_evicted(p->leases, &evicted))
                policy_maps_remove_lease(p->maps, &evicted);
        if (r <= 0)
                return r;
        r = policy_maps_set_lease(p->maps, p->policy, lease);
        if (r < 0)
                lease_table_write_failed(p->leases, addr);
        return r;
}

static int lease_answer(DnsProxy *p, const char *name, const DnsAnswer *a, const Judged *j, uint64_t now) {
        char chain[LEASE_CHAIN_TEXT_MAX];
        int r = chain_text(a, j->origin == name ? NULL : name, chain);

        for (size_t i = 0; i < a->n_addrs && r >= 0; i++)
                r = lease_address(p, &a->addrs[i], j, chain, a->ttl, now);
        return r;
}

static void remember_chain(DnsProxy *p, const DnsAnswer *a, const Judged *j, uint64_t now) {
        uint32_t ttl = 0;

        if (j->verdict.n_deny + j->verdict.n_allow + j->verdict.n_late == 0)
                return;
        for (size_t i = 0; i < a->n_chain; i++) {
                ttl = derived_chain_ttl(ttl, a->chain_ttl[i]);
                /* What cannot be remembered is refused: closed. */
                (void) derived_names_add(p->derived, a->chain[i], j->origin, &j->verdict, ttl, now);
        }
}

/* What happens to an answer for this client: the rcode, after everything it allows is in the kernel. */
static uint8_t admit(DnsProxy *p, DnsClient *client, const DnsQuery *q, DnsAnswer *a, uint64_t now) {
        Judged j;
        const char *why;

        if (!judge_name(p, q->name, now, &j) && p->mode == MODE_ENFORCE)
                return DNS_RCODE_REFUSED; /* the policy changed meanwhile; told when the next query is refused */

        why = judge_chain(p, a, &j);
        if (!why)
                why = judge_addresses(p, a, &j.verdict);
        if (why) {
                deny(p, client, q, why, j.rule);
                if (p->mode == MODE_ENFORCE)
                        return DNS_RCODE_REFUSED;
                /* Audit lets it pass, but it opens nothing: the connection gets the verdict it would get. */
                memset(&j.verdict, 0, sizeof(j.verdict));
                memset(j.verdict.rules, 0xff, sizeof(j.verdict.rules));
        }
        a->ttl = MIN(a->ttl, (uint32_t) TTL_MAX);
        if (lease_answer(p, q->name, a, &j, now) < 0) {
                p->stats.lease_failures++;
                deny(p, client, q, "lease", RULE_NONE);
                return DNS_RCODE_SERVFAIL;
        }
        remember_chain(p, a, &j, now);
        return a->rcode;
}

static void answer_client(DnsProxy *p, DnsClient *client, const DnsQuery *q, DnsAnswer *a, uint64_t now) {
        uint8_t rcode = admit(p, client, q, a, now);
        bool passed = rcode == a->rcode;

        reply(p, client, q, rcode, passed ? a : NULL, NULL);
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

static void on_answer(int r, const DnsAnswer *answer, void *userdata) {
        Pending *pending = userdata;
        DnsProxy *p = pending->proxy;
        uint64_t now = now_nsec();

        hash_index_remove(&p->pending, &pending->item);
        if (r < 0 || answer->truncated) {
                p->stats.upstream_failures++;
                r = -EREMOTEIO;
        } else
                (void) dns_cache_put(p->cache, pending->name, answer, now); /* without it the next one asks again */

        while (pending->waiters) {
                Waiter *w = pending->waiters;
                pending->waiters = w->next;
                if (r < 0)
                        reply(p, w->client, &w->query, DNS_RCODE_SERVFAIL, NULL, NULL);
                else {
                        p->answer = *answer;
                        answer_client(p, w->client, &w->query, &p->answer, now);
                }
                free(w);
        }
        pending_free(pending);
}

static int wait_on(Pending *pending, DnsClient *client, const DnsQuery *q) {
        Waiter *w;

        if (pending->n_waiters >= WAITERS_MAX)
                return -EBUSY;
        w = calloc(1, sizeof(*w));
        if (!w)
                return -ENOMEM;
        w->client = client;
        w->query = *q;
        w->next = pending->waiters;
        pending->waiters = w;
        pending->n_waiters++;
        return 0;
}

static int ask_upstream(DnsProxy *p, DnsClient *client, const DnsQuery *q) {
        Pending *pending = pending_find(p, q->name, q->type);
        int r;

        if (pending)
                return wait_on(pending, client, q);
        if (p->pending.n >= PENDING_MAX)
                return -EBUSY;
        pending = calloc(1, sizeof(*pending));
        if (!pending)
                return -ENOMEM;
        pending->proxy = p;
        pending->type = q->type;
        memcpy(pending->name, q->name, sizeof(pending->name));
        r = wait_on(pending, client, q);
        if (r >= 0)
                r = dns_upstream_query(p->upstream, q->name, q->type, on_answer, pending);
        if (r < 0) {
                pending_free(pending);
                return r;
        }
        hash_index_insert(&p->pending, &pending->item, pending_hash(p, q->name, q->type));
        return 0;
}

/* ------------------------------------------------------------------ queries */

/* Reverse names are answered from our own leases, never asked upstream: they would carry data out. */
static void answer_reverse(DnsProxy *p, DnsClient *client, const DnsQuery *q) {
        InAddr addr;
        const Lease *lease = NULL;

        if (dns_reverse_name_to_addr(q->name, &addr) >= 0)
                lease = lease_table_get(p->leases, &addr, now_nsec());
        if (!lease) {
                deny(p, client, q, "reverse", RULE_NONE);
                reply(p, client, q, DNS_RCODE_REFUSED, NULL, NULL);
                return;
        }
        reply(p, client, q, DNS_RCODE_NOERROR, NULL, lease->bindings[lease->latest].name);
}

static void answer_query(DnsProxy *p, DnsClient *client, const DnsQuery *q) {
        uint64_t now = now_nsec();
        const DnsPeer peer = peer_of(client);
        const char *why = NULL;
        Judged j;

        p->on_peer(&peer, p->userdata);
        if (q->type == DNS_TYPE_PTR) {
                answer_reverse(p, client, q);
                return;
        }
        if (!judge_name(p, q->name, now, &j))
                why = "policy";
        else if (!type_is_served(q->type))
                why = "type";
        if (why) {
                deny(p, client, q, why, strcmp(why, "policy") == 0 ? j.rule : RULE_NONE);
                /* Audit answers what it can answer: other types have no form we could rebuild. */
                if (p->mode == MODE_ENFORCE || !type_is_served(q->type)) {
                        reply(p, client, q, DNS_RCODE_REFUSED, NULL, NULL);
                        return;
                }
        }
        if (dns_cache_get(p->cache, q->name, q->type, now, &p->answer) > 0) {
                p->stats.cache_hits++;
                answer_client(p, client, q, &p->answer, now);
                return;
        }
        if (ask_upstream(p, client, q) < 0) {
                p->stats.upstream_failures++;
                reply(p, client, q, DNS_RCODE_SERVFAIL, NULL, NULL);
        }
}

static void on_query(_unused_ DnsStub *stub, DnsClient *client, const uint8_t *data, size_t size, void *userdata) {
        DnsProxy *p = userdata;
        DnsQuery q;
        int r = dns_query_parse(data, size, &q);

        p->stats.queries++;
        if (r == -EBADMSG) {
                p->stats.malformed++;
                dns_client_drop(client);
        } else if (r == -EPERM) {
                deny(p, client, &q, "name", RULE_NONE);
                reply(p, client, &q, DNS_RCODE_REFUSED, NULL, NULL);
        } else if (r < 0) {
                p->stats.malformed++;
                reply_error(p, client, &q, r == -EOPNOTSUPP ? DNS_RCODE_NOTIMP : DNS_RCODE_FORMERR);
        } else if (!p->policy)
                reply(p, client, &q, DNS_RCODE_SERVFAIL, NULL, NULL);
        else
                answer_query(p, client, &q);
}

/* ------------------------------------------------------------------ life */

int dns_proxy_new(sd_event *event, const DnsProxyOptions *o, DnsProxy **ret) {
        _cleanup_(dns_proxy_freep) DnsProxy *p = calloc(1, sizeof(*p));
        uint8_t key[16];
        int r;

        if (!p)
                return -ENOMEM;
        p->leases = o->leases;
        p->on_denial = o->on_denial;
        p->on_peer = o->on_peer;
        p->userdata = o->userdata;
        if (getrandom(key, sizeof(key), 0) != sizeof(key))
                return -EIO;
        r = hash_index_init(&p->pending, PENDING_MAX, key);
        if (r >= 0)
                r = dns_cache_new(CACHE_ENTRIES_MAX, CACHE_BYTES_MAX, key, &p->cache);
        if (r >= 0)
                r = derived_names_new(DERIVED_MAX, key, &p->derived);
        if (r >= 0)
                r = dns_upstream_new(event, o->servers, o->n_servers, UPSTREAM_TIMEOUT_USEC, &p->upstream);
        if (r >= 0)
                r = dns_stub_new(event, on_query, p, &p->stub);
        if (r >= 0)
                r = dns_stub_bind_loopback(p->stub, &p->port4, &p->port6);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(p);
        return 0;
}

DnsProxy *dns_proxy_free(DnsProxy *p) {
        if (!p)
                return NULL;
        dns_upstream_free(p->upstream); /* ends every pending question: replies still find the stub */
        dns_stub_free(p->stub);
        dns_cache_free(p->cache);
        derived_names_free(p->derived);
        hash_index_done(&p->pending);
        free(p);
        return NULL;
}

void dns_proxy_ports(const DnsProxy *p, uint16_t *ret_port4, uint16_t *ret_port6) {
        *ret_port4 = p->port4;
        *ret_port6 = p->port6;
}

void dns_proxy_set_policy(DnsProxy *p, const Policy *policy, Mode mode, PolicyMaps *maps) {
        p->policy = policy;
        p->mode = mode;
        p->maps = maps;
        derived_names_flush(p->derived);
}

const DnsProxyStats *dns_proxy_stats(const DnsProxy *p) {
        return &p->stats;
}
