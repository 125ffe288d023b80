/* SPDX-License-Identifier: Apache-2.0 */
#include "run/inherited.h"

#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <check.h>

#include "basic/macro.h"

START_TEST(sockets_leak_by_family) {
        static const struct {
                int family, type;
                bool leaks;
        } sockets[] = {
                { AF_UNIX, SOCK_STREAM, false },  { AF_NETLINK, SOCK_RAW, false },  { AF_INET, SOCK_STREAM, true },
                { AF_INET, SOCK_DGRAM, true },    { AF_INET6, SOCK_STREAM, true },  { AF_INET6, SOCK_DGRAM, true },
                { AF_PACKET, SOCK_RAW, true },    { AF_INET, SOCK_RAW, true },      { AF_VSOCK, SOCK_STREAM, true },
                { AF_ALG, SOCK_SEQPACKET, false },
        };

        for (size_t i = 0; i < ELEMENTSOF(sockets); i++) {
                _cleanup_close_ int fd = socket(sockets[i].family, sockets[i].type | SOCK_CLOEXEC, 0);

                if (fd < 0)
                        continue; /* not in this kernel, or not without privileges */
                ck_assert_msg(!!inherited_leak(fd, false) == sockets[i].leaks, "family %d", sockets[i].family);
                ck_assert(!inherited_is_connection(fd));
        }
}
END_TEST

START_TEST(connections_are_recognised) {
        _cleanup_close_ int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        _cleanup_close_ int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        _cleanup_close_ int udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        _cleanup_close_ int server = -EBADF;
        struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t size = sizeof(sa);
        int pair[2];

        ck_assert_int_eq(bind(listener, (struct sockaddr *) &sa, size), 0);
        ck_assert_int_eq(listen(listener, 1), 0);
        ck_assert_int_eq(getsockname(listener, (struct sockaddr *) &sa, &size), 0);
        ck_assert_int_eq(connect(client, (struct sockaddr *) &sa, size), 0);
        server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        ck_assert_int_ge(server, 0);
        ck_assert_int_eq(connect(udp, (struct sockaddr *) &sa, size), 0);
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);

        ck_assert(inherited_is_connection(client) && inherited_is_connection(server));
        ck_assert(!inherited_is_connection(listener) && !inherited_is_connection(udp));
        ck_assert(!inherited_is_connection(pair[0]) && !inherited_is_connection(-1));
        (void) close(pair[0]);
        (void) close(pair[1]);
}
END_TEST

START_TEST(ordinary_files_pass) {
        const int fds[] = { open("/dev/null", O_RDWR | O_CLOEXEC),   open("/proc/self/exe", O_RDONLY | O_CLOEXEC),
                            eventfd(0, EFD_CLOEXEC),                 memfd_create("test", MFD_CLOEXEC),
                            (int) syscall(SYS_pidfd_open, getpid(), 0) };

        for (size_t i = 0; i < ELEMENTSOF(fds); i++) {
                ck_assert_int_ge(fds[i], 0);
                ck_assert_ptr_null(inherited_leak(fds[i], true));
                (void) close(fds[i]);
        }
        ck_assert_ptr_null(inherited_leak(fds[0], true)); /* closed */
}
END_TEST

START_TEST(directories_leak_with_mounts_only) {
        _cleanup_close_ int dir = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC), path = open("/", O_PATH | O_CLOEXEC);

        ck_assert_ptr_null(inherited_leak(dir, false));
        ck_assert_ptr_nonnull(inherited_leak(dir, true));
        ck_assert_ptr_nonnull(inherited_leak(path, true));
}
END_TEST

START_TEST(devices_leak) {
        _cleanup_close_ int tun = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
        struct io_uring_params parameters = {};
        _cleanup_close_ int ring = (int) syscall(SYS_io_uring_setup, 1, &parameters);

        if (tun >= 0)
                ck_assert_str_eq(inherited_leak(tun, false), "a tunnel device");
        if (ring >= 0)
                ck_assert_ptr_nonnull(strstr(inherited_leak(ring, false), "io_uring"));
}
END_TEST

START_TEST(the_leak_is_found) {
        _cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        const char *what;
        int found;

        ck_assert_int_eq(inherited_find_leak(NULL, 0, false, &found, &what), 1);
        ck_assert_int_eq(found, fd);
        ck_assert_str_eq(what, "a network socket");
        ck_assert_int_eq(inherited_find_leak((int[]) { fd + 1, fd }, 2, false, &found, &what), 0);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("inherited");
        TCase *t = tcase_create("inherited");

        tcase_add_test(t, sockets_leak_by_family);
        tcase_add_test(t, connections_are_recognised);
        tcase_add_test(t, ordinary_files_pass);
        tcase_add_test(t, directories_leak_with_mounts_only);
        tcase_add_test(t, devices_leak);
        tcase_add_test(t, the_leak_is_found);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
