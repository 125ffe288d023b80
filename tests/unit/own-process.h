/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Code that changes its process permanently: it runs in a child process, where CHECK() takes the place of Check's
 * assertions. */

#include <check.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK(x)                                                                        \
        do {                                                                            \
                if (!(x)) {                                                             \
                        printf("# %s:%d: %s: %m\n", __FILE__, __LINE__, #x);            \
                        (void) fflush(stdout);                                          \
                        _exit(1);                                                       \
                }                                                                       \
        } while (0)

static inline void in_own_process(void (*fn)(void)) {
        int status;
        pid_t pid;

        (void) fflush(stdout);
        pid = fork();
        ck_assert_int_ge(pid, 0);
        if (pid == 0) {
                fn();
                _exit(0);
        }
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert_msg(status == 0, "status %#x", (unsigned) status);
}
