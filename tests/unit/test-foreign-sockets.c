/* SPDX-License-Identifier: Apache-2.0 */
#include "host/foreign-sockets.h"

#include <arpa/inet.h>
#include <linux/netlink.h>
#include <signal.h>
#include <string.h>

#include <check.h>

#include "basic/macro.h"
#include "engine/self-query.h"
#include "host/netlink.h"
#include "host/socket-holder.h"
#include "own-network.h"

#define PORT 2053
#define USER 64123
#define LINES_MAX 16

/* --- pure --- */

static const struct {
        const char *own, *local;
        bool v6_only;
        uint32_t uid;
        bool shares, shares_where_users_may_bind;
} share_cases[] = {
        { "127.0.0.155", "127.0.0.155", false, 1000, true, true },
        { "127.0.0.155", "127.0.0.155", false, 0, true, true },
        { "127.0.0.155", "127.0.0.1", false, 1000, false, false },
        { "127.0.0.155", "0.0.0.0", false, 1000, false, true },
        { "127.0.0.155", "0.0.0.0", false, 0, false, false },
        { "127.0.0.155", "::", false, 1000, false, true },
        { "127.0.0.155", "::", true, 1000, false, false },
        { "::1", "::1", false, 1000, true, true },
        { "::1", "::", true, 1000, false, true },
        { "::1", "::", false, 0, false, false },
        { "::1", "0.0.0.0", false, 1000, false, false },
        { "::1", "127.0.0.155", false, 1000, false, false },
};

START_TEST(sharing) {
        DnsEndpoint own = { .port = 53, .protocol = IPPROTO_UDP };
        ExistingSocket s = { .local_port = 53, .v6_only = share_cases[_i].v6_only, .uid = share_cases[_i].uid };

        ck_assert_int_eq(in_addr_parse(share_cases[_i].own, &own.addr), 0);
        if (strcmp(share_cases[_i].local, "0.0.0.0") == 0)
                in_addr_from_v4((const uint8_t[4]) {}, &s.local);
        else if (strcmp(share_cases[_i].local, "::") != 0)
                ck_assert_int_eq(in_addr_parse(share_cases[_i].local, &s.local), 0);
        ck_assert_int_eq(foreign_socket_shares(&own, &s, false), share_cases[_i].shares);
        ck_assert_int_eq(foreign_socket_shares(&own, &s, true), share_cases[_i].shares_where_users_may_bind);
        s.local_port = 54;
        ck_assert(!foreign_socket_shares(&own, &s, true));
}
END_TEST

START_TEST(users_of_processes) {
        uint32_t uid = 7;

        ck_assert_int_eq(process_status_user("Name:\tx\nUid:\t1000\t1000\t1000\t1000\nGid:\t1\t1\t1\t1\n", &uid), 0);
        ck_assert_uint_eq(uid, 1000);
        ck_assert_int_eq(process_status_user("Name:\tx\nUid:\t1000\t0\t1000\t1000\n", &uid), -ENXIO);
        ck_assert_int_eq(process_status_user("Name:\tx\nUid:\t1000\t1000\n", &uid), -EBADMSG);
        ck_assert_int_eq(process_status_user("Uid:\t1000\t1000\t1000\t1000\n", &uid), -EBADMSG); /* the name comes first */
        ck_assert_int_eq(process_status_user("", &uid), -EBADMSG);
        ck_assert_uint_eq(uid, 1000);
}
END_TEST

START_TEST(endpoints_of_the_service) {
        char text[DNS_ENDPOINT_TEXT_MAX];
        DnsEndpoint e[DNS_ENDPOINTS_SERVICE];

        dns_endpoints_of_service(e);
        ck_assert_str_eq(dns_endpoint_format(&e[0], text), "UDP 127.0.0.155:53");
        ck_assert_str_eq(dns_endpoint_format(&e[1], text), "UDP [::1]:253");
        ck_assert_str_eq(dns_endpoint_format(&e[2], text), "TCP 127.0.0.155:53");
        ck_assert_str_eq(dns_endpoint_format(&e[3], text), "TCP [::1]:253");
        for (size_t i = 0; i < ELEMENTSOF(e); i++)
                ck_assert_uint_lt(e[i].port, 512); /* bindresvport(3) begins there */
}
END_TEST

START_TEST(self_queries_are_secret) {
        SelfQuery a = {}, b = {};

        ck_assert_int_eq(self_query_renew(&a), 0);
        ck_assert_int_eq(self_query_renew(&b), 0);
        ck_assert_str_ne(a.name, b.name);
        ck_assert(!in_addr_equal(&a.answer, &b.answer));
        ck_assert_uint_eq(strlen(a.name), 32 + 1 + strlen(SELF_QUERY_ZONE));
        ck_assert(self_query_owns(a.name));
        ck_assert(self_query_owns(SELF_QUERY_ZONE));
        ck_assert(!self_query_owns("x" SELF_QUERY_ZONE));
        ck_assert(!self_query_owns("invalid"));
}
END_TEST

/* --- in a network namespace of our own --- */

typedef enum How {
        HOW_SHARED = 1 << 0, /* SO_REUSEADDR, as systemd's */
        HOW_LISTENS = 1 << 1,
        HOW_MAPPED = 1 << 2, /* an IPv6 socket at an IPv4 address */
} How;

/* addr "": any of IPv6. Returns the socket, or a negative errno of bind(2). */
static int bound(int type, const char *addr, uint16_t port, How how) {
        struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
        struct sockaddr_storage sa = {};
        socklen_t length = sizeof(v6);
        InAddr a = {};

        CHECK(!*addr || in_addr_parse(addr, &a) == 0);
        if (!*addr || how & HOW_MAPPED) {
                memcpy(&v6.sin6_addr, a.b, sizeof(a.b));
                memcpy(&sa, &v6, sizeof(v6));
        } else
                length = in_addr_to_sockaddr(&a, port, &sa);
        int fd = socket(sa.ss_family, type | SOCK_CLOEXEC, 0), one = 1;
        CHECK(fd >= 0);
        CHECK(!(how & HOW_SHARED) || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) >= 0);
        if (bind(fd, (struct sockaddr *) &sa, length) < 0) {
                int r = -errno;
                (void) close(fd);
                return r;
        }
        CHECK(!(how & HOW_LISTENS) || listen(fd, 8) >= 0);
        return fd;
}

static void count_socket(const DnsEndpoint *own _unused_, const ExistingSocket *s _unused_, void *userdata) {
        (*(size_t *) userdata)++;
}

static size_t n_foreign(int fd) {
        DnsEndpoint e;
        size_t n = 0;

        CHECK(dns_endpoint_of_socket(fd, &e) == 0);
        CHECK(foreign_sockets_list(&e, 1, count_socket, &n) == 0);
        return n;
}

/* What the kernel lets others bind before a socket is claimed is found; after it, nothing is left to be bound. */
static void check_claim(const char *addr, How how) {
        int own = bound(SOCK_DGRAM, addr, PORT, HOW_SHARED);
        int early = bound(SOCK_DGRAM, addr, PORT, HOW_SHARED | how);

        CHECK(own >= 0 && early >= 0);
        CHECK(n_foreign(own) == 1);
        CHECK(dns_endpoint_claim(own) == 0);
        CHECK(n_foreign(own) == 1); /* claiming does not end what is there */
        (void) close(early);
        CHECK(n_foreign(own) == 0);
        CHECK(bound(SOCK_DGRAM, addr, PORT, HOW_SHARED | how) == -EADDRINUSE);
        CHECK(bound(SOCK_DGRAM, "", PORT, HOW_SHARED) == -EADDRINUSE);
        (void) close(own);
}

/* Root's socket at every address is a resolver of the administrator's; one that connects has the address. */
static void check_any_address(void) {
        struct sockaddr_in6 peer = { .sin6_family = AF_INET6, .sin6_port = htons(9), .sin6_addr = IN6ADDR_LOOPBACK_INIT };
        int own = bound(SOCK_DGRAM, "::1", PORT, HOW_SHARED), any = bound(SOCK_DGRAM, "", PORT, HOW_SHARED);

        CHECK(own >= 0 && any >= 0 && n_foreign(own) == 0);
        CHECK(connect(any, (struct sockaddr *) &peer, sizeof(peer)) == 0);
        CHECK(n_foreign(own) == 1);
        (void) close(any);
        (void) close(own);
}

static char lines[LINES_MAX][256];
static size_t n_lines;

static void keep_line(int priority _unused_, const char *line) {
        if (n_lines < LINES_MAX)
                (void) snprintf(lines[n_lines++], sizeof(lines[0]), "%s", line);
}

/* A process of an ordinary user that has the socket, which root may have too. */
static pid_t hold(int type, const char *addr, How how, int *ret_copy) {
        int pair[2], ready = 0;
        pid_t pid;

        CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
        pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
                CHECK(setresgid(USER, USER, USER) == 0 && setresuid(USER, USER, USER) == 0);
                int fd = bound(type, addr, PORT, how);
                CHECK(fd >= 0);
                struct iovec part = { &ready, sizeof(ready) };
                union {
                        struct cmsghdr align;
                        uint8_t b[CMSG_SPACE(sizeof(int))];
                } control = {};
                struct msghdr m = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };
                struct cmsghdr *c = CMSG_FIRSTHDR(&m);
                c->cmsg_level = SOL_SOCKET;
                c->cmsg_type = SCM_RIGHTS;
                c->cmsg_len = CMSG_LEN(sizeof(fd));
                memcpy(CMSG_DATA(c), &fd, sizeof(fd));
                CHECK(sendmsg(pair[1], &m, 0) == sizeof(ready));
                for (;;)
                        (void) pause();
        }
        (void) close(pair[1]);
        struct iovec part = { &ready, sizeof(ready) };
        union {
                struct cmsghdr align;
                uint8_t b[CMSG_SPACE(sizeof(int))];
        } control = {};
        struct msghdr m = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };
        CHECK(recvmsg(pair[0], &m, MSG_CMSG_CLOEXEC) == sizeof(ready) && CMSG_FIRSTHDR(&m));
        int copy;
        memcpy(&copy, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(copy));
        if (ret_copy)
                *ret_copy = copy;
        else
                (void) close(copy);
        (void) close(pair[0]);
        return pid;
}

static void check_holder_is_ended(int type, const char *own, const char *addr, How how) {
        DnsEndpoint e = { .port = PORT, .protocol = type == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP };
        pid_t pid = hold(type, addr, how, NULL);
        int status;

        n_lines = 0;
        CHECK(in_addr_parse(own, &e.addr) == 0);
        CHECK(socket_holders_end(&e, 1, keep_line) == 0);
        CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        CHECK(n_lines == 1 && strstr(lines[0], "was killed") && strstr(lines[0], "64123"));
        int fd = bound(type, own, PORT, 0);
        CHECK(fd >= 0);
        (void) close(fd);
}

/* A socket that was handed to somebody else is no reason to end him: nobody could be made to lose his service so. */
static void check_bystander_is_left_alone(void) {
        DnsEndpoint e = { .port = PORT, .protocol = IPPROTO_UDP };
        int copy = -1, status;
        pid_t pid = hold(SOCK_DGRAM, "127.0.0.155", 0, &copy);

        n_lines = 0;
        CHECK(in_addr_parse("127.0.0.155", &e.addr) == 0);
        CHECK(socket_holders_end(&e, 1, keep_line) == 1);
        CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
        CHECK(n_lines == 3 && strstr(lines[2], "still exists"));
        (void) close(copy);
        CHECK(socket_holders_end(&e, 1, keep_line) == 0);
}

/* A DNS server that a user runs in a container, where users may bind port 53. */
static void check_wildcard_is_left_alone(int type, How how) {
        DnsEndpoint e = { .port = PORT, .protocol = type == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP };
        pid_t pid = hold(type, "", how, NULL);

        n_lines = 0;
        CHECK(in_addr_parse("127.0.0.155", &e.addr) == 0);
        CHECK(socket_holders_end(&e, 1, keep_line) == 0 && n_lines == 0);
        CHECK(waitpid(pid, NULL, WNOHANG) == 0);
        CHECK(kill(pid, SIGKILL) == 0 && waitpid(pid, NULL, 0) == pid);
}

static void check_root_is_left_alone(void) {
        DnsEndpoint e = { .port = PORT, .protocol = IPPROTO_UDP };
        int fd = bound(SOCK_DGRAM, "127.0.0.155", PORT, HOW_SHARED);

        n_lines = 0;
        CHECK(fd >= 0 && in_addr_parse("127.0.0.155", &e.addr) == 0);
        CHECK(socket_holders_end(&e, 1, keep_line) == 0 && n_lines == 0);
        (void) close(fd);
}

static void check_all(int i _unused_) {
        loopback_up();
        check_claim("127.0.0.155", 0);
        check_claim("127.0.0.155", HOW_MAPPED);
        check_claim("::1", 0);
        check_any_address();
        check_holder_is_ended(SOCK_DGRAM, "127.0.0.155", "127.0.0.155", 0);
        check_holder_is_ended(SOCK_DGRAM, "127.0.0.155", "127.0.0.155", HOW_MAPPED | HOW_SHARED);
        check_holder_is_ended(SOCK_DGRAM, "::1", "::1", 0);
        check_holder_is_ended(SOCK_STREAM, "::1", "::1", HOW_LISTENS);
        check_wildcard_is_left_alone(SOCK_DGRAM, 0);
        check_wildcard_is_left_alone(SOCK_STREAM, HOW_LISTENS);
        check_bystander_is_left_alone();
        check_root_is_left_alone();
}

START_TEST(namespace_of_our_own) {
        run_in_own_network(check_all, 0, true);
}
END_TEST

/* --- netlink --- */

/* What another process sent comes first, and is not taken for the kernel's. */
START_TEST(messages_of_others_are_dropped) {
        const struct nlmsghdr forged = { .nlmsg_len = sizeof(forged), .nlmsg_type = NLMSG_DONE };
        const struct {
                struct nlmsghdr header;
        } bad = { { .nlmsg_len = sizeof(bad), .nlmsg_type = NLMSG_MIN_TYPE + 2000, .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK } };
        struct sockaddr_nl kernel = { .nl_family = AF_NETLINK }, own = {};
        int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
        int other = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
        struct nlmsghdr h;
        uint8_t buf[512];
        ssize_t n;

        ck_assert_int_ge(fd, 0);
        ck_assert_int_ge(other, 0);
        ck_assert_int_eq(bind(fd, (struct sockaddr *) &kernel, sizeof(kernel)), 0);
        ck_assert_int_eq(getsockname(fd, (struct sockaddr *) &own, &(socklen_t) { sizeof(own) }), 0);
        ck_assert_int_eq(netlink_receive(fd, buf, sizeof(buf)), -EAGAIN);
        if (sendto(other, &forged, sizeof(forged), 0, (struct sockaddr *) &own, sizeof(own)) < 0) {
                ck_assert_int_eq(errno, EPERM);
                printf("# SKIP sending to others takes CAP_NET_ADMIN\n");
        }
        ck_assert_int_eq(sendto(fd, &bad, sizeof(bad), 0, (struct sockaddr *) &kernel, sizeof(kernel)), sizeof(bad));
        n = netlink_receive(fd, buf, sizeof(buf));
        ck_assert_int_gt(n, (ssize_t) sizeof(h));
        memcpy(&h, buf, sizeof(h));
        ck_assert_uint_eq(h.nlmsg_type, NLMSG_ERROR);
        ck_assert_int_eq(netlink_receive(fd, buf, sizeof(buf)), -EAGAIN);

        ck_assert_int_eq(sendto(fd, &bad, sizeof(bad), 0, (struct sockaddr *) &kernel, sizeof(kernel)), sizeof(bad));
        ck_assert_int_eq(netlink_receive(fd, buf, sizeof(h)), -EBADMSG); /* longer than the room for it */
        (void) close(fd);
        (void) close(other);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("foreign-sockets");
        TCase *t = tcase_create("foreign-sockets");

        tcase_set_timeout(t, 60);
        tcase_add_loop_test(t, sharing, 0, ELEMENTSOF(share_cases));
        tcase_add_test(t, users_of_processes);
        tcase_add_test(t, endpoints_of_the_service);
        tcase_add_test(t, self_queries_are_secret);
        tcase_add_test(t, namespace_of_our_own);
        tcase_add_test(t, messages_of_others_are_dropped);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
