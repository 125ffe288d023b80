/* SPDX-License-Identifier: Apache-2.0 */
#include "host/service-manager.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <check.h>

#define SEC USEC_PER_SEC

/* A manager's end of $NOTIFY_SOCKET, on an abstract address that the kernel chooses. */
static int notify_socket(void) {
        struct sockaddr_un sa = { .sun_family = AF_UNIX };
        socklen_t length = sizeof(sa);
        char text[sizeof(sa.sun_path) + 2];

        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        ck_assert_int_ge(fd, 0);
        ck_assert_int_ge(bind(fd, (const struct sockaddr *) &sa, sizeof(sa_family_t)), 0);
        ck_assert_int_ge(getsockname(fd, (struct sockaddr *) &sa, &length), 0);
        (void) snprintf(text, sizeof(text), "@%.*s", (int) (length - sizeof(sa_family_t) - 1), sa.sun_path + 1);
        ck_assert_int_ge(setenv("NOTIFY_SOCKET", text, 1), 0);
        return fd;
}

static const char *next_message(int fd, char buf[static 512]) {
        ssize_t n = recv(fd, buf, 511, 0);

        if (n < 0)
                return NULL;
        buf[n] = '\0';
        return buf;
}

START_TEST(lifecycle) {
        ServiceManager m;
        char buf[512];
        int fd = notify_socket();

        service_manager_init(&m, SEC);
        service_manager_ready(&m, "Enforcing; 3 rules", SEC);
        ck_assert_str_eq(next_message(fd, buf), "READY=1\nSTATUS=Enforcing; 3 rules");
        service_manager_reloading(1234567);
        ck_assert_str_eq(next_message(fd, buf), "RELOADING=1\nMONOTONIC_USEC=1234567");
        service_manager_failed(-ENOENT, "No policy");
        ck_assert_str_eq(next_message(fd, buf), "STATUS=No policy\nERRNO=2");
        service_manager_stopping();
        ck_assert_str_eq(next_message(fd, buf), "STOPPING=1");
        ck_assert_ptr_null(next_message(fd, buf));
        close(fd);
}
END_TEST

START_TEST(status_is_limited) {
        ServiceManager m;
        char buf[512];
        int fd = notify_socket();

        service_manager_init(&m, SEC);
        service_manager_status(&m, "one", SEC);
        ck_assert_str_eq(next_message(fd, buf), "STATUS=one");
        service_manager_status(&m, "two", SEC + 1);
        service_manager_status(&m, "three", SEC + 2);
        ck_assert_ptr_null(next_message(fd, buf));
        ck_assert_uint_eq(service_manager_tick(&m, 3 * SEC - 1), 3 * SEC);
        ck_assert_ptr_null(next_message(fd, buf));
        ck_assert_uint_eq(service_manager_tick(&m, 3 * SEC), UINT64_MAX);
        ck_assert_str_eq(next_message(fd, buf), "STATUS=three");
        service_manager_status(&m, "three", 100 * SEC);
        ck_assert_ptr_null(next_message(fd, buf));
        service_manager_status(&m, "four", 100 * SEC);
        ck_assert_str_eq(next_message(fd, buf), "STATUS=four");
        close(fd);
}
END_TEST

START_TEST(status_is_one_line) {
        char buf[512], text[SERVICE_STATUS_SIZE + 1];
        ServiceManager m;
        int fd = notify_socket();

        service_manager_init(&m, SEC);
        service_manager_status(&m, "scope\nFDSTOREREMOVE=1\x1b\x80", SEC);
        ck_assert_str_eq(next_message(fd, buf), "STATUS=scope?FDSTOREREMOVE=1??");
        memset(text, 'a', sizeof(text));
        text[sizeof(text) - 1] = '\0'; /* one more than there is room for */
        service_manager_status(&m, text, 10 * SEC);
        ck_assert_uint_eq(strlen(next_message(fd, buf)), strlen("STATUS=") + SERVICE_STATUS_SIZE - 1);
        close(fd);
}
END_TEST

START_TEST(watchdog_needs_progress) {
        ServiceManager m;
        char buf[512];
        int fd = notify_socket();

        ck_assert_int_ge(setenv("WATCHDOG_USEC", "30000000", 1), 0);
        service_manager_init(&m, SEC);
        ck_assert_ptr_null(getenv("WATCHDOG_USEC"));
        ck_assert_uint_eq(m.watchdog_usec, 30 * SEC);

        service_manager_progress(&m);
        ck_assert_uint_eq(service_manager_tick(&m, 2 * SEC), 16 * SEC);
        ck_assert_ptr_null(next_message(fd, buf));
        ck_assert_uint_eq(service_manager_tick(&m, 16 * SEC), 31 * SEC);
        ck_assert_str_eq(next_message(fd, buf), "WATCHDOG=1");
        /* No progress since: silence, however often it is asked. */
        ck_assert_uint_gt(service_manager_tick(&m, 31 * SEC), 31 * SEC);
        ck_assert_uint_gt(service_manager_tick(&m, 300 * SEC), 300 * SEC);
        ck_assert_ptr_null(next_message(fd, buf));
        service_manager_progress(&m);
        ck_assert_uint_eq(service_manager_tick(&m, 301 * SEC), 316 * SEC);
        ck_assert_str_eq(next_message(fd, buf), "WATCHDOG=1");
        close(fd);
}
END_TEST

START_TEST(watchdog_of_another_process) {
        ServiceManager m;

        ck_assert_int_ge(setenv("WATCHDOG_USEC", "30000000", 1), 0);
        ck_assert_int_ge(setenv("WATCHDOG_PID", "1", 1), 0);
        service_manager_init(&m, SEC);
        service_manager_progress(&m);
        ck_assert_uint_eq(service_manager_tick(&m, 100 * SEC), UINT64_MAX);
}
END_TEST

START_TEST(without_a_manager) {
        ServiceManager m;

        ck_assert_int_ge(unsetenv("NOTIFY_SOCKET"), 0);
        service_manager_init(&m, SEC);
        service_manager_ready(&m, "fine", SEC);
        service_manager_status(&m, "still fine", 2 * SEC);
        ck_assert_uint_eq(service_manager_tick(&m, 3 * SEC), UINT64_MAX);
        service_manager_stopping();
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("service-manager");
        TCase *t = tcase_create("service-manager");

        tcase_add_test(t, lifecycle);
        tcase_add_test(t, status_is_limited);
        tcase_add_test(t, status_is_one_line);
        tcase_add_test(t, watchdog_needs_progress);
        tcase_add_test(t, watchdog_of_another_process);
        tcase_add_test(t, without_a_manager);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
