/* SPDX-License-Identifier: Apache-2.0 */

/* What passes though no rule names it: answers to those who came from outside, and connections that are older than the
 * service. Attached programs, real cgroups, real sockets. Exit status 77 without the rights to make them. */

#include "scope-lab.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>

#include "kernel/flow-table.h"

#define PEER_PORT 40000
#define REQUESTS 5 /* see request_that_is_answered */

/* A policy that refuses everything, and the process in a cgroup it judges. */
static void lab_begin(Lab *l, uint8_t flags) {
        lab_init(l);
        lab_load_all(l);
        lab_set_policy(l, LAB_HOST, ACTION_DENY, NULL, MODE_ENFORCE, flags);
        lab_attach(l);
        (void) lab_cgroup(l, "server");
        lab_enter(l, "server");
}

static int server_new(const Lab *l, int family, int type) {
        int fd = lab_socket(l, false, lab_family[family], type);

        lab_bind(fd, lab_inside[family], LAB_PORT);
        return fd;
}

static void bind_only(int fd, const char *addr, uint16_t port) {
        struct sockaddr_storage sa;
        InAddr a;

        ck_assert_int_eq(in_addr_parse(addr, &a), 0);
        socklen_t length = in_addr_to_sockaddr(&a, port, &sa);
        ck_assert_int_eq(bind(fd, (struct sockaddr *) &sa, length), 0);
}

/* Outside, at a known port. What a peer does, it does from a cgroup that nobody judges. */
static int peer_new(Lab *l, const char *addr, int family, int type, uint16_t port) {
        lab_enter(l, NULL);
        int fd = lab_socket(l, true, lab_family[family], type);
        bind_only(fd, addr, port);
        lab_enter(l, "server");
        return fd;
}

static void peer_connect(Lab *l, int fd, int family) {
        lab_enter(l, NULL);
        ck_assert_int_eq(lab_connect(fd, lab_inside[family], LAB_PORT), -EINPROGRESS);
        lab_enter(l, "server");
}

static void peer_send(Lab *l, int fd, const char *text, int family) {
        lab_enter(l, NULL);
        ck_assert_int_eq(lab_send(fd, text, lab_inside[family], LAB_PORT), 0);
        lab_enter(l, "server");
}

static int witness_new(Lab *l, int family) {
        lab_enter(l, NULL);
        int fd = lab_witness(l, lab_family[family]);
        lab_enter(l, "server");
        return fd;
}

/* ------------------------------------------------------------------ TCP */

/* _i: family, and from 2 on the listener goes as soon as it has accepted, before the first answer is sent */
START_TEST(accepted_connection_is_answered) {
        Lab l = { .few_rights = true };
        int family = _i % 2;

        lab_begin(&l, CW_LAYER_INBOUND);
        int listener = server_new(&l, family, SOCK_STREAM);
        int peer = peer_new(&l, lab_outside[family], family, SOCK_STREAM, PEER_PORT);
        peer_connect(&l, peer, family);
        int accepted = lab_accept(listener);
        if (_i >= 2)
                (void) close(listener);
        ck_assert(lab_wait(peer, POLLOUT));
        ck_assert_int_eq(lab_error(peer), 0);
        ck_assert_int_eq(lab_send(peer, "question", NULL, 0), 0);
        lab_expect(accepted, "question");
        ck_assert_int_eq(lab_send(accepted, "answer", NULL, 0), 0);
        lab_expect(peer, "answer");
        ck_assert_uint_eq(lab_count(&l, CW_COUNT_DENIED), 0);

        /* It continues under the next policy of the kind, and ends with one without that flag, which is reported. */
        lab_set_policy(&l, LAB_HOST, ACTION_DENY, NULL, MODE_ENFORCE, CW_LAYER_INBOUND);
        ck_assert_int_eq(lab_send(accepted, "more", NULL, 0), 0);
        lab_expect(peer, "more");
        ck_assert_uint_eq(lab_count(&l, CW_COUNT_DENIED), 0);
        uint64_t judged = lab_count(&l, CW_COUNT_PACKETS);
        lab_set_policy(&l, LAB_HOST, ACTION_DENY, NULL, MODE_ENFORCE, 0);
        (void) lab_send(accepted, "late", NULL, 0);
        ck_assert(lab_wait_count(&l, CW_COUNT_PACKETS, judged + 1));
        lab_expect_nothing(peer);
        ck_assert_uint_eq(lab_count(&l, CW_COUNT_DENIED), 1);
        (void) close(accepted);
        (void) close(peer);
        if (_i < 2)
                (void) close(listener);
        lab_done(&l);
}
END_TEST

/* All requests to listeners of this namespace, not only when a queue is full. Also for IPv6. */
static void answer_with_cookies(void) {
        _cleanup_close_ int fd = open("/proc/sys/net/ipv4/tcp_syncookies", O_WRONLY | O_CLOEXEC);

        ck_assert_int_eq(write(fd, "2", 1), 1);
}

/* The request itself is refused, before there is an answer to it. _i: family; from 2 on the kernel would answer with a SYN
 * cookie, which is the packet of no socket */
START_TEST(connection_without_the_flag_is_not_answered) {
        Lab l = {};
        int family = _i % 2;

        lab_begin(&l, 0);
        if (_i >= 2)
                answer_with_cookies();
        int listener = server_new(&l, family, SOCK_STREAM);
        int peer = peer_new(&l, lab_outside[family], family, SOCK_STREAM, PEER_PORT);
        int witness = witness_new(&l, family);
        peer_connect(&l, peer, family);
        ck_assert(lab_wait_count(&l, CW_COUNT_DENIED, 1));
        lab_expect_nothing(witness);
        ck_assert_int_lt(accept(listener, NULL, NULL), 0);
        ck_assert_uint_eq(lab_count(&l, CW_COUNT_PACKETS), 0); /* none to judge */
        (void) close(witness);
        (void) close(peer);
        (void) close(listener);
        lab_done(&l);
}
END_TEST

/* Who may be reached may ask, and in audit mode, without a judging scope or with the flag anybody. _i: which of them, and
 * with SYN cookies from REQUESTS on */
START_TEST(request_that_is_answered) {
        static const struct {
                Action action;
                bool exception; /* the peer's network */
                Mode mode;
                uint8_t flags;
        } policies[REQUESTS] = {
                { ACTION_DENY, true, MODE_ENFORCE, 0 },
                { ACTION_DENY, false, MODE_AUDIT, 0 },
                { ACTION_DENY, false, MODE_OFF, 0 },
                { ACTION_DENY, false, MODE_ENFORCE, CW_LAYER_INBOUND },
                { ACTION_ALLOW, false, MODE_ENFORCE, 0 },
        };
        int which = _i % REQUESTS, family = which % 2;
        Lab l = {};

        lab_begin(&l, 0);
        lab_set_policy(&l, LAB_HOST, policies[which].action,
                       policies[which].exception ? lab_outside_net[family] : NULL, policies[which].mode,
                       policies[which].flags);
        if (_i >= REQUESTS)
                answer_with_cookies();
        int listener = server_new(&l, family, SOCK_STREAM);
        int peer = peer_new(&l, lab_outside[family], family, SOCK_STREAM, PEER_PORT);
        peer_connect(&l, peer, family);
        int accepted = lab_accept(listener);
        ck_assert_int_eq(lab_send(accepted, "answer", NULL, 0), 0);
        lab_expect(peer, "answer");
        (void) close(accepted);
        (void) close(peer);
        (void) close(listener);
        lab_done(&l);
}
END_TEST

/* To an address of its own, which no policy has to name. _i: family; from 2 on the loopback address */
START_TEST(request_from_here_is_answered) {
        const char *const loopback[2] = { "127.0.0.1", "::1" };
        int family = _i % 2;
        const char *addr = _i < 2 ? lab_inside[family] : loopback[family];
        Lab l = {};
        InAddr own;

        lab_begin(&l, 0);
        ck_assert_int_eq(in_addr_parse(lab_inside[family], &own), 0);
        ck_assert_int_eq(policy_maps_set_local(l.maps, &own, true), 0);
        int listener = lab_socket(&l, false, lab_family[family], SOCK_STREAM);
        lab_bind(listener, addr, LAB_PORT);
        int fd = lab_socket(&l, false, lab_family[family], SOCK_STREAM);
        ck_assert_int_eq(lab_connect(fd, addr, LAB_PORT), -EINPROGRESS);
        int accepted = lab_accept(listener);
        ck_assert_int_eq(lab_send(accepted, "answer", NULL, 0), 0);
        lab_expect(fd, "answer");
        ck_assert_uint_eq(lab_count(&l, CW_COUNT_DENIED), 0);
        (void) close(accepted);
        (void) close(fd);
        (void) close(listener);
        lab_done(&l);
}
END_TEST

/* Somebody outside who may come in may not be called: not from another socket, and not from the port that is served. */
START_TEST(peer_may_not_be_called_back) {
        Lab l = {};
        int family = _i, one = 1;

        lab_begin(&l, CW_LAYER_INBOUND);
        int listener = lab_socket(&l, false, lab_family[family], SOCK_STREAM);
        ck_assert_int_eq(setsockopt(listener, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)), 0);
        lab_bind(listener, lab_inside[family], LAB_PORT);
        int at_peer = peer_new(&l, lab_outside[family], family, SOCK_STREAM, LAB_PORT);
        ck_assert_int_eq(listen(at_peer, 8), 0);
        int peer = peer_new(&l, lab_outside[family], family, SOCK_STREAM, PEER_PORT);
        peer_connect(&l, peer, family);
        int accepted = lab_accept(listener);

        int fd = lab_socket(&l, false, lab_family[family], SOCK_STREAM);
        ck_assert_int_eq(lab_connect(fd, lab_outside[family], LAB_PORT), -EPERM);
        ck_assert_int_eq(lab_connect(fd, lab_outside[family], PEER_PORT), -EPERM);
        (void) close(fd);
        fd = lab_socket(&l, false, lab_family[family], SOCK_STREAM);
        ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)), 0);
        bind_only(fd, lab_inside[family], LAB_PORT);
        ck_assert_int_eq(lab_connect(fd, lab_outside[family], LAB_PORT), -EPERM);
        (void) close(fd);
        /* The accepted socket itself, closed and connected again. */
        struct sockaddr_storage nowhere = { .ss_family = AF_UNSPEC };
        ck_assert_int_eq(connect(accepted, (struct sockaddr *) &nowhere, sizeof(nowhere)), 0);
        ck_assert_int_eq(lab_connect(accepted, lab_outside[family], LAB_PORT), -EPERM);
        (void) close(accepted);
        (void) close(peer);
        (void) close(at_peer);
        (void) close(listener);
        lab_done(&l);
}
END_TEST

/* Fast open carries data in the SYN: refused like any other. */
START_TEST(fast_open_is_no_answer) {
        Lab l = {};
        struct sockaddr_storage sa;
        InAddr a;

        lab_begin(&l, CW_LAYER_INBOUND);
        int listener = server_new(&l, _i, SOCK_STREAM);
        int witness = witness_new(&l, _i);
        int fd = lab_socket(&l, false, lab_family[_i], SOCK_STREAM);
        ck_assert_int_eq(in_addr_parse(lab_outside[_i], &a), 0);
        socklen_t length = in_addr_to_sockaddr(&a, LAB_PORT, &sa);
        ck_assert_int_lt(sendto(fd, "data", 4, MSG_FASTOPEN | MSG_NOSIGNAL, (struct sockaddr *) &sa, length), 0);
        ck_assert(errno == EPERM || errno == EINPROGRESS || errno == EOPNOTSUPP);
        lab_expect_nothing(witness);
        (void) close(fd);
        (void) close(witness);
        (void) close(listener);
        lab_done(&l);
}
END_TEST

/* ------------------------------------------------------------------ UDP */

/* _i: family, and with a connected socket from 2 on */
START_TEST(datagram_is_answered) {
        Lab l = { .few_rights = true };
        int family = _i % 2;
        bool connected = _i >= 2;
        const char *to = connected ? NULL : lab_outside[family];

        lab_begin(&l, CW_LAYER_INBOUND);
        int server = server_new(&l, family, SOCK_DGRAM);
        int peer = peer_new(&l, lab_outside[family], family, SOCK_DGRAM, PEER_PORT);
        int neighbour = peer_new(&l, lab_outside[family], family, SOCK_DGRAM, PEER_PORT + 1);
        int other = peer_new(&l, lab_other[family], family, SOCK_DGRAM, PEER_PORT);
        peer_send(&l, peer, "question", family);
        lab_expect(server, "question");
        if (connected)
                ck_assert_int_eq(lab_connect(server, lab_outside[family], PEER_PORT), 0);
        for (int i = 0; i < 3; i++) {
                ck_assert_int_eq(lab_send(server, "answer", to, PEER_PORT), 0);
                lab_expect(peer, "answer");
        }

        /* It was this peer that sent first, to this port and this socket. */
        ck_assert_int_eq(lab_send(server, "x", lab_outside[family], PEER_PORT + 1), -EPERM);
        ck_assert_int_eq(lab_send(server, "x", lab_other[family], PEER_PORT), -EPERM);
        int fd = lab_socket(&l, false, lab_family[family], SOCK_DGRAM);
        ck_assert_int_eq(lab_send(fd, "x", lab_outside[family], PEER_PORT), -EPERM);
        lab_expect_nothing(neighbour);
        lab_expect_nothing(other);
        lab_expect_nothing(peer);

        /* And only while the scope says so. */
        lab_set_policy(&l, LAB_HOST, ACTION_DENY, NULL, MODE_ENFORCE, 0);
        ck_assert_int_eq(lab_send(server, "late", to, PEER_PORT), -EPERM);
        lab_expect_nothing(peer);
        (void) close(fd);
        (void) close(other);
        (void) close(neighbour);
        (void) close(peer);
        (void) close(server);
        lab_done(&l);
}
END_TEST

START_TEST(datagram_without_the_flag_is_not_answered) {
        Lab l = {};

        lab_begin(&l, 0);
        int server = server_new(&l, _i, SOCK_DGRAM);
        int peer = peer_new(&l, lab_outside[_i], _i, SOCK_DGRAM, PEER_PORT);
        peer_send(&l, peer, "question", _i);
        lab_expect(server, "question");
        ck_assert_int_eq(lab_send(server, "answer", lab_outside[_i], PEER_PORT), -EPERM);
        lab_expect_nothing(peer);

        /* What came before the flag does not count. */
        lab_set_policy(&l, LAB_HOST, ACTION_DENY, NULL, MODE_ENFORCE, CW_LAYER_INBOUND);
        ck_assert_int_eq(lab_send(server, "answer", lab_outside[_i], PEER_PORT), -EPERM);
        (void) close(peer);
        (void) close(server);
        lab_done(&l);
}
END_TEST

/* A query that comes in from port 53 makes nobody a resolver. */
START_TEST(datagram_from_port_53_is_still_captured) {
        Lab l = {};

        lab_begin(&l, CW_LAYER_INBOUND);
        int server = server_new(&l, _i, SOCK_DGRAM);
        int peer = peer_new(&l, lab_outside[_i], _i, SOCK_DGRAM, 53);
        peer_send(&l, peer, "call me", _i);
        lab_expect(server, "call me");
        (void) lab_send(server, "query", lab_outside[_i], 53);
        lab_expect_nothing(peer);
        ck_assert_uint_eq(lab_count(&l, CW_COUNT_DNS_CAPTURED), 1);
        (void) close(peer);
        (void) close(server);
        lab_done(&l);
}
END_TEST

/* ------------------------------------------------------------------ older connections */

typedef struct Connection {
        int client, server;
        uint64_t cookie;
        InAddr peer;
} Connection;

/* From the cgroup to outside, before anything is attached. */
static void connection_make(Lab *l, int family, Connection *ret) {
        socklen_t size = sizeof(ret->cookie);
        int listener = lab_socket(l, true, lab_family[family], SOCK_STREAM);

        lab_bind(listener, lab_outside[family], LAB_PORT);
        (void) lab_cgroup(l, "job");
        lab_enter(l, "job");
        ret->client = lab_socket(l, false, lab_family[family], SOCK_STREAM);
        ck_assert_int_eq(lab_connect(ret->client, lab_outside[family], LAB_PORT), -EINPROGRESS);
        ret->server = lab_accept(listener);
        ck_assert(lab_wait(ret->client, POLLOUT));
        ck_assert_int_eq(getsockopt(ret->client, SOL_SOCKET, SO_COOKIE, &ret->cookie, &size), 0);
        ck_assert_int_eq(in_addr_parse(lab_outside[family], &ret->peer), 0);
        (void) close(listener);
}

static void connection_close(const Connection *c) {
        (void) close(c->client);
        (void) close(c->server);
}

static void exchange(const Connection *c) {
        ck_assert_int_eq(lab_send(c->client, "out", NULL, 0), 0);
        lab_expect(c->server, "out");
        ck_assert_int_eq(lab_send(c->server, "in", NULL, 0), 0);
        lab_expect(c->client, "in");
}

START_TEST(older_connection_ends) {
        Connection c;
        Lab l = {};

        lab_init(&l);
        lab_load_all(&l);
        lab_set_policy(&l, LAB_HOST, ACTION_DENY, NULL, MODE_ENFORCE, CW_LAYER_INBOUND);
        connection_make(&l, _i, &c);
        exchange(&c);
        lab_attach(&l);
        (void) lab_send(c.client, "out", NULL, 0);
        ck_assert(lab_wait_count(&l, CW_COUNT_DENIED, 1));
        lab_expect_nothing(c.server);
        connection_close(&c);
        lab_done(&l);
}
END_TEST

static void set_accepted(const Lab *l, uint64_t cgroup_id, const Connection *c) {
        struct cw_inbound_key key = { .cgroup_id = cgroup_id, .peer_port = LAB_PORT };
        struct sockaddr_storage own;
        socklen_t size = sizeof(own);
        const uint8_t one = 1;
        InAddr addr;

        memcpy(key.peer.b, c->peer.b, sizeof(key.peer.b));
        ck_assert_int_eq(getsockname(c->client, (struct sockaddr *) &own, &size), 0);
        ck_assert_int_ge(in_addr_from_sockaddr((const struct sockaddr *) &own, &addr, &key.port), 0);
        ck_assert_int_eq(bpf_map_update_elem(programs_map_fd(l->programs, "inbound_conns"), &key, &one, BPF_ANY), 0);
}

/* Two network namespaces may have the same addresses and ports: what one accepted is nothing to the other. _i: family; from
 * 2 on it is the socket's own */
START_TEST(accepted_by_somebody_else) {
        int family = _i % 2;
        Connection c;
        Lab l = {};

        lab_init(&l);
        lab_load_all(&l);
        lab_set_policy(&l, LAB_HOST, ACTION_DENY, NULL, MODE_ENFORCE, CW_LAYER_INBOUND);
        connection_make(&l, family, &c);
        lab_attach(&l);
        set_accepted(&l, lab_cgroup(&l, _i < 2 ? "other" : "job"), &c);
        ck_assert_int_eq(lab_send(c.client, "out", NULL, 0), 0);
        if (_i < 2) {
                ck_assert(lab_wait_count(&l, CW_COUNT_DENIED, 1));
                lab_expect_nothing(c.server);
        } else
                lab_expect(c.server, "out");
        connection_close(&c);
        lab_done(&l);
}
END_TEST

static void no_record(_unused_ const void *data, _unused_ size_t size, _unused_ void *userdata) {
        ck_abort_msg("a flow whose beginning was not seen has no end to report");
}

/* Returns how many flows are left. */
static uint32_t sweep(const Lab *l) {
        FlowSweep s = { .idle_nsec = NSEC_PER_SEC, .on_record = no_record };
        FlowTable *t = NULL;
        int r;

        ck_assert_int_eq(flow_table_new(l->programs, &t), 0);
        do
                r = flow_table_sweep(t, &s, 2);
        while (r > 0);
        flow_table_free(t);
        ck_assert_int_eq(r, 0);
        return s.n_left;
}

/* It examines no more flows in one call than requested, and each one once. */
START_TEST(sweep_goes_in_slices) {
        Lab l = {};
        FlowSweep s = { .idle_nsec = NSEC_PER_SEC, .on_record = no_record };
        FlowTable *t = NULL;
        int n_calls = 1;

        lab_init(&l);
        lab_load_all(&l);
        int map = programs_map_fd(l.programs, "flows");
        for (unsigned i = 0; i < 100; i++) { /* every other one is idle */
                const struct cw_flow_key key = { .cookie = i + 1, .protocol = IPPROTO_UDP };
                const struct cw_flow f = { .start_ns = i % 2 ? UINT64_MAX : 1 };

                ck_assert_int_eq(bpf_map_update_elem(map, &key, &f, BPF_ANY), 0);
        }
        ck_assert_int_eq(flow_table_new(l.programs, &t), 0);
        for (; flow_table_sweep(t, &s, 10) > 0; n_calls++)
                ck_assert_uint_le(s.n_steps, 10U * n_calls);
        ck_assert_int_le(n_calls, 11); /* one for the other table, which is empty */
        ck_assert_uint_eq(s.n_left, 50);
        flow_table_free(t);
        ck_assert_uint_eq(sweep(&l), 50);
        lab_done(&l);
}
END_TEST

START_TEST(kept_connection_continues) {
        Connection c;
        Lab l = { .few_rights = true };

        lab_init(&l);
        lab_load_all(&l);
        lab_set_policy(&l, LAB_HOST, ACTION_DENY, NULL, MODE_ENFORCE, 0);
        connection_make(&l, _i, &c);
        ck_assert_int_eq(exemptions_add_connection(l.programs, c.cookie, &c.peer, LAB_PORT), 0);
        ck_assert_int_eq(exemptions_add_connection(l.programs, c.cookie, &c.peer, LAB_PORT), 0); /* twice is not too much */
        lab_attach(&l);
        exchange(&c);
        for (int i = 0; i < 3; i++) {
                lab_set_policy(&l, LAB_HOST, ACTION_DENY, NULL, MODE_ENFORCE, 0);
                exchange(&c);
        }
        ck_assert_uint_eq(lab_count(&l, CW_COUNT_DENIED), 0);
        ck_assert_uint_eq(lab_count(&l, CW_COUNT_ALLOWED), 0);

        /* The connection is kept, not its destination. */
        int fd = lab_socket(&l, false, lab_family[_i], SOCK_STREAM);
        ck_assert_int_eq(lab_connect(fd, lab_outside[_i], LAB_PORT), -EPERM);
        (void) close(fd);
        connection_close(&c);
        lab_done(&l);
}
END_TEST

/* Nobody knows when its last packet was sent, so it is not idle. */
START_TEST(kept_connection_outlives_the_sweep) {
        Connection c;
        Lab l = {};

        lab_init(&l);
        lab_load_all(&l);
        lab_set_policy(&l, LAB_HOST, ACTION_DENY, NULL, MODE_ENFORCE, 0);
        connection_make(&l, _i, &c);
        ck_assert_int_eq(exemptions_add_connection(l.programs, c.cookie, &c.peer, LAB_PORT), 0);
        lab_attach(&l);
        exchange(&c);
        ck_assert_uint_eq(sweep(&l), 0); /* it is none of them */
        exchange(&c);
        ck_assert_uint_eq(lab_count(&l, CW_COUNT_DENIED), 0);
        connection_close(&c);
        lab_done(&l);
}
END_TEST

/* The same for one that a peer opened to a listener that is gone. */
START_TEST(accepted_connection_outlives_the_sweep) {
        Connection c;
        Lab l = {};

        lab_begin(&l, CW_LAYER_INBOUND);
        int listener = server_new(&l, _i, SOCK_STREAM);
        c.client = peer_new(&l, lab_outside[_i], _i, SOCK_STREAM, PEER_PORT);
        peer_connect(&l, c.client, _i);
        c.server = lab_accept(listener);
        (void) close(listener);
        ck_assert(lab_wait(c.client, POLLOUT));
        exchange(&c);
        (void) sweep(&l);
        exchange(&c);
        ck_assert_uint_eq(lab_count(&l, CW_COUNT_DENIED), 0);
        connection_close(&c);
        lab_done(&l);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("inbound");
        TCase *t = tcase_create("inbound");

        tcase_set_timeout(t, 120);
        tcase_add_loop_test(t, accepted_connection_is_answered, 0, 4);
        tcase_add_loop_test(t, connection_without_the_flag_is_not_answered, 0, 4);
        tcase_add_loop_test(t, request_that_is_answered, 0, 2 * REQUESTS);
        tcase_add_loop_test(t, request_from_here_is_answered, 0, 4);
        tcase_add_loop_test(t, accepted_by_somebody_else, 0, 4);
        tcase_add_loop_test(t, peer_may_not_be_called_back, 0, 2);
        tcase_add_loop_test(t, fast_open_is_no_answer, 0, 2);
        tcase_add_loop_test(t, datagram_is_answered, 0, 4);
        tcase_add_loop_test(t, datagram_without_the_flag_is_not_answered, 0, 2);
        tcase_add_loop_test(t, datagram_from_port_53_is_still_captured, 0, 2);
        tcase_add_loop_test(t, older_connection_ends, 0, 2);
        tcase_add_test(t, sweep_goes_in_slices);
        tcase_add_loop_test(t, kept_connection_continues, 0, 2);
        tcase_add_loop_test(t, kept_connection_outlives_the_sweep, 0, 2);
        tcase_add_loop_test(t, accepted_connection_outlives_the_sweep, 0, 2);
        suite_add_tcase(s, t);
        return s;
}

int main(void) {
        return lab_main(suite);
}
