/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/dns-proxy.h"

#include <assert.h>
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
#define PENDING_MAX 1024        /* questions asked upstream at a time */
#define WAITERS_MAX 64          /* clients that wait for one of them */
#define GROUPS 64               /* shares of PENDING_MAX; two groups may have the same */
#define GROUP_PENDING_MAX (PENDING_MAX / 4)
#define TTL_MAX 300             /* seconds a client may keep an answer: what a lease is sure to cover */
#define UPSTREAM_TIMEOUT_USEC (8 * USEC_PER_SEC)

typedef struct Waiter {
        struct Waiter *next;
        DnsClient *client;
        DnsQuery query;
        uint32_t scope_id; /* the scope may be gone when the answer comes */
        uint32_t job_id;   /* 0: none */
        bool forwards;
} Waiter;

/* One question on its way upstream; clients that ask the same meanwhile share it. */
typedef struct Pending {
        HashItem item; /* first member */
        DnsProxy *proxy;
        char name[DNS_NAME_SIZE];
        uint16_t type;
        unsigned n_waiters;
        Waiter *waiters;
        unsigned share; /* whose question it is */
} Pending;

struct DnsProxy {
        sd_event *event;         /* borrowed */
        DnsStub *stub;
        DnsUpstream *upstream;
        DnsRelayer *relayer;
        DnsCache *cache;
        HashIndex pending;
        Scope *const *scopes;    /* borrowed */
        size_t n_scopes;
        InAddr addr4;
        uint16_t port4, port6;
        SelfQuery self_query;
        dns_denial_fn on_denial;
        dns_asker_fn on_query;
        dns_lease_fn on_lease;
        dns_upstream_socket_fn on_socket;
        void *userdata;
        DnsProxyStats stats;
        unsigned n_pending[GROUPS];
        DnsAnswer answer;        /* scratch: too big for the stack of a deep call */
        uint8_t reply[DNS_MESSAGE_MAX];
};

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

static void deny(DnsProxy *p, const Scope *scope, DnsClient *client, const DnsQuery *q, const char *why, uint32_t rule) {
        DnsDenial d = {
                .peer = peer_of(client), .scope = scope, .name = q->name, .type = q->type, .why = why, .rule = rule,
        };

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
static bool judge_name(const Scope *s, const char *name, uint64_t now, Judged *ret) {
        NameVerdict derived;
        const char *origin;

        ret->origin = name;
        policy_match_name(s->policy, name, &ret->verdict);
        if (policy_name_resolves(s->policy, &ret->verdict, &ret->rule))
                return true;
        if (ret->verdict.n_deny + ret->verdict.n_late > 0 ||
            derived_names_get(s->derived, name, now, &derived, &origin) <= 0)
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

static const char *judge_chain(const Scope *s, const DnsAnswer *a, Judged *j) {
        for (size_t i = 0; i < a->n_chain; i++)
                policy_follow_alias(s->policy, a->chain[i], &j->verdict);
        return a->n_chain == 0 || policy_name_resolves(s->policy, &j->verdict, &j->rule) ? NULL : "cname";
}

/* Rebinding guard: a public name has no business with addresses of this kind. */
static const char *judge_addresses(const Scope *s, const DnsAnswer *a, const NameVerdict *v) {
        for (size_t i = 0; i < a->n_addrs; i++)
                if (!rebinding_check(s->policy, &a->addrs[i], v))
                        return "rebinding";
        return NULL;
}

/* One address into the kernel, unless it is there with enough life left. */
static int lease_address(DnsProxy *p, Scope *s, const InAddr *addr, const Judged *j, const char *chain, uint32_t ttl,
                         uint64_t now) {
        const Lease *lease;
        InAddr evicted;
        int r;

        r = lease_table_bind(s->leases, addr, j->origin, *chain ? chain : NULL, &j->verdict, ttl, now, &lease);
        if (lease_table_evicted(s->leases, &evicted))
                policy_slot_remove_lease(s->slot, &evicted);
        if (r <= 0)
                return r;
        if (p->on_lease)
                p->on_lease(s, lease, p->userdata);
        r = policy_slot_set_lease(s->slot, s->policy, lease);
        if (r < 0)
                lease_table_write_failed(s->leases, addr);
        return r;
}

static int lease_answer(DnsProxy *p, Scope *s, const char *name, const DnsAnswer *a, const Judged *j, uint64_t now) {
        char chain[LEASE_CHAIN_TEXT_MAX];
        int r = chain_text(a, j->origin == name ? NULL : name, chain);

        for (size_t i = 0; i < a->n_addrs && r >= 0; i++)
                r = lease_address(p, s, &a->addrs[i], j, chain, a->ttl, now);
        return r;
}

static void remember_chain(Scope *s, const DnsAnswer *a, const Judged *j, uint64_t now) {
        uint32_t ttl = 0;

        if (j->verdict.n_deny + j->verdict.n_allow + j->verdict.n_late == 0)
                return;
        for (size_t i = 0; i < a->n_chain; i++) {
                ttl = derived_chain_ttl(ttl, a->chain_ttl[i]);
                /* What cannot be remembered is refused: closed. */
                (void) derived_names_add(s->derived, a->chain[i], j->origin, &j->verdict, ttl, now);
        }
}

/* What became of an answer in one scope. */
typedef struct Admission {
        bool admitted;
        const char *why;    /* to be told; NULL: nothing */
        uint32_t rule;
        uint8_t rcode;      /* where it was not admitted */
} Admission;

/* Everything that the answer allows is in the kernel when this returns. */
static Admission admit_in(DnsProxy *p, Scope *s, const DnsQuery *q, DnsAnswer *a, uint64_t now) {
        Admission result = { .admitted = true, .rule = RULE_NONE, .rcode = DNS_RCODE_REFUSED };
        Judged j;

        if (!scope_is_judged(s))
                return result; /* passes and opens nothing: there is nothing to open */
        if (!judge_name(s, q->name, now, &j) && s->mode == MODE_ENFORCE) {
                result.admitted = false; /* the policy changed meanwhile; told when the next query is refused */
                return result;
        }
        result.why = judge_chain(s, a, &j);
        if (!result.why)
                result.why = judge_addresses(s, a, &j.verdict);
        if (result.why) {
                result.rule = j.rule;
                result.admitted = s->mode == MODE_AUDIT;
                if (!result.admitted)
                        return result;
                /* Audit lets it pass, but it opens nothing: the connection gets the verdict it would get. */
                memset(&j.verdict, 0, sizeof(j.verdict));
                memset(j.verdict.rules, 0xff, sizeof(j.verdict.rules));
        }
        if (lease_answer(p, s, q->name, a, &j, now) < 0) {
                p->stats.lease_failures++;
                return (Admission) { .why = "lease", .rule = RULE_NONE, .rcode = DNS_RCODE_SERVFAIL };
        }
        remember_chain(s, a, &j, now);
        return result;
}

/* A forwarder's answer reaches processes of every scope: each that allows the name gets its lease. It is refused where
 * none does, and told as a refusal of the forwarder's own scope. */
static Admission admit_in_all(DnsProxy *p, const DnsAsker *asker, const DnsQuery *q, DnsAnswer *a, uint64_t now) {
        Admission own = admit_in(p, asker->scope, q, a, now);

        if (!asker->forwards)
                return own;
        for (size_t i = 0; i < p->n_scopes; i++) {
                if (p->scopes[i] == asker->scope || !scope_is_judged(p->scopes[i]))
                        continue;
                if (admit_in(p, p->scopes[i], q, a, now).admitted && !own.admitted && !p->scopes[i]->narrows)
                        own = (Admission) { .admitted = true };
        }
        return own;
}

/* Does the job have something to say besides the scope? */
static bool job_is_judged(const DnsAsker *asker) {
        return asker->job && scope_is_judged(asker->job);
}

static void answer_client(DnsProxy *p, const DnsAsker *asker, DnsClient *client, const DnsQuery *q, DnsAnswer *a,
                          uint64_t now) {
        a->ttl = MIN(a->ttl, (uint32_t) TTL_MAX);
        Admission r = admit_in_all(p, asker, q, a, now);
        const Scope *who = asker->scope;

        if (r.admitted && job_is_judged(asker)) {
                Admission job = admit_in(p, asker->job, q, a, now);
                if (!job.admitted || !r.why) {
                        r = job;
                        who = asker->job;
                }
        }
        if (r.why)
                deny(p, who, client, q, r.why, r.rule);
        if (r.admitted)
                p->stats.answered++;
        reply(p, client, q, r.admitted ? a->rcode : r.rcode, r.admitted ? a : NULL, NULL);
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

static Scope *find_scope(const DnsProxy *p, uint32_t id) {
        for (size_t i = 0; i < p->n_scopes; i++)
                if (p->scopes[i]->id == id)
                        return p->scopes[i];
        return NULL;
}

static void serve_waiter(DnsProxy *p, const Waiter *w, const DnsAnswer *answer, uint64_t now) {
        DnsAsker asker = {
                .scope = find_scope(p, w->scope_id), .job = find_scope(p, w->job_id), .forwards = w->forwards,
        };

        if (!answer || !asker.scope || (w->job_id != 0 && !asker.job)) {
                reply(p, w->client, &w->query, DNS_RCODE_SERVFAIL, NULL, NULL);
                return;
        }
        p->answer = *answer;
        answer_client(p, &asker, w->client, &w->query, &p->answer, now);
}

static void on_answer(int r, const DnsAnswer *answer, void *userdata) {
        Pending *pending = userdata;
        DnsProxy *p = pending->proxy;
        uint64_t now = clock_nsec(CLOCK_BOOTTIME);

        /* Other servers took the place of those that were asked. */
        if (r == -ECANCELED && p->upstream &&
            dns_upstream_query(p->upstream, pending->name, pending->type, on_answer, pending) >= 0)
                return;

        hash_index_remove(&p->pending, &pending->item);
        p->n_pending[pending->share]--;
        if (r < 0 || answer->truncated) {
                p->stats.upstream_failures++;
                r = -EREMOTEIO;
        } else
                (void) dns_cache_put(p->cache, pending->name, answer, now); /* without it the next one asks again */

        while (pending->waiters) {
                Waiter *w = pending->waiters;
                pending->waiters = w->next;
                serve_waiter(p, w, r < 0 ? NULL : answer, now);
                free(w);
        }
        pending_free(pending);
}

static int wait_on(Pending *pending, const DnsAsker *asker, DnsClient *client, const DnsQuery *q) {
        Waiter *w;

        if (pending->n_waiters >= WAITERS_MAX)
                return -EBUSY;
        w = calloc(1, sizeof(*w));
        if (!w)
                return -ENOMEM;
        w->client = client;
        w->query = *q;
        w->scope_id = asker->scope->id;
        w->job_id = asker->job ? asker->job->id : 0;
        w->forwards = asker->forwards;
        w->next = pending->waiters;
        pending->waiters = w;
        pending->n_waiters++;
        return 0;
}

static int ask_upstream(DnsProxy *p, const DnsAsker *asker, DnsClient *client, const DnsQuery *q) {
        Pending *pending = pending_find(p, q->name, q->type);
        int r;

        if (pending)
                return wait_on(pending, asker, client, q);
        unsigned share = hash_index_hash(&p->pending, &asker->group, sizeof(asker->group)) % GROUPS;
        if (p->pending.n >= PENDING_MAX || (asker->group != 0 && p->n_pending[share] >= GROUP_PENDING_MAX))
                return -EBUSY;
        pending = calloc(1, sizeof(*pending));
        if (!pending)
                return -ENOMEM;
        pending->proxy = p;
        pending->type = q->type;
        pending->share = share;
        memcpy(pending->name, q->name, sizeof(pending->name));
        r = wait_on(pending, asker, client, q);
        if (r >= 0)
                r = dns_upstream_query(p->upstream, q->name, q->type, on_answer, pending);
        if (r < 0) {
                pending_free(pending);
                return r;
        }
        hash_index_insert(&p->pending, &pending->item, pending_hash(p, q->name, q->type));
        p->n_pending[share]++;
        return 0;
}

/* ------------------------------------------------------------------ queries */

/* Reverse names are answered from our own leases, never asked upstream: they would carry data out. */
static void answer_reverse(DnsProxy *p, const DnsAsker *asker, DnsClient *client, const DnsQuery *q) {
        uint64_t now = clock_nsec(CLOCK_BOOTTIME);
        const Lease *lease = NULL;
        InAddr addr;

        if (dns_reverse_name_to_addr(q->name, &addr) >= 0) {
                lease = lease_table_get(asker->scope->leases, &addr, now);
                for (size_t i = 0; i < p->n_scopes && !lease && asker->forwards; i++)
                        lease = lease_table_get(p->scopes[i]->leases, &addr, now);
        }
        if (!lease) {
                deny(p, asker->scope, client, q, "reverse", RULE_NONE);
                reply(p, client, q, DNS_RCODE_REFUSED, NULL, NULL);
                return;
        }
        p->stats.answered++;
        reply(p, client, q, DNS_RCODE_NOERROR, NULL, lease->bindings[lease->latest].name);
}

/* Nobody's policy has a say about this client: it must lose nothing. */
static bool is_unjudged(const DnsAsker *asker) {
        return !asker->is_self && !scope_is_judged(asker->scope) && !job_is_judged(asker);
}

static bool relay_may_end(uint32_t scope_id, void *userdata) {
        const Scope *s = find_scope(userdata, scope_id);

        return s && !scope_is_judged(s);
}

/* May it be asked at all? NULL, or why not. */
static const char *refuse_in(const Scope *s, const DnsQuery *q, uint64_t now, uint32_t *ret_rule) {
        Judged j;

        *ret_rule = RULE_NONE;
        if (!type_is_served(q->type))
                return "type";
        if (!scope_is_judged(s) || judge_name(s, q->name, now, &j))
                return NULL;
        *ret_rule = j.rule;
        return "policy";
}

static const char *refuse_in_all(const DnsProxy *p, const DnsAsker *asker, const DnsQuery *q, uint64_t now,
                                 uint32_t *ret_rule) {
        const char *why = refuse_in(asker->scope, q, now, ret_rule);
        uint32_t rule;

        for (size_t i = 0; i < p->n_scopes && why && asker->forwards; i++)
                if (scope_is_judged(p->scopes[i]) && !p->scopes[i]->narrows &&
                    !refuse_in(p->scopes[i], q, now, &rule))
                        why = NULL;
        return why;
}

/* The scope and the job are both asked; of two refusals the one that is enforced is meant. */
static const char *refuse(const DnsProxy *p, const DnsAsker *asker, const DnsQuery *q, uint64_t now,
                          const Scope **ret_who, uint32_t *ret_rule) {
        const char *why = refuse_in_all(p, asker, q, now, ret_rule), *job_why;
        uint32_t rule;

        *ret_who = asker->scope;
        if (!job_is_judged(asker) || (why && asker->scope->mode == MODE_ENFORCE))
                return why;
        job_why = refuse_in(asker->job, q, now, &rule);
        if (!job_why || (why && asker->job->mode == MODE_AUDIT))
                return why;
        *ret_who = asker->job;
        *ret_rule = rule;
        return job_why;
}

/* Of an earlier self-test, or not one's question: nobody needs to know. */
static void answer_self(DnsProxy *p, DnsClient *client, const DnsQuery *q) {
        if (q->type != DNS_TYPE_AAAA || p->self_query.name[0] == '\0' || strcmp(q->name, p->self_query.name) != 0) {
                reply(p, client, q, DNS_RCODE_REFUSED, NULL, NULL);
                return;
        }
        p->answer = (DnsAnswer) { .type = DNS_TYPE_AAAA, .n_addrs = 1, .addrs = { p->self_query.answer } };
        reply(p, client, q, DNS_RCODE_NOERROR, &p->answer, NULL);
}

static void answer_query(DnsProxy *p, const DnsAsker *asker, DnsClient *client, const DnsQuery *q) {
        uint64_t now = clock_nsec(CLOCK_BOOTTIME);
        const Scope *who;
        uint32_t rule;

        if (asker->is_self && self_query_owns(q->name)) {
                answer_self(p, client, q);
                return;
        }
        if (q->type == DNS_TYPE_PTR) {
                answer_reverse(p, asker, client, q);
                return;
        }
        const char *why = refuse(p, asker, q, now, &who, &rule);
        if (why) {
                deny(p, who, client, q, why, rule);
                /* Audit answers what it can answer: other types have no form we could rebuild. */
                if (who->mode == MODE_ENFORCE || !type_is_served(q->type)) {
                        reply(p, client, q, DNS_RCODE_REFUSED, NULL, NULL);
                        return;
                }
        }
        if (dns_cache_get(p->cache, q->name, q->type, now, &p->answer) > 0) {
                p->stats.cache_hits++;
                answer_client(p, asker, client, q, &p->answer, now);
                return;
        }
        if (ask_upstream(p, asker, client, q) < 0) {
                p->stats.upstream_failures++;
                reply(p, client, q, DNS_RCODE_SERVFAIL, NULL, NULL);
        }
}

static void on_query(_unused_ DnsStub *stub, DnsClient *client, const uint8_t *data, size_t size, void *userdata) {
        DnsProxy *p = userdata;
        DnsAsker asker = {};
        DnsQuery q;
        int r = dns_query_parse(data, size, &q);

        p->stats.queries++;
        if (r == -EBADMSG) {
                p->stats.malformed++;
                dns_client_drop(client);
                return;
        }
        if (r < 0 && r != -EPERM) {
                p->stats.malformed++;
                reply_error(p, client, &q, r == -EOPNOTSUPP ? DNS_RCODE_NOTIMP : DNS_RCODE_FORMERR);
                return;
        }
        const DnsPeer peer = peer_of(client);
        p->on_query(&peer, &asker, p->userdata);
        if (!asker.scope) { /* no policy may be guessed for it; resolvers ask again */
                p->stats.unattributed++;
                reply(p, client, &q, DNS_RCODE_SERVFAIL, NULL, NULL);
        } else if (is_unjudged(&asker) && (r == -EPERM || !type_is_served(q.type)))
                dns_relayer_pass(p->relayer, client, data, size, asker.scope->id);
        else if (r == -EPERM) {
                deny(p, asker.scope, client, &q, "name", RULE_NONE);
                reply(p, client, &q, DNS_RCODE_REFUSED, NULL, NULL);
        } else
                answer_query(p, &asker, client, &q);
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

/* Of a family without a passed socket: a free port, which nobody else can bind while we live. */
static int listen_free(DnsProxy *p) {
        static const uint8_t loopback[4] = { 127, 0, 0, 1 };
        int r = 0;

        if (p->port4 == 0) {
                in_addr_from_v4(loopback, &p->addr4);
                r = dns_stub_bind_loopback(p->stub, AF_INET, &p->port4);
        }
        if (r < 0 || p->port6 != 0)
                return r;
        r = dns_stub_bind_loopback(p->stub, AF_INET6, &p->port6);
        return r == -EAFNOSUPPORT || r == -EADDRNOTAVAIL || r == -ENETUNREACH ? 0 : r;
}

static int listen_sockets(DnsProxy *p, const DnsProxyOptions *o) {
        int r = 0;

        for (size_t i = 0; i < o->n_fds; i++) {
                int k = add_socket(p, o->fds[i]);
                if (k < 0)
                        r = k;
        }
        return r < 0 ? r : listen_free(p);
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
                r = dns_stub_new(event, on_query, p, &p->stub);
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
        dns_upstream_free(upstream); /* ends every pending question: replies still find the stub */
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

void dns_proxy_set_scopes(DnsProxy *p, Scope *const *scopes, size_t n_scopes) {
        p->scopes = scopes;
        p->n_scopes = n_scopes;
}

int dns_proxy_set_servers(DnsProxy *p, const DnsServer *servers, size_t n_servers) {
        DnsUpstream *upstream, *old = p->upstream;
        int r = start_upstream(p, servers, n_servers, &upstream);

        if (r < 0)
                return r;
        p->upstream = upstream;
        dns_relayer_set_upstream(p->relayer, upstream);
        dns_upstream_free(old); /* its questions come back, and are asked of the new ones */
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
