/* SPDX-License-Identifier: Apache-2.0 */

#include "daemon/self-test.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>

#define PORT_DISCARD 9 /* RFC 863; nobody is there */
#define LOOK_USEC (50 * USEC_PER_MSEC)

struct SelfTest {
        sd_event *event;        /* borrowed, like the engine */
        Engine *engine;
        bool refuses;
        self_test_fn fn;
        void *userdata;
        sd_event_source *io;    /* of the query; NULL: no test is going on */
        sd_event_source *timer;
        uint64_t deadline_usec; /* CLOCK_MONOTONIC */
        uint64_t n_refusals;    /* of our scope, when the test began */
        uint16_t id;
        bool answered;
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
        *ret = t;
        return 0;
}

SelfTest *self_test_free(SelfTest *t) {
        if (!t)
                return NULL;
        sd_event_source_disable_unref(t->io);
        sd_event_source_disable_unref(t->timer);
        free(t);
        return NULL;
}

static void end(SelfTest *t, const char *fault) {
        t->io = sd_event_source_disable_unref(t->io);
        t->timer = sd_event_source_disable_unref(t->timer);
        t->fn(fault, t->userdata);
}

static struct sockaddr_in nowhere(uint16_t port) {
        struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons(port) };

        (void) inet_pton(AF_INET, ENGINE_PROBE_ADDR, &sa.sin_addr);
        return sa;
}

/* In a scope that reaches nothing, whatever the mode of the others: if this goes through, nobody judges. */
static bool connection_is_refused(void) {
        _cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        struct sockaddr_in sa = nowhere(PORT_DISCARD);

        return fd >= 0 && connect(fd, (struct sockaddr *) &sa, sizeof(sa)) < 0 && errno == EPERM;
}

static void look(SelfTest *t) {
        uint64_t now = 0;

        (void) sd_event_now(t->event, CLOCK_MONOTONIC, &now);
        engine_drain(t->engine);
        if (t->answered && (!t->refuses || engine_self_refusals(t->engine) > t->n_refusals)) {
                end(t, NULL);
                return;
        }
        if (now >= t->deadline_usec) {
                end(t, t->answered ? "the kernel's records do not arrive" :
                                     "a query of our own did not come to the DNS proxy");
                return;
        }
        if (t->refuses && !connection_is_refused()) { /* again: the ring may have been full */
                end(t, "a connection that must be refused was not");
                return;
        }
        (void) sd_event_source_set_time_relative(t->timer, LOOK_USEC);
        (void) sd_event_source_set_enabled(t->timer, SD_EVENT_ONESHOT);
}

static int on_timer(_unused_ sd_event_source *s, _unused_ uint64_t usec, void *userdata) {
        look(userdata);
        return 0;
}

static int on_answer(_unused_ sd_event_source *s, int fd, _unused_ uint32_t revents, void *userdata) {
        SelfTest *t = userdata;
        uint8_t answer[512];
        ssize_t n = recv(fd, answer, sizeof(answer), MSG_DONTWAIT);

        /* The header alone tells: our id, and that it is an answer (RFC 1035 4.1.1). */
        if (n >= 12 && memcmp(answer, &t->id, sizeof(t->id)) == 0 && answer[2] & 0x80)
                t->answered = true;
        look(t);
        return 0;
}

static size_t write_query(uint16_t id, uint8_t query[static 64]) {
        static const uint8_t head[10] = { 0x01, 0x00, 0, 1 }; /* recursion desired, one question */
        size_t n = 12;

        memcpy(query, &id, 2);
        memcpy(query + 2, head, sizeof(head));
        for (const char *label = DNS_SELF_TEST_NAME; *label;) {
                size_t length = strcspn(label, ".");

                query[n++] = (uint8_t) length;
                memcpy(query + n, label, length);
                n += length;
                label += length + (label[length] == '.');
        }
        memcpy(query + n, "\0\0\1\0\1", 5); /* the root, A, IN */
        return n + 5;
}

static int send_query(SelfTest *t, int *ret_fd) {
        _cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        struct sockaddr_in sa = nowhere(53);
        uint8_t query[64];

        if (fd < 0)
                return -errno;
        if (getrandom(&t->id, sizeof(t->id), 0) != sizeof(t->id))
                return -EIO;
        size_t n = write_query(t->id, query);
        if (connect(fd, (struct sockaddr *) &sa, sizeof(sa)) < 0 || send(fd, query, n, 0) < 0)
                return -errno;
        *ret_fd = TAKE_FD(fd);
        return 0;
}

int self_test_run(SelfTest *t, uint64_t timeout_usec) {
        uint64_t now;
        int fd = -EBADF, r;

        if (t->io)
                return 0;
        t->answered = false;
        engine_drain(t->engine); /* what came while nobody read may fill it */
        t->n_refusals = engine_self_refusals(t->engine);
        if (t->refuses && !connection_is_refused())
                return -EACCES;
        r = send_query(t, &fd);
        if (r < 0)
                return r;
        r = sd_event_add_io(t->event, &t->io, fd, EPOLLIN, on_answer, t);
        if (r < 0) {
                (void) close(fd);
                return r;
        }
        (void) sd_event_source_set_io_fd_own(t->io, 1);
        (void) sd_event_source_set_description(t->io, "self-test");
        r = sd_event_now(t->event, CLOCK_MONOTONIC, &now);
        if (r >= 0) {
                t->deadline_usec = now + timeout_usec;
                r = sd_event_add_time_relative(t->event, &t->timer, CLOCK_MONOTONIC, LOOK_USEC, LOOK_USEC, on_timer, t);
        }
        if (r < 0)
                t->io = sd_event_source_disable_unref(t->io);
        return r < 0 ? r : 0;
}
