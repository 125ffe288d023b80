/* SPDX-License-Identifier: Apache-2.0 */

/* Which scope a process belongs to: attached programs, real cgroups, real sockets. Exit status 77 without the rights to
 * make them. */

#include "scope-lab.h"

#include <bpf/bpf.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>

/* ------------------------------------------------------------------ the nearest cgroup wins */

/* _i: family, and with few rights from 2 on */
START_TEST(nearest_cgroup_wins) {
        Lab l = { .few_rights = _i >= 2 };
        int family = _i % 2;

        lab_init(&l);
        lab_load_all(&l);
        lab_set_scopes(&l);
        lab_attach(&l);
        uint64_t parent = lab_cgroup(&l, "parent"), child = lab_cgroup(&l, "parent/child");
        (void) lab_cgroup(&l, "parent/child/grandchild");
        int listener = lab_listen_outside(&l, family);

        ck_assert_int_eq(lab_connect_from(&l, "parent", family), -EPERM); /* no entry: the host's */
        ck_assert_int_eq(subjects_set(l.programs, parent, LAB_ALLOWS, 1, 0), 0);
        ck_assert_int_eq(subjects_set(l.programs, child, LAB_DENIES, 1, 0), 0);
        ck_assert_uint_eq(subjects_get(l.programs, parent).chain, LAB_ALLOWS);
        ck_assert_int_eq(lab_connect_from(&l, "parent", family), 0);
        ck_assert_int_eq(lab_connect_from(&l, "parent/child", family), -EPERM);
        ck_assert_int_eq(lab_connect_from(&l, "parent/child/grandchild", family), -EPERM);

        ck_assert_int_eq(subjects_set(l.programs, child, LAB_ALLOWS, 1, 0), 0); /* what was found before is void */
        ck_assert_int_eq(lab_connect_from(&l, "parent/child/grandchild", family), 0);
        ck_assert_int_eq(subjects_set(l.programs, child, LAB_DENIES, 1, 0), 0);
        ck_assert_int_eq(lab_connect_from(&l, "parent/child/grandchild", family), -EPERM);

        ck_assert_int_eq(subjects_remove(l.programs, child), 0);
        ck_assert_int_eq(subjects_remove(l.programs, child), 0);
        ck_assert_uint_eq(subjects_get(l.programs, child).chain, CW_CHAIN_UNASSIGNED);
        ck_assert_int_eq(lab_connect_from(&l, "parent/child/grandchild", family), 0); /* the parent's */
        ck_assert_int_eq(subjects_remove(l.programs, parent), 0);
        ck_assert_int_eq(lab_connect_from(&l, "parent/child/grandchild", family), -EPERM);
        (void) close(listener);
        lab_done(&l);
}
END_TEST

/* A socket of the present cgroup, connected to a server outside that has heard of it. */
static int open_and_send(const Lab *l, int family, int *ret_server) {
        int server = lab_socket(l, true, lab_family[family], SOCK_DGRAM);
        int fd = lab_socket(l, false, lab_family[family], SOCK_DGRAM);

        lab_bind(server, lab_outside[family], LAB_PORT);
        ck_assert_int_eq(lab_connect(fd, lab_outside[family], LAB_PORT), 0);
        ck_assert_int_eq(lab_send(fd, "before", NULL, 0), 0);
        lab_expect(server, "before");
        *ret_server = server;
        return fd;
}

/* The packet hook goes by the socket's cgroup, and a flow ends to pass when its cgroup goes to another scope. */
START_TEST(move_takes_old_sockets_along) {
        Lab l = {};
        int family = _i;

        lab_init(&l);
        lab_load_all(&l);
        lab_set_scopes(&l);
        lab_attach(&l);
        uint64_t job = lab_cgroup(&l, "job");
        ck_assert_int_eq(subjects_set(l.programs, job, LAB_ALLOWS, 1, 0), 0);
        lab_enter(&l, "job");
        int server, fd = open_and_send(&l, family, &server);

        lab_enter(&l, NULL); /* who writes does not matter, whose socket it is does */
        ck_assert_int_eq(subjects_set(l.programs, job, LAB_DENIES, 1, 0), 0);
        ck_assert_int_eq(lab_send(fd, "moved", NULL, 0), -EPERM);
        ck_assert_int_eq(subjects_set(l.programs, job, LAB_ALLOWS, 1, 0), 0);
        ck_assert_int_eq(lab_send(fd, "back", NULL, 0), 0);
        lab_expect(server, "back");
        (void) close(fd);
        (void) close(server);
        lab_done(&l);
}
END_TEST

/* An index that no policy was ever committed for. */
START_TEST(scope_without_policy_is_closed) {
        Lab l = {};

        lab_init(&l);
        lab_load_all(&l);
        lab_set_scopes(&l);
        lab_attach(&l);
        ck_assert_int_eq(subjects_set(l.programs, lab_cgroup(&l, "job"), LAB_NO_POLICY, 1, 0), 0);
        ck_assert_int_eq(lab_connect_from(&l, "job", 0), -EPERM);
        ck_assert_uint_eq(lab_count(&l, CW_COUNT_FAULT), 1);
        ck_assert_int_lt(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP), 0);

        policy_slot_close(l.slots[LAB_ALLOWS]);
        ck_assert_int_eq(subjects_set(l.programs, lab_cgroup(&l, "job"), LAB_ALLOWS, 1, 0), 0);
        ck_assert_int_eq(lab_connect_from(&l, "job", 0), -EPERM);
        lab_done(&l);
}
END_TEST

START_TEST(subjects_are_bounded) {
        Lab l = {};
        uint64_t id = 1;
        int r = 0;

        lab_init(&l);
        lab_load_all(&l);
        while (id <= 65537 && r == 0)
                r = subjects_set(l.programs, id++ << 32, LAB_ALLOWS, 1, 0);
        ck_assert_int_eq(r, -ENOSPC);
        ck_assert_uint_eq(id - 1, 65537);
        /* A known one can still change. */
        ck_assert_int_eq(subjects_set(l.programs, 1ULL << 32, LAB_DENIES, 1, 0), 0);
        lab_done(&l);
}
END_TEST

/* ------------------------------------------------------------------ a job in a scope */

/* Both policies are asked, and what either of them refuses is refused. _i: family, and with few rights from 2 on */
START_TEST(job_restricts) {
        static const struct {
                uint32_t scope, job;
                int expected;
        } cases[] = {
                { LAB_ALLOWS, 0, 0 },
                { LAB_ALLOWS, LAB_ALLOWS, 0 },
                { LAB_ALLOWS, LAB_DENIES, -EPERM },
                { LAB_DENIES, LAB_ALLOWS, -EPERM }, /* it never widens */
                { LAB_HOST, LAB_ALLOWS, -EPERM },
                { LAB_ALLOWS, LAB_NO_POLICY, -EPERM }, /* closed */
                { LAB_NO_POLICY, LAB_ALLOWS, -EPERM },
                { LAB_ALLOWS, 0, 0 },
        };
        Lab l = { .few_rights = _i >= 2 };
        int family = _i % 2;

        lab_init(&l);
        lab_load_all(&l);
        lab_set_scopes(&l);
        lab_attach(&l);
        uint64_t unit = lab_cgroup(&l, "unit");
        (void) lab_cgroup(&l, "unit/nested");
        int listener = lab_listen_outside(&l, family);

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                ck_assert_int_eq(subjects_set(l.programs, unit, CW_CHAIN(cases[i].scope, cases[i].job, 0, 0), 1, 0), 0);
                ck_assert_int_eq(lab_connect_from(&l, "unit", family), cases[i].expected);
                ck_assert_int_eq(lab_connect_from(&l, "unit/nested", family), cases[i].expected);
        }
        (void) close(listener);
        lab_done(&l);
}
END_TEST

/* A layer's denial counts according to its mode; a layer that is off is ignored. */
START_TEST(job_and_scope_have_their_own_modes) {
        static const struct {
                Mode scope, job; /* the scope allows, the job denies */
                int allowing;
                Mode other_scope, other_job; /* the scope denies, the job allows */
                int denying;
        } cases[] = {
                { MODE_ENFORCE, MODE_ENFORCE, -EPERM, MODE_ENFORCE, MODE_ENFORCE, -EPERM },
                { MODE_ENFORCE, MODE_AUDIT, 0, MODE_ENFORCE, MODE_AUDIT, -EPERM },
                { MODE_AUDIT, MODE_ENFORCE, -EPERM, MODE_AUDIT, MODE_ENFORCE, 0 },
                { MODE_AUDIT, MODE_AUDIT, 0, MODE_AUDIT, MODE_AUDIT, 0 },
                { MODE_OFF, MODE_ENFORCE, -EPERM, MODE_OFF, MODE_ENFORCE, 0 },
                { MODE_ENFORCE, MODE_OFF, 0, MODE_ENFORCE, MODE_OFF, -EPERM },
                { MODE_OFF, MODE_OFF, 0, MODE_OFF, MODE_OFF, 0 },
        };
        Lab l = {};

        lab_init(&l);
        lab_load_all(&l);
        lab_set_scopes(&l);
        lab_attach(&l);
        uint64_t unit = lab_cgroup(&l, "unit");
        int listener = lab_listen_outside(&l, 0);

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                ck_assert_int_eq(subjects_set(l.programs, unit, CW_CHAIN(LAB_ALLOWS, LAB_DENIES, 0, 0), 1, 0), 0);
                policy_slot_set_mode(l.slots[LAB_ALLOWS], cases[i].scope);
                policy_slot_set_mode(l.slots[LAB_DENIES], cases[i].job);
                ck_assert_int_eq(lab_connect_from(&l, "unit", 0), cases[i].allowing);
                ck_assert_int_eq(subjects_set(l.programs, unit, CW_CHAIN(LAB_DENIES, LAB_ALLOWS, 0, 0), 1, 0), 0);
                policy_slot_set_mode(l.slots[LAB_DENIES], cases[i].other_scope);
                policy_slot_set_mode(l.slots[LAB_ALLOWS], cases[i].other_job);
                ck_assert_int_eq(lab_connect_from(&l, "unit", 0), cases[i].denying);
        }
        /* Both refuse: the one that enforces decides, whichever it is. */
        lab_set_policy(&l, LAB_ALLOWS, ACTION_DENY, NULL, MODE_AUDIT, 0);
        policy_slot_set_mode(l.slots[LAB_DENIES], MODE_ENFORCE);
        ck_assert_int_eq(subjects_set(l.programs, unit, CW_CHAIN(LAB_ALLOWS, LAB_DENIES, 0, 0), 1, 0), 0);
        ck_assert_int_eq(lab_connect_from(&l, "unit", 0), -EPERM);
        policy_slot_set_mode(l.slots[LAB_ALLOWS], MODE_ENFORCE);
        policy_slot_set_mode(l.slots[LAB_DENIES], MODE_AUDIT);
        ck_assert_int_eq(lab_connect_from(&l, "unit", 0), -EPERM);
        policy_slot_set_mode(l.slots[LAB_ALLOWS], MODE_AUDIT);
        ck_assert_int_eq(lab_connect_from(&l, "unit", 0), 0);
        (void) close(listener);
        lab_done(&l);
}
END_TEST

/* Sockets that are open when the job begins answer to it from the next packet on, and are free of it when it ends. */
START_TEST(job_takes_open_sockets_along) {
        Lab l = {};
        int family = _i;

        lab_init(&l);
        lab_load_all(&l);
        lab_set_scopes(&l);
        lab_attach(&l);
        uint64_t unit = lab_cgroup(&l, "unit");
        ck_assert_int_eq(subjects_set(l.programs, unit, LAB_ALLOWS, 1, 0), 0);
        lab_enter(&l, "unit");
        int server, fd = open_and_send(&l, family, &server);

        ck_assert_int_eq(subjects_set(l.programs, unit, CW_CHAIN(LAB_ALLOWS, LAB_DENIES, 0, 0), 1, 0), 0);
        ck_assert_int_eq(lab_send(fd, "in the job", NULL, 0), -EPERM);
        uint64_t n_denied = lab_count(&l, CW_COUNT_DENIED);
        ck_assert_uint_eq(n_denied, 1);
        policy_slot_set_mode(l.slots[LAB_DENIES], MODE_AUDIT); /* the flow that is known takes the mode over */
        ck_assert_int_eq(lab_send(fd, "audit", NULL, 0), 0);
        lab_expect(server, "audit");
        /* Another one of both enforces now: it is asked again, though neither policy is another one. */
        lab_set_policy(&l, LAB_ALLOWS, ACTION_DENY, NULL, MODE_AUDIT, 0);
        ck_assert_int_eq(lab_send(fd, "both audit", NULL, 0), 0);
        lab_expect(server, "both audit");
        policy_slot_set_mode(l.slots[LAB_DENIES], MODE_ENFORCE);
        ck_assert_int_eq(lab_send(fd, "the job enforces", NULL, 0), -EPERM);
        policy_slot_set_mode(l.slots[LAB_DENIES], MODE_AUDIT);
        policy_slot_set_mode(l.slots[LAB_ALLOWS], MODE_ENFORCE);
        ck_assert_int_eq(lab_send(fd, "the scope enforces", NULL, 0), -EPERM);
        lab_set_policy(&l, LAB_ALLOWS, ACTION_ALLOW, NULL, MODE_ENFORCE, 0);
        policy_slot_set_mode(l.slots[LAB_DENIES], MODE_ENFORCE);
        ck_assert_int_eq(lab_send(fd, "the job again", NULL, 0), -EPERM);

        ck_assert_int_eq(subjects_set(l.programs, unit, LAB_ALLOWS, 1, 0), 0);
        ck_assert_int_eq(lab_send(fd, "after", NULL, 0), 0);
        lab_expect(server, "after");
        lab_expect_nothing(server);
        (void) close(fd);
        (void) close(server);
        lab_done(&l);
}
END_TEST

/* ------------------------------------------------------------------ entries of another key */

/* The kernel gives an entry of an LRU map to another key while a program reads it: what it then holds does not count.
 * _i: family */
START_TEST(entry_of_another_key_is_not_believed) {
        Lab l = {};
        int family = _i;
        struct cw_subject_cache subject;
        struct cw_flow_key key;
        struct cw_flow flow;

        lab_init(&l);
        lab_load_all(&l);
        lab_set_scopes(&l);
        lab_set_policy(&l, LAB_ALLOWS, ACTION_DENY, lab_outside_net[family], MODE_ENFORCE, 0);
        lab_attach(&l);
        uint64_t may = lab_cgroup(&l, "may"), may_not = lab_cgroup(&l, "may-not");
        ck_assert_int_eq(subjects_set(l.programs, may, LAB_ALLOWS, 1, 0), 0);
        ck_assert_int_eq(subjects_set(l.programs, may_not, LAB_DENIES, 2, 0), 0);
        lab_enter(&l, "may");
        int server, fd = open_and_send(&l, family, &server);

        int flows = programs_map_fd(l.programs, "flows");
        ck_assert_int_eq(bpf_map_get_next_key(flows, NULL, &key), 0);
        ck_assert_int_eq(bpf_map_lookup_elem(flows, &key, &flow), 0);
        const char *elsewhere = family ? "2001:db8:1::1" : "203.0.113.1";
        InAddr addr;
        ck_assert_int_eq(in_addr_parse(elsewhere, &addr), 0);
        memcpy(key.dst.b, addr.b, sizeof(key.dst.b));
        ck_assert_int_eq(bpf_map_update_elem(flows, &key, &flow, BPF_ANY), 0);
        ck_assert_int_eq(lab_send(fd, "elsewhere", elsewhere, LAB_PORT), -EPERM);

        int cache = programs_map_fd(l.programs, "subject_cache");
        ck_assert_int_eq(bpf_map_lookup_elem(cache, &may, &subject), 0);
        ck_assert_int_eq(bpf_map_update_elem(cache, &may_not, &subject, BPF_ANY), 0);
        ck_assert_int_eq(lab_connect_from(&l, "may-not", family), -EPERM);
        ck_assert_int_eq(lab_connect_from(&l, "may", family), 0);
        (void) close(fd);
        (void) close(server);
        lab_done(&l);
}
END_TEST

/* ------------------------------------------------------------------ a grant */

/* It lifts what the others deny by default action, never a deny rule, and alone it judges nothing. _i: family */
START_TEST(grant_lifts_default_denies_only) {
        Lab l = {};
        int family = _i;
        const char *net = lab_outside_net[family];

        lab_init(&l);
        lab_load_all(&l);
        lab_set_scopes(&l);
        lab_attach(&l);
        uint64_t unit = lab_cgroup(&l, "unit");
        int listener = lab_listen_outside(&l, family);
        const uint32_t alone = CW_CHAIN(LAB_DENIES, LAB_GRANT, 0, 0), both = CW_CHAIN(LAB_DENIES, LAB_HOST, LAB_GRANT, 0);
        const struct {
                uint32_t chain;
                bool rule;       /* the base denies by a rule */
                Mode mode;       /* of the base */
                bool grant_here; /* its rule is for this address */
                int expected;
        } cases[] = {
                { LAB_DENIES, false, MODE_ENFORCE, true, -EPERM },
                { alone, false, MODE_ENFORCE, true, 0 },
                { alone, false, MODE_ENFORCE, false, -EPERM },
                { alone, true, MODE_ENFORCE, true, -EPERM },
                { alone, true, MODE_AUDIT, true, 0 },
                { alone, false, MODE_OFF, false, 0 },
                { both, false, MODE_ENFORCE, true, 0 }, /* of both */
                { both, true, MODE_ENFORCE, true, -EPERM },
                { both, true, MODE_AUDIT, true, 0 },
                { both, false, MODE_ENFORCE, false, -EPERM },
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                lab_set_layer(&l, LAB_GRANT, LAYER_GRANT, ACTION_DENY, cases[i].grant_here ? net : "203.0.113.0/24",
                              MODE_ENFORCE, 0);
                lab_set_layer(&l, LAB_DENIES, LAYER_BASE, cases[i].rule ? ACTION_ALLOW : ACTION_DENY,
                              cases[i].rule ? net : NULL, cases[i].mode, 0);
                lab_set_layer(&l, LAB_HOST, LAYER_RESTRICT, ACTION_DENY, NULL, MODE_ENFORCE, 0);
                ck_assert_int_eq(subjects_set(l.programs, unit, cases[i].chain, 1, 0), 0);
                ck_assert_msg(lab_connect_from(&l, "unit", family) == cases[i].expected, "case %zu", i);
        }
        (void) close(listener);
        lab_done(&l);
}
END_TEST

/* A connection ends to pass with the grant that it passed by, and its layer is named. */
START_TEST(grant_ends_with_its_flows) {
        Lab l = {};
        int family = _i;

        lab_init(&l);
        lab_load_all(&l);
        lab_set_scopes(&l);
        lab_set_layer(&l, LAB_GRANT, LAYER_GRANT, ACTION_DENY, lab_outside_net[family], MODE_ENFORCE, 0);
        lab_attach(&l);
        uint64_t unit = lab_cgroup(&l, "unit");
        ck_assert_int_eq(subjects_set(l.programs, unit, CW_CHAIN(LAB_DENIES, LAB_GRANT, 0, 0), 1, 0), 0);
        lab_enter(&l, "unit");
        int server, fd = open_and_send(&l, family, &server);

        lab_set_layer(&l, LAB_GRANT, LAYER_GRANT, ACTION_DENY, "203.0.113.0/24", MODE_ENFORCE, 0); /* a swap of it alone */
        ck_assert_int_eq(lab_send(fd, "not any more", NULL, 0), -EPERM);
        lab_set_layer(&l, LAB_GRANT, LAYER_GRANT, ACTION_DENY, lab_outside_net[family], MODE_ENFORCE, 0);
        ck_assert_int_eq(lab_send(fd, "again", NULL, 0), 0);
        lab_expect(server, "again");
        policy_slot_set_mode(l.slots[LAB_GRANT], MODE_OFF);
        ck_assert_int_eq(lab_send(fd, "off", NULL, 0), -EPERM);
        policy_slot_set_mode(l.slots[LAB_GRANT], MODE_ENFORCE);
        ck_assert_int_eq(subjects_set(l.programs, unit, LAB_DENIES, 1, 0), 0);
        ck_assert_int_eq(lab_send(fd, "without it", NULL, 0), -EPERM);
        lab_expect_nothing(server);
        (void) close(fd);
        (void) close(server);
        lab_done(&l);
}
END_TEST

/* ------------------------------------------------------------------ below a slice */

/* _i: as above */
START_TEST(new_cgroup_in_a_slice_waits) {
        Lab l = { .few_rights = _i >= 2 };
        int family = _i % 2;

        lab_init(&l);
        lab_load_all(&l);
        lab_set_scopes(&l);
        lab_attach(&l);
        uint64_t slice = lab_cgroup(&l, "slice"), unit = lab_cgroup(&l, "slice/unit");
        ck_assert_int_eq(subjects_set(l.programs, slice, LAB_ALLOWS, 1, CW_SUBJECT_SLICE), 0);
        int listener = lab_listen_outside(&l, family);
        int witness = lab_witness(&l, lab_family[family]);

        lab_enter(&l, "slice/unit");
        int fd = lab_socket(&l, false, lab_family[family], SOCK_STREAM);
        ck_assert_int_eq(lab_connect(fd, lab_outside[family], LAB_PORT), -EINPROGRESS);
        ck_assert(lab_wait_count(&l, CW_COUNT_UNASSIGNED, 2)); /* it is sent again, and waits again */
        lab_expect_nothing(witness);
        ck_assert_int_eq(lab_error(fd), 0);
        ck_assert_uint_eq(lab_count(&l, CW_COUNT_DENIED), 0);

        int udp = lab_socket(&l, false, lab_family[family], SOCK_DGRAM);
        uint64_t waited = lab_count(&l, CW_COUNT_UNASSIGNED);
        ck_assert_int_eq(lab_send(udp, "x", lab_outside[family], LAB_PORT), 0); /* lost in silence */
        ck_assert(lab_wait_count(&l, CW_COUNT_UNASSIGNED, waited + 1));
        ck_assert_int_lt(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP), 0);
        ck_assert_int_eq(errno, EPERM);
        ck_assert_uint_eq(lab_count(&l, CW_COUNT_DENIED), 0);

        ck_assert_int_eq(subjects_set(l.programs, unit, LAB_ALLOWS, 1, 0), 0);
        ck_assert(lab_wait(fd, POLLOUT));
        ck_assert_int_eq(lab_error(fd), 0);
        int accepted = lab_accept(listener);
        ck_assert_int_eq(lab_connect_from(&l, "slice", family), 0); /* the slice itself was known all the time */
        lab_enter(&l, "slice/unit");
        ck_assert_int_lt(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP), 0); /* from now on by its policy */
        ck_assert_uint_eq(lab_count(&l, CW_COUNT_DENIED), 1);
        (void) close(accepted);
        (void) close(udp);
        (void) close(fd);
        (void) close(witness);
        (void) close(listener);
        lab_done(&l);
}
END_TEST

/* ... and what it was given may as well be a refusal. */
START_TEST(waiting_ends_with_the_policy) {
        Lab l = {};
        int family = _i;

        lab_init(&l);
        lab_load_all(&l);
        lab_set_scopes(&l);
        lab_attach(&l);
        uint64_t slice = lab_cgroup(&l, "slice"), unit = lab_cgroup(&l, "slice/unit");
        ck_assert_int_eq(subjects_set(l.programs, slice, LAB_ALLOWS, 1, CW_SUBJECT_SLICE), 0);
        int witness = lab_witness(&l, lab_family[family]);
        lab_enter(&l, "slice/unit");
        int fd = lab_socket(&l, false, lab_family[family], SOCK_STREAM);
        ck_assert_int_eq(lab_connect(fd, lab_outside[family], LAB_PORT), -EINPROGRESS);
        ck_assert_int_eq(subjects_set(l.programs, unit, LAB_DENIES, 1, 0), 0);
        ck_assert_int_eq(lab_connect_from(&l, "slice/unit", family), -EPERM);
        ck_assert(lab_wait_count(&l, CW_COUNT_DENIED, 2)); /* the SYN that was waiting */
        lab_expect_nothing(witness);
        (void) close(fd);
        (void) close(witness);
        lab_done(&l);
}
END_TEST

/* ------------------------------------------------------------------ raw sockets, off, own sockets */

START_TEST(raw_sockets_by_flag_and_mode) {
        Lab l = {};

        lab_init(&l);
        lab_load_all(&l);
        lab_set_policy(&l, LAB_HOST, ACTION_DENY, NULL, MODE_ENFORCE, CW_LAYER_SYSTEM);
        lab_attach(&l);
        (void) lab_cgroup(&l, "job");
        lab_enter(&l, "job");
        ck_assert_int_lt(socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_UDP), 0);
        int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(lab_send(fd, "12345678", lab_outside[0], 0), -EPERM); /* may be made, its packets are judged */
        (void) close(fd);
        policy_slot_set_mode(l.slots[LAB_HOST], MODE_OFF);
        fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_UDP);
        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(lab_send(fd, "12345678", lab_outside[0], 0), 0);
        (void) close(fd);
        lab_set_policy(&l, LAB_HOST, ACTION_ALLOW, NULL, MODE_ENFORCE, 0);
        ck_assert_int_lt(socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_UDP), 0);
        policy_slot_set_mode(l.slots[LAB_HOST], MODE_AUDIT);
        fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_UDP);
        ck_assert_int_ge(fd, 0);
        (void) close(fd);
        lab_done(&l);
}
END_TEST

/* What stands where port 53 goes: the proxy inside, a resolver outside. */
typedef struct Resolvers {
        int proxy, outside;
} Resolvers;

static void resolvers_open(const Lab *l, int family, int type, Resolvers *ret) {
        static const char *const loopback[2] = { "127.0.0.1", "::1" };

        ret->proxy = lab_socket(l, false, lab_family[family], type);
        lab_bind(ret->proxy, loopback[family], family ? LAB_PROXY_PORT6 : LAB_PROXY_PORT4);
        ret->outside = lab_socket(l, true, lab_family[family], type);
        lab_bind(ret->outside, lab_outside[family], 53);
}

static void resolvers_close(const Resolvers *r) {
        (void) close(r->proxy);
        (void) close(r->outside);
}

START_TEST(off_scope_is_left_alone) {
        Lab l = {};
        int family = _i;
        Resolvers r;

        lab_init(&l);
        lab_load_all(&l);
        ck_assert_int_eq(policy_slot_stage(l.slots[LAB_HOST], NULL, NULL, 0), 0);
        policy_slot_commit(l.slots[LAB_HOST], LAYER_BASE, MODE_OFF, 0);
        lab_attach(&l);
        (void) lab_cgroup(&l, "job");
        int listener = lab_listen_outside(&l, family);
        resolvers_open(&l, family, SOCK_DGRAM, &r);
        ck_assert_int_eq(lab_connect_from(&l, "job", family), 0);
        int accepted = lab_accept(listener);
        int udp = lab_socket(&l, false, lab_family[family], SOCK_DGRAM);
        ck_assert_int_eq(lab_send(udp, "query", lab_outside[family], 53), 0);
        lab_expect(r.outside, "query");
        lab_expect_nothing(r.proxy);
        for (int c = 0; c < _CW_COUNTER_MAX; c++)
                ck_assert_msg(lab_count(&l, c) == 0, "counter %d", c);
        (void) close(udp);
        (void) close(accepted);
        (void) close(listener);
        resolvers_close(&r);
        lab_done(&l);
}
END_TEST

/* Who resolves for others is captured also where nobody judges it, and the proxy learns who it is. _i: family */
START_TEST(forwarder_is_captured_in_every_mode) {
        static const Mode modes[] = { MODE_OFF, MODE_AUDIT, MODE_ENFORCE };
        Lab l = {};
        int family = _i;
        Resolvers r;

        lab_init(&l);
        lab_load_all(&l);
        lab_set_policy(&l, LAB_HOST, ACTION_ALLOW, NULL, MODE_OFF, 0);
        lab_attach(&l);
        uint64_t unit = lab_cgroup(&l, "resolver");
        resolvers_open(&l, family, SOCK_DGRAM, &r);
        lab_enter(&l, "resolver");
        for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
                policy_slot_set_mode(l.slots[LAB_HOST], modes[i]);
                ck_assert_int_eq(subjects_set(l.programs, unit, LAB_HOST, 77, CW_SUBJECT_FORWARDER), 0);
                int udp = lab_socket(&l, false, lab_family[family], SOCK_DGRAM);
                ck_assert_int_eq(lab_send(udp, "query", lab_outside[family], 53), 0);
                lab_expect(r.proxy, "query");
                struct cw_dns_client client = lab_client(&l, udp, family);
                ck_assert_uint_eq(client.chain, LAB_HOST);
                ck_assert_uint_eq(client.actor, 77);
                ck_assert_uint_eq(client.flags, CW_SUBJECT_FORWARDER);
                ck_assert_uint_eq(client.process.pid, (uint32_t) getpid());
                (void) close(udp);
        }
        policy_slot_set_mode(l.slots[LAB_HOST], MODE_OFF);
        ck_assert_int_eq(subjects_set(l.programs, unit, LAB_HOST, 77, 0), 0);
        int udp = lab_socket(&l, false, lab_family[family], SOCK_DGRAM);
        ck_assert_int_eq(lab_send(udp, "query", lab_outside[family], 53), 0);
        lab_expect(r.outside, "query");
        lab_expect_nothing(r.proxy);
        (void) close(udp);
        resolvers_close(&r);
        lab_done(&l);
}
END_TEST

/* What is sent to the proxy's own port is a query that another cargowall on the way takes for any other packet: it is
 * refused, and its sender is no client. Who resolves for others was configured with this port. _i: family, and from 2 on
 * connected */
START_TEST(direct_query) {
        static const char *const loopback[2] = { "127.0.0.1", "::1" };
        Lab l = {};
        int family = _i % 2;
        uint16_t port = family ? LAB_PROXY_PORT6 : LAB_PROXY_PORT4;
        bool connected = _i >= 2;
        const char *to = connected ? NULL : loopback[family];
        Resolvers r;

        lab_init(&l);
        lab_load_all(&l);
        lab_set_policy(&l, LAB_HOST, ACTION_ALLOW, NULL, MODE_ENFORCE, 0);
        lab_attach(&l);
        uint64_t unit = lab_cgroup(&l, "unit");
        ck_assert_int_eq(subjects_set(l.programs, unit, LAB_HOST, 77, 0), 0);
        resolvers_open(&l, family, SOCK_DGRAM, &r);
        lab_enter(&l, "unit");
        int udp = lab_socket(&l, false, lab_family[family], SOCK_DGRAM);
        ck_assert_int_eq(connected ? lab_connect(udp, loopback[family], port) : lab_send(udp, "query", to, port), -EPERM);
        lab_expect_nothing(r.proxy);
        ck_assert_uint_eq(lab_count(&l, CW_COUNT_DENIED), 1);

        /* Unjudged, it passes as any other packet. */
        lab_set_policy(&l, LAB_HOST, ACTION_ALLOW, NULL, MODE_OFF, 0);
        if (connected)
                ck_assert_int_eq(lab_connect(udp, loopback[family], port), 0);
        ck_assert_int_eq(lab_send(udp, "off", to, port), 0);
        lab_expect(r.proxy, "off");
        ck_assert_int_eq(lab_find_client(&l, udp, family, &(struct cw_dns_client) {}), -ENOENT);

        ck_assert_int_eq(subjects_set(l.programs, unit, LAB_HOST, 77, CW_SUBJECT_FORWARDER), 0);
        if (connected)
                ck_assert_int_eq(lab_connect(udp, loopback[family], port), 0);
        ck_assert_int_eq(lab_send(udp, "forwarder", to, port), 0);
        lab_expect(r.proxy, "forwarder");
        struct cw_dns_client client = lab_client(&l, udp, family);
        ck_assert_uint_eq(client.actor, 77);
        ck_assert_uint_eq(client.server_port, port);
        (void) close(udp);
        resolvers_close(&r);
        lab_done(&l);
}
END_TEST

/* A port has a client until its socket is closed. _i: family */
START_TEST(closed_client) {
        Lab l = {};
        int family = _i;
        Resolvers r;

        lab_init(&l);
        lab_load_all(&l);
        lab_set_policy(&l, LAB_HOST, ACTION_ALLOW, NULL, MODE_ENFORCE, 0);
        lab_attach(&l);
        (void) lab_cgroup(&l, "unit");
        resolvers_open(&l, family, SOCK_DGRAM, &r);
        lab_enter(&l, "unit");
        int udp = lab_socket(&l, false, lab_family[family], SOCK_DGRAM);
        ck_assert_int_eq(lab_send(udp, "query", lab_outside[family], 53), 0);
        lab_expect(r.proxy, "query");
        ck_assert_uint_eq(lab_client(&l, udp, family).flags, 0);
        int second = dup(udp);
        (void) close(udp);
        ck_assert_uint_eq(lab_client(&l, second, family).flags, 0);

        struct sockaddr_storage sa;
        socklen_t size = sizeof(sa);
        ck_assert_int_eq(getsockname(second, (struct sockaddr *) &sa, &size), 0);
        (void) close(second);
        int other = lab_socket(&l, false, lab_family[family], SOCK_DGRAM);
        ck_assert_int_eq(bind(other, (struct sockaddr *) &sa, size), 0);
        ck_assert_uint_eq(lab_client(&l, other, family).flags, CW_DNS_CLIENT_CLOSED);
        ck_assert_int_eq(lab_send(other, "again", lab_outside[family], 53), 0);
        lab_expect(r.proxy, "again");
        ck_assert_uint_eq(lab_client(&l, other, family).flags, 0);
        (void) close(other);
        resolvers_close(&r);
        lab_done(&l);
}
END_TEST

/* _i: family, and connected from 2 on */
START_TEST(own_sockets_reach_resolvers) {
        Lab l = {};
        int family = _i % 2;
        bool connected = _i >= 2;
        Resolvers r;

        lab_init(&l);
        lab_load_all(&l);
        lab_set_policy(&l, LAB_HOST, ACTION_DENY, NULL, MODE_ENFORCE, 0);
        lab_attach(&l);
        (void) lab_cgroup(&l, "service");
        resolvers_open(&l, family, SOCK_DGRAM, &r);
        lab_enter(&l, "service");
        int own = lab_socket(&l, false, lab_family[family], SOCK_DGRAM);
        int other = lab_socket(&l, false, lab_family[family], SOCK_DGRAM);
        ck_assert_int_eq(exemptions_set_own_socket(l.programs, own, true), 0);
        const char *to = connected ? NULL : lab_outside[family];
        if (connected)
                ck_assert_int_eq(lab_connect(own, lab_outside[family], 53), 0);
        ck_assert_int_eq(lab_send(own, "own", to, 53), 0);
        lab_expect(r.outside, "own");
        ck_assert_uint_eq(lab_count(&l, CW_COUNT_DNS_CAPTURED), 0);
        if (connected)
                ck_assert_int_eq(lab_connect(other, lab_outside[family], 53), 0);
        ck_assert_int_eq(lab_send(other, "other", to, 53), 0);
        lab_expect(r.proxy, "other");
        lab_expect_nothing(r.outside);
        ck_assert_uint_eq(lab_count(&l, CW_COUNT_DNS_CAPTURED), 1);

        ck_assert_int_eq(exemptions_set_own_socket(l.programs, own, false), 0);
        ck_assert_int_eq(exemptions_set_own_socket(l.programs, own, false), 0);
        if (connected) /* too late to be captured: refused */
                ck_assert_int_eq(lab_send(own, "late", NULL, 0), -EPERM);
        else {
                ck_assert_int_eq(lab_send(own, "late", to, 53), 0);
                lab_expect(r.proxy, "late");
        }
        lab_expect_nothing(r.outside);
        (void) close(own);
        (void) close(other);
        resolvers_close(&r);
        lab_done(&l);
}
END_TEST

START_TEST(own_tcp_socket_reaches_resolver) {
        Lab l = {};
        Resolvers r;

        lab_init(&l);
        lab_load_all(&l);
        lab_set_policy(&l, LAB_HOST, ACTION_DENY, NULL, MODE_ENFORCE, 0);
        lab_attach(&l);
        (void) lab_cgroup(&l, "service");
        resolvers_open(&l, _i, SOCK_STREAM, &r);
        lab_enter(&l, "service");
        int own = lab_socket(&l, false, lab_family[_i], SOCK_STREAM);
        int other = lab_socket(&l, false, lab_family[_i], SOCK_STREAM);
        ck_assert_int_eq(exemptions_set_own_socket(l.programs, own, true), 0);
        ck_assert_int_eq(lab_connect(own, lab_outside[_i], 53), -EINPROGRESS);
        int accepted = lab_accept(r.outside);
        ck_assert(lab_wait(own, POLLOUT));
        ck_assert_int_eq(lab_send(own, "own", NULL, 0), 0);
        lab_expect(accepted, "own");
        uint64_t denied = lab_count(&l, CW_COUNT_DENIED);
        ck_assert_int_eq(exemptions_set_own_socket(l.programs, own, false), 0);
        (void) lab_send(own, "late", NULL, 0);
        ck_assert(lab_wait_count(&l, CW_COUNT_DENIED, denied + 1));
        lab_expect_nothing(accepted);
        (void) close(accepted);
        int result = lab_connect(other, lab_outside[_i], 53);
        ck_assert(result == 0 || result == -EINPROGRESS);
        accepted = lab_accept(r.proxy);
        (void) close(accepted);
        (void) close(own);
        (void) close(other);
        resolvers_close(&r);
        lab_done(&l);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("scopes");
        TCase *t = tcase_create("scopes");

        tcase_set_timeout(t, 120);
        tcase_add_loop_test(t, nearest_cgroup_wins, 0, 4);
        tcase_add_loop_test(t, move_takes_old_sockets_along, 0, 2);
        tcase_add_test(t, scope_without_policy_is_closed);
        tcase_add_test(t, subjects_are_bounded);
        tcase_add_loop_test(t, job_restricts, 0, 4);
        tcase_add_test(t, job_and_scope_have_their_own_modes);
        tcase_add_loop_test(t, job_takes_open_sockets_along, 0, 2);
        tcase_add_loop_test(t, entry_of_another_key_is_not_believed, 0, 2);
        tcase_add_loop_test(t, grant_lifts_default_denies_only, 0, 2);
        tcase_add_loop_test(t, grant_ends_with_its_flows, 0, 2);
        tcase_add_loop_test(t, new_cgroup_in_a_slice_waits, 0, 4);
        tcase_add_loop_test(t, waiting_ends_with_the_policy, 0, 2);
        tcase_add_test(t, raw_sockets_by_flag_and_mode);
        tcase_add_loop_test(t, off_scope_is_left_alone, 0, 2);
        tcase_add_loop_test(t, forwarder_is_captured_in_every_mode, 0, 2);
        tcase_add_loop_test(t, direct_query, 0, 4);
        tcase_add_loop_test(t, closed_client, 0, 2);
        tcase_add_loop_test(t, own_sockets_reach_resolvers, 0, 4);
        tcase_add_loop_test(t, own_tcp_socket_reaches_resolver, 0, 2);
        suite_add_tcase(s, t);
        return s;
}

int main(void) {
        return lab_main(suite);
}
