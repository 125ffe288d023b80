/* SPDX-License-Identifier: Apache-2.0 */

/* Whose socket is it? The kernel's answer for one pair of ends, in a network namespace of the test's own. */

#include "host/existing-sockets.h"

#include <check.h>
#include <netinet/tcp.h>
#include <string.h>

#include "basic/macro.h"
#include "own-network.h"

#define SERVER_PORT 5353

static InAddr addr_of(const char *text) {
        InAddr a;

        CHECK(in_addr_parse(text, &a) == 0);
        return a;
}

static int socket_at(int family, int type, const char *text, uint16_t port) {
        struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
        struct sockaddr_storage sa;
        int fd = socket(family, type | SOCK_CLOEXEC, 0), one = 1, r;

        CHECK(fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == 0);
        if (*text) {
                InAddr a = addr_of(text);
                socklen_t length = in_addr_to_sockaddr(&a, port, &sa);
                r = bind(fd, (struct sockaddr *) &sa, length);
        } else
                r = bind(fd, (struct sockaddr *) &sin6, sizeof(sin6));
        CHECK(r == 0);
        return fd;
}

static void connect_to(int fd, int family, const char *text, uint16_t port) {
        struct sockaddr_in6 mapped = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
        struct sockaddr_storage sa;
        InAddr a = addr_of(text);
        socklen_t length = in_addr_to_sockaddr(&a, port, &sa);

        memcpy(&mapped.sin6_addr, a.b, sizeof(mapped.sin6_addr));
        if (family == AF_INET6)
                CHECK(connect(fd, (struct sockaddr *) &mapped, sizeof(mapped)) == 0);
        else
                CHECK(connect(fd, (struct sockaddr *) &sa, length) == 0);
}

static uint16_t port_of(int fd) {
        struct sockaddr_storage sa;
        socklen_t size = sizeof(sa);
        uint16_t port;
        InAddr a;

        CHECK(getsockname(fd, (struct sockaddr *) &sa, &size) == 0);
        CHECK(in_addr_from_sockaddr((struct sockaddr *) &sa, &a, &port) == 0);
        return port;
}

/* Where the client is bound and whom it asks; loopback is where the proxy's clients come from. */
static const struct {
        const char *what;
        int family;
        const char *bound, *local, *server;
} cases[] = {
        { "IPv4", AF_INET, "127.0.0.1", "127.0.0.1", "127.0.0.155" },
        { "IPv4, any address", AF_INET, "0.0.0.0", "127.0.0.1", "127.0.0.155" },
        { "IPv6", AF_INET6, "::1", "::1", "::1" },
        { "IPv6, any address", AF_INET6, "::", "::1", "::1" },
        { "IPv4 on an IPv6 socket", AF_INET6, "", "127.0.0.1", "127.0.0.155" },
};

static void check_udp(size_t i, bool connected) {
        InAddr local = addr_of(cases[i].local), server = addr_of(cases[i].server), other = addr_of("127.0.0.9");
        int fd = socket_at(cases[i].family, SOCK_DGRAM, cases[i].bound, 0);
        ExistingSocket s = { .uid = 77 };

        if (connected)
                connect_to(fd, cases[i].family, cases[i].server, SERVER_PORT);
        uint16_t port = port_of(fd);
        CHECK(existing_socket_find(IPPROTO_UDP, &local, port, &server, SERVER_PORT, &s) == 0);
        CHECK(s.cookie == cookie_of(fd) && s.local_port == port && s.uid == getuid());
        CHECK(s.is_v6_socket == (cases[i].family == AF_INET6));

        /* Nobody is at another port, and a connected socket speaks to its peer only. */
        CHECK(existing_socket_find(IPPROTO_UDP, &local, port == 1 ? 2 : port - 1, &server, SERVER_PORT, &s) == -ENOENT);
        if (connected)
                CHECK(existing_socket_find(IPPROTO_UDP, &local, port, &server, SERVER_PORT + 1, &s) == -ENOENT);
        if (in_addr_is_v4(&local) && strcmp(cases[i].bound, "127.0.0.1") == 0)
                CHECK(existing_socket_find(IPPROTO_UDP, &other, port, &server, SERVER_PORT, &s) == -ENOENT);
        CHECK(existing_socket_find(IPPROTO_TCP, &local, port, &server, SERVER_PORT, &s) == -ENOENT);
        CHECK(s.cookie == cookie_of(fd) || s.cookie == 0);
        (void) close(fd);
        CHECK(existing_socket_find(IPPROTO_UDP, &local, port, &server, SERVER_PORT, &s) == -ENOENT);
}

static void check_tcp(size_t i) {
        InAddr local = addr_of(cases[i].local), server = addr_of(cases[i].server);
        int family = in_addr_is_v4(&server) ? AF_INET : AF_INET6;
        int listener = socket_at(family, SOCK_STREAM, cases[i].server, SERVER_PORT);
        int fd = socket_at(cases[i].family, SOCK_STREAM, cases[i].bound, 0), accepted, error;
        ExistingSocket s = {};

        CHECK(listen(listener, 8) == 0);
        connect_to(fd, cases[i].family, cases[i].server, SERVER_PORT);
        accepted = accept(listener, NULL, NULL);
        CHECK(accepted >= 0);
        uint16_t port = port_of(fd);
        CHECK(existing_socket_find(IPPROTO_TCP, &local, port, &server, SERVER_PORT, &s) == 0);
        CHECK(s.cookie == cookie_of(fd) && s.state == TCP_ESTABLISHED && s.uid == getuid());
        CHECK(s.local_port == port && s.remote_port == SERVER_PORT);
        CHECK(in_addr_equal(&s.local, &local) && in_addr_equal(&s.remote, &server));
        CHECK(s.is_v6_socket == (cases[i].family == AF_INET6));

        /* Both ends are here: each is found by its own view. */
        CHECK(existing_socket_find(IPPROTO_TCP, &server, SERVER_PORT, &local, port, &s) == 0);
        CHECK(s.cookie == cookie_of(accepted));
        CHECK(existing_socket_find(IPPROTO_TCP, &local, port, &server, SERVER_PORT + 1, &s) == -ENOENT);
        CHECK(existing_socket_find(IPPROTO_UDP, &local, port, &server, SERVER_PORT, &s) == -ENOENT);

        /* Only the one that is meant, which gets the error. */
        uint64_t cookie = cookie_of(fd);
        socklen_t length = sizeof(error);
        CHECK(existing_socket_abort(cookie + 1000, &local, port, &server, SERVER_PORT) == -ENOENT);
        CHECK(existing_socket_abort(cookie, &local, port, &server, SERVER_PORT + 1) == -ENOENT);
        CHECK(existing_socket_abort(cookie_of(listener), &server, SERVER_PORT, &local, port) == -ENOENT);
        CHECK(existing_socket_abort(cookie_of(listener), &server, SERVER_PORT, &local, port == 1 ? 2 : port - 1) ==
              -ENOENT); /* of no connection */
        int again = socket_at(cases[i].family, SOCK_STREAM, cases[i].bound, 0);
        connect_to(again, cases[i].family, cases[i].server, SERVER_PORT);
        (void) close(again);
        CHECK(existing_socket_find(IPPROTO_TCP, &local, port, &server, SERVER_PORT, &s) == 0);
        int r = existing_socket_abort(cookie, &local, port, &server, SERVER_PORT);
        CHECK(r == 0 || r == -EOPNOTSUPP);
        CHECK(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) == 0);
        CHECK(error == (r == 0 ? ECONNABORTED : 0));
        CHECK(r != 0 || existing_socket_abort(cookie, &local, port, &server, SERVER_PORT) == -ENOENT);
        (void) close(fd);
        (void) close(accepted);
        (void) close(listener);
}

/* With the same wildcard address and port in both families, the one that spoke is found. */
static void check_families_are_kept_apart(void) {
        int v4 = socket_at(AF_INET, SOCK_DGRAM, "0.0.0.0", 4000), v6 = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6, .sin6_port = htons(4000) };
        InAddr local4 = addr_of("127.0.0.1"), local6 = addr_of("::1"), server4 = addr_of("127.0.0.155");
        ExistingSocket s;
        int one = 1;

        CHECK(v6 >= 0 && setsockopt(v6, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) == 0);
        CHECK(bind(v6, (struct sockaddr *) &sin6, sizeof(sin6)) == 0);
        CHECK(existing_socket_find(IPPROTO_UDP, &local4, 4000, &server4, SERVER_PORT, &s) == 0);
        CHECK(s.cookie == cookie_of(v4));
        CHECK(existing_socket_find(IPPROTO_UDP, &local6, 4000, &local6, SERVER_PORT, &s) == 0);
        CHECK(s.cookie == cookie_of(v6));
        (void) close(v4);
        (void) close(v6);
}

/* _i: 0 to 4 UDP, 5 to 9 connected UDP, 10 to 14 TCP, 15 the rest */
static void check(int i) {
        const size_t n = ELEMENTSOF(cases);

        loopback_up();
        if ((size_t) i < 2 * n)
                check_udp((size_t) i % n, (size_t) i >= n);
        else if ((size_t) i < 3 * n)
                check_tcp((size_t) i % n);
        else
                check_families_are_kept_apart();
}

START_TEST(socket_is_found) {
        run_in_own_network(check, _i, false);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("existing-socket-find");
        TCase *t = tcase_create("existing-socket-find");

        tcase_set_timeout(t, 60);
        tcase_add_loop_test(t, socket_is_found, 0, 3 * (int) ELEMENTSOF(cases) + 1);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
