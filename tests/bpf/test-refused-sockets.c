/* SPDX-License-Identifier: Apache-2.0 */

/* What TCP has queued for a destination that is denied, when it is denied no more: attached programs, real sockets. Exit
 * status 77 without the rights to make them. */

#include "scope-lab.h"

#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "engine/refused-sockets.h"
#include "host/existing-sockets.h"

#define RETRY_USEC (2 * USEC_PER_SEC) /* TCP sends again several times within this */

static int open_connection(Lab *l, const char *cgroup, int family, int listener, int *ret_accepted) {
        lab_enter(l, cgroup);
        int fd = lab_socket(l, false, lab_family[family], SOCK_STREAM), r;

        r = lab_connect(fd, lab_outside[family], LAB_PORT);
        ck_assert(r == 0 || r == -EINPROGRESS);
        *ret_accepted = lab_accept(listener);
        ck_assert(lab_wait(fd, POLLOUT));
        return fd;
}

/* _i: family; from 2 on the process has closed the socket; from 4 on nothing is ended, to show what this test is about */
START_TEST(queued_data_is_discarded) {
        bool closed = _i & 2, ends = !(_i & 4);
        int family = _i & 1, accepted, accepted_kept, r;
        Lab l = {};
        size_t n;

        lab_init(&l);
        lab_load_all(&l);
        lab_set_scopes(&l);
        lab_attach(&l);
        uint64_t unit = lab_cgroup(&l, "unit"), other = lab_cgroup(&l, "other");
        ck_assert_int_eq(subjects_set(l.programs, unit, LAB_ALLOWS, 1, 0), 0);
        ck_assert_int_eq(subjects_set(l.programs, other, LAB_ALLOWS, 2, 0), 0);
        int listener = lab_listen_outside(&l, family);
        int fd = open_connection(&l, "unit", family, listener, &accepted);
        int kept = open_connection(&l, "other", family, listener, &accepted_kept);
        ck_assert_int_eq(refused_sockets_end(l.programs, &n), 0);
        ck_assert_uint_eq(n, 0);

        uint64_t denied = lab_count(&l, CW_COUNT_DENIED);
        ck_assert_int_eq(subjects_set(l.programs, unit, LAB_DENIES, 1, 0), 0);
        (void) lab_send(fd, "secret", NULL, 0);
        ck_assert(lab_wait_count(&l, CW_COUNT_DENIED, denied + 1));
        if (closed)
                (void) close(fd);
        r = ends ? refused_sockets_end(l.programs, &n) : 0;
        if (r == -ENOENT || r == -EOPNOTSUPP)
                printf("# SKIP this kernel cannot end connections\n");
        else {
                ck_assert_int_eq(r, 0);
                ck_assert_uint_eq(n, ends ? 1 : 0);
                ck_assert_int_eq(subjects_set(l.programs, unit, LAB_ALLOWS, 1, 0), 0);
                (void) usleep(RETRY_USEC);
                if (ends)
                        lab_expect_nothing(accepted);
                else
                        lab_expect(accepted, "secret");
                if (ends && !closed)
                        ck_assert_int_eq(lab_error(fd), -ECONNABORTED);
        }
        ck_assert_int_eq(lab_send(kept, "kept", NULL, 0), 0);
        lab_expect(accepted_kept, "kept");
        if (!closed)
                (void) close(fd);
        (void) close(kept);
        (void) close(accepted);
        (void) close(accepted_kept);
        (void) close(listener);
        lab_done(&l);
}
END_TEST

/* The error reaches the process also if the packet had other ends than the socket, and if the socket is bound to a device.
 * _i: family; from 2 on with the ends of the packet */
START_TEST(found_by_cookie) {
        RefusedLooks looks = {};
        int family = _i & 1, accepted;
        Lab l = {};

        lab_init(&l);
        lab_load_all(&l);
        lab_set_scopes(&l);
        lab_attach(&l);
        uint64_t unit = lab_cgroup(&l, "unit"), denied = lab_count(&l, CW_COUNT_DENIED);
        ck_assert_int_eq(subjects_set(l.programs, unit, LAB_ALLOWS, 1, 0), 0);
        int listener = lab_listen_outside(&l, family);
        int fd = open_connection(&l, "unit", family, listener, &accepted);
        ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "inside", sizeof("inside")), 0);
        ck_assert_int_eq(subjects_set(l.programs, unit, LAB_DENIES, 1, 0), 0);
        (void) lab_send(fd, "secret", NULL, 0);
        ck_assert(lab_wait_count(&l, CW_COUNT_DENIED, denied + 1));

        struct cw_record r = { .type = CW_RECORD_DENY, .hook = CW_HOOK_PACKET, .protocol = IPPROTO_TCP, .mode = CW_ENFORCE,
                               .dst_port = LAB_PORT };
        struct sockaddr_storage sa;
        socklen_t size = sizeof(sa), n = sizeof(r.cookie);
        InAddr src, dst;
        ck_assert_int_eq(getsockopt(fd, SOL_SOCKET, SO_COOKIE, &r.cookie, &n), 0);
        ck_assert_int_eq(getsockname(fd, (struct sockaddr *) &sa, &size), 0);
        ck_assert_int_ge(in_addr_from_sockaddr((struct sockaddr *) &sa, &src, &r.src_port), 0);
        ck_assert_int_eq(in_addr_parse(_i & 2 ? lab_outside[family] : lab_other[family], &dst), 0);
        memcpy(r.src.b, src.b, sizeof(r.src.b));
        memcpy(r.dst.b, dst.b, sizeof(r.dst.b));
        r.cookie++;
        refused_socket_abort(&looks, &r, 1);
        ck_assert_int_eq(lab_error(fd), 0); /* another one is meant */
        r.cookie--;
        refused_socket_abort(&looks, &r, 2); /* looked for a moment ago */
        refused_sockets_look(&looks);
        if (existing_sockets_can_end() == 0)
                ck_assert_int_eq(lab_error(fd), -ECONNABORTED);
        (void) close(fd);
        (void) close(accepted);
        (void) close(listener);
        lab_done(&l);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("refused-sockets");
        TCase *t = tcase_create("refused-sockets");

        tcase_set_timeout(t, 120);
        tcase_add_loop_test(t, queued_data_is_discarded, 0, 8);
        tcase_add_loop_test(t, found_by_cookie, 0, 4);
        suite_add_tcase(s, t);
        return s;
}

int main(void) {
        return lab_main(suite);
}
