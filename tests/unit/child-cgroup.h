/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A cgroup of the test's own, its children, and processes in them. */

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/cgroup.h"

/* false: no cgroup can be created here, and the reason has been printed. */
static inline bool own_cgroup_new(Cgroup *ret) {
        const char *what = NULL;
        int r = cgroup_create_below_own(ret, &what);

        if (r < 0)
                ck_assert_str_ne(what, "");
        if (r == -EPERM || r == -EACCES || r == -EROFS || r == -ENOSYS) {
                printf("# SKIP %s\n", what);
                return false;
        }
        ck_assert_int_eq(r, 0);
        return true;
}

static inline void child_make(const Cgroup *c, const char *name) {
        ck_assert_int_eq(mkdirat(c->fd, name, 0755), 0);
}

static inline void child_drop(const Cgroup *c, const char *name) {
        ck_assert_int_eq(unlinkat(c->fd, name, AT_REMOVEDIR), 0);
}

static inline uint64_t child_id(const Cgroup *c, const char *name) {
        struct stat st;

        ck_assert_int_eq(fstatat(c->fd, name, &st, 0), 0);
        return st.st_ino;
}

/* A process in the child of that name, "." for the cgroup itself, that only ends when it is killed. */
static inline pid_t inmate_new(const Cgroup *c, const char *name) {
        Cgroup child = *c;
        int fds[2];
        char byte;
        pid_t pid;

        child.fd = openat(c->fd, name, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
        ck_assert_int_ge(child.fd, 0);
        ck_assert_int_eq(pipe(fds), 0);
        pid = fork();
        ck_assert_int_ge(pid, 0);
        if (pid == 0) {
                byte = cgroup_enter(&child) < 0 ? 'e' : 'k';
                while (write(fds[1], &byte, 1) == 1)
                        (void) pause();
                _exit(1);
        }
        ck_assert_int_eq(read(fds[0], &byte, 1), 1);
        ck_assert_int_eq(byte, 'k');
        (void) close(fds[0]);
        (void) close(fds[1]);
        (void) close(child.fd);
        return pid;
}

static inline void inmate_end(pid_t pid) {
        ck_assert_int_eq(kill(pid, SIGKILL), 0);
        ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}
