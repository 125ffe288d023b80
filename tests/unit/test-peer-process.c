/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/wait.h>
#include <unistd.h>

#include <check.h>

#include "basic/macro.h"
#include "host/peer-process.h"

static pid_t child_new(int *ret_fd) {
        int fds[2];
        char c;

        ck_assert_int_eq(pipe(fds), 0);
        pid_t pid = fork();
        if (pid == 0) {
                (void) close(fds[1]);
                _exit(read(fds[0], &c, 1) != 0);
        }
        (void) close(fds[0]);
        *ret_fd = fds[1];
        return pid;
}

START_TEST(a_process_that_ends_is_not_taken_for_another) {
        _cleanup_free_ char *unit = NULL, *cgroup = NULL;
        int hold, fd;
        uint32_t uid;

        pid_t pid = child_new(&hold);
        fd = peer_process_open((uint32_t) pid);
        ck_assert_int_ge(fd, 0);
        ck_assert(peer_process_is_alive(fd));
        ck_assert_int_eq(peer_process_uid(fd, &uid), 0);
        ck_assert_uint_eq(uid, geteuid());

        (void) close(hold);
        siginfo_t info;
        ck_assert_int_eq(waitid(P_PID, (id_t) pid, &info, WEXITED | WNOWAIT), 0); /* it has ended, and has its id still */
        ck_assert(!peer_process_is_alive(fd));
        ck_assert_int_eq(peer_process_uid(fd, &uid), -ESRCH);
        ck_assert_int_eq(peer_process_unit(fd, &unit, &cgroup), -ESRCH);
        ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
        ck_assert_int_eq(peer_process_uid(fd, &uid), -ESRCH);
        ck_assert_int_eq(peer_process_unit(fd, &unit, &cgroup), -ESRCH);
        ck_assert_ptr_null(unit);
        (void) close(fd);
}
END_TEST

START_TEST(ids_of_nobody) {
        ck_assert_int_eq(peer_process_open(0), -ESRCH);
        ck_assert_int_eq(peer_process_open(INT32_MAX), -ESRCH);
        ck_assert_int_eq(peer_process_open(UINT32_MAX), -ESRCH);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("peer-process");
        TCase *c = tcase_create("peer-process");

        tcase_add_test(c, a_process_that_ends_is_not_taken_for_another);
        tcase_add_test(c, ids_of_nobody);
        suite_add_tcase(s, c);
        return s;
}

#include "check-main.h"
