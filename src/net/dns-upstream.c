/* SPDX-License-Identifier: Apache-2.0 */
#include "net/dns-upstream.h"

#include <ares.h>
#include <assert.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/time.h>
#include <time.h>

#include "basic/macro.h"
#include "net/upstream-channel.h"
#include "net/upstream-ids.h"
#include "net/upstream-manners.h"
#include "net/upstream-sockets.h"

/* Each channel has its own UDP socket per server. Questions use a random one of POOL channels, those that are sent together
 * the same one, and a channel is replaced after CHANNEL_QUERIES questions: source ports rotate at a fraction of the cost
 * of a socket per query. */
#define POOL 8 /* a power of two */
#define CHANNEL_QUERIES 64
#define DRAINING_MAX 32 /* replaced channels that still wait for answers; at the limit channels are kept longer */

/* One attempt: UPSTREAM_CHANNEL_TRIES rounds over all servers, with twice the timeout in the second: 1 + 2 units in all.
 * Without an answer there is another attempt of as long. */
#define TRY_UNITS 6
#define TRY_MIN_USEC (200 * USEC_PER_MSEC)
#define TIMER_ACCURACY_USEC (5 * USEC_PER_MSEC)

/* A resolver of this machine that restarts refuses queries meanwhile. */
#define RESTART_USEC (3 * USEC_PER_SEC) /* less than clients wait: 5 s (resolv.conf(5)) */
#define REST_USEC (100 * USEC_PER_MSEC)

#define QUERY_SIZE_MAX DNS_RELAY_MESSAGE_MAX

/* Lives until c-ares is done with it, possibly after fn was called: c-ares cannot cancel a single query. */
typedef struct Question {
        DnsUpstream *upstream; /* borrowed */
        UpstreamChannel *channel; /* borrowed; for the current attempt, NULL: none */
        dns_upstream_answer_fn fn; /* one of the two is set; both NULL: already called */
        dns_upstream_relay_fn relay_fn;
        DnsRelay *relay;       /* owned; the question if it is relayed unchanged */
        void *userdata;
        uint64_t deadline_usec; /* CLOCK_MONOTONIC */
        TAILQ_ENTRY(Question) waiting;
        TAILQ_ENTRY(Question) deferred; /* or resting */
        uint64_t rest_usec; /* CLOCK_MONOTONIC: until then it rests */
        int deferred_status; /* from c-ares */
        uint16_t id;
        uint16_t type;
        uint8_t first;      /* index of the server asked first */
        uint8_t n_refusals; /* servers that answered with an error rcode */
        bool tcp;
        bool plain;      /* without EDNS */
        bool lower_case; /* over UDP as well */
        bool is_other_case; /* the reason for TCP */
        bool timeouts;   /* in this attempt: perhaps another server has answered */
        bool again;      /* the attempt after one without an answer */
        UpstreamEqual equal; /* answers in lower case */
        uint8_t case_bits[32];
        char name[];
} Question;

struct DnsUpstream {
        sd_event *event;
        sd_event_source *timer; /* for the earliest of all deadlines, ours and those of c-ares */
        sd_event_source *defer; /* delivers what ares_send() reported immediately */
        uint64_t timer_usec;    /* CLOCK_MONOTONIC; UINT64_MAX: off */
        uint64_t timeout_usec;
        uint64_t try_usec[2]; /* timeout of the first round: UDP, TCP */
        DnsServer servers[DNS_UPSTREAM_SERVERS_MAX];
        size_t n_servers;
        size_t preferred; /* index; advances when a server does not answer */
        UpstreamManners manners[DNS_UPSTREAM_SERVERS_MAX]; /* by index of the server */
        UpstreamChannel *udp[DNS_UPSTREAM_SERVERS_MAX][POOL]; /* by the server that is asked first */
        UpstreamChannel *tcp[DNS_UPSTREAM_SERVERS_MAX];
        LIST_HEAD(, UpstreamChannel) channels;     /* owned: all of them */
        TAILQ_HEAD(, Question) waiting;    /* fn not called yet, ordered by deadline */
        TAILQ_HEAD(DeferredList, Question) deferred;
        struct DeferredList resting; /* to be sent again later, in this order */
        size_t n_questions;
        size_t n_draining;
        unsigned busy; /* nesting of calls into c-ares: no channel may be freed */
        bool sweep;    /* a draining channel is empty */
        bool sending;  /* within ares_send() */
        bool freeing;
        bool edns_refused;     /* by an answer that does not name the question: while the questions in flight are reported */
        uint8_t message_rcode; /* of the answer being read */
        DnsUpstreamHooks hooks;
        UpstreamGuesses guesses;
        UpstreamBatch *batch;
        uint8_t slot;    /* in the pools, for what is in the batch */
        UpstreamIds ids; /* in flight on any channel */
        DnsAnswer answer; /* buffer for the answer being delivered */
        const uint8_t *message; /* borrowed; the answer being delivered, NULL: none */
        size_t message_size;
        DnsUpstreamStats stats;
};

DEFINE_CLEANUP_FUNC(DnsUpstream *, dns_upstream_free)

static void question_advance(Question *q, int status, const uint8_t *data, size_t size);

static void timer_arm(DnsUpstream *u, uint64_t usec) {
        if (usec >= u->timer_usec)
                return;

        if (sd_event_source_set_time(u->timer, usec) >= 0 &&
            sd_event_source_set_enabled(u->timer, SD_EVENT_ONESHOT) >= 0)
                u->timer_usec = usec;
}

static uint64_t now_usec(const DnsUpstream *u) {
        uint64_t now = 0;

        (void) sd_event_now(u->event, CLOCK_MONOTONIC, &now); /* can only fail after a fork */
        return now;
}

static void channel_free(UpstreamChannel *c) {
        DnsUpstream *u = c->owner;

        LIST_REMOVE(c, channels);
        if (c->draining)
                u->n_draining--;
        upstream_channel_free(c);
}

static void upstream_enter(DnsUpstream *u) {
        u->busy++;
}

static void upstream_leave(DnsUpstream *u) {
        if (--u->busy > 0 || !u->sweep)
                return;

        u->sweep = false;
        for (UpstreamChannel *c = LIST_FIRST(&u->channels), *next; c; c = next) {
                next = LIST_NEXT(c, channels);
                if (c->draining && c->n_in_flight == 0)
                        channel_free(c);
        }
}

/* Somebody guesses at our answers: no datagram is believed any more, those in flight are asked again over TCP. */
static void upstream_distrust(DnsUpstream *u) {
        UpstreamChannel *c;

        if (!upstream_guesses_exceeded(&u->guesses, now_usec(u)))
                return;
        if (u->hooks.on_forgery)
                u->hooks.on_forgery(&u->guesses.server, u->hooks.userdata);
        LIST_FOREACH(c, &u->channels, channels) {
                if (c->rules.tcp)
                        continue;
                c->n_sent = CHANNEL_QUERIES; /* new ports afterwards */
                ares_cancel(c->ares);
        }
}

/* A header alone, which c-ares takes for no answer. */
static void channel_refuse_edns(UpstreamChannel *c) {
        DnsUpstream *u = c->owner;

        if (!c->rules.edns_refused)
                return;
        c->rules.edns_refused = false;
        c->n_sent = CHANNEL_QUERIES;
        u->edns_refused = true;
        ares_cancel(c->ares);
        u->edns_refused = false;
}

static int upstream_on_socket(sd_event_source *source _unused_, int fd, uint32_t revents, void *userdata) {
        UpstreamChannel *c = userdata;
        DnsUpstream *u = c->owner;
        uint32_t trouble = revents & (EPOLLERR | EPOLLHUP); /* c-ares learns the error from the call that fails */

        upstream_enter(u);
        ares_process_fd(c->ares, (revents & EPOLLIN) || trouble ? fd : ARES_SOCKET_BAD,
                        (revents & EPOLLOUT) || trouble ? fd : ARES_SOCKET_BAD);
        channel_refuse_edns(c);
        upstream_distrust(u);
        upstream_leave(u);
        return 0;
}

/* c-ares learns it from the read that fails. */
static void upstream_on_unsent(int fd, void *owner, void *userdata _unused_) {
        (void) upstream_on_socket(NULL, fd, EPOLLIN, owner);
}

static int channel_new(DnsUpstream *u, size_t first, bool tcp, UpstreamChannel **ret) {
        const UpstreamChannelOptions options = {
                .event = u->event, .hooks = &u->hooks, .on_socket = upstream_on_socket, .guesses = &u->guesses,
                .batch = u->batch,
                .servers = u->servers, .n_servers = u->n_servers, .first = first, .tcp = tcp,
                .try_usec = u->try_usec[tcp], .owner = u,
        };
        int r = upstream_channel_new(&options, ret);

        if (r >= 0)
                LIST_INSERT_HEAD(&u->channels, *ret, channels);
        return r;
}

/* Removes the channel from the pool; upstream_leave() frees it once all its queries have ended. */
static void channel_drain(UpstreamChannel *c) {
        DnsUpstream *u = c->owner;

        c->draining = true;
        u->n_draining++;
        if (c->n_in_flight == 0)
                u->sweep = true;
}

static int channel_pick(DnsUpstream *u, const Question *q, UpstreamChannel **ret) {
        int r = upstream_batch_is_empty(u->batch) ? upstream_ids_random(&u->ids, &u->slot, sizeof(u->slot)) : 0;
        if (r < 0)
                return r;

        UpstreamChannel **c = q->tcp ? &u->tcp[q->first] : &u->udp[q->first][u->slot % POOL];
        if (*c && (*c)->n_sent >= CHANNEL_QUERIES && u->n_draining < DRAINING_MAX) {
                channel_drain(*c);
                *c = NULL;
        }
        if (!*c) {
                r = channel_new(u, q->first, q->tcp, c);
                if (r < 0)
                        return r;
        }

        *ret = *c;
        return 0;
}

static void question_answer_relay(Question *q, int r) {
        DnsUpstream *u = q->upstream;
        dns_upstream_relay_fn fn = q->relay_fn;
        bool answered = u->message && (r == 0 || r == -EREMOTEIO);

        if (r < 0)
                u->stats.failed++;
        else
                u->stats.answered++;
        TAILQ_REMOVE(&u->waiting, q, waiting);
        q->relay_fn = NULL;
        upstream_enter(u);
        fn(r, answered ? u->message : NULL, answered ? u->message_size : 0, q->userdata);
        upstream_leave(u);
}

/* Calls fn. r < 0: without records; for -EREMOTEIO the rcode of the last answer is kept. */
static void question_answer(Question *q, int r) {
        DnsUpstream *u = q->upstream;
        dns_upstream_answer_fn fn = q->fn;

        if (q->relay_fn) {
                question_answer_relay(q, r);
                return;
        }
        if (r < 0) {
                uint8_t rcode = r == -EREMOTEIO ? u->answer.rcode : DNS_RCODE_SERVFAIL;
                dns_answer_init(&u->answer, q->type);
                u->answer.rcode = rcode;
                u->stats.failed++;
        } else
                u->stats.answered++;

        TAILQ_REMOVE(&u->waiting, q, waiting);
        q->fn = NULL;
        upstream_enter(u);
        fn(r, &u->answer, q->userdata);
        upstream_leave(u);
}

static bool question_waits(const Question *q) {
        return q->fn || q->relay_fn;
}

static void question_end(Question *q, int r) {
        if (question_waits(q))
                question_answer(q, r);
        q->upstream->n_questions--;
        free(q->relay);
        free(q);
}

/* c-ares has finished this attempt. Never calls fn from within ares_send(), see dns_upstream_query(). */
static void upstream_on_answer(void *userdata, int status, int timeouts, unsigned char *data, int size) {
        Question *q = userdata;
        DnsUpstream *u = q->upstream;
        UpstreamChannel *c = q->channel;

        if (data && size >= DNS_HEADER_SIZE)
                upstream_restore_rcode(data);
        upstream_ids_release(&u->ids, q->id);
        q->channel = NULL;
        q->timeouts = timeouts > 0;
        c->n_in_flight--;
        if (c->draining && c->n_in_flight == 0)
                u->sweep = true;

        /* The server is down, or the route to it has changed: start with another server, and from new sockets. */
        if (timeouts > 0 || status == ARES_ETIMEOUT) {
                c->n_sent = CHANNEL_QUERIES;
                if (q->first == u->preferred)
                        u->preferred = (u->preferred + 1) % u->n_servers;
        }

        if (u->sending) {
                q->deferred_status = status;
                TAILQ_INSERT_TAIL(&u->deferred, q, deferred);
                (void) sd_event_source_set_enabled(u->defer, SD_EVENT_ONESHOT);
                return;
        }

        question_advance(q, status, data, size > 0 ? (size_t) size : 0);
}

/* Letters in random case are bits that a spoofed answer has to guess (draft-vixie-dnsext-dns0x20). Over TCP, where
 * spoofing is harder, all are lower case, which also serves servers that do not preserve the case. */
static int question_set_case(Question *q) {
        size_t n = q->tcp || q->relay || q->lower_case ? 0 : MIN((strlen(q->name) + 7) / 8, sizeof(q->case_bits));

        memset(q->case_bits, 0, sizeof(q->case_bits));
        return upstream_ids_random(&q->upstream->ids, q->case_bits, n);
}

/* One attempt. On success upstream_on_answer() will be called, or was called and the rest is deferred. */
static int question_send(Question *q) {
        DnsUpstream *u = q->upstream;
        uint8_t query[QUERY_SIZE_MAX];
        UpstreamChannel *c;

        q->tcp = q->tcp || (!u->manners[q->first].no_case && upstream_guesses_distrust(&u->guesses, now_usec(u)));
        q->plain = q->plain || u->manners[q->first].no_edns;
        q->lower_case = q->lower_case || u->manners[q->first].no_case;
        int r = question_set_case(q);
        if (r < 0)
                return r;
        r = channel_pick(u, q, &c);
        if (r < 0)
                return r;
        r = upstream_ids_take(&u->ids, &q->id);
        if (r < 0)
                return r;

        size_t size = q->relay ? dns_relay_build_query(q->relay, q->id, query) :
                                 dns_query_build(query, q->id, q->name, q->type, q->case_bits);

        if (q->plain)
                size = upstream_remove_edns(query, size);
        q->channel = c;
        c->n_sent++;
        c->n_in_flight++;
        u->stats.sent++;
        timer_arm(u, now_usec(u) + u->try_usec[q->tcp]);

        upstream_enter(u);
        u->sending = true;
        ares_send(c->ares, query, (int) size, upstream_on_answer, q);
        u->sending = false;
        upstream_leave(u);
        return 0;
}

static int question_read(const Question *q, int status, const uint8_t *data, size_t size) {
        DnsUpstream *u = q->upstream;

        if (status != ARES_SUCCESS)
                return upstream_status_to_errno(status);
        if (size < DNS_HEADER_SIZE)
                return -EBADMSG;

        /* c-ares has compared the id with the one it sent; since 1.27 it chooses that itself. */
        uint16_t id = (uint16_t) (data[0] << 8 | data[1]);
        u->answer.truncated = false;
        u->message_rcode = data[3] & DNS_RCODE_MASK;
        int r = q->relay ? dns_relay_check(q->relay, data, size, &u->answer.truncated) :
                           dns_answer_parse(data, size, id, q->name, q->type, q->case_bits, &u->answer);
        if (r == -EBADE)
                u->stats.spoofed++;
        if (r == 0 && !q->timeouts)
                upstream_manners_answered(&u->manners[q->first], q->plain);
        return r;
}

/* A server without TCP that does not keep the case: it is believed after several equal answers, and then remembered. */
static bool retry_lower_case(Question *q, int r) {
        DnsUpstream *u = q->upstream;

        if (!q->lower_case) {
                q->tcp = false;
                q->lower_case = true;
                return true;
        }
        if (q->tcp || r != 0 || u->manners[q->first].no_case)
                return false;
        if (!upstream_answers_agree(&q->equal, &u->answer))
                return true;
        u->manners[q->first].no_case = true;
        return false;
}

/* Only a query without EDNS may be understood. */
static bool retry_plain(Question *q, int r) {
        DnsUpstream *u = q->upstream;
        bool refused = r == -EREMOTEIO &&
                       (u->message_rcode == DNS_RCODE_FORMERR || u->message_rcode == DNS_RCODE_NOTIMP);

        if (q->plain || u->manners[q->first].has_edns || !(refused || (r == -ECANCELED && u->edns_refused)))
                return false;
        q->plain = true;
        return true;
}

/* Should the question be retried after result r? Sets how. */
static bool question_retry(Question *q, int r) {
        DnsUpstream *u = q->upstream;

        if (retry_plain(q, r))
                return true;
        if (r == -EREMOTEIO && ++q->n_refusals < u->n_servers) {
                q->first = (uint8_t) ((q->first + 1U) % u->n_servers);
                q->tcp = false;
                q->plain = false;
                return true;
        }
        if (r == -ETIMEDOUT && !q->tcp && !q->again) {
                q->again = true;
                q->plain = q->plain || !u->manners[q->first].has_edns;
                return true;
        }
        if (q->is_other_case && q->tcp && (r == -ECONNREFUSED || r == -ETIMEDOUT || r == -EIO))
                return retry_lower_case(q, r);
        if (q->lower_case)
                return retry_lower_case(q, r);
        if (q->tcp)
                return false;
        if (r == -EBADE || r == -ECANCELED || /* the latter by upstream_distrust() */
            r == -EBADMSG || (r == 0 && u->answer.truncated)) {
                u->stats.retried_tcp++;
                q->is_other_case = r == -EBADE;
                q->tcp = true;
                return true;
        }
        return false;
}

/* True: the servers are of this machine, and may be about to restart. */
static bool question_rest(Question *q, int r) {
        DnsUpstream *u = q->upstream;
        uint64_t now = now_usec(u);

        for (size_t i = 0; i < u->n_servers; i++)
                if (!in_addr_is_loopback(&u->servers[i].addr))
                        return false;
        if (r != -ECONNREFUSED || u->freeing || now >= q->deadline_usec - u->timeout_usec + RESTART_USEC)
                return false;
        q->rest_usec = now + REST_USEC;
        TAILQ_INSERT_TAIL(&u->resting, q, deferred);
        timer_arm(u, q->rest_usec);
        return true;
}

static void question_advance(Question *q, int status, const uint8_t *data, size_t size) {
        if (!question_waits(q)) { /* has already timed out */
                question_end(q, 0);
                return;
        }

        int r = question_read(q, status, data, size);
        if (question_retry(q, r)) {
                r = question_send(q);
                if (r >= 0)
                        return;
        } else if (question_rest(q, r))
                return;
        else if (r == 0 && q->upstream->answer.truncated)
                r = -EBADMSG; /* over TCP */

        DnsUpstream *u = q->upstream;
        u->message = data;
        u->message_size = size;
        question_end(q, r);
        u->message = NULL;
        u->message_size = 0;
}

static int upstream_on_defer(sd_event_source *source _unused_, void *userdata) {
        DnsUpstream *u = userdata;
        struct DeferredList list = TAILQ_HEAD_INITIALIZER(list);
        Question *q;

        /* What is deferred meanwhile waits for the next iteration of the loop. */
        TAILQ_CONCAT(&list, &u->deferred, deferred);
        upstream_enter(u);
        while ((q = TAILQ_FIRST(&list))) {
                TAILQ_REMOVE(&list, q, deferred);
                question_advance(q, q->deferred_status, NULL, 0);
        }
        upstream_leave(u);
        return 0;
}

static void questions_wake(DnsUpstream *u) {
        uint64_t now = now_usec(u);
        Question *q;

        while ((q = TAILQ_FIRST(&u->resting)) && q->rest_usec <= now) {
                TAILQ_REMOVE(&u->resting, q, deferred);
                int r = question_waits(q) ? question_send(q) : -ECANCELED;
                if (r < 0)
                        question_end(q, r);
        }
}

static void timer_rearm(DnsUpstream *u) {
        uint64_t now = now_usec(u);
        const Question *q = TAILQ_FIRST(&u->waiting), *resting = TAILQ_FIRST(&u->resting);
        const UpstreamChannel *c;

        if (q)
                timer_arm(u, q->deadline_usec);
        if (resting)
                timer_arm(u, resting->rest_usec);

        LIST_FOREACH(c, &u->channels, channels) {
                struct timeval buffer;
                if (c->n_in_flight == 0)
                        continue;
                const struct timeval *wait = ares_timeout(c->ares, NULL, &buffer);
                if (wait) /* c-ares rounds down to milliseconds */
                        timer_arm(u, now + (uint64_t) wait->tv_sec * USEC_PER_SEC + (uint64_t) wait->tv_usec +
                                             USEC_PER_MSEC);
        }
}

static int upstream_on_timer(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata) {
        DnsUpstream *u = userdata;
        uint64_t now = now_usec(u);
        Question *q;
        UpstreamChannel *c;

        u->timer_usec = UINT64_MAX;
        upstream_enter(u);
        while ((q = TAILQ_FIRST(&u->waiting)) && q->deadline_usec <= now)
                question_answer(q, -ETIMEDOUT);
        questions_wake(u);
        LIST_FOREACH(c, &u->channels, channels)
                if (c->n_in_flight > 0)
                        ares_process_fd(c->ares, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
        upstream_distrust(u);
        upstream_leave(u);

        timer_rearm(u);
        return 0;
}

void dns_upstream_set_hooks(DnsUpstream *u, const DnsUpstreamHooks *hooks) {
        assert(u);
        assert(hooks);

        u->hooks = *hooks;
}

DnsUpstream *dns_upstream_free(DnsUpstream *u) {
        Question *q;

        if (!u)
                return NULL;

        assert(u->busy == 0);
        u->freeing = true;
        u->busy++; /* fn must not free the object a second time, and channels must not be swept */
        while ((q = TAILQ_FIRST(&u->waiting)))
                question_answer(q, -ECANCELED);
        while (!LIST_EMPTY(&u->channels))
                channel_free(LIST_FIRST(&u->channels));
        TAILQ_CONCAT(&u->deferred, &u->resting, deferred);
        while ((q = TAILQ_FIRST(&u->deferred))) {
                TAILQ_REMOVE(&u->deferred, q, deferred);
                question_end(q, -ECANCELED);
        }

        upstream_batch_free(u->batch);
        sd_event_source_disable_unref(u->timer);
        sd_event_source_disable_unref(u->defer);
        sd_event_unref(u->event);
        free(u);
        return NULL;
}

static int upstream_add_sources(DnsUpstream *u) {
        int r = sd_event_add_time(u->event, &u->timer, CLOCK_MONOTONIC, 0, TIMER_ACCURACY_USEC, upstream_on_timer, u);
        if (r < 0)
                return r;
        (void) sd_event_source_set_description(u->timer, "dns-upstream-timer");
        r = sd_event_source_set_enabled(u->timer, SD_EVENT_OFF);
        if (r < 0)
                return r;

        r = sd_event_add_defer(u->event, &u->defer, upstream_on_defer, u);
        if (r < 0)
                return r;
        (void) sd_event_source_set_description(u->defer, "dns-upstream-defer");
        return sd_event_source_set_enabled(u->defer, SD_EVENT_OFF);
}

int dns_upstream_new(sd_event *event, const DnsServer *servers, size_t n_servers, uint64_t timeout_usec,
                     DnsUpstream **ret) {
        assert(event);
        assert(servers);
        assert(ret);

        if (n_servers == 0 || n_servers > DNS_UPSTREAM_SERVERS_MAX || timeout_usec == 0 ||
            timeout_usec > INT32_MAX * USEC_PER_MSEC)
                return -EINVAL;

        _cleanup_(dns_upstream_freep) DnsUpstream *u = calloc(1, sizeof(*u));
        if (!u)
                return -ENOMEM;

        LIST_INIT(&u->channels);
        TAILQ_INIT(&u->waiting);
        TAILQ_INIT(&u->deferred);
        TAILQ_INIT(&u->resting);
        u->event = sd_event_ref(event);
        u->timer_usec = UINT64_MAX;
        u->timeout_usec = timeout_usec;
        u->try_usec[false] = MAX(timeout_usec / (TRY_UNITS * n_servers), TRY_MIN_USEC);
        u->try_usec[true] = MAX(timeout_usec / (2 * n_servers), TRY_MIN_USEC);
        memcpy(u->servers, servers, n_servers * sizeof(*servers));
        u->n_servers = n_servers;

        int r = upstream_add_sources(u);
        if (r >= 0)
                r = upstream_batch_new(event, upstream_on_unsent, NULL, &u->batch);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(u);
        return 0;
}

/* name: "" for a relayed question. */
static int question_new(DnsUpstream *u, const char *name, void *userdata, Question **ret) {
        size_t length = strnlen(name, DNS_NAME_SIZE);

        if (length > DNS_NAME_MAX)
                return -EINVAL;
        if (u->freeing)
                return -ECANCELED;
        if (u->n_questions >= DNS_UPSTREAM_IN_FLIGHT_MAX)
                return -EBUSY;

        Question *q = calloc(1, sizeof(*q) + length + 1);
        if (!q)
                return -ENOMEM;
        q->upstream = u;
        q->userdata = userdata;
        q->deadline_usec = now_usec(u) + u->timeout_usec;
        q->first = (uint8_t) u->preferred;
        memcpy(q->name, name, length);
        *ret = q;
        return 0;
}

/* Takes ownership of the question, even on failure. */
static int question_begin(Question *q) {
        DnsUpstream *u = q->upstream;
        int r = question_send(q);

        if (r < 0) {
                free(q->relay);
                free(q);
                return r;
        }
        TAILQ_INSERT_TAIL(&u->waiting, q, waiting);
        u->n_questions++;
        timer_arm(u, q->deadline_usec);
        return 0;
}

int dns_upstream_query(DnsUpstream *u, const char *name, uint16_t type, dns_upstream_answer_fn fn, void *userdata) {
        Question *q;

        assert(u);
        assert(name);
        assert(fn);

        int r = question_new(u, name, userdata, &q);
        if (r < 0)
                return r;
        q->fn = fn;
        q->type = type;
        return question_begin(q);
}

int dns_upstream_relay(DnsUpstream *u, const DnsRelay *relay, dns_upstream_relay_fn fn, void *userdata) {
        Question *q;

        assert(u);
        assert(relay);
        assert(fn);

        int r = question_new(u, "", userdata, &q);
        if (r < 0)
                return r;
        q->relay = malloc(sizeof(*relay));
        if (!q->relay) {
                free(q);
                return -ENOMEM;
        }
        *q->relay = *relay;
        q->relay_fn = fn;
        q->tcp = dns_relay_wants_tcp(relay);
        return question_begin(q);
}

bool dns_upstream_is_idle(const DnsUpstream *u) {
        assert(u);

        return u->n_questions == 0 && u->busy == 0;
}

bool dns_upstream_asks(const DnsUpstream *u, const DnsRelay *question) {
        const Question *q;

        assert(u);
        assert(question);

        TAILQ_FOREACH(q, &u->waiting, waiting)
                if (q->relay ? dns_relay_asks_same(q->relay, question) : dns_relay_asks(question, q->name, q->type))
                        return true;
        return false;
}

const DnsUpstreamStats *dns_upstream_stats(const DnsUpstream *u) {
        assert(u);

        return &u->stats;
}
