/* SPDX-License-Identifier: Apache-2.0 */
/* The DNS server sockets on loopback, in a real loop. */

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <string.h>

#include "basic/macro.h"
#include "net/dns-stub.h"
#include "open-files.h"
#include "own-network.h"

#define HELD_MAX (DNS_STUB_CLIENTS_MAX + 8)
#define KEPT (DNS_STUB_CLIENTS_TCP_MAX / 4)
#define WAIT_USEC (10 * USEC_PER_SEC) /* never reached unless something is broken */

typedef struct Fixture {
        sd_event *event;
        DnsStub *stub;
        uint16_t port4, port6;
        bool hold; /* else the query is sent back at once */
        bool hold_h; /* queries that begin with h are held; others release all held ones first */
        size_t n_queries;
        size_t n_crowded;
        int64_t crowded_group; /* the last */
        size_t crowded_n;
        size_t n_held;
        DnsClient *held[HELD_MAX];
} Fixture;

static void release(Fixture *f) {
        for (size_t i = 0; i < f->n_held; i++)
                dns_client_reply(f->held[i], (const uint8_t *) "late", 4);
        f->n_held = 0;
}

static void on_query(DnsStub *stub, DnsClient *client, const uint8_t *data, size_t size, void *userdata) {
        Fixture *f = userdata;

        ck_assert_ptr_eq(stub, f->stub);
        f->n_queries++;
        if (f->hold_h && data[0] != 'h')
                release(f);
        if (!f->hold && (!f->hold_h || data[0] != 'h')) {
                dns_client_reply(client, data, size);
                return;
        }
        ck_assert_uint_lt(f->n_held, HELD_MAX);
        f->held[f->n_held++] = client;
}

/* 0: a machine without this family. */
static uint16_t listen_free(DnsStub *stub, int family) {
        DnsEndpoint e;
        int fds[2];

        if (dns_endpoint_bind_free(family, fds) < 0)
                return 0;
        ck_assert_int_eq(dns_endpoint_of_socket(fds[0], &e), 0);
        ck_assert_int_eq(dns_stub_add_udp(stub, fds[0]), 0);
        ck_assert_int_eq(dns_stub_add_tcp(stub, fds[1]), 0);
        return e.port;
}

static Fixture *fixture_new(bool hold) {
        Fixture *f = calloc(1, sizeof(*f));

        ck_assert_ptr_nonnull(f);
        f->hold = hold;
        ck_assert_int_eq(sd_event_new(&f->event), 0);
        ck_assert_int_eq(dns_stub_new(f->event, on_query, f, &f->stub), 0);
        f->port4 = listen_free(f->stub, AF_INET);
        f->port6 = listen_free(f->stub, AF_INET6);
        ck_assert_uint_ne(f->port4, 0);
        return f;
}

static void fixture_free(Fixture *f) {
        dns_stub_free(f->stub);
        sd_event_unref(f->event);
        free(f);
}

/* Handles all that is ready: what was sent on loopback is. */
static void settle(Fixture *f) {
        while (sd_event_run(f->event, 0) > 0)
                ;
}

static int client_socket(int family, int type, uint16_t port) {
        struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(port),
                                    .sin6_addr = IN6ADDR_LOOPBACK_INIT };
        int fd = socket(family, type | SOCK_CLOEXEC, 0);

        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(connect(fd, family == AF_INET ? (struct sockaddr *) &in : (struct sockaddr *) &in6,
                                 family == AF_INET ? sizeof(in) : sizeof(in6)),
                         0);
        return fd;
}

static void expect(int fd, const char *text, size_t size) {
        char buf[256];

        ck_assert_int_eq(recv(fd, buf, sizeof(buf), MSG_DONTWAIT), (ssize_t) size);
        ck_assert_mem_eq(buf, text, size);
}

static void local_port(int fd, uint16_t *ret) {
        struct sockaddr_storage ss;
        socklen_t length = sizeof(ss);
        InAddr addr;

        ck_assert_int_eq(getsockname(fd, (struct sockaddr *) &ss, &length), 0);
        ck_assert_int_eq(in_addr_from_sockaddr((struct sockaddr *) &ss, &addr, ret), 0);
}

static const struct {
        int family, type;
        const char *sent;
        size_t size;
        const char *loopback;
} peer_cases[] = {
        { AF_INET, SOCK_DGRAM, "hello", 5, "127.0.0.1" },
        { AF_INET6, SOCK_DGRAM, "hello", 5, "::1" },
        { AF_INET, SOCK_STREAM, "\0\5hello", 7, "127.0.0.1" },
        { AF_INET6, SOCK_STREAM, "\0\5hello", 7, "::1" },
};

START_TEST(reply_and_peer) {
        Fixture *f = fixture_new(true);
        uint16_t port = peer_cases[_i].family == AF_INET ? f->port4 : f->port6;

        if (port == 0) { /* no IPv6 here */
                fixture_free(f);
                return;
        }

        int fd = client_socket(peer_cases[_i].family, peer_cases[_i].type, port);
        ck_assert_int_eq(send(fd, peer_cases[_i].sent, peer_cases[_i].size, 0), (ssize_t) peer_cases[_i].size);
        settle(f);
        ck_assert_uint_eq(f->n_held, 1);
        ck_assert_int_eq(dns_client_is_tcp(f->held[0]), peer_cases[_i].type == SOCK_STREAM);

        InAddr addr, wanted;
        uint16_t peer_port, own_port;
        dns_client_peer(f->held[0], &addr, &peer_port);
        local_port(fd, &own_port);
        ck_assert_int_eq(in_addr_parse(peer_cases[_i].loopback, &wanted), 0);
        ck_assert(in_addr_equal(&addr, &wanted));
        ck_assert_uint_eq(peer_port, own_port);

        dns_client_reply(f->held[0], (const uint8_t *) "hello", 5);
        settle(f);
        expect(fd, peer_cases[_i].sent, peer_cases[_i].size);
        (void) close(fd);
        fixture_free(f);
}
END_TEST

START_TEST(udp_burst) {
        Fixture *f = fixture_new(false);
        int fd = client_socket(AF_INET, SOCK_DGRAM, f->port4);

        for (unsigned i = 0; i < 100; i++)
                ck_assert_int_eq(send(fd, "q", 1, 0), 1);
        settle(f);
        ck_assert_uint_eq(f->n_queries, 100);
        for (unsigned i = 0; i < 100; i++)
                expect(fd, "q", 1);
        ck_assert_uint_eq(dns_stub_stats(f->stub)->udp_queries, 100);
        (void) close(fd);
        fixture_free(f);
}
END_TEST

/* A socket of our own, to break it. */
static int add_udp(Fixture *f, uint16_t *ret_port) {
        struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(bind(fd, (struct sockaddr *) &in, sizeof(in)), 0);
        local_port(fd, ret_port);
        ck_assert_int_eq(dns_stub_add_udp(f->stub, fd), 0);
        return fd;
}

static void expect_nothing(int fd) {
        char c;

        ck_assert_int_eq(recv(fd, &c, 1, MSG_DONTWAIT), -1);
        ck_assert_int_eq(errno, EAGAIN);
}

#define CROWD 40 /* more than one batch */

START_TEST(udp_batch_each_gets_its_own) {
        Fixture *f = fixture_new(false);
        int families[] = { AF_INET, f->port6 != 0 ? AF_INET6 : AF_INET };
        int fds[CROWD];
        char text[CROWD];

        memset(text, 'x', sizeof(text));
        for (size_t i = 0; i < CROWD; i++) {
                int family = families[i % 2];
                fds[i] = client_socket(family, SOCK_DGRAM, family == AF_INET ? f->port4 : f->port6);
                ck_assert_int_eq(send(fds[i], text, i + 1, 0), (ssize_t) i + 1);
        }
        settle(f);
        for (size_t i = 0; i < CROWD; i++) {
                expect(fds[i], text, i + 1);
                expect_nothing(fds[i]);
                (void) close(fds[i]);
        }
        ck_assert_uint_eq(dns_stub_stats(f->stub)->dropped, 0);
        fixture_free(f);
}
END_TEST

START_TEST(udp_batch_mixed) {
        Fixture *f = fixture_new(false);
        int late = client_socket(AF_INET, SOCK_DGRAM, f->port4);
        int at_once = client_socket(AF_INET, SOCK_DGRAM, f->port4);
        int other = client_socket(AF_INET, SOCK_STREAM, f->port4);

        f->hold_h = true;
        for (size_t i = 0; i < CROWD; i++)
                ck_assert_int_eq(send(late, "h", 1, 0), 1);
        ck_assert_int_eq(send(other, "\0\1h", 3, 0), 3);
        settle(f);
        ck_assert_uint_eq(f->n_held, CROWD + 1);

        /* In one batch: more replies than it has queries, and of another kind. */
        for (size_t i = 0; i < 3; i++)
                ck_assert_int_eq(send(at_once, "q", 1, 0), 1);
        ck_assert_int_eq(send(late, "h", 1, 0), 1);
        settle(f);
        for (size_t i = 0; i < CROWD; i++)
                expect(late, "late", 4);
        for (size_t i = 0; i < 3; i++)
                expect(at_once, "q", 1);
        expect(other, "\0\4late", 6);
        expect_nothing(late);

        ck_assert_uint_eq(f->n_held, 1);
        release(f); /* outside of a batch: when nothing else is to be done */
        expect_nothing(late);
        settle(f);
        expect(late, "late", 4);
        ck_assert_uint_eq(dns_stub_stats(f->stub)->dropped, 0);
        (void) close(late);
        (void) close(at_once);
        (void) close(other);
        fixture_free(f);
}
END_TEST

static int on_always(sd_event_source *source _unused_, void *userdata) {
        unsigned *n = userdata;

        return ++*n > 1000 ? -ELOOP : 0;
}

START_TEST(late_reply_beside_endless_events) {
        Fixture *f = fixture_new(false);
        int fd = client_socket(AF_INET, SOCK_DGRAM, f->port4);
        sd_event_source *always;
        char buf[16];
        unsigned n = 0;

        f->hold_h = true;
        ck_assert_int_eq(send(fd, "h", 1, 0), 1);
        settle(f);
        ck_assert_int_eq(sd_event_add_defer(f->event, &always, on_always, &n), 0);
        ck_assert_int_eq(sd_event_source_set_enabled(always, SD_EVENT_ON), 0);
        release(f);
        while (recv(fd, buf, sizeof(buf), MSG_DONTWAIT) < 0)
                ck_assert_int_gt(sd_event_run(f->event, 0), 0);
        ck_assert_uint_le(n, 100);
        sd_event_source_disable_unref(always);
        (void) close(fd);
        fixture_free(f);
}
END_TEST

START_TEST(late_replies_of_two_sockets) {
        Fixture *f = fixture_new(false);
        uint16_t port;
        (void) add_udp(f, &port);
        int first = client_socket(AF_INET, SOCK_DGRAM, f->port4), second = client_socket(AF_INET, SOCK_DGRAM, port);

        f->hold_h = true;
        for (size_t i = 0; i < 3; i++) { /* alternately */
                ck_assert_int_eq(send(first, "h", 1, 0), 1);
                settle(f);
                ck_assert_int_eq(send(second, "h", 1, 0), 1);
                settle(f);
        }
        ck_assert_uint_eq(f->n_held, 6);
        release(f);
        f->stub = dns_stub_free(f->stub); /* nothing that was answered is lost */
        for (size_t i = 0; i < 3; i++) {
                expect(first, "late", 4);
                expect(second, "late", 4);
        }
        (void) close(first);
        (void) close(second);
        fixture_free(f);
}
END_TEST

/* With IP_RECVERR the refusal of one peer's host fails the next send to any: sendmmsg() stops in the middle. */
START_TEST(udp_batch_has_a_number) {
        Fixture *f = fixture_new(true);
        int a = client_socket(AF_INET, SOCK_DGRAM, f->port4), b = client_socket(AF_INET, SOCK_DGRAM, f->port4);
        int tcp = client_socket(AF_INET, SOCK_STREAM, f->port4);

        for (unsigned i = 0; i < 2; i++) {
                ck_assert_int_eq(send(a, "query", 5, 0), 5);
                ck_assert_int_eq(send(b, "query", 5, 0), 5);
                settle(f);
        }
        ck_assert_int_eq(send(tcp, "\0\5query", 7, 0), 7);
        while (f->n_held < 5)
                settle(f);
        uint64_t first = dns_client_batch(f->held[0]), second = dns_client_batch(f->held[2]);
        ck_assert(first != 0 && second != 0 && first != second);
        ck_assert(dns_client_batch(f->held[1]) == first && dns_client_batch(f->held[3]) == second);
        ck_assert_uint_eq(dns_client_batch(f->held[4]), 0);
        release(f);
        (void) close(a);
        (void) close(b);
        (void) close(tcp);
        fixture_free(f);
}
END_TEST

START_TEST(udp_batch_vanished_client) {
        Fixture *f = fixture_new(false);
        uint16_t port;
        int server = add_udp(f, &port);
        int gone = client_socket(AF_INET, SOCK_DGRAM, port);
        int fd = client_socket(AF_INET, SOCK_DGRAM, port);

        ck_assert_int_eq(setsockopt(server, IPPROTO_IP, IP_RECVERR, &(int) { 1 }, sizeof(int)), 0);
        ck_assert_int_eq(send(gone, "q", 1, 0), 1);
        (void) close(gone);
        for (size_t i = 1; i < CROWD; i++)
                ck_assert_int_eq(send(fd, "q", 1, 0), 1);
        while (f->n_queries < CROWD) /* the error queue, which nobody reads, keeps the socket ready */
                ck_assert_int_gt(sd_event_run(f->event, WAIT_USEC), 0);
        for (size_t i = 1; i < CROWD; i++)
                expect(fd, "q", 1);
        ck_assert_uint_eq(dns_stub_stats(f->stub)->dropped, 0);
        (void) close(fd);
        fixture_free(f);
}
END_TEST

START_TEST(udp_batch_counts_what_fails) {
        Fixture *f = fixture_new(false);
        uint16_t port;
        int server = add_udp(f, &port);
        int fd = client_socket(AF_INET, SOCK_DGRAM, port);

        (void) shutdown(server, SHUT_WR); /* takes effect, though it says ENOTCONN */
        for (size_t i = 0; i < CROWD; i++)
                ck_assert_int_eq(send(fd, "q", 1, 0), 1);
        settle(f);
        ck_assert_uint_eq(f->n_queries, CROWD);
        ck_assert_uint_eq(dns_stub_stats(f->stub)->dropped, CROWD);
        expect_nothing(fd);
        (void) close(fd);
        fixture_free(f);
}
END_TEST

START_TEST(udp_batch_long_replies) {
        static const size_t sizes[] = { 12, 1232, 1233, DNS_STUB_UDP_SIZE_MAX, 13 };
        Fixture *f = fixture_new(false);
        char data[DNS_STUB_UDP_SIZE_MAX], buf[DNS_STUB_UDP_SIZE_MAX + 1];
        int fds[ELEMENTSOF(sizes)];

        for (size_t i = 0; i < ELEMENTSOF(sizes); i++) {
                fds[i] = client_socket(AF_INET, SOCK_DGRAM, f->port4);
                memset(data, (int) i, sizes[i]);
                ck_assert_int_eq(send(fds[i], data, sizes[i], 0), (ssize_t) sizes[i]);
        }
        settle(f);
        for (size_t i = 0; i < ELEMENTSOF(sizes); i++) {
                ck_assert_int_eq(recv(fds[i], buf, sizeof(buf), MSG_DONTWAIT), (ssize_t) sizes[i]);
                memset(data, (int) i, sizes[i]);
                ck_assert_mem_eq(buf, data, sizes[i]);
                (void) close(fds[i]);
        }
        ck_assert_uint_eq(dns_stub_stats(f->stub)->dropped, 0);
        fixture_free(f);
}
END_TEST

START_TEST(udp_size_limit) {
        static const char data[DNS_STUB_UDP_SIZE_MAX + 1];
        Fixture *f = fixture_new(true);
        int fd = client_socket(AF_INET, SOCK_DGRAM, f->port4);

        ck_assert_int_eq(send(fd, data, sizeof(data), 0), (ssize_t) sizeof(data));
        settle(f);
        ck_assert_uint_eq(f->n_held, 0);
        ck_assert_uint_eq(dns_stub_stats(f->stub)->oversize, 1);
        ck_assert_int_eq(send(fd, data, sizeof(data) - 1, 0), (ssize_t) sizeof(data) - 1);
        settle(f);
        ck_assert_uint_eq(f->n_held, 1);
        (void) close(fd);
        fixture_free(f);
}
END_TEST

/* More than the socket holds: what was lost is counted once. */
START_TEST(udp_losses) {
        Fixture *f = fixture_new(false);
        int fd = client_socket(AF_INET, SOCK_DGRAM, f->port4);
        const DnsStubStats *stats = dns_stub_stats(f->stub);
        const unsigned n = 20000;

        for (unsigned i = 0; i < 500; i++) {
                ck_assert_int_eq(send(fd, "q", 1, 0), 1);
                if (i % 50 == 0)
                        settle(f);
        }
        settle(f);
        ck_assert_uint_eq(stats->lost, 0);
        for (unsigned i = 0; i < n; i++)
                ck_assert_int_eq(send(fd, "q", 1, 0), 1);
        settle(f);
        ck_assert_uint_gt(stats->lost, 0);
        ck_assert_uint_eq(stats->lost + stats->udp_queries, n + 500);
        (void) close(fd);
        fixture_free(f);
}
END_TEST

START_TEST(clients_limit) {
        Fixture *f = fixture_new(true);
        int fd = client_socket(AF_INET, SOCK_DGRAM, f->port4);

        for (unsigned i = 1; i <= DNS_STUB_CLIENTS_MAX; i++) {
                ck_assert_int_eq(send(fd, "q", 1, 0), 1);
                if (i % 64 == 0) /* what the socket's buffer holds */
                        settle(f);
        }
        settle(f);
        ck_assert_uint_eq(f->n_held, DNS_STUB_CLIENTS_MAX);
        ck_assert_uint_eq(dns_stub_stats(f->stub)->overload, 0);

        int tcp = client_socket(AF_INET, SOCK_STREAM, f->port4);
        ck_assert_int_eq(send(fd, "q", 1, 0), 1);
        ck_assert_int_eq(send(tcp, "\0\1q", 3, 0), 3);
        settle(f);
        ck_assert_uint_eq(f->n_held, DNS_STUB_CLIENTS_MAX);
        ck_assert_uint_eq(dns_stub_stats(f->stub)->overload, 2);

        dns_client_drop(f->held[0]);
        dns_client_reply(f->held[1], (const uint8_t *) "r", 1);
        settle(f);
        expect(fd, "r", 1);
        ck_assert_int_eq(send(fd, "q", 1, 0), 1);
        ck_assert_int_eq(send(tcp, "\0\1q", 3, 0), 3);
        settle(f);
        ck_assert_uint_eq(f->n_held, DNS_STUB_CLIENTS_MAX + 2);
        (void) close(fd);
        (void) close(tcp);
        fixture_free(f); /* with all of them waiting */
}
END_TEST

static int connect_tcp(Fixture *f) {
        uint64_t n = dns_stub_stats(f->stub)->tcp_connections;
        int fd = client_socket(AF_INET, SOCK_STREAM, f->port4);

        while (dns_stub_stats(f->stub)->tcp_connections <= n) /* wake-ups to accept have a rate */
                ck_assert_int_gt(sd_event_run(f->event, WAIT_USEC), 0);
        return fd;
}

/* Who holds all connections without a question keeps nobody out: the oldest goes. */
START_TEST(tcp_idle_connections_make_room) {
        Fixture *f = fixture_new(false);
        int fds[DNS_STUB_CLIENTS_TCP_MAX + 1];
        char c;

        for (size_t i = 0; i < ELEMENTSOF(fds); i++)
                fds[i] = connect_tcp(f);
        ck_assert_uint_eq(dns_stub_stats(f->stub)->tcp_refused, 0);
        ck_assert_uint_eq(dns_stub_stats(f->stub)->tcp_displaced, 1);
        ck_assert_int_eq(recv(fds[0], &c, 1, MSG_DONTWAIT), 0);
        for (size_t i = 1; i < ELEMENTSOF(fds); i++)
                ck_assert_int_eq(send(fds[i], "\0\1q", 3, 0), 3);
        settle(f);
        for (size_t i = 1; i < ELEMENTSOF(fds); i++)
                expect(fds[i], "\0\1q", 3);
        for (size_t i = 0; i < ELEMENTSOF(fds); i++)
                (void) close(fds[i]);
        fixture_free(f);
}
END_TEST

static int64_t group; /* of the next client */

static int64_t next_group(const InAddr *addr, uint16_t port, uint16_t server_port, void *userdata _unused_) {
        ck_assert_uint_eq(addr->b[15], 1);
        ck_assert_uint_ne(port, 0);
        ck_assert_uint_ne(server_port, 0);
        return group;
}

static int ask_slowly(Fixture *f, int64_t of) {
        group = of;
        int fd = connect_tcp(f);
        (void) send(fd, "\0\1q", 3, MSG_NOSIGNAL);
        settle(f);
        return fd;
}

static void on_crowded(int64_t of, size_t n, void *userdata) {
        Fixture *f = userdata;

        f->n_crowded++;
        f->crowded_group = of;
        f->crowded_n = n;
}

static void close_all(int *fds, size_t n) {
        for (size_t i = 0; i < n; i++)
                (void) close(fds[i]);
}

/* Two groups hold all places with questions that take long, and get no more; a third takes some from the greediest. */
START_TEST(tcp_places_of_groups) {
        Fixture *f = fixture_new(true);
        const DnsStubStats *stats = dns_stub_stats(f->stub);
        int fds[DNS_STUB_CLIENTS_TCP_MAX], others[5];
        char c;

        dns_stub_set_groups(f->stub, next_group, on_crowded, KEPT);
        for (size_t i = 0; i < ELEMENTSOF(fds); i++)
                fds[i] = ask_slowly(f, i < ELEMENTSOF(fds) - KEPT ? 1 : 2);
        ck_assert_uint_eq(stats->tcp_refused, 0);
        for (size_t i = 0; i < 2; i++) {
                others[i] = ask_slowly(f, (int64_t) i + 1);
                ck_assert_int_eq(recv(others[i], &c, 1, MSG_DONTWAIT), 0);
                ck_assert_int_eq(f->crowded_group, (int64_t) i + 1);
                ck_assert_uint_eq(f->crowded_n, i == 0 ? ELEMENTSOF(fds) - KEPT : KEPT);
        }
        ck_assert_uint_eq(stats->tcp_refused, 2);
        others[2] = ask_slowly(f, 5);
        others[3] = ask_slowly(f, 0);
        ck_assert_uint_eq(stats->tcp_refused, 2);
        ck_assert_uint_eq(stats->tcp_displaced, 2);
        ck_assert_uint_eq(f->n_crowded, 4);
        ck_assert_int_eq(f->crowded_group, 1);
        others[4] = ask_slowly(f, -EACCES); /* nobody's */
        ck_assert_uint_eq(stats->tcp_refused, 3);
        ck_assert_uint_eq(f->n_crowded, 4);
        ck_assert_uint_eq(f->n_held, DNS_STUB_CLIENTS_TCP_MAX + 2);
        release(f);
        expect(others[2], "\0\4late", 6);
        expect(others[3], "\0\4late", 6);
        expect(fds[2], "\0\4late", 6); /* the first of those left */
        close_all(others, ELEMENTSOF(others));
        close_all(fds, ELEMENTSOF(fds));
        fixture_free(f);
}
END_TEST

/* What is idle goes first, and of a group that has its share only its own: also when others have the rest. */
START_TEST(tcp_idle_of_a_group) {
        Fixture *f = fixture_new(true);
        const DnsStubStats *stats = dns_stub_stats(f->stub);
        int fds[DNS_STUB_CLIENTS_TCP_MAX - KEPT + 1], others[KEPT];
        char c;

        dns_stub_set_groups(f->stub, next_group, on_crowded, KEPT);
        group = 2;
        others[0] = connect_tcp(f);
        group = 1;
        for (size_t i = 0; i < ELEMENTSOF(fds) - 2; i++)
                fds[i] = connect_tcp(f);
        group = 2;
        for (size_t i = 1; i < ELEMENTSOF(others); i++)
                others[i] = connect_tcp(f);
        group = 1;
        for (size_t i = ELEMENTSOF(fds) - 2; i < ELEMENTSOF(fds); i++)
                fds[i] = connect_tcp(f);
        ck_assert_uint_eq(stats->tcp_displaced, 2);
        ck_assert_uint_eq(stats->tcp_refused, 0);
        ck_assert_uint_eq(f->n_crowded, 0);
        ck_assert_int_eq(recv(fds[0], &c, 1, MSG_DONTWAIT), 0);
        ck_assert_int_eq(recv(fds[1], &c, 1, MSG_DONTWAIT), 0);
        for (size_t i = 0; i < ELEMENTSOF(others); i++)
                ck_assert_int_lt(recv(others[i], &c, 1, MSG_DONTWAIT), 0);
        close_all(others, ELEMENTSOF(others));
        close_all(fds, ELEMENTSOF(fds));
        fixture_free(f);
}
END_TEST

START_TEST(tcp_connections_limit) {
        Fixture *f = fixture_new(true);
        int fds[DNS_STUB_CLIENTS_TCP_MAX + 1];
        char c;

        for (size_t i = 0; i < DNS_STUB_CLIENTS_TCP_MAX; i++) {
                fds[i] = connect_tcp(f);
                ck_assert_int_eq(send(fds[i], "\0\1q", 3, 0), 3);
                settle(f);
        }
        ck_assert_uint_eq(f->n_held, DNS_STUB_CLIENTS_TCP_MAX);
        fds[DNS_STUB_CLIENTS_TCP_MAX] = connect_tcp(f);
        ck_assert_uint_eq(dns_stub_stats(f->stub)->tcp_refused, 1);
        ck_assert_uint_eq(dns_stub_stats(f->stub)->tcp_displaced, 0);
        ck_assert_int_eq(recv(fds[DNS_STUB_CLIENTS_TCP_MAX], &c, 1, MSG_DONTWAIT), 0);
        release(f);
        for (size_t i = 0; i < DNS_STUB_CLIENTS_TCP_MAX; i++)
                expect(fds[i], "\0\4late", 6);

        (void) close(fds[0]);
        settle(f);
        f->hold = false;
        fds[0] = connect_tcp(f);
        ck_assert_int_eq(send(fds[0], "\0\1r", 3, 0), 3);
        settle(f);
        expect(fds[0], "\0\1r", 3);
        ck_assert_uint_eq(dns_stub_stats(f->stub)->tcp_refused, 1);

        for (size_t i = 0; i < ELEMENTSOF(fds); i++)
                (void) close(fds[i]);
        fixture_free(f);
}
END_TEST

START_TEST(tcp_pipeline_limit) {
        Fixture *f = fixture_new(true);
        int fd = client_socket(AF_INET, SOCK_STREAM, f->port4);

        for (unsigned i = 0; i <= DNS_STUB_PIPELINE_MAX; i++)
                ck_assert_int_eq(send(fd, "\0\1q", 3, 0), 3);
        settle(f);
        ck_assert_uint_eq(f->n_held, DNS_STUB_PIPELINE_MAX);
        dns_client_drop(f->held[5]);
        settle(f);
        ck_assert_uint_eq(f->n_held, DNS_STUB_PIPELINE_MAX + 1);
        (void) close(fd);
        fixture_free(f);
}
END_TEST

START_TEST(tcp_vanished_client) {
        static const struct linger reset = { .l_onoff = 1 };
        Fixture *f = fixture_new(true);
        int fd = client_socket(AF_INET, SOCK_STREAM, f->port4);
        InAddr addr;
        uint16_t port;

        ck_assert_int_eq(send(fd, "\0\1a\0\1b", 6, 0), 6);
        settle(f);
        ck_assert_uint_eq(f->n_held, 2);
        ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)), 0);
        (void) close(fd);
        settle(f);

        ck_assert(dns_client_is_tcp(f->held[0]));
        dns_client_peer(f->held[0], &addr, &port);
        ck_assert(in_addr_is_v4(&addr));
        dns_client_reply(f->held[0], (const uint8_t *) "A", 1);
        dns_client_drop(f->held[1]);
        ck_assert_uint_eq(dns_stub_stats(f->stub)->dropped, 1);
        settle(f);
        fixture_free(f);
}
END_TEST

START_TEST(ports_are_ours_alone) {
        static const int options[] = { 0, SO_REUSEADDR, SO_REUSEPORT };
        static const uint32_t addresses[] = { INADDR_LOOPBACK, INADDR_ANY };
        Fixture *f = fixture_new(false);

        for (size_t i = 0; i < ELEMENTSOF(options); i++)
                for (size_t k = 0; k < ELEMENTSOF(addresses); k++)
                        for (int type = SOCK_STREAM; type <= SOCK_DGRAM; type++) {
                                struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(f->port4),
                                                          .sin_addr.s_addr = htonl(addresses[k]) };
                                int fd = socket(AF_INET, type, 0);
                                if (options[i] != 0)
                                        ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, options[i], &(int) { 1 }, 4), 0);
                                ck_assert_int_eq(bind(fd, (struct sockaddr *) &in, sizeof(in)), -1);
                                ck_assert_int_eq(errno, EADDRINUSE);
                                (void) close(fd);
                        }
        fixture_free(f);
}
END_TEST

START_TEST(two_stubs_side_by_side) {
        Fixture *a = fixture_new(false), *b = fixture_new(false);

        ck_assert_uint_ne(a->port4, b->port4);
        fixture_free(a);
        fixture_free(b);
}
END_TEST

/* A new network namespace, where lo is down. */
static void bind_without_loopback(int i _unused_) {
        int fds[2];

        CHECK(dns_endpoint_bind_free(AF_INET, fds) == -ENETUNREACH);
}

START_TEST(no_loopback) {
        run_in_own_network(bind_without_loopback, 0, false);
}
END_TEST

START_TEST(add_refuses_other_families) {
        Fixture *f = fixture_new(false);
        int fds[2];

        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_DGRAM, 0, fds), 0);
        ck_assert_int_eq(dns_stub_add_udp(f->stub, fds[0]), -EAFNOSUPPORT);
        ck_assert_int_eq(dns_stub_add_tcp(f->stub, fds[1]), -EAFNOSUPPORT);
        fixture_free(f);
}
END_TEST

START_TEST(nothing_is_left) {
        unsigned before = count_fds();
        Fixture *f = fixture_new(true);
        int udp = client_socket(AF_INET, SOCK_DGRAM, f->port4);
        int tcp = client_socket(AF_INET, SOCK_STREAM, f->port4);

        ck_assert_int_eq(send(udp, "q", 1, 0), 1);
        ck_assert_int_eq(send(tcp, "\0\1q\0", 4, 0), 4);
        settle(f);
        ck_assert_uint_eq(f->n_held, 2);
        fixture_free(f);
        (void) close(udp);
        (void) close(tcp);
        ck_assert_uint_eq(count_fds(), before);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("dns-stub");
        TCase *tc = tcase_create("loopback");

        tcase_set_timeout(tc, 60);
        tcase_add_loop_test(tc, reply_and_peer, 0, ELEMENTSOF(peer_cases));
        tcase_add_test(tc, udp_burst);
        tcase_add_test(tc, udp_batch_each_gets_its_own);
        tcase_add_test(tc, udp_batch_mixed);
        tcase_add_test(tc, late_reply_beside_endless_events);
        tcase_add_test(tc, late_replies_of_two_sockets);
        tcase_add_test(tc, udp_batch_has_a_number);
        tcase_add_test(tc, udp_batch_vanished_client);
        tcase_add_test(tc, udp_batch_counts_what_fails);
        tcase_add_test(tc, udp_batch_long_replies);
        tcase_add_test(tc, udp_size_limit);
        tcase_add_test(tc, udp_losses);
        tcase_add_test(tc, clients_limit);
        tcase_add_test(tc, tcp_connections_limit);
        tcase_add_test(tc, tcp_places_of_groups);
        tcase_add_test(tc, tcp_idle_of_a_group);
        tcase_add_test(tc, tcp_idle_connections_make_room);
        tcase_add_test(tc, tcp_pipeline_limit);
        tcase_add_test(tc, tcp_vanished_client);
        tcase_add_test(tc, ports_are_ours_alone);
        tcase_add_test(tc, two_stubs_side_by_side);
        tcase_add_test(tc, no_loopback);
        tcase_add_test(tc, add_refuses_other_families);
        tcase_add_test(tc, nothing_is_left);
        suite_add_tcase(s, tc);
        return s;
}

#include "check-main.h"
