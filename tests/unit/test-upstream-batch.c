/* SPDX-License-Identifier: Apache-2.0 */
/* Datagrams that are sent and read together, between sockets on loopback in one real loop. */

#include "net/upstream-batch.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#define WAIT_USEC (30 * USEC_PER_SEC) /* never reached: a test that would need it has failed */

typedef struct Pair {
        int ours, theirs; /* connected UDP sockets */
} Pair;

typedef struct Fixture {
        sd_event *event;
        UpstreamBatch *batch;
        unsigned n_failed;
        int failed_fd, error; /* what the next read after the failure said */
        void *failed_owner;
} Fixture;

static int udp_socket(void) {
        const struct sockaddr_in loopback = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(bind(fd, (const struct sockaddr *) &loopback, sizeof(loopback)), 0);
        return fd;
}

static void udp_connect(int fd, int to) {
        struct sockaddr_in address;
        socklen_t size = sizeof(address);

        ck_assert_int_eq(getsockname(to, (struct sockaddr *) &address, &size), 0);
        ck_assert_int_eq(connect(fd, (const struct sockaddr *) &address, size), 0);
}

static Pair pair_new(void) {
        Pair p = { .ours = udp_socket(), .theirs = udp_socket() };

        udp_connect(p.ours, p.theirs);
        udp_connect(p.theirs, p.ours);
        return p;
}

static void pair_done(Pair *p) {
        (void) close(p->ours);
        (void) close(p->theirs);
}

static ssize_t receive(Fixture *f, int fd, char *buf, size_t size) {
        struct sockaddr_storage from;
        socklen_t from_size = sizeof(from);
        ssize_t n = upstream_batch_receive(f->batch, fd, buf, size, (struct sockaddr *) &from, &from_size);

        if (n >= 0)
                ck_assert(from.ss_family == AF_INET && from_size == sizeof(struct sockaddr_in));
        return n;
}

static void on_failed(int fd, void *owner, void *userdata) {
        Fixture *f = userdata;
        char buf[64];

        f->n_failed++;
        f->failed_fd = fd;
        f->failed_owner = owner;
        ck_assert_int_eq(receive(f, fd, buf, sizeof(buf)), -1);
        f->error = errno;
}

static void fixture_init(Fixture *f) {
        *f = (Fixture) { .failed_fd = -1 };
        ck_assert_int_eq(sd_event_new(&f->event), 0);
        ck_assert_int_eq(upstream_batch_new(f->event, on_failed, f, &f->batch), 0);
}

static void fixture_done(Fixture *f) {
        upstream_batch_free(f->batch);
        sd_event_unref(f->event);
}

/* In two parts. */
static void give(Fixture *f, int fd, unsigned i) {
        char text[16];
        int n = snprintf(text, sizeof(text), "datagram %u", i);
        struct iovec parts[] = { { .iov_base = text, .iov_len = 4 }, { .iov_base = text + 4, .iov_len = (size_t) n - 4 } };

        ck_assert_int_eq(upstream_batch_send(f->batch, fd, parts, 2, f), n);
}

static void turn(Fixture *f) {
        ck_assert_int_ge(sd_event_run(f->event, 0), 0);
}

static void expect(int fd, unsigned i) {
        char text[16], buf[64] = {};

        (void) snprintf(text, sizeof(text), "datagram %u", i);
        ck_assert_int_eq(recv(fd, buf, sizeof(buf) - 1, 0), (ssize_t) strlen(text));
        ck_assert_str_eq(buf, text);
}

static void expect_none(int fd) {
        char buf[64];

        ck_assert_int_eq(recv(fd, buf, sizeof(buf), 0), -1);
        ck_assert_int_eq(errno, EAGAIN);
}

START_TEST(sent_at_the_end_of_the_turn) {
        Pair a = pair_new(), b = pair_new();
        Fixture f;

        fixture_init(&f);
        for (unsigned i = 0; i < 6; i++)
                give(&f, i == 2 || i == 3 ? b.ours : a.ours, i);
        ck_assert(!upstream_batch_is_empty(f.batch));
        expect_none(a.theirs);
        expect_none(b.theirs);
        turn(&f);
        ck_assert(upstream_batch_is_empty(f.batch));
        for (unsigned i = 0; i < 6; i++)
                expect(i == 2 || i == 3 ? b.theirs : a.theirs, i);
        expect_none(a.theirs);
        expect_none(b.theirs);

        give(&f, a.ours, 6); /* once more */
        turn(&f);
        expect(a.theirs, 6);
        ck_assert_uint_eq(f.n_failed, 0);
        fixture_done(&f);
        pair_done(&a);
        pair_done(&b);
}
END_TEST

START_TEST(many) {
        Pair a = pair_new();
        Fixture f;

        fixture_init(&f);
        for (unsigned i = 0; i < UPSTREAM_BATCH + 3; i++)
                give(&f, a.ours, i);
        for (unsigned i = 0; i < UPSTREAM_BATCH; i++)
                expect(a.theirs, i);
        expect_none(a.theirs);
        turn(&f);
        for (unsigned i = UPSTREAM_BATCH; i < UPSTREAM_BATCH + 3; i++)
                expect(a.theirs, i);
        fixture_done(&f);
        pair_done(&a);
}
END_TEST

START_TEST(large_one_is_sent_at_once) {
        static char data[UPSTREAM_BATCH_SIZE_MAX + 1], buf[2 * sizeof(data)];
        const struct iovec part = { .iov_base = data, .iov_len = sizeof(data) };
        const struct iovec kept = { .iov_base = data, .iov_len = sizeof(data) - 1 };
        Pair a = pair_new();
        Fixture f;

        fixture_init(&f);
        ck_assert_int_eq(upstream_batch_send(f.batch, a.ours, &part, 1, NULL), (ssize_t) sizeof(data));
        ck_assert_int_eq(recv(a.theirs, buf, sizeof(buf), 0), (ssize_t) sizeof(data));
        ck_assert_int_eq(upstream_batch_send(f.batch, a.ours, &kept, 1, NULL), (ssize_t) sizeof(data) - 1);
        expect_none(a.theirs);
        turn(&f);
        ck_assert_int_eq(recv(a.theirs, buf, sizeof(buf), 0), (ssize_t) sizeof(data) - 1);
        fixture_done(&f);
        pair_done(&a);
}
END_TEST

START_TEST(closed_socket_is_forgotten) {
        Pair a = pair_new(), b = pair_new();
        Fixture f;

        fixture_init(&f);
        for (unsigned i = 0; i < 6; i++)
                give(&f, i % 2 == 0 ? a.ours : b.ours, i);
        upstream_batch_forget(f.batch, a.ours);
        turn(&f);
        expect_none(a.theirs);
        for (unsigned i = 1; i < 6; i += 2)
                expect(b.theirs, i);
        expect_none(b.theirs);
        fixture_done(&f);
        pair_done(&a);
        pair_done(&b);
}
END_TEST

/* The first datagram makes the kernel refuse the second, without a reason; a single one is refused with it. */
START_TEST(failure_is_reported) {
        unsigned n = _i == 0 ? 3 : 1;
        Pair a = pair_new(), b = pair_new();
        Fixture f;

        fixture_init(&f);
        ck_assert_int_eq(close(a.theirs), 0);
        if (n == 1)
                ck_assert_int_eq(send(a.ours, "x", 1, 0), 1);
        for (unsigned i = 0; i < n; i++)
                give(&f, a.ours, i);
        give(&f, b.ours, 7);
        while (f.n_failed == 0)
                ck_assert_int_gt(sd_event_run(f.event, WAIT_USEC), 0);
        ck_assert(f.failed_fd == a.ours && f.failed_owner == &f);
        ck_assert_int_eq(f.error, ECONNREFUSED);
        expect(b.theirs, 7);
        turn(&f);
        ck_assert_uint_eq(f.n_failed, 1);

        give(&f, b.ours, 8); /* later ones are kept again */
        expect_none(b.theirs);
        turn(&f);
        expect(b.theirs, 8);
        fixture_done(&f);
        (void) close(a.ours);
        pair_done(&b);
}
END_TEST

static void on_failed_ignored(int fd _unused_, void *owner _unused_, void *userdata) {
        (*(unsigned *) userdata)++;
}

/* Even if nobody reads, a failure is reported once. A socket that has been closed has none. */
START_TEST(failure_is_reported_once) {
        Pair a = pair_new(), b = pair_new();
        unsigned n_failed = 0;
        Fixture f = {};

        ck_assert_int_eq(sd_event_new(&f.event), 0);
        ck_assert_int_eq(upstream_batch_new(f.event, on_failed_ignored, &n_failed, &f.batch), 0);
        ck_assert_int_eq(close(a.theirs), 0);
        ck_assert_int_eq(close(b.theirs), 0);
        for (unsigned i = 0; i < UPSTREAM_BATCH; i++)
                give(&f, i < 2 ? a.ours : b.ours, i);
        ck_assert(!upstream_batch_is_empty(f.batch));
        give(&f, a.ours, UPSTREAM_BATCH); /* the batch is full, and fails */
        ck_assert(upstream_batch_is_empty(f.batch));
        upstream_batch_forget(f.batch, b.ours);
        turn(&f);
        turn(&f);
        ck_assert_uint_eq(n_failed, 1);
        fixture_done(&f);
        (void) close(a.ours);
        (void) close(b.ours);
}
END_TEST

START_TEST(received_in_order) {
        enum { N = 40 };
        Pair a = pair_new(), b = pair_new();
        char text[16], buf[64];
        Fixture f;

        fixture_init(&f);
        for (unsigned i = 0; i < N; i++) {
                (void) snprintf(text, sizeof(text), "datagram %u", i);
                ck_assert_int_gt(send(a.theirs, text, strlen(text), 0), 0);
        }
        for (unsigned i = 0; i < N; i++) {
                ssize_t n = receive(&f, a.ours, buf, sizeof(buf));

                (void) snprintf(text, sizeof(text), "datagram %u", i);
                ck_assert_int_eq(n, (ssize_t) strlen(text));
                ck_assert_int_eq(memcmp(buf, text, (size_t) n), 0);
        }
        ck_assert_int_eq(receive(&f, a.ours, buf, sizeof(buf)), -1);
        ck_assert_int_eq(errno, EAGAIN);

        /* later ones are found, on this socket and on another */
        ck_assert_int_eq(send(a.theirs, "later", 5, 0), 5);
        ck_assert_int_eq(send(b.theirs, "other", 5, 0), 5);
        ck_assert_int_eq(receive(&f, a.ours, buf, 3), 3); /* cut short */
        ck_assert_int_eq(memcmp(buf, "lat", 3), 0);
        ck_assert_int_eq(receive(&f, a.ours, buf, sizeof(buf)), -1);
        ck_assert_int_eq(receive(&f, b.ours, buf, sizeof(buf)), 5);
        ck_assert_int_eq(memcmp(buf, "other", 5), 0);

        /* what was read from a closed socket is nobody's */
        ck_assert_int_eq(send(a.theirs, "one", 3, 0), 3);
        ck_assert_int_eq(send(a.theirs, "two", 3, 0), 3);
        ck_assert_int_eq(receive(&f, a.ours, buf, sizeof(buf)), 3);
        upstream_batch_forget(f.batch, a.ours);
        ck_assert_int_eq(receive(&f, a.ours, buf, sizeof(buf)), -1);
        ck_assert_int_eq(errno, EAGAIN);
        fixture_done(&f);
        pair_done(&a);
        pair_done(&b);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("upstream-batch");
        TCase *tc = tcase_create("batch");

        tcase_add_test(tc, sent_at_the_end_of_the_turn);
        tcase_add_test(tc, many);
        tcase_add_test(tc, large_one_is_sent_at_once);
        tcase_add_test(tc, closed_socket_is_forgotten);
        tcase_add_loop_test(tc, failure_is_reported, 0, 2);
        tcase_add_test(tc, failure_is_reported_once);
        tcase_add_test(tc, received_in_order);
        suite_add_tcase(s, tc);
        return s;
}

#include "check-main.h"
