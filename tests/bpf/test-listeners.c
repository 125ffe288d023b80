/* SPDX-License-Identifier: Apache-2.0 */

/* Name servers of a cgroup's own on the loopback: attached programs, real cgroups, real sockets. Exit status 77 without the
 * rights to make them. */

#include "scope-lab.h"

#include <linux/filter.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

static const char *const loopback[2] = { "127.0.0.1", "::1" };
static const char *const any_address[2] = { "0.0.0.0", "::" };
static const uint16_t proxy_port[2] = { LAB_PROXY_PORT4, LAB_PROXY_PORT6 };

/* "may" and "other" may reach everything, and each is an actor. */
typedef struct Servers {
        Lab lab;
        int family, type;
        int proxy; /* a socket in its place */
} Servers;

static void servers_init(Servers *s, int i) {
        Lab *l = &s->lab;

        *s = (Servers) { .family = i & 1, .type = i & 2 ? SOCK_STREAM : SOCK_DGRAM };
        lab_init(l);
        lab_load_all(l);
        lab_set_scopes(l);
        lab_attach(l);
        ck_assert_int_eq(subjects_set(l->programs, lab_cgroup(l, "may"), LAB_ALLOWS, 1, 0), 0);
        ck_assert_int_eq(subjects_set(l->programs, lab_cgroup(l, "other"), LAB_ALLOWS, 2, 0), 0);
        (void) lab_cgroup(l, "may/nested");
        (void) lab_cgroup(l, "host");
        lab_enter(l, NULL);
        s->proxy = lab_socket(l, false, lab_family[s->family], s->type);
        lab_bind(s->proxy, loopback[s->family], proxy_port[s->family]);
}

static void servers_done(Servers *s) {
        (void) close(s->proxy);
        lab_enter(&s->lab, NULL);
        lab_done(&s->lab);
}

static int socket_of(Servers *s, const char *cgroup) {
        lab_enter(&s->lab, cgroup);
        return lab_socket(&s->lab, false, lab_family[s->family], s->type);
}

static int server_of(Servers *s, const char *cgroup, const char *address) {
        int fd = socket_of(s, cgroup);

        lab_bind(fd, address, 53);
        return fd;
}

/* Sends a query of this cgroup to the port, and expects it at this socket. */
static void expect_query(Servers *s, const char *cgroup, const char *address, int at) {
        int fd = socket_of(s, cgroup);
        int r = lab_connect(fd, address, 53);

        ck_assert_msg(r == 0 || r == -EINPROGRESS, "%s", strerror(-r));
        if (s->type == SOCK_DGRAM) {
                ck_assert_int_eq(lab_send(fd, "connected", NULL, 0), 0);
                lab_expect(at, "connected");
                (void) close(fd);
                fd = socket_of(s, cgroup);
                ck_assert_int_eq(lab_send(fd, "query", address, 53), 0);
                lab_expect(at, "query");
        } else {
                int accepted = lab_accept(at);
                ck_assert(lab_wait(fd, POLLOUT));
                ck_assert_int_eq(lab_send(fd, "query", NULL, 0), 0);
                lab_expect(accepted, "query");
                ck_assert_int_eq(lab_send(accepted, "answer", NULL, 0), 0);
                lab_expect(fd, "answer");
                (void) close(accepted);
        }
        (void) close(fd);
}

START_TEST(own_server_is_asked) {
        Servers s;

        servers_init(&s, _i);
        int server = server_of(&s, "may", loopback[s.family]);
        expect_query(&s, "may", loopback[s.family], server);
        expect_query(&s, "may/nested", loopback[s.family], server);
        expect_query(&s, "may", any_address[s.family], server); /* means this host */
        (void) close(server);

        server = server_of(&s, "may/nested", any_address[s.family]);
        expect_query(&s, "may", loopback[s.family], server);
        expect_query(&s, "may/nested", s.family ? "::1" : "127.0.0.99", server);
        ck_assert_uint_eq(lab_count(&s.lab, CW_COUNT_DNS_CAPTURED), 0);
        ck_assert_uint_eq(lab_count(&s.lab, CW_COUNT_DENIED), 0);
        (void) close(server);
        expect_query(&s, "may", loopback[s.family], s.proxy);
        servers_done(&s);
}
END_TEST

START_TEST(server_of_another_is_not_asked) {
        Servers s;

        servers_init(&s, _i);
        int server = server_of(&s, "other", any_address[s.family]);
        expect_query(&s, "may", loopback[s.family], s.proxy);
        expect_query(&s, "host", loopback[s.family], s.proxy);
        expect_query(&s, "other", loopback[s.family], server);
        (void) close(server);

        /* One of the host's, which has no actor here: nobody's own. */
        server = server_of(&s, "host", loopback[s.family]);
        expect_query(&s, "may", loopback[s.family], s.proxy);
        expect_query(&s, "host", loopback[s.family], s.proxy);

        /* Resolvers for others ask the proxy, which asks on. */
        ck_assert_int_eq(subjects_set(s.lab.programs, lab_cgroup(&s.lab, "may"), LAB_ALLOWS, 1, CW_SUBJECT_FORWARDER), 0);
        (void) close(server);
        server = server_of(&s, "may", loopback[s.family]);
        expect_query(&s, "may", loopback[s.family], s.proxy);
        (void) close(server);
        servers_done(&s);
}
END_TEST

/* The owner of the port changes after connect(). */
START_TEST(next_owner_is_not_asked) {
        Servers s;

        servers_init(&s, _i & 1);
        int server = server_of(&s, "may", loopback[s.family]);
        int fd = socket_of(&s, "may");
        ck_assert_int_eq(lab_connect(fd, loopback[s.family], 53), 0);
        ck_assert_int_eq(lab_send(fd, "query", NULL, 0), 0);
        lab_expect(server, "query");
        int next = server_of(&s, "other", loopback[s.family]); /* with SO_REUSEADDR: it receives from now on */
        lab_enter(&s.lab, "may");
        ck_assert_int_eq(lab_send(fd, "query", NULL, 0), -EPERM);
        (void) close(server);
        ck_assert_int_eq(lab_send(fd, "query", NULL, 0), -EPERM);
        lab_expect_nothing(next);
        ck_assert_uint_ge(lab_count(&s.lab, CW_COUNT_DENIED), 1);
        (void) close(next);
        (void) close(fd);
        servers_done(&s);
}
END_TEST

/* A socket of "other" that is used by "may", which has a server. */
START_TEST(passed_socket_does_not_ask) {
        Servers s;

        servers_init(&s, _i & 1);
        int server = server_of(&s, "may", loopback[s.family]);
        int fd = socket_of(&s, "other");
        lab_enter(&s.lab, "may");
        ck_assert_int_eq(lab_send(fd, "query", loopback[s.family], 53), -EPERM);
        lab_expect_nothing(server);
        (void) close(fd);
        (void) close(server);
        servers_done(&s);
}
END_TEST

static void set_reuseport(int fd) {
        const int one = 1;

        ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)), 0);
}

/* Chooses the first socket that was bound. */
static void steer(int fd) {
        struct sock_filter code[] = { BPF_STMT(BPF_RET | BPF_K, 0) };
        const struct sock_fprog program = { .len = 1, .filter = code };

        ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof(program)), 0);
}

/* Two servers of one user share the port, and one has a program that sends all queries to the other: whatever the lookup
 * says, none is sent. before: the program is attached before the socket is bound. */
START_TEST(shared_port_is_not_steered) {
        bool before = _i & 4;
        Servers s;

        servers_init(&s, _i & 3);
        int mine = socket_of(&s, "may"), victim = -EBADF;
        set_reuseport(mine);
        if (before)
                steer(mine);
        else {
                victim = socket_of(&s, "other");
                set_reuseport(victim);
                lab_bind(victim, loopback[s.family], 53);
                lab_enter(&s.lab, "may");
        }
        lab_bind(mine, loopback[s.family], 53);
        if (!before)
                steer(mine);
        for (int i = 0; i < 8; i++) /* by the hash of ports, some would be the own server's */
                expect_query(&s, "may", loopback[s.family], s.proxy);
        if (victim >= 0 && s.type == SOCK_DGRAM)
                lab_expect_nothing(victim);
        else if (victim >= 0)
                ck_assert_int_lt(accept4(victim, NULL, NULL, SOCK_CLOEXEC), 0);
        closep(&victim);
        (void) close(mine);
        servers_done(&s);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("listeners");
        TCase *t = tcase_create("listeners");

        tcase_set_timeout(t, 120);
        tcase_add_loop_test(t, own_server_is_asked, 0, 4);
        tcase_add_loop_test(t, server_of_another_is_not_asked, 0, 4);
        tcase_add_loop_test(t, next_owner_is_not_asked, 0, 2);
        tcase_add_loop_test(t, passed_socket_does_not_ask, 0, 2);
        tcase_add_loop_test(t, shared_port_is_not_steered, 0, 8);
        suite_add_tcase(s, t);
        return s;
}

int main(void) {
        return lab_main(suite);
}
