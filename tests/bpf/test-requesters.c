/* SPDX-License-Identifier: Apache-2.0 */

/* Sockets of one cgroup that tasks of another use: attached programs, real cgroups, real sockets. Exit status 77
 * without the rights to make them. */

#include "scope-lab.h"

#include <bpf/bpf.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <string.h>

/* Evicts all flows, as a task that opens many can. */
static void push_out(const Lab *l) {
        int map = programs_map_fd(l->programs, "flows");
        struct cw_flow_key key;

        while (bpf_map_get_next_key(map, NULL, &key) == 0)
                ck_assert_int_eq(bpf_map_delete_elem(map, &key), 0);
}

#define OPEN_PORT 9

/* LAB_DENIES allows OPEN_PORT, so that connect() of a datagram socket to another port of that address waits for the
 * packet. */
static void allow_one_port(Lab *l, int family, uint8_t flags) {
        PolicySource source = { .default_action = ACTION_DENY };
        const PortRange port = { .low = OPEN_PORT, .high = OPEN_PORT, .protocol = PROTOCOL_UDP };
        const char *why = "";
        Policy *policy = NULL;

        ck_assert_int_ge(rule_list_add(&source.rules, RULE_CIDR, lab_outside_net[family], ACTION_ALLOW, TIER_USER,
                                       &port, 1, false, &why), 0);
        ck_assert_int_eq(policy_new(&source, &policy), 0);
        ck_assert_int_eq(policy_slot_stage(l->slots[LAB_DENIES], policy, NULL, 0), 0);
        policy_slot_commit(l->slots[LAB_DENIES], LAYER_BASE, MODE_ENFORCE, flags);
        policy_free(policy);
}

typedef struct Passed {
        Lab lab;
        uint64_t may, slice, task;
        int fd;           /* of "may", which may reach everything */
        int server, open; /* outside, at LAB_PORT and at OPEN_PORT */
} Passed;

/* A socket of "may", passed to "slice/task", which may reach OPEN_PORT alone; or is unassigned. */
static void passed_init(Passed *p, int family, bool unassigned) {
        Lab *l = &p->lab;

        *p = (Passed) {};
        lab_init(l);
        lab_load_all(l);
        lab_set_scopes(l);
        allow_one_port(l, family, 0);
        InAddr own; /* the source of a socket that is connected */
        ck_assert_int_eq(in_addr_parse(lab_inside[family], &own), 0);
        ck_assert_int_eq(policy_maps_set_local(l->maps, &own, true), 0);
        lab_attach(l);
        p->may = lab_cgroup(l, "may");
        p->slice = lab_cgroup(l, "slice");
        p->task = lab_cgroup(l, "slice/task");
        ck_assert_int_eq(subjects_set(l->programs, p->may, LAB_ALLOWS, 1, 0), 0);
        ck_assert_int_eq(subjects_set(l->programs, p->slice, LAB_DENIES, 2, CW_SUBJECT_SLICE), 0);
        if (!unassigned)
                ck_assert_int_eq(subjects_set(l->programs, p->task, LAB_DENIES, 3, 0), 0);
        p->server = lab_socket(l, true, lab_family[family], SOCK_DGRAM);
        lab_bind(p->server, lab_outside[family], LAB_PORT);
        p->open = lab_socket(l, true, lab_family[family], SOCK_DGRAM);
        lab_bind(p->open, lab_outside[family], OPEN_PORT);
        lab_enter(l, "may");
        p->fd = lab_socket(l, false, lab_family[family], SOCK_DGRAM);
        lab_enter(l, "slice/task");
}

static void passed_done(Passed *p) {
        (void) close(p->fd);
        (void) close(p->server);
        (void) close(p->open);
        lab_done(&p->lab);
}

/* The socket of a cgroup that may, used by a task that may not, or that nobody has judged yet. _i: family; from 2 on
 * the task's cgroup has no entry */
START_TEST(refused_requester_stays_refused) {
        Lab l = {};
        int family = _i % 2;
        bool unassigned = _i >= 2;

        lab_init(&l);
        lab_load_all(&l);
        lab_set_scopes(&l);
        allow_one_port(&l, family, 0);
        lab_attach(&l);
        uint64_t may = lab_cgroup(&l, "may"), slice = lab_cgroup(&l, "slice"), task = lab_cgroup(&l, "slice/task");
        ck_assert_int_eq(subjects_set(l.programs, may, LAB_ALLOWS, 1, 0), 0);
        ck_assert_int_eq(subjects_set(l.programs, slice, LAB_DENIES, 2, CW_SUBJECT_SLICE), 0);
        if (!unassigned)
                ck_assert_int_eq(subjects_set(l.programs, task, LAB_DENIES, 3, 0), 0);
        int server = lab_socket(&l, true, lab_family[family], SOCK_DGRAM);
        lab_bind(server, lab_outside[family], LAB_PORT);
        lab_enter(&l, "may");
        int fd = lab_socket(&l, false, lab_family[family], SOCK_DGRAM);
        lab_enter(&l, "slice/task");
        ck_assert_int_eq(lab_connect(fd, lab_outside[family], LAB_PORT), 0);

        for (int i = 0; i < 3; i++) {
                push_out(&l);
                ck_assert_int_eq(lab_send(fd, "pushed out", NULL, 0), -EPERM);
        }
        ck_assert_int_eq(lab_send(fd, "known", NULL, 0), -EPERM);
        ck_assert_uint_eq(lab_count(&l, CW_COUNT_DENIED), 1); /* reported, and once */
        push_out(&l);
        policy_slot_set_mode(l.slots[LAB_ALLOWS], MODE_OFF); /* nobody judges the socket's own cgroup */
        ck_assert_int_eq(lab_send(fd, "off", NULL, 0), -EPERM);
        policy_slot_set_mode(l.slots[LAB_ALLOWS], MODE_ENFORCE);
        lab_expect_nothing(server);

        /* Whoever may asks: the socket is as good as new. */
        lab_enter(&l, "may");
        ck_assert_int_eq(lab_connect(fd, lab_outside[family], LAB_PORT), 0);
        ck_assert_int_eq(lab_send(fd, "its own", NULL, 0), 0);
        lab_expect(server, "its own");
        (void) close(fd);
        (void) close(server);
        lab_done(&l);
}
END_TEST

START_TEST(unassigned_requester_sends_nothing) {
        Lab l = {};
        int n = 0;

        lab_init(&l);
        lab_load_all(&l);
        lab_set_scopes(&l);
        lab_attach(&l);
        uint64_t may = lab_cgroup(&l, "may"), slice = lab_cgroup(&l, "slice");
        (void) lab_cgroup(&l, "slice/task");
        ck_assert_int_eq(subjects_set(l.programs, may, LAB_ALLOWS, 1, 0), 0);
        ck_assert_int_eq(subjects_set(l.programs, slice, LAB_DENIES, 2, CW_SUBJECT_SLICE), 0);
        int server = lab_socket(&l, true, AF_INET, SOCK_DGRAM);
        lab_bind(server, lab_outside[0], LAB_PORT);
        lab_enter(&l, "may");
        int fd = lab_socket(&l, false, AF_INET, SOCK_DGRAM);
        lab_enter(&l, "slice/task");
        for (int i = 0; i < 20; i++) {
                push_out(&l);
                ck_assert_int_eq(lab_send(fd, "x", lab_outside[0], (uint16_t) (LAB_PORT + i)), -EPERM);
        }
        push_out(&l);
        ck_assert_int_eq(lab_send(fd, "x", lab_outside[0], LAB_PORT), -EPERM);
        lab_expect_nothing(server);
        /* By its own sockets each packet waits. */
        int own = lab_socket(&l, false, AF_INET, SOCK_DGRAM);
        for (; n < 20; n++)
                ck_assert_int_eq(lab_send(own, "x", lab_outside[0], (uint16_t) (LAB_PORT + n)), 0);
        lab_expect_nothing(server);
        (void) close(own);
        (void) close(fd);
        (void) close(server);
        lab_done(&l);
}
END_TEST

/* Resolver libraries connect one socket to each address of an answer, only to learn the source address. _i: a socket
 * of its own, or one that was passed; from 2 on the task's cgroup has no entry */
START_TEST(one_socket_is_connected_often) {
        Passed p;
        char addr[32];

        passed_init(&p, 0, _i >= 2);
        int fd = _i % 2 ? p.fd : lab_socket(&p.lab, false, AF_INET, SOCK_DGRAM);
        for (int i = 0; i < 12; i++) {
                (void) snprintf(addr, sizeof(addr), "192.0.2.%d", 20 + i);
                ck_assert_msg(lab_connect(fd, addr, LAB_PORT) == 0, "%s", addr);
        }
        ck_assert_uint_eq(lab_count(&p.lab, CW_COUNT_DENIED), 0);
        push_out(&p.lab);
        ck_assert_int_eq(lab_send(fd, "x", NULL, 0), _i == 2 ? 0 : -EPERM); /* waits, in the other case */
        if (fd != p.fd)
                (void) close(fd);
        passed_done(&p);
}
END_TEST

/* What waits in an IPv6 socket goes where it was sent, whatever was asked for since. (In one for IPv4 it goes where the
 * last connect() said.) */
START_TEST(corked_packet_is_judged_by_its_destination) {
        const int family = 1;
        Passed p;

        passed_init(&p, family, false);
        ck_assert_int_eq(lab_connect(p.fd, lab_outside[family], LAB_PORT), 0);
        ck_assert_int_eq(send(p.fd, "corked", 6, MSG_MORE), 6);
        ck_assert_int_eq(lab_connect(p.fd, lab_outside[family], OPEN_PORT), 0);
        push_out(&p.lab);
        ck_assert_int_eq(lab_send(p.fd, "x", NULL, 0), -EPERM);
        lab_expect_nothing(p.server);
        ck_assert_uint_eq(lab_count(&p.lab, CW_COUNT_DENIED), 1);
        push_out(&p.lab);
        ck_assert_int_eq(lab_send(p.fd, "open", NULL, 0), 0); /* the requester may */
        lab_expect(p.open, "open");
        passed_done(&p);
}
END_TEST

/* The cgroup's chain at the time of the packet decides. */
START_TEST(requester_gets_another_chain) {
        Passed p;

        passed_init(&p, 0, true);
        ck_assert_int_eq(lab_connect(p.fd, lab_outside[0], LAB_PORT), 0);
        push_out(&p.lab);
        ck_assert_int_eq(lab_send(p.fd, "unassigned", NULL, 0), -EPERM);
        ck_assert_int_eq(subjects_set(p.lab.programs, p.task, LAB_DENIES, 3, 0), 0);
        push_out(&p.lab);
        ck_assert_int_eq(lab_send(p.fd, "denied", NULL, 0), -EPERM);
        ck_assert_uint_eq(lab_count(&p.lab, CW_COUNT_DENIED), 2); /* two reasons */
        lab_expect_nothing(p.server);
        ck_assert_int_eq(subjects_set(p.lab.programs, p.task, LAB_HOST, 3, 0), 0);
        push_out(&p.lab);
        ck_assert_int_eq(lab_send(p.fd, "denied by the host", NULL, 0), -EPERM);
        policy_slot_set_mode(p.lab.slots[LAB_HOST], MODE_AUDIT);
        push_out(&p.lab);
        ck_assert_int_eq(lab_send(p.fd, "audit", NULL, 0), 0);
        lab_expect(p.server, "audit");
        policy_slot_set_mode(p.lab.slots[LAB_HOST], MODE_OFF);
        push_out(&p.lab);
        ck_assert_int_eq(lab_send(p.fd, "off", NULL, 0), 0);
        lab_expect(p.server, "off");
        policy_slot_set_mode(p.lab.slots[LAB_HOST], MODE_ENFORCE);

        ck_assert_int_eq(subjects_set(p.lab.programs, p.task, CW_CHAIN(LAB_DENIES, LAB_GRANT, 0, 0), 3, 0), 0);
        lab_set_layer(&p.lab, LAB_GRANT, LAYER_GRANT, ACTION_DENY, lab_outside_net[0], MODE_ENFORCE, 0);
        push_out(&p.lab);
        ck_assert_int_eq(lab_send(p.fd, "granted", NULL, 0), 0);
        lab_expect(p.server, "granted");
        passed_done(&p);
}
END_TEST

/* Without an entry of its cgroup, the chain that it had: while it has the same policies. */
START_TEST(requester_is_gone) {
        Passed p;

        passed_init(&p, 0, false);
        ck_assert_int_eq(lab_connect(p.fd, lab_outside[0], LAB_PORT), 0);
        ck_assert_int_eq(subjects_remove(p.lab.programs, p.task), 0);
        lab_enter(&p.lab, NULL);
        push_out(&p.lab);
        ck_assert_int_eq(lab_send(p.fd, "x", NULL, 0), -EPERM);
        policy_slot_set_mode(p.lab.slots[LAB_DENIES], MODE_AUDIT); /* no other policy */
        push_out(&p.lab);
        ck_assert_int_eq(lab_send(p.fd, "audit", NULL, 0), 0);
        lab_expect(p.server, "audit");

        /* Now another layer is in its place. */
        lab_set_policy(&p.lab, LAB_DENIES, ACTION_ALLOW, NULL, MODE_AUDIT, 0);
        push_out(&p.lab);
        ck_assert_int_eq(lab_send(p.fd, "x", NULL, 0), -EPERM);
        lab_expect_nothing(p.server);
        lab_enter(&p.lab, "may"); /* and whoever may, asks */
        ck_assert_int_eq(lab_connect(p.fd, lab_outside[0], LAB_PORT), 0);
        ck_assert_int_eq(lab_send(p.fd, "its own", NULL, 0), 0);
        lab_expect(p.server, "its own");
        passed_done(&p);
}
END_TEST

/* All tasks of a chain, or of a cgroup, share a place; of one more, what would have to wait is denied, and reported. */
START_TEST(requesters_are_bounded) {
        static const uint32_t chains[] = {
                CW_CHAIN(LAB_DENIES, 0, 0, 0), CW_CHAIN(LAB_DENIES, LAB_GRANT, 0, 0),
                CW_CHAIN(LAB_DENIES, LAB_ALLOWS, 0, 0),
                CW_CHAIN(LAB_DENIES, LAB_GRANT, LAB_ALLOWS, 0), CW_CHAIN(LAB_DENIES, LAB_ALLOWS, LAB_GRANT, 0),
        };
        Passed p;
        char name[32];

        passed_init(&p, 0, false);
        lab_set_layer(&p.lab, LAB_GRANT, LAYER_RESTRICT, ACTION_ALLOW, NULL, MODE_ENFORCE, 0);
        for (size_t i = 0; i < ELEMENTSOF(chains); i++) { /* one cgroup */
                ck_assert_int_eq(subjects_set(p.lab.programs, p.task, chains[i], 3, 0), 0);
                ck_assert_int_eq(lab_connect(p.fd, lab_outside[0], LAB_PORT), 0);
        }
        ck_assert_int_eq(subjects_set(p.lab.programs, p.task, chains[0], 3, 0), 0);
        ck_assert_int_eq(lab_connect(p.fd, lab_outside[0], LAB_PORT), 0);
        for (size_t i = 0; i < 8; i++) { /* one chain */
                (void) snprintf(name, sizeof(name), "same-%zu", i);
                ck_assert_int_eq(subjects_set(p.lab.programs, lab_cgroup(&p.lab, name), chains[0], 4, 0), 0);
                lab_enter(&p.lab, name);
                ck_assert_int_eq(lab_connect(p.fd, lab_outside[0], LAB_PORT), 0);
        }
        ck_assert_uint_eq(lab_count(&p.lab, CW_COUNT_DENIED), 0);
        for (size_t i = 1; i < ELEMENTSOF(chains); i++) {
                (void) snprintf(name, sizeof(name), "other-%zu", i);
                ck_assert_int_eq(subjects_set(p.lab.programs, lab_cgroup(&p.lab, name), chains[i], 5, 0), 0);
                lab_enter(&p.lab, name);
                ck_assert_int_eq(lab_connect(p.fd, lab_outside[0], LAB_PORT), i < 4 ? 0 : -EPERM);
        }
        ck_assert_uint_eq(lab_count(&p.lab, CW_COUNT_DENIED), 1);
        ck_assert_int_eq(lab_connect(p.fd, lab_outside[0], OPEN_PORT), 0); /* nothing of it has to wait */
        (void) lab_cgroup(&p.lab, "slice/other");
        lab_enter(&p.lab, "slice/other");
        ck_assert_int_eq(lab_connect(p.fd, lab_outside[0], OPEN_PORT), -EPERM); /* unassigned */
        ck_assert_uint_eq(lab_count(&p.lab, CW_COUNT_DENIED), 2);

        lab_enter(&p.lab, "other-1");
        ck_assert_int_eq(lab_connect(p.fd, lab_outside[0], LAB_PORT), 0);
        push_out(&p.lab);
        ck_assert_int_eq(lab_send(p.fd, "x", NULL, 0), -EPERM);
        lab_expect_nothing(p.server);
        passed_done(&p);
}
END_TEST

/* A requester answers a datagram from outside over the same socket: no flow is needed for that. _i: family */
START_TEST(requester_answers_datagrams) {
        Passed p;
        int family = _i;

        passed_init(&p, family, false);
        allow_one_port(&p.lab, family, CW_LAYER_INBOUND);
        lab_set_policy(&p.lab, LAB_ALLOWS, ACTION_DENY, NULL, MODE_ENFORCE, CW_LAYER_INBOUND);
        ck_assert_int_eq(lab_connect(p.fd, lab_outside[family], LAB_PORT), 0);
        const struct sockaddr none = { .sa_family = AF_UNSPEC };
        ck_assert_int_eq(connect(p.fd, &none, sizeof(none)), 0);
        push_out(&p.lab);
        lab_bind(p.fd, lab_inside[family], LAB_PORT);
        ck_assert_int_eq(lab_send(p.server, "query", lab_inside[family], LAB_PORT), 0);
        lab_expect(p.fd, "query");
        ck_assert_int_eq(lab_send(p.fd, "answer", lab_outside[family], LAB_PORT), 0);
        lab_expect(p.server, "answer");
        ck_assert_int_eq(lab_send(p.fd, "no answer", lab_other[family], LAB_PORT), -EPERM);
        passed_done(&p);
}
END_TEST

static struct cw_flow only_flow(const Lab *l) {
        int map = programs_map_fd(l->programs, "flows");
        struct cw_flow_key key, next;
        struct cw_flow f;

        ck_assert_int_eq(bpf_map_get_next_key(map, NULL, &key), 0);
        ck_assert_int_lt(bpf_map_get_next_key(map, &key, &next), 0);
        ck_assert_int_eq(bpf_map_lookup_elem(map, &key, &f), 0);
        return f;
}

/* Datagrams of two cgroups over one socket to one destination are one flow, opened once, with all bytes. _i: family */
START_TEST(datagrams_of_two_are_one_flow) {
        const int family = _i;
        Passed p;

        passed_init(&p, family, false);
        lab_set_policy(&p.lab, LAB_HOST, ACTION_ALLOW, NULL, MODE_ENFORCE, 0);
        ck_assert_int_eq(subjects_set(p.lab.programs, p.task, LAB_HOST, 3, 0), 0);
        for (int i = 0; i < 6; i++) {
                lab_enter(&p.lab, i % 3 ? "slice/task" : "may");
                ck_assert_int_eq(lab_send(p.fd, "datagram", lab_outside[family], LAB_PORT), 0);
                lab_expect(p.server, "datagram");
        }
        ck_assert_uint_eq(lab_count(&p.lab, CW_COUNT_ALLOWED), 1);
        ck_assert_uint_eq(only_flow(&p.lab).bytes_out, 6 * (8 + 8 + (family ? 40 : 20)));
        ck_assert_uint_eq(only_flow(&p.lab).chain, LAB_ALLOWS);

        /* A policy is replaced: no new flow either. */
        lab_set_policy(&p.lab, LAB_ALLOWS, ACTION_ALLOW, NULL, MODE_ENFORCE, 0);
        lab_enter(&p.lab, "may");
        ck_assert_int_eq(lab_connect(p.fd, lab_outside[family], LAB_PORT), 0);
        ck_assert_int_eq(lab_send(p.fd, "datagram", NULL, 0), 0);
        ck_assert_uint_eq(lab_count(&p.lab, CW_COUNT_ALLOWED), 1);
        ck_assert_uint_eq(only_flow(&p.lab).bytes_out, 7 * (8 + 8 + (family ? 40 : 20)));

        /* What the socket's own policy denies is reported once as well. */
        lab_set_policy(&p.lab, LAB_ALLOWS, ACTION_DENY, NULL, MODE_ENFORCE, 0);
        lab_enter(&p.lab, "slice/task");
        for (int i = 0; i < 3; i++)
                ck_assert_int_eq(lab_send(p.fd, "denied", lab_outside[family], LAB_PORT), -EPERM);
        ck_assert_uint_eq(lab_count(&p.lab, CW_COUNT_DENIED), 1);
        lab_set_policy(&p.lab, LAB_ALLOWS, ACTION_ALLOW, NULL, MODE_ENFORCE, 0);
        for (int i = 0; i < 3; i++)
                ck_assert_int_eq(lab_send(p.fd, "again", lab_outside[family], LAB_PORT), 0);
        ck_assert_uint_eq(lab_count(&p.lab, CW_COUNT_ALLOWED), 2);
        passed_done(&p);
}
END_TEST

/* ... also if the policy of one of them is only audited: reported once. */
START_TEST(audited_requester_is_reported_once) {
        Passed p;

        passed_init(&p, 0, false);
        lab_set_policy(&p.lab, LAB_HOST, ACTION_DENY, NULL, MODE_AUDIT, 0);
        ck_assert_int_eq(subjects_set(p.lab.programs, p.task, LAB_HOST, 3, 0), 0);
        lab_enter(&p.lab, "may");
        ck_assert_int_eq(lab_send(p.fd, "first", lab_outside[0], LAB_PORT), 0);
        lab_enter(&p.lab, "slice/task");
        for (int i = 0; i < 3; i++)
                ck_assert_int_eq(lab_send(p.fd, "audited", lab_outside[0], LAB_PORT), 0);
        ck_assert_uint_eq(lab_count(&p.lab, CW_COUNT_DENIED), 1);
        ck_assert_uint_eq(lab_count(&p.lab, CW_COUNT_ALLOWED), 1);
        policy_slot_set_mode(p.lab.slots[LAB_HOST], MODE_ENFORCE);
        ck_assert_int_eq(lab_send(p.fd, "enforced", lab_outside[0], LAB_PORT), -EPERM);
        ck_assert_uint_eq(lab_count(&p.lab, CW_COUNT_DENIED), 2);
        passed_done(&p);
}
END_TEST

/* A denial ends the flow that passed, which is reported with its bytes, and what follows is another one. */
START_TEST(denied_requester_ends_the_flow) {
        Passed p;

        passed_init(&p, 0, false);
        lab_enter(&p.lab, "may");
        ck_assert_int_eq(lab_connect(p.fd, lab_outside[0], LAB_PORT), 0);
        ck_assert_int_eq(lab_send(p.fd, "one", NULL, 0), 0);
        lab_enter(&p.lab, "slice/task");
        ck_assert_int_eq(lab_connect(p.fd, lab_outside[0], LAB_PORT), 0);
        ck_assert_int_eq(lab_send(p.fd, "denied", NULL, 0), -EPERM);
        ck_assert_uint_eq(lab_count(&p.lab, CW_COUNT_DENIED), 1);
        lab_enter(&p.lab, "may");
        ck_assert_int_eq(lab_connect(p.fd, lab_outside[0], LAB_PORT), 0);
        ck_assert_int_eq(lab_send(p.fd, "two", NULL, 0), 0);
        ck_assert_uint_eq(lab_count(&p.lab, CW_COUNT_ALLOWED), 2);
        lab_expect(p.server, "one");
        lab_expect(p.server, "two");
        passed_done(&p);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("requesters");
        TCase *t = tcase_create("requesters");

        tcase_set_timeout(t, 120);
        tcase_add_loop_test(t, refused_requester_stays_refused, 0, 4);
        tcase_add_test(t, unassigned_requester_sends_nothing);
        tcase_add_loop_test(t, one_socket_is_connected_often, 0, 4);
        tcase_add_test(t, corked_packet_is_judged_by_its_destination);
        tcase_add_test(t, requester_gets_another_chain);
        tcase_add_test(t, requester_is_gone);
        tcase_add_test(t, requesters_are_bounded);
        tcase_add_loop_test(t, requester_answers_datagrams, 0, 2);
        tcase_add_loop_test(t, datagrams_of_two_are_one_flow, 0, 2);
        tcase_add_test(t, audited_requester_is_reported_once);
        tcase_add_test(t, denied_requester_ends_the_flow);
        suite_add_tcase(s, t);
        return s;
}

int main(void) {
        return lab_main(suite);
}
