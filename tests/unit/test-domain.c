/* SPDX-License-Identifier: Apache-2.0 */
#include "run/domain.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "basic/macro.h"
#include "own-process.h"

/* It ends with us: when the pipe is closed, since a signal from inside the domain would not reach it. */
static pid_t start_other(const int life[static 2]) {
        pid_t pid = fork();
        char byte;

        CHECK(pid >= 0);
        if (pid == 0) {
                (void) close(life[1]);
                while (read(life[0], &byte, 1) < 0)
                        ;
                _exit(0);
        }
        return pid;
}

static int open_of(pid_t pid, const char *name, int flags) {
        _cleanup_close_ int fd = -EBADF;
        char path[64];

        (void) snprintf(path, sizeof(path), "/proc/%d/%s", (int) pid, name);
        fd = open(path, flags | O_CLOEXEC);
        return fd < 0 ? -errno : 0;
}

static int steal_descriptor(pid_t pid) {
        _cleanup_close_ int pidfd = -EBADF, fd = -EBADF;

        pidfd = (int) syscall(SYS_pidfd_open, pid, 0);
        fd = (int) syscall(SYS_pidfd_getfd, pidfd, STDIN_FILENO, 0);
        return fd < 0 ? -errno : 0;
}

static int read_memory(pid_t pid) {
        char byte;
        struct iovec own = { &byte, 1 }, theirs = { &byte, 1 };

        return process_vm_readv(pid, &own, 1, &theirs, 1, 0) < 0 ? -errno : 0;
}

static int trace(pid_t pid) {
        if (ptrace(PTRACE_ATTACH, pid, NULL, NULL) < 0)
                return -errno;
        (void) waitpid(pid, NULL, 0);
        return ptrace(PTRACE_DETACH, pid, NULL, NULL) < 0 ? -errno : 0;
}

/* What is not possible even before, as in a container or with the Yama module, proves nothing later. */
static unsigned reachable(pid_t pid) {
        return (open_of(pid, "root/", O_RDONLY) == 0) << 0 | (open_of(pid, "cwd/", O_RDONLY) == 0) << 1 |
               (open_of(pid, "fd/0", O_RDONLY) == 0) << 2 | (open_of(pid, "ns/net", O_RDONLY) == 0) << 3 |
               (open_of(pid, "mem", O_RDWR) == 0) << 4 | (steal_descriptor(pid) == 0) << 5 |
               (read_memory(pid) == 0) << 6 | (trace(pid) == 0) << 7;
}

static int listen_anywhere(void) {
        _cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct sockaddr_in any = { .sin_family = AF_INET };

        return bind(fd, (struct sockaddr *) &any, sizeof(any)) < 0 || listen(fd, 1) < 0 ? -errno : 0;
}

static void check_domain(int abi) {
        unsigned before;
        pid_t other, inside;
        int life[2];

        CHECK(pipe(life) == 0);
        other = start_other(life);
        before = reachable(other);
        CHECK(before != 0);
        CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
        CHECK(domain_enter(abi) == 0);

        CHECK(reachable(other) == 0);
        inside = start_other(life);
        CHECK(reachable(inside) == before);
        CHECK(kill(inside, 0) == 0);
        CHECK(listen_anywhere() == 0);
        if (unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0)
                CHECK(mount("none", "/proc", "tmpfs", 0, NULL) == 0);
}

static void check_newest(void) {
        check_domain(domain_abi());
}

static void check_oldest(void) {
        check_domain(DOMAIN_ABI_MIN);
}

START_TEST(others_are_out_of_reach) {
        if (domain_abi() < DOMAIN_ABI_MIN)
                return;
        in_own_process(check_newest);
        in_own_process(check_oldest);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("domain");
        TCase *t = tcase_create("domain");

        tcase_add_test(t, others_are_out_of_reach);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
