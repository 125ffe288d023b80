/* SPDX-License-Identifier: Apache-2.0 */
#include "host/existing-sockets.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/ipv6.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>

#include <check.h>

#include "basic/macro.h"
#include "own-network.h"

#define SEEN_MAX 32

/* --- the parser --- */

typedef struct Seen {
        ExistingSocket list[SEEN_MAX];
        size_t n;
} Seen;

static void on_socket(const ExistingSocket *s, void *userdata) {
        Seen *seen = userdata;

        ck_assert_uint_lt(seen->n, SEEN_MAX);
        seen->list[seen->n++] = *s;
}

typedef struct Buffer {
        uint8_t data[1024];
        size_t n;
} Buffer;

static void append(Buffer *b, const void *data, size_t size) {
        ck_assert_uint_le(b->n + size, sizeof(b->data));
        memcpy(b->data + b->n, data, size);
        b->n += size;
}

static void append_header(Buffer *b, uint16_t type, size_t payload) {
        const struct nlmsghdr h = { .nlmsg_len = (uint32_t) (sizeof(h) + payload), .nlmsg_type = type };

        append(b, &h, sizeof(h));
}

static void append_status(Buffer *b, uint16_t type, int32_t error) {
        append_header(b, type, sizeof(error));
        append(b, &error, sizeof(error));
}

/* With both attributes that are read: the cgroup (8 bytes) and v6only (1 byte, padded). */
static void append_socket(Buffer *b, uint8_t family, uint8_t state) {
        static const uint8_t src[16] = { 192, 0, 2, 1 }, dst[16] = { 198, 51, 100, 7 };
        const struct nlattr cgroup = { .nla_len = 12, .nla_type = INET_DIAG_CGROUP_ID };
        const struct nlattr v6_only = { .nla_len = 5, .nla_type = INET_DIAG_SKV6ONLY };
        struct inet_diag_msg m = { .idiag_family = family, .idiag_state = state, .idiag_uid = 1000 };
        const uint64_t id = 0x1122334455667788;

        m.id.idiag_sport = htons(40000);
        m.id.idiag_dport = htons(443);
        memcpy(m.id.idiag_src, src, sizeof(src));
        memcpy(m.id.idiag_dst, dst, sizeof(dst));
        m.id.idiag_if = 7;
        m.idiag_wqueue = 4097;
        m.id.idiag_cookie[0] = 0x89abcdef;
        m.id.idiag_cookie[1] = 0x01234567;
        append_header(b, SOCK_DIAG_BY_FAMILY, sizeof(m) + 20);
        append(b, &m, sizeof(m));
        append(b, &v6_only, sizeof(v6_only));
        append(b, "\1\0\0\0", 4);
        append(b, &cgroup, sizeof(cgroup));
        append(b, &id, sizeof(id));
}

START_TEST(messages_are_parsed) {
        char text[IN_ADDR_TEXT_MAX];
        Buffer b = {};
        Seen seen = {};

        append_socket(&b, AF_INET, TCP_ESTABLISHED);
        append_socket(&b, AF_INET6, 12); /* TCP_NEW_SYN_RECV */
        ck_assert_int_eq(existing_sockets_parse(b.data, b.n, on_socket, &seen), 1);
        ck_assert_uint_eq(seen.n, 2);
        ck_assert_uint_eq(seen.list[0].cookie, 0x0123456789abcdef);
        ck_assert_uint_eq(seen.list[0].cgroup_id, 0x1122334455667788);
        ck_assert_str_eq(in_addr_format(&seen.list[0].local, text), "192.0.2.1");
        ck_assert_str_eq(in_addr_format(&seen.list[0].remote, text), "198.51.100.7");
        ck_assert_uint_eq(seen.list[0].local_port, 40000);
        ck_assert_uint_eq(seen.list[0].remote_port, 443);
        ck_assert_uint_eq(seen.list[0].uid, 1000);
        ck_assert_uint_eq(seen.list[0].device, 7);
        ck_assert_uint_eq(seen.list[0].n_queued, 4097);
        ck_assert_uint_eq(seen.list[0].state, TCP_ESTABLISHED);
        ck_assert(seen.list[0].v6_only && !seen.list[0].is_v6_socket && !seen.list[0].accepted);
        ck_assert(seen.list[1].is_v6_socket);
        ck_assert_uint_eq(seen.list[1].state, TCP_SYN_RECV);

        append_status(&b, NLMSG_DONE, 0);
        append_socket(&b, AF_INET, TCP_ESTABLISHED); /* behind the end: not looked at */
        seen.n = 0;
        ck_assert_int_eq(existing_sockets_parse(b.data, b.n, on_socket, &seen), 0);
        ck_assert_uint_eq(seen.n, 2);
        ck_assert_int_eq(existing_sockets_parse(NULL, 0, on_socket, &seen), 1);
}
END_TEST

static const struct {
        uint16_t type;
        int32_t error;
        int result;
} status_cases[] = {
        { NLMSG_DONE, 0, 0 },
        { NLMSG_DONE, -ENOMEM, -ENOMEM },
        { NLMSG_DONE, 1, -EBADMSG },
        { NLMSG_DONE, -4096, -EBADMSG },
        { NLMSG_ERROR, -ENOENT, -ENOENT },
        { NLMSG_ERROR, -4095, -4095 },
        { NLMSG_ERROR, 0, -EBADMSG },
        { NLMSG_ERROR, INT32_MIN, -EBADMSG },
        { NLMSG_NOOP, 0, 1 },
        { NLMSG_OVERRUN, 0, -EBADMSG },
        { SOCK_DESTROY, 0, -EBADMSG },
};

START_TEST(status_is_parsed) {
        Buffer b = {};
        Seen seen = {};

        append_status(&b, status_cases[_i].type, status_cases[_i].error);
        ck_assert_int_eq(existing_sockets_parse(b.data, b.n, on_socket, &seen), status_cases[_i].result);
        ck_assert_uint_eq(seen.n, 0);
}
END_TEST

/* One field of a good message made wrong. */
static const struct {
        const char *what;
        size_t offset;
        uint32_t value;
        size_t width;
        int result;
} fault_cases[] = {
        { "good", 0, 0, 0, 1 },
        { "length 0", 0, 0, 4, -EBADMSG },
        { "length of the header less one", 0, 15, 4, -EBADMSG },
        { "length without the whole socket", 0, 16 + sizeof(struct inet_diag_msg) - 1, 4, -EBADMSG },
        { "length beyond the buffer", 0, 16 + sizeof(struct inet_diag_msg) + 21, 4, -EBADMSG },
        { "length that overflows when aligned", 0, UINT32_MAX, 4, -EBADMSG },
        { "family", 16, AF_UNIX, 1, -EBADMSG },
        { "attribute of length 0", 16 + sizeof(struct inet_diag_msg), 0, 2, 1 },
        { "attribute beyond the message", 16 + sizeof(struct inet_diag_msg), 21, 2, 1 },
};

START_TEST(faults_are_refused) {
        uint8_t *copy;
        Buffer b = {};
        Seen seen = {};

        append_socket(&b, AF_INET, TCP_ESTABLISHED);
        ck_assert_int_lt(fault_cases[_i].offset, b.n);
        memcpy(b.data + fault_cases[_i].offset, &fault_cases[_i].value, fault_cases[_i].width);
        copy = malloc(b.n); /* of the exact size, for the sanitizers */
        ck_assert_ptr_nonnull(copy);
        memcpy(copy, b.data, b.n);
        ck_assert_int_eq(existing_sockets_parse(copy, b.n, on_socket, &seen), fault_cases[_i].result);
        ck_assert_uint_eq(seen.n, fault_cases[_i].result == 1);
        if (_i > 0 && fault_cases[_i].result == 1) /* what it adds is unknown then */
                ck_assert_uint_eq(seen.list[0].cgroup_id, 0);
        free(copy);
}
END_TEST

/* --- the kernel's list, in a network namespace of our own --- */

static void network_init(void) {
        struct ifreq ifr = { .ifr_name = "lo" };
        struct in6_ifreq ifr6 = { .ifr6_prefixlen = 128 };
        struct sockaddr_in *sin = (struct sockaddr_in *) &ifr.ifr_addr;
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        int fd6 = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        CHECK(fd >= 0 && fd6 >= 0);
        loopback_up();
        CHECK(ioctl(fd, SIOCGIFINDEX, &ifr) >= 0);
        ifr6.ifr6_ifindex = ifr.ifr_ifindex;
        CHECK(inet_pton(AF_INET6, "2001:db8::1", &ifr6.ifr6_addr) == 1);
        CHECK(ioctl(fd6, SIOCSIFADDR, &ifr6) >= 0);
        (void) snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "lo:1");
        *sin = (struct sockaddr_in) { .sin_family = AF_INET };
        CHECK(inet_pton(AF_INET, "192.0.2.1", &sin->sin_addr) == 1);
        CHECK(ioctl(fd, SIOCSIFADDR, &ifr) >= 0);
        (void) close(fd);
        (void) close(fd6);
}

/* text "": any address. v6: the socket's family. Returns a socket that listens on the port. */
static int listen_on(bool v6, const char *text, uint16_t port, bool v6_only) {
        struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
        struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(port) };
        int fd, one = 1, only = v6_only;

        fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        CHECK(fd >= 0);
        CHECK(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) >= 0);
        if (v6) {
                CHECK(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only)) >= 0);
                CHECK(!*text || inet_pton(AF_INET6, text, &sin6.sin6_addr) == 1);
                CHECK(bind(fd, (struct sockaddr *) &sin6, sizeof(sin6)) >= 0);
        } else {
                CHECK(!*text || inet_pton(AF_INET, text, &sin.sin_addr) == 1);
                CHECK(bind(fd, (struct sockaddr *) &sin, sizeof(sin)) >= 0);
        }
        CHECK(listen(fd, 8) >= 0);
        return fd;
}

static int connect_to(const char *text, uint16_t port) {
        struct sockaddr_storage sa;
        InAddr addr;
        socklen_t length;
        int fd;

        CHECK(in_addr_parse(text, &addr) >= 0);
        length = in_addr_to_sockaddr(&addr, port, &sa);
        fd = socket(sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        CHECK(fd >= 0);
        CHECK(connect(fd, (struct sockaddr *) &sa, length) >= 0);
        return fd;
}

/* NULL: not listed. */
static const ExistingSocket *seen_find(const Seen *seen, int fd) {
        uint64_t cookie = cookie_of(fd);

        for (size_t i = 0; i < seen->n; i++)
                if (seen->list[i].cookie == cookie)
                        return &seen->list[i];
        return NULL;
}

static const ExistingSocket *seen_get(const Seen *seen, int fd) {
        const ExistingSocket *s = seen_find(seen, fd);

        CHECK(s);
        return s;
}

static void list(Seen *seen) {
        seen->n = 0;
        CHECK(existing_sockets_list(EXISTING_SOCKETS_MAX, on_socket, seen) == 0);
}

/* What one end does reaches the other, and the list, when the kernel gets to it: lists until it has, for 20 s. */
static void list_until(Seen *seen, size_t n, int fd, uint8_t state) {
        for (unsigned i = 0; i < 2000; i++) {
                const ExistingSocket *s;

                list(seen);
                s = fd >= 0 ? seen_find(seen, fd) : NULL;
                if (seen->n == n && (fd < 0 || (s && s->state == state)))
                        return;
                (void) usleep(10 * USEC_PER_MSEC);
        }
        CHECK(false);
}

static void check_accepted_is_recognized(void) {
        static const struct {
                bool v6;
                const char *listen, *connect;
                bool v6_only;
        } cases[] = {
                { false, "192.0.2.1", "192.0.2.1", false },
                { false, "", "192.0.2.1", false },
                { true, "", "192.0.2.1", false },
                { true, "::ffff:192.0.2.1", "192.0.2.1", false },
                { true, "", "2001:db8::1", true },
                { true, "2001:db8::1", "2001:db8::1", true },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                uint16_t port = (uint16_t) (8000 + i);
                int listener = listen_on(cases[i].v6, cases[i].listen, port, cases[i].v6_only);
                int client = connect_to(cases[i].connect, port), server = accept(listener, NULL, NULL);
                const ExistingSocket *c, *s;
                Seen seen = {};
                InAddr addr;

                CHECK(server >= 0 && in_addr_parse(cases[i].connect, &addr) >= 0);
                list_until(&seen, 2, server, TCP_ESTABLISHED); /* the listener itself is none */
                c = seen_get(&seen, client);
                s = seen_get(&seen, server);
                CHECK(!c->accepted && c->remote_port == port && in_addr_equal(&c->remote, &addr));
                CHECK(s->accepted && s->local_port == port && in_addr_equal(&s->local, &addr));
                CHECK(c->local_port == s->remote_port && in_addr_equal(&c->local, &s->remote));
                CHECK(c->state == TCP_ESTABLISHED && c->uid == getuid());
                CHECK(s->is_v6_socket == cases[i].v6);
                CHECK(c->cgroup_id == s->cgroup_id);

                /* Without the listener this is unknown, so it does not count as accepted. */
                (void) close(listener);
                list(&seen);
                CHECK(!seen_get(&seen, server)->accepted);

                /* Who closes first waits; neither carries data once both have. */
                (void) shutdown(client, SHUT_WR);
                list_until(&seen, 2, server, TCP_CLOSE_WAIT);
                list_until(&seen, 2, client, TCP_FIN_WAIT2);
                (void) close(client);
                (void) close(server);
                list_until(&seen, 0, -1, 0);
        }
}

/* A listener of the other family, or at another address, is no evidence of a connection. */
static void check_other_listeners_do_not_count(void) {
        int listener = listen_on(false, "192.0.2.1", 9000, false), client, server, others[2];
        Seen seen = {};

        client = connect_to("192.0.2.1", 9000);
        server = accept(listener, NULL, NULL);
        CHECK(server >= 0);
        (void) close(listener);
        others[0] = listen_on(true, "", 9000, true);
        others[1] = listen_on(false, "127.0.0.1", 9000, false);
        list_until(&seen, 2, server, TCP_ESTABLISHED);
        CHECK(!seen_get(&seen, server)->accepted);
        (void) close(others[0]);
        (void) close(others[1]);
        (void) close(client);
        (void) close(server);
        list_until(&seen, 0, -1, 0);
}

static void check_loopback_is_left_out(void) {
        int listener = listen_on(true, "", 9100, false);
        int v4 = connect_to("127.0.0.1", 9100), v6 = connect_to("::1", 9100), other = connect_to("192.0.2.1", 9100);
        Seen seen = {};

        list_until(&seen, 2, other, TCP_ESTABLISHED); /* the other end waits to be accepted, and exists */
        CHECK(!seen_find(&seen, v4) && !seen_find(&seen, v6));
        (void) close(v4);
        (void) close(v6);
        (void) close(other);
        (void) close(listener);
        list_until(&seen, 0, -1, 0);
}

/* More than one message of the kernel holds. */
static void count_socket(const ExistingSocket *s _unused_, void *userdata) {
        (*(unsigned *) userdata)++;
}

static void check_many(void) {
        int listener = listen_on(false, "", 9200, false), fds[300];
        unsigned n = 0;

        for (size_t i = 0; i < ELEMENTSOF(fds); i += 2) {
                fds[i] = connect_to("192.0.2.1", 9200);
                fds[i + 1] = accept(listener, NULL, NULL);
                CHECK(fds[i + 1] >= 0);
        }
        CHECK(existing_sockets_list(ELEMENTSOF(fds), count_socket, &n) == 0);
        CHECK(n == ELEMENTSOF(fds));
        n = 0; /* one more than there may be */
        CHECK(existing_sockets_list(ELEMENTSOF(fds) - 1, count_socket, &n) == -E2BIG);
        CHECK(n == ELEMENTSOF(fds) - 1);
        for (size_t i = 0; i < ELEMENTSOF(fds); i++)
                (void) close(fds[i]);
        (void) close(listener);
}

static void check_all(int i _unused_) {
        network_init();
        check_accepted_is_recognized();
        check_other_listeners_do_not_count();
        check_loopback_is_left_out();
        check_many();
}

START_TEST(connections_are_listed) {
        run_in_own_network(check_all, 0, false);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("existing-sockets");
        TCase *t = tcase_create("existing-sockets");

        tcase_set_timeout(t, 60);
        tcase_add_test(t, messages_are_parsed);
        tcase_add_loop_test(t, status_is_parsed, 0, ELEMENTSOF(status_cases));
        tcase_add_loop_test(t, faults_are_refused, 0, ELEMENTSOF(fault_cases));
        tcase_add_test(t, connections_are_listed);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
