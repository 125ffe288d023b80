/* SPDX-License-Identifier: Apache-2.0 */

/* Which requests of DHCP clients pass without a rule: attached programs, real cgroups, real sockets. Exit status 77 without
 * the rights to make them. */

#include "scope-lab.h"

#include <bpf/libbpf.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "basic/macro.h"

#define RESTRICTION LAB_GRANT

static const char *const all_servers[2] = { "255.255.255.255", "ff02::1:2" };
static const uint16_t client_port[2] = { 68, 546 }, server_port[2] = { 67, 547 };

static void lab_begin(Lab *l, uint8_t flags) {
        lab_init(l);
        lab_load_all(l);
        lab_set_policy(l, LAB_HOST, ACTION_DENY, NULL, MODE_ENFORCE, flags);
        lab_set_policy(l, LAB_DENIES, ACTION_DENY, NULL, MODE_ENFORCE, 0);
        lab_set_layer(l, RESTRICTION, LAYER_RESTRICT, ACTION_DENY, NULL, MODE_ENFORCE, 0);
        lab_attach(l);
        ck_assert_int_eq(subjects_set(l->programs, lab_cgroup(l, "network"), LAB_HOST, 1, CW_SUBJECT_NETWORK), 0);
        ck_assert_int_eq(subjects_set(l->programs, lab_cgroup(l, "other"), LAB_HOST, 2, 0), 0);
        ck_assert_int_eq(subjects_set(l->programs, lab_cgroup(l, "job"), CW_CHAIN(LAB_HOST, RESTRICTION, 0, 0), 3, 0), 0);
        ck_assert_int_eq(subjects_set(l->programs, lab_cgroup(l, "jail"), LAB_DENIES, 4, 0), 0);
}

/* By a new socket of the cgroup. connected: the same by connect(). */
static int ask(Lab *l, const char *cgroup, int family, const char *server, uint16_t from, bool connected) {
        int one = 1, r;

        lab_enter(l, cgroup);
        _cleanup_close_ int fd = lab_socket(l, false, lab_family[family], SOCK_DGRAM);
        ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &one, sizeof(one)), 0);
        ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "inside", sizeof("inside")), 0);
        lab_bind(fd, family ? "::" : "0.0.0.0", from);
        if (!connected)
                return lab_send(fd, "x", server, server_port[family]);
        r = lab_connect(fd, server, server_port[family]);
        return r < 0 ? r : lab_send(fd, "x", NULL, 0);
}

/* _i: family, and connected from 2 on */
START_TEST(requests_by_unit) {
        const int family = _i % 2;
        const uint16_t port = client_port[family];
        const bool connected = _i >= 2;
        const struct {
                const char *cgroup;
                int all, one; /* to all servers, to one */
        } expected[] = {
                { "network", 0, 0 }, { "other", 0, -EPERM }, { "job", -EPERM, -EPERM }, { "jail", -EPERM, -EPERM },
        };
        Lab l = {};

        lab_begin(&l, CW_LAYER_SYSTEM);
        for (size_t i = 0; i < ELEMENTSOF(expected); i++) {
                const char *cgroup = expected[i].cgroup;

                ck_assert_msg(ask(&l, cgroup, family, all_servers[family], port, connected) == expected[i].all, "%s", cgroup);
                ck_assert_msg(ask(&l, cgroup, family, lab_outside[family], port, connected) == expected[i].one, "%s", cgroup);
                /* Not from the port of a client; another group. */
                ck_assert_int_eq(ask(&l, cgroup, family, all_servers[family], 5000, connected), -EPERM);
                ck_assert_int_eq(ask(&l, cgroup, family, lab_outside[family], 5000, connected), -EPERM);
                if (i > 0)
                        ck_assert_int_eq(ask(&l, cgroup, family, family ? "ff02::1:3" : "192.0.2.255", port, connected), -EPERM);
        }
        lab_done(&l);
}
END_TEST

START_TEST(no_request_without_the_flag) {
        Lab l = {};

        lab_begin(&l, 0);
        ck_assert_int_eq(ask(&l, "network", _i, all_servers[_i], client_port[_i], false), -EPERM);
        ck_assert_int_eq(ask(&l, "network", _i, lab_outside[_i], client_port[_i], false), -EPERM);
        lab_done(&l);
}
END_TEST

/* Where low ports are open to all users, the port proves nothing. _i: family, and connected from 2 on */
START_TEST(no_request_of_a_user) {
        const int family = _i % 2;
        Lab l = {};

        lab_begin(&l, CW_LAYER_SYSTEM);
        ck_assert_int_eq(setreuid(65534, 0), 0); /* binds the port as root */
        ck_assert_int_eq(ask(&l, "network", family, all_servers[family], client_port[family], _i >= 2), -EPERM);
        ck_assert_int_eq(ask(&l, "other", family, all_servers[family], client_port[family], _i >= 2), -EPERM);
        ck_assert_int_eq(setreuid(0, 0), 0);
        ck_assert_int_eq(ask(&l, "other", family, all_servers[family], client_port[family], _i >= 2), 0);
        lab_done(&l);
}
END_TEST

typedef struct Denials {
        size_t n;
        uint32_t pid;
        uint64_t cgroup;
        uint16_t port;
} Denials;

static int take_record(void *userdata, void *data, _unused_ size_t size) {
        const struct cw_record *r = data;
        Denials *d = userdata;

        if (r->type != CW_RECORD_DENY)
                return 0;
        *d = (Denials) { .n = d->n + 1, .pid = r->process.pid, .cgroup = r->process.cgroup_id, .port = r->dst_port };
        return 0;
}

/* Denied by either hook: the event names the process. _i: family, and whether the packet decides */
START_TEST(denial_names_the_process) {
        const int family = _i % 2;
        const char *cgroup = _i >= 2 ? "network" : "other";
        Denials d = {};
        Lab l = {};

        lab_begin(&l, CW_LAYER_SYSTEM);
        for (int connected = 0; connected < 2; connected++) {
                /* another destination each time: repeats are only counted */
                const char *server = connected ? lab_other[family] : lab_outside[family];
                ck_assert_int_eq(ask(&l, cgroup, family, server, 5000, connected), -EPERM);
                struct ring_buffer *ring = ring_buffer__new(programs_map_fd(l.programs, "ring"), take_record, &d, NULL);
                ck_assert_ptr_nonnull(ring);
                ck_assert_int_ge(ring_buffer__consume(ring), 0);
                ring_buffer__free(ring);
                ck_assert_uint_eq(d.n, (size_t) connected + 1);
                ck_assert_uint_eq(d.pid, (uint32_t) getpid());
                ck_assert_uint_eq(d.cgroup, lab_cgroup(&l, cgroup));
                ck_assert_uint_eq(d.port, server_port[family]);
        }
        lab_done(&l);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("dhcp");
        TCase *t = tcase_create("dhcp");

        tcase_set_timeout(t, 60);
        tcase_add_loop_test(t, requests_by_unit, 0, 4);
        tcase_add_loop_test(t, no_request_without_the_flag, 0, 2);
        tcase_add_loop_test(t, no_request_of_a_user, 0, 4);
        tcase_add_loop_test(t, denial_names_the_process, 0, 4);
        suite_add_tcase(s, t);
        return s;
}

int main(void) {
        return lab_main(suite);
}
