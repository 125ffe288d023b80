/* SPDX-License-Identifier: Apache-2.0 */

/* Connections of a cgroup, in a network namespace of the test's own: with a process, and after its end. */

#include "host/cgroup-sockets.h"

#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/utsname.h>

#include "basic/in-addr.h"
#include "basic/macro.h"
#include "child-cgroup.h"
#include "own-network.h"

#define PORT 9000

static Cgroup cgroup = CGROUP_INIT;

static const struct {
        const char *addr;
        bool is_v6, bound; /* bound to the loopback device */
} kinds[] = {
        { "127.0.0.1", false, false },
        { "127.0.0.1", false, true },
        { "::1", true, false },
        { "::1", true, true },
        { "::ffff:127.0.0.1", true, false }, /* IPv4 on an IPv6 socket */
};

static socklen_t address(size_t kind, struct sockaddr_storage *ret) {
        struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6, .sin6_port = htons(PORT) };
        InAddr a;

        CHECK(in_addr_parse(kinds[kind].addr, &a) == 0);
        if (!kinds[kind].is_v6)
                return in_addr_to_sockaddr(&a, PORT, ret);
        memcpy(&sin6.sin6_addr, a.b, sizeof(a.b));
        memcpy(ret, &sin6, sizeof(sin6));
        return sizeof(sin6);
}

/* A connection whose peer never reads, with more written to it than fits there. */
static int fill(size_t kind) {
        static const char data[4096];
        struct sockaddr_storage sa;
        socklen_t length = address(kind, &sa);
        int fd = socket(sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

        CHECK(fd >= 0);
        if (kinds[kind].bound)
                CHECK(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 2) == 0);
        CHECK(connect(fd, (struct sockaddr *) &sa, length) == 0);
        CHECK(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
        while (send(fd, data, sizeof(data), 0) > 0)
                ;
        CHECK(errno == EAGAIN);
        return fd;
}

/* A process in the cgroup with a connection of each kind, which then waits; it reports the error that each has when a
 * byte arrives, and ends. */
static pid_t start(int *ret_ask, int *ret_answer) {
        int ask[2], answer[2], fds[ELEMENTSOF(kinds)], error;
        socklen_t size = sizeof(error);
        char byte = 'r';
        pid_t pid;

        CHECK(pipe(ask) == 0 && pipe(answer) == 0);
        pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
                (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
                (void) close(ask[1]);
                CHECK(cgroup_enter(&cgroup) == 0);
                for (size_t i = 0; i < ELEMENTSOF(kinds); i++)
                        fds[i] = fill(i);
                CHECK(write(answer[1], &byte, 1) == 1 && read(ask[0], &byte, 1) == 1);
                for (size_t i = 0; i < ELEMENTSOF(kinds); i++) {
                        CHECK(getsockopt(fds[i], SOL_SOCKET, SO_ERROR, &error, &size) == 0);
                        byte = error == ECONNABORTED ? 'a' : error == 0 ? '0' : '?';
                        CHECK(write(answer[1], &byte, 1) == 1);
                }
                _exit(0);
        }
        (void) close(ask[0]);
        (void) close(answer[1]);
        CHECK(read(answer[0], &byte, 1) == 1 && byte == 'r');
        *ret_ask = ask[1];
        *ret_answer = answer[0];
        return pid;
}

static void look(const CgroupSockets *sockets, size_t n) {
        CgroupSocketsState state = { .n = 77 };
        int r = cgroup_sockets_look(sockets, &state);

        if (r == -ENOENT) {
                printf("# SKIP this kernel cannot list TCP sockets\n");
                _exit(0);
        }
        CHECK(r == 0);
        if (state.n != n)
                printf("# %zu connections, wanted %zu\n", state.n, n);
        CHECK(state.n == n && (n == 0) == (state.n_queued == 0));
}

static bool orphans_end(void) {
        unsigned major, minor;
        struct utsname u;

        CHECK(uname(&u) == 0 && sscanf(u.release, "%u.%u", &major, &minor) == 2);
        return major > 6 || (major == 6 && minor >= 12);
}

/* orphans: the process has ended when its connections are to be ended. */
static void check(int orphans) {
        struct sockaddr_in6 any = { .sin6_family = AF_INET6, .sin6_port = htons(PORT) };
        const uint64_t ids[] = { 0, cgroup.id, UINT64_MAX };
        const CgroupSockets sockets = { .cgroups = ids, .n_cgroups = ELEMENTSOF(ids) }, none = { .cgroups = ids };
        int listener = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0), stranger, ask, answer, error;
        socklen_t size = sizeof(error);
        char byte = 'a';
        pid_t pid;

        loopback_up();
        CHECK(bind(listener, (struct sockaddr *) &any, sizeof(any)) == 0 && listen(listener, 64) == 0);
        stranger = fill(0);
        look(&sockets, 0);
        pid = start(&ask, &answer);
        look(&sockets, ELEMENTSOF(kinds));
        look(&none, 0);
        if (orphans) {
                CHECK(kill(pid, SIGKILL) == 0 && waitpid(pid, NULL, 0) == pid);
                look(&sockets, ELEMENTSOF(kinds));
        }
        CHECK(cgroup_sockets_end(&sockets) == 0);
        if (!orphans) {
                CHECK(write(ask, "", 1) == 1 && read(answer, &byte, 1) == 1);
                CHECK(byte == 'a' || byte == '0');
                if (byte == '0')
                        printf("# SKIP this kernel cannot destroy sockets\n");
                for (size_t i = 1; i < ELEMENTSOF(kinds) && byte == 'a'; i++)
                        CHECK(read(answer, &byte, 1) == 1 && byte == 'a');
                CHECK(waitpid(pid, NULL, 0) == pid);
        }
        if (byte == 'a')
                look(&sockets, orphans && !orphans_end() ? ELEMENTSOF(kinds) : 0);
        CHECK(getsockopt(stranger, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0);
        (void) close(stranger);
        (void) close(listener); /* resets what is left */
}

START_TEST(connections_are_ended) {
        if (!own_cgroup_new(&cgroup))
                return;
        run_in_own_network(check, _i, true);
        ck_assert_int_eq(cgroup_remove(&cgroup), 0);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("cgroup-sockets");
        TCase *t = tcase_create("cgroup-sockets");

        tcase_set_timeout(t, 60);
        tcase_add_loop_test(t, connections_are_ended, 0, 2);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
