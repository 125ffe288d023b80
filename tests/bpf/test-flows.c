/* SPDX-License-Identifier: Apache-2.0 */

/* Where flows are kept, and who can take their place: attached programs, real cgroups, real sockets. Exit status 77
 * without the rights to make them. */

#include "scope-lab.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "basic/macro.h"
#include "kernel/flow-table.h"

#define VICTIM 1 /* actors */
#define GREEDY 2
#define FLOWS 1024 /* lab_load_options() */
#define SHARE (FLOWS / CW_FLOW_SHARE_PART)
#define UDP_PORT 8081

static const char *const alone[2][2] = {{"192.0.2.2/32", "192.0.2.3/32"}, {"2001:db8::2/128", "2001:db8::3/128"}};

/* LAB_DENIES allows the two addresses outside, each by an entry of its own. */
static void allow_both(Lab *l, int family) {
        PolicySource source = {.default_action = ACTION_DENY};
        const char *why = "";
        Policy *policy = NULL;

        for (size_t i = 0; i < 2; i++)
                ck_assert_int_ge(rule_list_add(&source.rules, RULE_CIDR, alone[family][i], ACTION_ALLOW, TIER_USER,
                                               NULL, 0, false, &why),
                                 0);
        ck_assert_int_eq(policy_new(&source, &policy), 0);
        ck_assert_int_eq(policy_slot_stage(l->slots[LAB_DENIES], policy, NULL, 0), 0);
        policy_slot_commit(l->slots[LAB_DENIES], LAYER_BASE, MODE_ENFORCE, 0);
        policy_free(policy);
}

static void lab_with_units(Lab *l, int family, uint32_t scope_of_greedy) {
        lab_init(l);
        lab_load_all(l);
        lab_set_scopes(l);
        allow_both(l, family);
        lab_attach(l);
        ck_assert_int_eq(subjects_set(l->programs, lab_cgroup(l, "victim"), LAB_DENIES, VICTIM, 0), 0);
        ck_assert_int_eq(subjects_set(l->programs, lab_cgroup(l, "greedy"), scope_of_greedy, GREEDY, 0), 0);
}

/* lab_outside is not allowed any more, as after the end of a lease: the policy, and so each verdict, stays. */
static void lab_end_lease(const Lab *l, int family) {
        uint32_t id = policy_slot_policy_id(l->slots[LAB_DENIES]);
        struct cw_host_key host = {.policy_id = id};
        struct cw_prefix_key prefix = {.prefix_length = 64 + 128, .policy_id = id, .family = family ? 6 : 4};
        InAddr addr;

        ck_assert_int_eq(in_addr_parse(lab_outside[family], &addr), 0);
        memcpy(host.addr.b, addr.b, sizeof(host.addr.b));
        memcpy(prefix.addr.b, addr.b, sizeof(prefix.addr.b));
        int r = bpf_map_delete_elem(programs_map_fd(l->programs, "hosts"), &host);
        if (bpf_map_delete_elem(programs_map_fd(l->programs, "prefixes"), &prefix) == 0)
                r = 0;
        ck_assert_int_eq(r, 0);
}

static struct cw_flow_share share_of(const Lab *l, uint32_t actor) {
        uint32_t i = actor % CW_FLOW_SHARES;
        struct cw_flow_share s;

        ck_assert_int_eq(bpf_map_lookup_elem(programs_map_fd(l->programs, "flow_shares"), &i, &s), 0);
        return s;
}

static size_t n_flows_of(const Lab *l, uint32_t actor) {
        int map = programs_map_fd(l->programs, "flows");
        struct cw_flow_key key;
        struct cw_flow f;
        size_t n = 0;

        for (int r = bpf_map_get_next_key(map, NULL, &key); r == 0; r = bpf_map_get_next_key(map, &key, &key))
                n += bpf_map_lookup_elem(map, &key, &f) == 0 && f.actor == actor;
        return n;
}

/* How a unit fills the tables. */
typedef void (*flood_fn)(const Lab *l, int family);

static void flood_by_datagrams(const Lab *l, int family) {
        int fd = lab_socket(l, false, lab_family[family], SOCK_DGRAM);

        for (unsigned port = 1; port <= UINT16_MAX; port++) {
                if (port == 53) /* goes to the proxy */
                        continue;
                int r = lab_send(fd, "x", lab_other[family], (uint16_t) port);
                ck_assert_msg(r == 0 || r == -ECONNREFUSED || r == -EAGAIN, "%s", strerror(-r));
        }
        (void) close(fd);
}

static void flood_by_sockets(const Lab *l, int family) {
        int fds[256];

        memset(fds, 0xff, sizeof(fds));
        for (unsigned i = 0; i < 4 * FLOWS; i++) {
                int *fd = &fds[i % ELEMENTSOF(fds)];

                if (*fd >= 0)
                        (void) close(*fd);
                *fd = lab_socket(l, false, lab_family[family], SOCK_DGRAM);
                (void) lab_send(*fd, "x", lab_other[family], UDP_PORT); /* closed without an end of the flow */
        }
        for (size_t i = 0; i < ELEMENTSOF(fds); i++)
                (void) close(fds[i]);
}

static void flood_by_connections(const Lab *l, int family) {
        for (unsigned i = 0; i < 4 * FLOWS; i++) {
                int fd = lab_socket(l, false, lab_family[family], SOCK_STREAM);

                (void) lab_connect(fd, lab_other[family], 1); /* refused, so there is no end */
                (void) close(fd);
        }
}

static const flood_fn floods[] = {flood_by_datagrams, flood_by_sockets, flood_by_connections};

/* What one unit opens takes nothing from another, whose lease has expired. _i: family, then the kind of flood; then
 * whether both are in one scope. */
START_TEST(unit_keeps_its_flows) {
        int family = _i & 1;
        flood_fn flood = floods[_i / 2 % 3];
        Lab l = {};

        lab_with_units(&l, family, _i < 6 ? LAB_ALLOWS : LAB_DENIES);
        int listener = lab_listen_outside(&l, family);
        int sink = lab_socket(&l, true, lab_family[family], SOCK_DGRAM);
        lab_bind(sink, lab_outside[family], UDP_PORT);
        lab_enter(&l, "victim");
        int tcp = lab_socket(&l, false, lab_family[family], SOCK_STREAM);
        ck_assert_int_eq(lab_connect(tcp, lab_outside[family], LAB_PORT), -EINPROGRESS);
        int server = lab_accept(listener);
        ck_assert(lab_wait(tcp, POLLOUT));
        int connected = lab_socket(&l, false, lab_family[family], SOCK_DGRAM);
        ck_assert_int_eq(lab_connect(connected, lab_outside[family], UDP_PORT), 0);
        ck_assert_int_eq(lab_send(connected, "one", NULL, 0), 0);
        lab_expect(sink, "one");
        int unconnected = lab_socket(&l, false, lab_family[family], SOCK_DGRAM);
        ck_assert_int_eq(lab_send(unconnected, "two", lab_outside[family], UDP_PORT), 0);
        lab_expect(sink, "two");
        lab_end_lease(&l, family);
        ck_assert_int_eq(lab_try_connect(&l, family), -EPERM);
        uint64_t denied = lab_count(&l, CW_COUNT_DENIED);

        lab_enter(&l, "greedy");
        for (int i = 0; i < 2; i++)
                flood(&l, family);
        ck_assert_uint_le(n_flows_of(&l, GREEDY), SHARE + CW_FLOW_SHARE_RECENT);
        ck_assert_uint_eq(n_flows_of(&l, VICTIM), 2);

        lab_enter(&l, "victim");
        ck_assert_int_eq(lab_send(tcp, "three", NULL, 0), 0);
        lab_expect(server, "three");
        ck_assert_int_eq(lab_send(connected, "four", NULL, 0), 0);
        lab_expect(sink, "four");
        ck_assert_int_eq(lab_send(unconnected, "five", lab_outside[family], UDP_PORT), 0);
        lab_expect(sink, "five");
        ck_assert_int_eq(lab_try_connect(&l, family), -EPERM);
        ck_assert_uint_eq(lab_count(&l, CW_COUNT_DENIED), denied + 1);
        lab_done(&l);
}
END_TEST

/* ------------------------------------------------------------------ ends */

typedef struct Records {
        size_t n[8];        /* by type */
        uint64_t bytes_out; /* of the last end */
} Records;

static void add_record(const void *data, _unused_ size_t size, void *userdata) {
        const struct cw_record *record = data;
        Records *r = userdata;

        ck_assert_uint_lt(record->type, ELEMENTSOF(r->n));
        r->n[record->type]++;
        if (record->type == CW_RECORD_CLOSE)
                r->bytes_out = record->bytes_out;
}

static int take_record(void *userdata, void *data, size_t size) {
        add_record(data, size, userdata);
        return 0;
}

static void read_ring(const Lab *l, Records *r) {
        struct ring_buffer *ring = ring_buffer__new(programs_map_fd(l->programs, "ring"), take_record, r, NULL);

        ck_assert_ptr_nonnull(ring);
        ck_assert_int_ge(ring_buffer__consume(ring), 0);
        ring_buffer__free(ring);
}

static void sweep(const Lab *l, uint64_t idle_nsec, Records *r) {
        FlowSweep s = {.idle_nsec = idle_nsec, .on_record = add_record, .userdata = r};
        FlowTable *t = NULL;

        ck_assert_int_eq(flow_table_new(l->programs, &t), 0);
        while (flow_table_sweep(t, &s, 100) > 0)
                ;
        flow_table_free(t);
}

/* Every flow has an end, also one that had to make room, and then the share is free again. */
START_TEST(every_flow_ends) {
        const unsigned n = 3 * SHARE;
        Records records = {};
        Lab l = {};

        lab_with_units(&l, 0, LAB_ALLOWS);
        lab_enter(&l, "greedy");
        int fd = lab_socket(&l, false, AF_INET, SOCK_DGRAM);
        for (unsigned i = 0; i < n; i++)
                ck_assert_int_eq(lab_send(fd, "x", lab_other[0], (uint16_t) (1000 + i)), 0);
        read_ring(&l, &records);
        ck_assert_uint_eq(records.n[CW_RECORD_OPEN], n);
        ck_assert_uint_ge(records.n[CW_RECORD_CLOSE], n - SHARE - CW_FLOW_SHARE_RECENT);
        ck_assert_int_ge(share_of(&l, GREEDY).n, SHARE);
        (void) usleep(10000); /* two ticks of the kernel's coarse clock */
        sweep(&l, 1, &records);
        ck_assert_uint_eq(records.n[CW_RECORD_CLOSE], n);
        ck_assert_int_eq(share_of(&l, GREEDY).n, 0);
        lab_done(&l);
}
END_TEST

/* The count goes astray where the kernel evicts: corrected by the walk, but not while the actor is busy. */
START_TEST(share_is_corrected) {
        Records records = {};
        Lab l = {};

        lab_with_units(&l, 0, LAB_ALLOWS);
        lab_enter(&l, "greedy");
        int fd = lab_socket(&l, false, AF_INET, SOCK_DGRAM);
        for (unsigned i = 0; i < 10; i++)
                ck_assert_int_eq(lab_send(fd, "x", lab_other[0], (uint16_t) (1000 + i)), 0);
        uint32_t i = GREEDY;
        struct cw_flow_share s = share_of(&l, GREEDY);
        ck_assert_int_eq(s.n, 10);
        s.n = SHARE;
        ck_assert_int_eq(bpf_map_update_elem(programs_map_fd(l.programs, "flow_shares"), &i, &s, 0), 0);

        FlowSweep walk = {.idle_nsec = UINT64_MAX, .on_record = add_record, .userdata = &records};
        FlowTable *t = NULL;
        ck_assert_int_eq(flow_table_new(l.programs, &t), 0);
        ck_assert_int_eq(flow_table_sweep(t, &walk, 5), 1);
        ck_assert_int_eq(lab_send(fd, "x", lab_other[0], 2000), 0);
        while (flow_table_sweep(t, &walk, 5) > 0)
                ;
        ck_assert_int_ge(share_of(&l, GREEDY).n, SHARE);
        flow_table_free(t);
        sweep(&l, UINT64_MAX, &records);
        ck_assert_int_eq(share_of(&l, GREEDY).n, 11);
        lab_done(&l);
}
END_TEST

static size_t n_released(const Lab *l) {
        struct cw_flow_key key;

        return bpf_map_get_next_key(programs_map_fd(l->programs, "released_flows"), NULL, &key) == 0;
}

/* A closed socket that still has to send: its flow ends with the FIN, or with the walk if none comes; once. _i: 1 the
 * walk comes first */
START_TEST(released_connection_ends_once) {
        static const char block[65536];
        Records records = {};
        size_t sent = 0;
        Lab l = {};
        ssize_t n;

        lab_with_units(&l, 0, LAB_ALLOWS);
        int listener = lab_listen_outside(&l, 0);
        lab_enter(&l, "greedy");
        int tcp = lab_socket(&l, false, AF_INET, SOCK_STREAM);
        ck_assert_int_eq(lab_connect(tcp, lab_outside[0], LAB_PORT), -EINPROGRESS);
        int server = lab_accept(listener);
        ck_assert(lab_wait(tcp, POLLOUT));
        for (struct pollfd p = {.fd = tcp, .events = POLLOUT}; poll(&p, 1, 200) == 1; sent += (size_t) n)
                if ((n = send(tcp, block, sizeof(block), MSG_NOSIGNAL)) < 0)
                        n = 0; /* until the peer's window is closed */
        (void) close(tcp);
        ck_assert_uint_eq(n_released(&l), 1);
        read_ring(&l, &records);
        ck_assert_uint_eq(records.n[CW_RECORD_CLOSE], 0);
        sweep(&l, 3600 * NSEC_PER_SEC, &records);
        ck_assert_uint_eq(n_released(&l), 1);
        if (_i) {
                (void) usleep(10000);
                sweep(&l, 1, &records);
                ck_assert_uint_eq(records.n[CW_RECORD_CLOSE], 1);
                ck_assert_uint_eq(n_released(&l), 0);
        }

        char text[65536];
        for (size_t left = sent + 1; left > 0; left -= (size_t) n) {
                ck_assert(lab_wait(server, POLLIN));
                n = recv(server, text, sizeof(text), 0);
                ck_assert_int_ge(n, 0);
                if (n == 0)
                        break; /* the FIN */
        }
        read_ring(&l, &records);
        ck_assert_uint_eq(records.n[CW_RECORD_CLOSE], 1);
        ck_assert_uint_eq(n_released(&l), 0);
        if (!_i)
                ck_assert_uint_eq(records.bytes_out, sent);
        lab_done(&l);
}
END_TEST

/* One socket, one connection after another: each has its end. */
START_TEST(socket_is_connected_again) {
        Records records = {};
        Lab l = {};

        lab_with_units(&l, 0, LAB_ALLOWS);
        int listener = lab_listen_outside(&l, 0);
        lab_enter(&l, "greedy");
        int tcp = lab_socket(&l, false, AF_INET, SOCK_STREAM);
        for (int i = 0; i < 3; i++) {
                int r = lab_connect(tcp, lab_outside[0], LAB_PORT);
                ck_assert(r == 0 || r == -EINPROGRESS);
                int server = lab_accept(listener);
                ck_assert(lab_wait(tcp, POLLOUT));
                ck_assert_int_eq(lab_send(tcp, "x", NULL, 0), 0);
                lab_expect(server, "x");
                ck_assert_int_eq(connect(tcp, &(struct sockaddr){.sa_family = AF_UNSPEC}, sizeof(struct sockaddr)), 0);
                (void) close(server);
        }
        (void) close(tcp);
        read_ring(&l, &records);
        ck_assert_uint_eq(records.n[CW_RECORD_OPEN], 3);
        ck_assert_uint_eq(records.n[CW_RECORD_CLOSE], 3);
        lab_done(&l);
}
END_TEST

/* An older version had connections in the table of all flows: they continue, and end. */
START_TEST(connection_of_an_older_version) {
        struct cw_socket_flow stored;
        Records records = {};
        Lab l = {};

        lab_with_units(&l, 0, LAB_ALLOWS);
        int map = programs_map_fd(l.programs, "socket_flows"), listener = lab_listen_outside(&l, 0);
        lab_enter(&l, "victim");
        int tcp = lab_socket(&l, false, AF_INET, SOCK_STREAM);
        ck_assert_int_eq(lab_connect(tcp, lab_outside[0], LAB_PORT), -EINPROGRESS);
        int server = lab_accept(listener);
        ck_assert(lab_wait(tcp, POLLOUT));
        ck_assert_int_eq(bpf_map_lookup_elem(map, &tcp, &stored), 0);
        ck_assert_int_eq(bpf_map_delete_elem(map, &tcp), 0);
        ck_assert_int_eq(bpf_map_update_elem(programs_map_fd(l.programs, "flows"), &stored.key, &stored.flow, 0), 0);

        lab_end_lease(&l, 0);
        ck_assert_int_eq(lab_send(tcp, "one", NULL, 0), 0);
        lab_expect(server, "one");
        sweep(&l, 1, &records);
        ck_assert_int_eq(lab_send(tcp, "two", NULL, 0), 0);
        lab_expect(server, "two");
        (void) close(tcp);
        (void) usleep(10000);
        sweep(&l, 1, &records);
        ck_assert_uint_eq(records.n[CW_RECORD_CLOSE], 1);
        read_ring(&l, &records);
        ck_assert_uint_eq(records.n[CW_RECORD_OPEN], 1);
        ck_assert_uint_eq(records.n[CW_RECORD_CLOSE], 1);
        ck_assert_uint_eq(records.bytes_out, strlen("one") + strlen("two"));
        lab_done(&l);
}
END_TEST

/* ------------------------------------------------------------------ limits */

static bool set_socket_memory(const char *bytes) {
        _cleanup_close_ int fd = open("/proc/sys/net/core/optmem_max", O_WRONLY | O_CLOEXEC); /* of this namespace */

        return fd >= 0 && write(fd, bytes, strlen(bytes)) == (ssize_t) strlen(bytes);
}

/* A connection for which there is no memory is refused, and reported. */
START_TEST(connection_needs_memory) {
        Records records = {};
        Lab l = {};

        lab_with_units(&l, _i, LAB_ALLOWS);
        (void) lab_listen_outside(&l, _i);
        lab_enter(&l, "greedy");
        if (!set_socket_memory("16")) {
                printf("# SKIP the memory of sockets is not limited by namespace\n");
                lab_done(&l);
                return;
        }
        int fd = lab_socket(&l, false, lab_family[_i], SOCK_STREAM);
        ck_assert_int_eq(lab_connect(fd, lab_outside[_i], LAB_PORT), -EPERM);
        ck_assert_uint_eq(lab_count(&l, CW_COUNT_FLOWS_FULL), 1);
        read_ring(&l, &records);
        ck_assert_uint_eq(records.n[CW_RECORD_DENY], 1);
        ck_assert(set_socket_memory("65536"));
        ck_assert_int_eq(lab_connect(fd, lab_outside[_i], LAB_PORT), -EINPROGRESS);
        ck_assert_uint_eq(lab_count(&l, CW_COUNT_FLOWS_FULL), 1);
        lab_done(&l);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("flows");
        TCase *t = tcase_create("flows");

        tcase_set_timeout(t, 120);
        tcase_add_loop_test(t, unit_keeps_its_flows, 0, 12);
        tcase_add_test(t, every_flow_ends);
        tcase_add_test(t, share_is_corrected);
        tcase_add_loop_test(t, released_connection_ends_once, 0, 2);
        tcase_add_test(t, socket_is_connected_again);
        tcase_add_test(t, connection_of_an_older_version);
        tcase_add_loop_test(t, connection_needs_memory, 0, 2);
        suite_add_tcase(s, t);
        return s;
}

int main(void) {
        return lab_main(suite);
}
