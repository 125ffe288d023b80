/* SPDX-License-Identifier: Apache-2.0 */

/* What a program says of the network namespace that a thread is in. Exit status 77 without the rights to attach one. */

#include "scope-lab.h"

#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include "basic/macro.h"
#include "kernel/netns-cookie.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

/* Linux 5.14. 0: not known to this kernel. */
static uint64_t known_by_option(void) {
        _cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        uint64_t cookie = 0;
        socklen_t size = sizeof(cookie);

        ck_assert_int_ge(fd, 0);
        return getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &size) < 0 ? 0 : cookie;
}

START_TEST(known_by_program) {
        uint64_t cookies[2];
        Lab l = {};

        lab_init(&l);
        (void) lab_cgroup(&l, "a");
        lab_enter(&l, "a");
        for (int i = 0; i < 2; i++) {
                ck_assert_int_eq(setns(i ? l.outside_netns : l.inside_netns, CLONE_NEWNET), 0);
                cookies[i] = netns_cookie_from_program(l.top_fd);
                ck_assert_uint_ne(cookies[i], 0);
                ck_assert_uint_eq(netns_cookie_own(l.top_fd), cookies[i]);
                uint64_t known = known_by_option();
                ck_assert(known == 0 || known == cookies[i]);
        }
        ck_assert_uint_ne(cookies[0], cookies[1]);
        ck_assert_int_eq(setns(l.inside_netns, CLONE_NEWNET), 0);
        lab_enter(&l, NULL);
        lab_done(&l);
}
END_TEST

/* From elsewhere, the program does not see the socket. */
START_TEST(not_in_the_cgroup) {
        Lab l = {};

        lab_init(&l);
        ck_assert_uint_eq(netns_cookie_from_program(l.top_fd), 0);
        ck_assert_uint_eq(netns_cookie_from_program(-EBADF), 0);
        lab_done(&l);
}
END_TEST

static Suite *netns_cookie_suite(void) {
        Suite *s = suite_create("netns-cookie");
        TCase *t = tcase_create("netns-cookie");

        tcase_add_test(t, known_by_program);
        tcase_add_test(t, not_in_the_cgroup);
        suite_add_tcase(s, t);
        return s;
}

int main(void) {
        return lab_main(netns_cookie_suite);
}
