/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Code that needs a network namespace of its own: it runs in a child process, where CHECK() takes the place of Check's
 * assertions. */

#include <check.h>
#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define OWN_NETWORK_NOT_ALLOWED 77 /* exit status */

/* Prints what failed, with errno, and ends the child. */
#define CHECK(x)                                                                        \
        do {                                                                            \
                if (!(x)) {                                                             \
                        printf("# %s:%d: %s: %m\n", __FILE__, __LINE__, #x);            \
                        (void) fflush(stdout);                                          \
                        _exit(1);                                                       \
                }                                                                       \
        } while (0)

static inline void loopback_up(void) {
        struct ifreq ifr = { .ifr_name = "lo" };
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        CHECK(fd >= 0 && ioctl(fd, SIOCGIFFLAGS, &ifr) >= 0);
        ifr.ifr_flags |= IFF_UP;
        CHECK(ioctl(fd, SIOCSIFFLAGS, &ifr) >= 0);
        (void) close(fd);
}

static inline uint64_t cookie_of(int fd) {
        uint64_t cookie = 0;
        socklen_t size = sizeof(cookie);

        CHECK(getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size) == 0);
        return cookie;
}

/* Runs fn(i) in a new network namespace, and fails the test if a CHECK() fails there. needs_root: a user namespace of
 * our own is not sufficient. Without the right to create one, the test is skipped. */
static inline void run_in_own_network(void (*fn)(int i), int i, bool needs_root) {
        int status;
        pid_t pid = fork();

        ck_assert_int_ge(pid, 0);
        if (pid == 0) {
                bool root = geteuid() == 0 && unshare(CLONE_NEWNET) == 0;

                if (!root && (needs_root || unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0))
                        _exit(OWN_NETWORK_NOT_ALLOWED);
                fn(i);
                _exit(0);
        }
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert(WIFEXITED(status));
        if (WEXITSTATUS(status) == OWN_NETWORK_NOT_ALLOWED)
                printf("# SKIP no network namespace can be created here\n");
        else
                ck_assert_int_eq(WEXITSTATUS(status), 0);
}
