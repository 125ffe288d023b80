/* SPDX-License-Identifier: Apache-2.0 */

#include "daemon/self-test.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>

#include "basic/run-deadline.h"
#include "dns/dns-message.h"

#define PORT_DISCARD 9 /* RFC 863; nothing listens there */
#define LOOK_USEC (50 * USEC_PER_MSEC)
#define TURN_USEC (500 * USEC_PER_MSEC)  /* a look that comes later counts as one after this time */
#define REPEAT_USEC (500 * USEC_PER_MSEC) /* in a flood of others' queries, some are lost */

/* One query over one family. */
typedef struct SelfTestQuery {
        SelfTest *test;
        sd_event_source *io; /* NULL: this family is not tested, or no test is running */
        uint8_t message[512];
        size_t size;
        bool answered;
} SelfTestQuery;

enum { QUERY_V4, QUERY_V6, N_QUERIES };

struct SelfTest {
        sd_event *event;        /* borrowed, like the engine */
        Engine *engine;
        bool refuses;
        self_test_fn fn;
        void *userdata;
        SelfTestQuery queries[N_QUERIES];
        SelfQuery secret;       /* of the running test */
        sd_event_source *timer; /* NULL: no test is running */
        RunDeadline deadline;   /* CLOCK_MONOTONIC */
        uint64_t repeat_usec;   /* of the deadline's counted time */
        uint64_t n_refusals;    /* of our own layer, at the start of the test */
};

int self_test_new(sd_event *event, Engine *engine, bool refuses, self_test_fn fn, void *userdata, SelfTest **ret) {
        SelfTest *t = calloc(1, sizeof(*t));

        if (!t)
                return -ENOMEM;
        t->event = event;
        t->engine = engine;
        t->refuses = refuses;
        t->fn = fn;
        t->userdata = userdata;
        for (size_t i = 0; i < N_QUERIES; i++)
                t->queries[i].test = t;
        *ret = t;
        return 0;
}

static void stop(SelfTest *t) {
        for (size_t i = 0; i < N_QUERIES; i++)
                t->queries[i].io = sd_event_source_disable_unref(t->queries[i].io);
        t->timer = sd_event_source_disable_unref(t->timer);
}

SelfTest *self_test_free(SelfTest *t) {
        if (!t)
                return NULL;
        stop(t);
        free(t);
        return NULL;
}

static void end(SelfTest *t, const char *fault) {
        stop(t);
        t->fn(fault, t->userdata);
}

static struct sockaddr_in nowhere(uint16_t port) {
        struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons(port) };

        (void) inet_pton(AF_INET, ENGINE_PROBE_ADDR, &sa.sin_addr);
        return sa;
}

/* Our own layer denies everything, whatever the mode of others: if this passes, nothing is judged. */
static bool connection_is_refused(void) {
        _cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        struct sockaddr_in sa = nowhere(PORT_DISCARD);

        return fd >= 0 && connect(fd, (struct sockaddr *) &sa, sizeof(sa)) < 0 && errno == EPERM;
}

/* Has every tested family answered? Otherwise *ret_fault says which has not. */
static bool is_answered(const SelfTest *t, const char **ret_fault) {
        static const char *const faults[N_QUERIES] = {
                [QUERY_V4] = "a query of our own to an IPv4 resolver was not answered by the DNS proxy",
                [QUERY_V6] = "a query of our own to an IPv6 resolver was not answered by the DNS proxy",
        };

        for (size_t i = 0; i < N_QUERIES; i++)
                if (t->queries[i].io && !t->queries[i].answered) {
                        *ret_fault = faults[i];
                        return false;
                }
        return true;
}

/* The address known only to our proxy is too long to be guessed, wherever it is in the answer. */
static bool is_ours(const SelfTestQuery *q, const uint8_t *answer, size_t n) {
        const InAddr *secret = &q->test->secret.answer;

        return n > DNS_HEADER_SIZE && memcmp(answer, q->message, sizeof(uint16_t)) == 0 &&
               memmem(answer, n, secret->b, sizeof(secret->b)) != NULL;
}

static void read_answer(SelfTestQuery *q) {
        uint8_t answer[512];
        ssize_t n = recv(sd_event_source_get_io_fd(q->io), answer, sizeof(answer), MSG_DONTWAIT);

        if (n > 0 && is_ours(q, answer, (size_t) n))
                q->answered = true;
}

static void repeat_queries(SelfTest *t, uint64_t counted_usec) {
        if (counted_usec < t->repeat_usec)
                return;
        t->repeat_usec = counted_usec + REPEAT_USEC;
        for (size_t i = 0; i < N_QUERIES; i++)
                if (t->queries[i].io && !t->queries[i].answered)
                        (void) send(sd_event_source_get_io_fd(t->queries[i].io), t->queries[i].message,
                                    t->queries[i].size, MSG_DONTWAIT);
}

static void look(SelfTest *t) {
        const char *fault = "the kernel's records do not arrive";
        uint64_t now = 0;

        (void) sd_event_now(t->event, CLOCK_MONOTONIC, &now);
        uint64_t counted = run_deadline_turn(&t->deadline, now);
        engine_drain(t->engine);
        for (size_t i = 0; i < N_QUERIES; i++) /* the timer may have come first */
                if (t->queries[i].io && !t->queries[i].answered)
                        read_answer(&t->queries[i]);
        if (is_answered(t, &fault) && (!t->refuses || engine_self_refusals(t->engine) > t->n_refusals)) {
                end(t, NULL);
                return;
        }
        if (run_deadline_has_passed(&t->deadline)) {
                end(t, fault);
                return;
        }
        repeat_queries(t, counted);
        if (t->refuses && !connection_is_refused()) { /* once more: the ring may have been full */
                end(t, "a connection that must be denied passed");
                return;
        }
        (void) sd_event_source_set_time_relative(t->timer, LOOK_USEC);
        (void) sd_event_source_set_enabled(t->timer, SD_EVENT_ONESHOT);
}

static int self_test_on_timer(_unused_ sd_event_source *s, _unused_ uint64_t usec, void *userdata) {
        look(userdata);
        return 0;
}

static int self_test_on_answer(_unused_ sd_event_source *s, _unused_ int fd, _unused_ uint32_t revents, void *userdata) {
        SelfTestQuery *q = userdata;

        read_answer(q);
        look(q->test);
        return 0;
}

static int connect_nowhere(int fd, int family) {
        struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(53) };
        struct sockaddr_in v4 = nowhere(53);

        (void) inet_pton(AF_INET6, ENGINE_PROBE_ADDR6, &v6.sin6_addr);
        return family == AF_INET ? connect(fd, (struct sockaddr *) &v4, sizeof(v4)) :
                                   connect(fd, (struct sockaddr *) &v6, sizeof(v6));
}

static int send_query(SelfTestQuery *q, int family) {
        static const uint8_t lower_case[DNS_CASE_BITS_SIZE];
        _cleanup_close_ int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        uint16_t id;
        int r;

        if (fd < 0)
                return -errno;
        if (getrandom(&id, sizeof(id), 0) != sizeof(id))
                return -EIO;
        q->size = dns_query_build(q->message, id, q->test->secret.name, DNS_TYPE_AAAA, lower_case);
        if (connect_nowhere(fd, family) < 0 || send(fd, q->message, q->size, 0) < 0)
                return -errno;
        r = sd_event_add_io(q->test->event, &q->io, fd, EPOLLIN, self_test_on_answer, q);
        if (r < 0)
                return r;
        r = sd_event_source_set_io_fd_own(q->io, 1);
        if (r < 0)
                return r;
        TAKE_FD(fd);
        (void) sd_event_source_set_description(q->io, "self-test");
        return 0;
}

static bool proxy_has_v6(const SelfTest *t) {
        DnsEndpoint endpoints[DNS_ENDPOINTS_MAX];
        size_t n = engine_dns_endpoints(t->engine, endpoints, ELEMENTSOF(endpoints));

        for (size_t i = 0; i < n; i++)
                if (!in_addr_is_v4(&endpoints[i].addr))
                        return true;
        return false;
}

/* If loopback has no ::1, no IPv6 resolver is queried. */
static int send_queries(SelfTest *t) {
        int r;

        for (size_t i = 0; i < N_QUERIES; i++)
                t->queries[i].answered = false;
        r = engine_renew_self_query(t->engine, &t->secret);
        if (r >= 0)
                r = send_query(&t->queries[QUERY_V4], AF_INET);
        if (r < 0 || !proxy_has_v6(t))
                return r;
        r = send_query(&t->queries[QUERY_V6], AF_INET6);
        return r == -EAFNOSUPPORT || r == -EADDRNOTAVAIL || r == -ENETUNREACH ? 0 : r;
}

int self_test_run(SelfTest *t, uint64_t timeout_usec) {
        uint64_t now;
        int r;

        if (t->timer)
                return 0;
        engine_drain(t->engine); /* the ring may be full of records that nobody has read */
        t->n_refusals = engine_self_refusals(t->engine);
        if (t->refuses && !connection_is_refused())
                return -EACCES;
        r = send_queries(t);
        if (r >= 0)
                r = sd_event_now(t->event, CLOCK_MONOTONIC, &now);
        if (r >= 0) {
                run_deadline_start(&t->deadline, timeout_usec, TURN_USEC, now);
                t->repeat_usec = REPEAT_USEC;
                r = sd_event_add_time_relative(t->event, &t->timer, CLOCK_MONOTONIC, LOOK_USEC, LOOK_USEC,
                                               self_test_on_timer, t);
        }
        if (r < 0)
                stop(t);
        return r < 0 ? r : 0;
}

bool self_test_is_starved(const SelfTest *t) {
        uint64_t now = 0;

        (void) sd_event_now(t->event, CLOCK_MONOTONIC, &now);
        return t->timer && run_deadline_is_stretched(&t->deadline, now);
}
