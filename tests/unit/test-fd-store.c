/* SPDX-License-Identifier: Apache-2.0 */
#include "handover/fd-store.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <check.h>

#define FIRST_FD 3 /* sd_listen_fds(3) */

/* What a manager would do with our messages. */
typedef struct FakeManager {
        int fd;
        size_t n;
        struct {
                char name[256];
                ino_t inode; /* of the memfd */
        } stored[16];
        size_t n_polled; /* stored without FDPOLL=0 */
} FakeManager;

static int memfd(void) {
        int fd = memfd_create("test", MFD_CLOEXEC);

        ck_assert_int_ge(fd, 0);
        return fd;
}

static ino_t inode_of(int fd) {
        struct stat st;

        return fstat(fd, &st) < 0 ? 0 : st.st_ino;
}

/* Binds an abstract address that the kernel chooses. */
static void manager_init(FakeManager *m) {
        struct sockaddr_un sa = { .sun_family = AF_UNIX };
        socklen_t length = sizeof(sa);
        char text[sizeof(sa.sun_path) + 2];

        *m = (FakeManager) { .fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0) };
        ck_assert_int_ge(m->fd, 0);
        ck_assert_int_ge(bind(m->fd, (const struct sockaddr *) &sa, sizeof(sa_family_t)), 0);
        ck_assert_int_ge(getsockname(m->fd, (struct sockaddr *) &sa, &length), 0);
        (void) snprintf(text, sizeof(text), "@%.*s", (int) (length - sizeof(sa_family_t) - 1), sa.sun_path + 1);
        ck_assert_int_ge(setenv("NOTIFY_SOCKET", text, 1), 0);
}

static void manager_remove(FakeManager *m, const char *name) {
        for (size_t i = m->n; i-- > 0;)
                if (strcmp(m->stored[i].name, name) == 0)
                        m->stored[i] = m->stored[--m->n];
}

static void manager_store(FakeManager *m, const char *name, int fd, bool polled) {
        for (size_t i = 0; i < m->n; i++)
                if (m->stored[i].inode == inode_of(fd))
                        return; /* held already, whatever its name */
        ck_assert_uint_lt(m->n, ELEMENTSOF(m->stored));
        (void) snprintf(m->stored[m->n].name, sizeof(m->stored[m->n].name), "%s", name);
        m->stored[m->n++].inode = inode_of(fd);
        m->n_polled += polled;
}

/* The next message and its descriptor, -1 for none. False when there is no message. */
static bool receive(int socket_fd, char text[static 512], int *ret_fd) {
        union {
                struct cmsghdr header;
                char space[CMSG_SPACE(sizeof(int) * 4)];
        } control;
        struct iovec iov = { .iov_base = text, .iov_len = 511 };
        struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
                             .msg_controllen = sizeof(control) };

        ssize_t n = recvmsg(socket_fd, &mh, MSG_CMSG_CLOEXEC);
        if (n < 0)
                return false;
        text[n] = '\0';
        *ret_fd = -1;
        for (struct cmsghdr *c = CMSG_FIRSTHDR(&mh); c; c = CMSG_NXTHDR(&mh, c))
                if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
                        ck_assert_uint_eq(c->cmsg_len, CMSG_LEN(sizeof(int)));
                        memcpy(ret_fd, CMSG_DATA(c), sizeof(int));
                }
        return true;
}

/* One message; false when there is none. */
static bool manager_step(FakeManager *m) {
        char text[512];
        int fd;

        if (!receive(m->fd, text, &fd))
                return false;
        const char *name = strstr(text, "FDNAME=");
        ck_assert_ptr_nonnull(name);
        name += strlen("FDNAME=");
        if (strncmp(text, "FDSTORE=1\n", 10) == 0) {
                ck_assert_int_ge(fd, 0);
                manager_store(m, name, fd, !strstr(text, "\nFDPOLL=0\n"));
        } else {
                ck_assert_int_eq(strncmp(text, "FDSTOREREMOVE=1\n", 16), 0);
                ck_assert_int_eq(fd, -1);
                manager_remove(m, name);
        }
        if (fd >= 0)
                close(fd);
        return true;
}

static void manager_run(FakeManager *m) {
        while (manager_step(m))
                ;
}

static FdStore *empty_store(void) {
        FdStore *s = NULL;

        (void) unsetenv("LISTEN_FDS");
        ck_assert_int_eq(fd_store_collect(&s), 0);
        return s;
}

START_TEST(push_says_what_the_manager_needs) {
        FakeManager m;
        char text[512];
        int fd = memfd(), received;

        manager_init(&m);
        FdStore *s = empty_store();
        ck_assert_int_eq(fd_store_push(s, "map-flows", fd), 1);
        ck_assert(receive(m.fd, text, &received));
        ck_assert_str_eq(text, "FDSTORE=1\nFDPOLL=0\nFDNAME=map-flows.1");
        ck_assert_uint_eq(inode_of(received), inode_of(fd));
        close(received);
        ck_assert_int_eq(fd_store_remove(s, "map-flows"), 0);
        ck_assert(receive(m.fd, text, &received));
        ck_assert_str_eq(text, "FDSTOREREMOVE=1\nFDNAME=map-flows.1");
        ck_assert_int_eq(fd_store_remove(s, "map-flows"), -ENOENT);
        ck_assert(!receive(m.fd, text, &received));

        /* What was pushed is the manager's: there is nothing here to take or to leave over. */
        ck_assert_int_eq(fd_store_push(s, "state", fd), 1);
        ck_assert_int_eq(fd_store_take(s, "state"), -ENOENT);
        fd_store_free(s);
        close(fd);
        close(m.fd);
}
END_TEST

START_TEST(replacing_leaves_no_gap) {
        FakeManager m;
        int fd = memfd(), other = memfd();
        ino_t newest = inode_of(fd);

        manager_init(&m);
        FdStore *s = empty_store();
        ck_assert_int_eq(fd_store_push(s, "link-egress", fd), 1);
        ck_assert_int_eq(fd_store_push(s, "link-egress-tcx", other), 1);
        manager_run(&m);
        for (int i = 0; i < 5; i++) {
                int next = memfd();

                ck_assert_int_eq(fd_store_push(s, "link-egress", next), 1);
                ino_t before = newest;
                newest = inode_of(next);
                while (manager_step(&m)) {
                        size_t n = 0;
                        for (size_t k = 0; k < m.n; k++)
                                n += m.stored[k].inode == before || m.stored[k].inode == newest;
                        ck_assert_uint_ge(n, 1);
                }
                ck_assert_uint_eq(m.n, 2);
                close(fd);
                fd = next;
        }
        ck_assert_uint_eq(m.n_polled, 0);
        ck_assert(m.stored[0].inode == newest || m.stored[1].inode == newest);
        fd_store_free(s);
        close(fd);
        close(other);
        close(m.fd);
}
END_TEST

START_TEST(names_are_checked) {
        char longest[FD_STORE_NAME_MAX + 2];
        FakeManager m;
        int fd = memfd();

        manager_init(&m);
        FdStore *s = empty_store();
        ck_assert_int_eq(fd_store_push(s, "", fd), -EINVAL);
        ck_assert_int_eq(fd_store_push(s, "dns-host", fd), -EINVAL);
        ck_assert_int_eq(fd_store_push(s, "states", fd), -EINVAL);
        ck_assert_int_eq(fd_store_push(s, "policy-a:b", fd), -EINVAL);
        ck_assert_int_eq(fd_store_push(s, "policy-a\nREADY=1", fd), -EINVAL);
        ck_assert_int_eq(fd_store_push(s, "policy-\xc3\xa9", fd), -EINVAL);
        memset(longest, 'a', sizeof(longest));
        memcpy(longest, "map-", 4);
        longest[FD_STORE_NAME_MAX + 1] = '\0';
        ck_assert_int_eq(fd_store_push(s, longest, fd), -EINVAL);
        manager_run(&m);
        ck_assert_uint_eq(m.n, 0);
        longest[FD_STORE_NAME_MAX] = '\0';
        ck_assert_int_eq(fd_store_push(s, longest, fd), 1);
        manager_run(&m);
        ck_assert_uint_eq(m.n, 1);
        fd_store_free(s);
        close(fd);
        close(m.fd);
}
END_TEST

START_TEST(store_is_bounded) {
        FakeManager m;
        char name[32], text[512];
        int fd = memfd(), received;

        manager_init(&m);
        FdStore *s = empty_store();
        for (unsigned i = 0; i < FD_STORE_MAX; i++) {
                (void) snprintf(name, sizeof(name), "policy-%u", i);
                ck_assert_int_eq(fd_store_push(s, name, fd), 1);
                ck_assert(receive(m.fd, text, &received));
                close(received);
        }
        ck_assert_int_eq(fd_store_push(s, "state", fd), -ENOSPC);
        /* Not even to replace one: the manager would drop the new one, and then the old one at our word. */
        ck_assert_int_eq(fd_store_push(s, "policy-0", fd), -ENOSPC);
        ck_assert(!receive(m.fd, text, &received));
        ck_assert_int_eq(fd_store_remove(s, "policy-0"), 0);
        ck_assert_int_eq(fd_store_push(s, "state", fd), 1);
        fd_store_free(s);

        /* The manager's own limit, which newer ones pass on. */
        ck_assert_int_ge(setenv("FDSTORE", "1", 1), 0);
        s = empty_store();
        (void) unsetenv("FDSTORE");
        ck_assert_int_eq(fd_store_push(s, "state", fd), 1);
        ck_assert_int_eq(fd_store_push(s, "map-flows", fd), -ENOSPC);
        fd_store_free(s);
        close(fd);
        close(m.fd);
}
END_TEST

START_TEST(without_a_manager) {
        int fd = memfd();

        ck_assert_int_ge(unsetenv("NOTIFY_SOCKET"), 0);
        FdStore *s = empty_store();
        ck_assert_int_eq(fd_store_push(s, "state", fd), 0);
        ck_assert_int_eq(fd_store_remove(s, "state"), -ENOENT);
        ck_assert_int_eq(fd_store_sync(1), 0);
        ck_assert_int_eq(fd_store_take(s, "state"), -ENOENT);
        ck_assert_int_eq(fd_store_take_socket(s, "dns-host", &(int) { 0 }, &(int) { 0 }), -ENOENT);
        fd_store_free(s);
        ck_assert_ptr_null(fd_store_free(NULL));
        close(fd);
}
END_TEST

START_TEST(sync_waits_for_the_manager) {
        FakeManager m;
        char text[512];
        int fd;

        manager_init(&m);
        pid_t pid = fork();
        ck_assert_int_ge(pid, 0);
        if (pid == 0) {
                bool ok = false;
                (void) fcntl(m.fd, F_SETFL, 0);
                if (receive(m.fd, text, &fd))
                        ok = strcmp(text, "BARRIER=1") == 0 && fd >= 0;
                _exit(ok ? 0 : 1); /* closes the descriptor: that is the answer */
        }
        ck_assert_int_gt(fd_store_sync(60 * USEC_PER_SEC), 0);
        int status;
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert_int_eq(status, 0);
        ck_assert_int_eq(fd_store_sync(1000), -ETIMEDOUT); /* nobody answers any more */
        close(m.fd);
}
END_TEST

/* The rest is about what was handed to us, at descriptors 3 and on: in a child, which says by its exit status which
 * check failed. */
#define EXPECT(x)                                                                \
        do {                                                                     \
                if (!(x)) {                                                      \
                        (void) dprintf(STDERR_FILENO, "%d: %s\n", __LINE__, #x); \
                        _exit(1);                                                \
                }                                                                \
        } while (0)

typedef struct Handed {
        const char *name;
        int fd;
} Handed;

static int inet_socket(int family, int type, bool listening) {
        struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
        struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        int fd = socket(family, type, 0);

        EXPECT(fd >= 0);
        if (family == AF_INET6)
                EXPECT(bind(fd, (const struct sockaddr *) &v6, sizeof(v6)) >= 0);
        else
                EXPECT(bind(fd, (const struct sockaddr *) &v4, sizeof(v4)) >= 0);
        EXPECT(!listening || listen(fd, 8) >= 0);
        return fd;
}

/* As a manager starts a service. Takes the descriptors. */
static void hand_over(const Handed *h, size_t n) {
        char names[1024] = "", number[16];
        int copies[32];

        EXPECT(n <= ELEMENTSOF(copies));
        for (size_t i = 0; i < n; i++) {
                copies[i] = fcntl(h[i].fd, F_DUPFD, 100); /* out of the way */
                EXPECT(copies[i] >= 0);
                EXPECT(close(h[i].fd) == 0);
        }
        for (size_t i = 0; i < n; i++) {
                EXPECT(dup2(copies[i], FIRST_FD + (int) i) >= 0);
                EXPECT(close(copies[i]) == 0);
                (void) strncat(names, i > 0 ? ":" : "", 2);
                (void) strncat(names, h[i].name, sizeof(names) - strlen(names) - 1);
        }
        (void) snprintf(number, sizeof(number), "%d", (int) getpid());
        EXPECT(setenv("LISTEN_PID", number, 1) >= 0);
        (void) snprintf(number, sizeof(number), "%zu", n);
        EXPECT(setenv("LISTEN_FDS", number, 1) >= 0);
        EXPECT(setenv("LISTEN_FDNAMES", names, 1) >= 0);
}

static void in_child(void (*fn)(FakeManager *m)) {
        FakeManager m;
        int status;

        manager_init(&m);
        pid_t pid = fork();
        ck_assert_int_ge(pid, 0);
        if (pid == 0) {
                m.fd = fcntl(m.fd, F_DUPFD_CLOEXEC, 200); /* not in the way of what is handed over */
                if (m.fd >= 0)
                        fn(&m);
                _exit(m.fd >= 0 ? 0 : 2);
        }
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert(WIFEXITED(status));
        ck_assert_int_eq(WEXITSTATUS(status), 0);
        close(m.fd);
}

static void collect_sockets(FakeManager *m _unused_) {
        const Handed h[] = {
                { "dns-host", inet_socket(AF_INET, SOCK_DGRAM, false) },
                { "dns-host", inet_socket(AF_INET, SOCK_STREAM, true) },
                { "dns-host", inet_socket(AF_INET6, SOCK_DGRAM, false) },
                { "dns-host", inet_socket(AF_INET6, SOCK_STREAM, true) },
                { "dns-host", inet_socket(AF_INET, SOCK_STREAM, false) }, /* does not listen */
                { "dns-host", socket(AF_UNIX, SOCK_DGRAM, 0) },
                { "dns-host", memfd_create("test", 0) },
                { "unknown", inet_socket(AF_INET, SOCK_DGRAM, false) },
                { "state.1", inet_socket(AF_INET, SOCK_DGRAM, false) },
        };
        static const int expected[][2] = {
                { AF_INET, SOCK_DGRAM }, { AF_INET, SOCK_STREAM }, { AF_INET6, SOCK_DGRAM }, { AF_INET6, SOCK_STREAM },
        };
        FdStore *s = NULL;
        int family, type;

        hand_over(h, ELEMENTSOF(h));
        EXPECT(fd_store_collect(&s) == 0);
        EXPECT(!getenv("LISTEN_FDS") && !getenv("LISTEN_PID") && !getenv("LISTEN_FDNAMES"));
        EXPECT(fd_store_take_socket(s, "unknown", &family, &type) == -ENOENT);
        for (size_t i = 0; i < ELEMENTSOF(expected); i++) {
                int fd = fd_store_take_socket(s, "dns-host", &family, &type);
                EXPECT(fd >= 0);
                EXPECT(family == expected[i][0] && type == expected[i][1]);
                EXPECT(fcntl(fd, F_GETFD) & FD_CLOEXEC);
                EXPECT(fcntl(fd, F_GETFL) & O_NONBLOCK);
        }
        EXPECT(fd_store_take_socket(s, "dns-host", &family, &type) == -ENOENT);
        EXPECT(fd_store_take(s, "state") == -ENOENT); /* a socket is no state */
        fd_store_free(s);
        EXPECT(fcntl(FIRST_FD + 3, F_GETFD) >= 0);
        for (int fd = FIRST_FD + 4; fd < FIRST_FD + (int) ELEMENTSOF(h); fd++)
                EXPECT(fcntl(fd, F_GETFD) < 0);
}

START_TEST(sockets_are_recognized_by_what_they_are) {
        in_child(collect_sockets);
}
END_TEST

/* Sockets that a predecessor stored are taken like other stored descriptors, if they are what their names say. */
static void collect_stored_sockets(FakeManager *m) {
        const Handed h[] = {
                { "dns-free-udp4.2", inet_socket(AF_INET, SOCK_DGRAM, false) },
                { "dns-free-udp4.1", inet_socket(AF_INET, SOCK_DGRAM, false) },
                { "dns-free-tcp4.1", inet_socket(AF_INET, SOCK_STREAM, false) }, /* does not listen */
                { "dns-free-udp6.1", memfd_create("test", 0) },
        };
        ino_t newest = inode_of(h[0].fd);
        int family, type;
        FdStore *s = NULL;

        hand_over(h, ELEMENTSOF(h));
        EXPECT(fd_store_collect(&s) == 0);
        EXPECT(fd_store_take_socket(s, "dns-free-udp4", &family, &type) == -ENOENT);
        int fd = fd_store_take(s, "dns-free-udp4");
        EXPECT(inode_of(fd) == newest && fcntl(fd, F_GETFL) & O_NONBLOCK);
        EXPECT(fd_store_take(s, "dns-free-tcp4") == -ENOENT);
        EXPECT(fd_store_take(s, "dns-free-udp6") == -ENOENT);
        fd_store_drop_left_over(s);
        manager_run(m);
        EXPECT(fd_store_push(s, "dns-free-tcp4", fd) == 1);
        fd_store_free(s);
}

START_TEST(stored_sockets) {
        in_child(collect_stored_sockets);
}
END_TEST

static void collect_stored(FakeManager *m) {
        const Handed h[] = {
                { "map-flows.9", memfd_create("test", 0) },
                { "map-flows.10", memfd_create("test", 0) },
                { "map-flows.2", memfd_create("test", 0) },
                { "state.1", memfd_create("test", 0) },
                { "link-egress", memfd_create("test", 0) },
                { "link-egress.1", memfd_create("test", 0) },
                { "policy-ci.2.1", memfd_create("test", 0) },
                { "policy-host.01", memfd_create("test", 0) }, /* no generation of ours: part of the name */
                { "policy-big.4294967295", memfd_create("test", 0) },
                { "stored", memfd_create("test", 0) },
                { "link-old.7", memfd_create("test", 0) },
        };
        ino_t newest = inode_of(h[1].fd), egress = inode_of(h[5].fd);
        FdStore *s = NULL;

        hand_over(h, ELEMENTSOF(h));
        EXPECT(fd_store_collect(&s) == 0);
        for (int i = 0; i < (int) ELEMENTSOF(h); i++)
                EXPECT(fcntl(FIRST_FD + i, F_GETFD) & FD_CLOEXEC);

        int flows = fd_store_take(s, "map-flows"), link = fd_store_take(s, "link-egress");
        EXPECT(inode_of(flows) == newest && inode_of(link) == egress);
        EXPECT(fd_store_take(s, "map-flows") == -ENOENT);
        EXPECT(fd_store_take(s, "map-flows.9") == -ENOENT);
        EXPECT(fd_store_take(s, "stored") == -ENOENT);
        EXPECT(fd_store_take(s, "state") >= 0);
        EXPECT(fd_store_take(s, "policy-ci.2") >= 0);
        EXPECT(fd_store_take(s, "policy-host.01") >= 0);

        /* A new link beside the one that was taken: a generation that was not there. */
        EXPECT(fd_store_push(s, "link-egress", memfd_create("test", MFD_CLOEXEC)) == 1);
        EXPECT(fd_store_push(s, "map-flows", memfd_create("test", MFD_CLOEXEC)) == 1);
        char text[512];
        int received;
        static const char *const expected[] = {
                "FDSTORE=1\nFDPOLL=0\nFDNAME=link-egress.2", "FDSTOREREMOVE=1\nFDNAME=link-egress.1",
                "FDSTORE=1\nFDPOLL=0\nFDNAME=map-flows.11", "FDSTOREREMOVE=1\nFDNAME=map-flows.10",
        };
        for (size_t i = 0; i < ELEMENTSOF(expected); i++)
                EXPECT(receive(m->fd, text, &received) && strcmp(text, expected[i]) == 0);

        /* Nothing that is in use is left over, and all the rest is. */
        static const char *const left[] = { "map-flows.9", "map-flows.2", "link-egress", "policy-big.4294967295",
                                            "stored", "link-old.7" };
        fd_store_drop_left_over(s);
        for (size_t i = ELEMENTSOF(left); i-- > 0;) {
                char wanted[64];
                (void) snprintf(wanted, sizeof(wanted), "FDSTOREREMOVE=1\nFDNAME=%s", left[i]);
                EXPECT(receive(m->fd, text, &received) && strcmp(text, wanted) == 0);
        }
        EXPECT(!receive(m->fd, text, &received));
        fd_store_free(s);
        EXPECT(inode_of(flows) == newest); /* the caller's */
}

START_TEST(stored_ones_are_recognized_by_generation) {
        in_child(collect_stored);
}
END_TEST

/* Two of the same full name cannot be told apart: one is taken, and removing the other would remove both. */
static void collect_twins(FakeManager *m) {
        const Handed h[] = {
                { "link-egress.3", memfd_create("test", 0) },
                { "link-egress.3", memfd_create("test", 0) },
        };
        char text[512];
        FdStore *s = NULL;
        int received;

        hand_over(h, ELEMENTSOF(h));
        EXPECT(fd_store_collect(&s) == 0);
        EXPECT(fd_store_take(s, "link-egress") >= 0);
        fd_store_drop_left_over(s);
        EXPECT(!receive(m->fd, text, &received));
        fd_store_free(s);
}

START_TEST(twins_are_not_removed) {
        in_child(collect_twins);
}
END_TEST

static void collect_contradiction(FakeManager *m _unused_) {
        const Handed h[] = { { "a:b", memfd_create("test", 0) } };
        FdStore *s = NULL;

        hand_over(h, ELEMENTSOF(h));
        EXPECT(fd_store_collect(&s) == -EINVAL);
        EXPECT(!s);

        /* For somebody else: nothing is handed to us. */
        EXPECT(setenv("LISTEN_PID", "1", 1) >= 0 && setenv("LISTEN_FDS", "1", 1) >= 0);
        EXPECT(fd_store_collect(&s) == 0);
        fd_store_free(s);
}

START_TEST(contradictions_are_refused) {
        in_child(collect_contradiction);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("fd-store");
        TCase *t = tcase_create("fd-store");

        tcase_set_timeout(t, 120);
        tcase_add_test(t, push_says_what_the_manager_needs);
        tcase_add_test(t, replacing_leaves_no_gap);
        tcase_add_test(t, names_are_checked);
        tcase_add_test(t, store_is_bounded);
        tcase_add_test(t, without_a_manager);
        tcase_add_test(t, sync_waits_for_the_manager);
        tcase_add_test(t, sockets_are_recognized_by_what_they_are);
        tcase_add_test(t, stored_sockets);
        tcase_add_test(t, stored_ones_are_recognized_by_generation);
        tcase_add_test(t, twins_are_not_removed);
        tcase_add_test(t, contradictions_are_refused);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
