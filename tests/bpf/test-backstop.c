/* SPDX-License-Identifier: Apache-2.0 */

/* The filter of network devices and packets of sockets of other families: real sockets, frames and devices. Skipped where
 * the kernel asks a BPF program about new sockets; exit status 77 without the rights for the rest. */

#include "scope-lab.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "basic/macro.h"
#include "event/event-decode.h"
#include "host/cgroup.h"
#include "host/device-filter.h"

#define TEST_TYPE 0x88b5 /* for local experiments */

typedef struct Frame {
        struct ether_header header;
        char text[64];
} Frame;

/* Outside, of nobody who is judged: hears the frames of the test. */
static int listen_to_frames(const Lab *l) {
        const struct sockaddr_ll addr = { .sll_family = AF_PACKET, .sll_protocol = htons(TEST_TYPE) };

        int fd = lab_socket(l, true, AF_PACKET, SOCK_DGRAM);
        ck_assert_int_eq(bind(fd, (const struct sockaddr *) &addr, sizeof(addr)), 0);
        return fd;
}

static void start(Lab *l) {
        *l = (Lab) {};
        lab_init(l);
        lab_load_all(l);
        lab_set_scopes(l);
        lab_attach(l);
        ck_assert_int_eq(subjects_set(l->programs, lab_cgroup(l, "allowed"), LAB_ALLOWS, 1, 0), 0);
        ck_assert_int_eq(subjects_set(l->programs, lab_cgroup(l, "denied"), LAB_DENIES, 2, 0), 0);
        (void) lab_cgroup(l, "host");
        ck_assert_int_eq(device_filter_put(if_nametoindex("inside"), programs_device_filter(l->programs)), 0);
}

static int packet_socket(Lab *l, const char *cgroup) {
        lab_enter(l, cgroup);
        int fd = lab_socket(l, false, AF_PACKET, SOCK_RAW);
        lab_enter(l, NULL);
        return fd;
}

static void send_frame(int fd, const char *text) {
        const struct sockaddr_ll addr = { .sll_family = AF_PACKET, .sll_ifindex = (int) if_nametoindex("inside") };
        Frame f = { .header.ether_type = htons(TEST_TYPE) };

        memset(f.header.ether_dhost, 0xff, sizeof(f.header.ether_dhost));
        f.header.ether_shost[0] = 2; /* locally administered */
        (void) snprintf(f.text, sizeof(f.text), "%s", text);
        (void) sendto(fd, &f, sizeof(f), 0, (const struct sockaddr *) &addr, sizeof(addr));
}

/* Whether it arrives. A later frame of the host proves that it does not. */
static bool arrives(Lab *l, int fd, int listener, const char *text) {
        char found[sizeof(((Frame *) NULL)->text)];
        bool arrived = false;

        int host = packet_socket(l, "host");
        send_frame(fd, text);
        send_frame(host, "the last one");
        (void) close(host);
        for (;;) {
                ck_assert(lab_wait(listener, POLLIN));
                ssize_t n = recv(listener, found, sizeof(found), 0);
                ck_assert_int_eq(n, sizeof(found));
                if (strcmp(found, "the last one") == 0)
                        return arrived;
                arrived = arrived || strcmp(found, text) == 0;
        }
}

static bool passes(Lab *l, const char *cgroup) {
        int listener = listen_to_frames(l), fd = packet_socket(l, cgroup);
        bool passed = arrives(l, fd, listener, "a frame");

        (void) close(fd);
        (void) close(listener);
        return passed;
}

/* ------------------------------------------------------------------ who is judged */

START_TEST(frames_of_units) {
        Lab l;

        start(&l);
        ck_assert(!passes(&l, "allowed"));
        ck_assert(!passes(&l, "denied"));
        ck_assert_uint_eq(lab_count(&l, CW_COUNT_DENIED), 2);
        ck_assert(passes(&l, "host"));
        lab_set_policy(&l, LAB_HOST, ACTION_DENY, NULL, MODE_ENFORCE, CW_LAYER_SYSTEM);
        ck_assert(passes(&l, "host"));
        (void) lab_cgroup(&l, "allowed/below");
        ck_assert(!passes(&l, "allowed/below"));
        ck_assert_uint_eq(lab_count(&l, CW_COUNT_DENIED), 3);
        lab_done(&l);
}
END_TEST

START_TEST(modes_of_a_unit) {
        Lab l;

        start(&l);
        policy_slot_set_mode(l.slots[LAB_DENIES], MODE_AUDIT);
        ck_assert(passes(&l, "denied"));
        ck_assert_uint_eq(lab_count(&l, CW_COUNT_DENIED), 1);
        policy_slot_set_mode(l.slots[LAB_DENIES], MODE_OFF);
        ck_assert(passes(&l, "denied"));
        ck_assert_uint_eq(lab_count(&l, CW_COUNT_DENIED), 1);
        lab_done(&l);
}
END_TEST

START_TEST(chains) {
        Lab l;

        start(&l);
        lab_set_layer(&l, LAB_DENIES, LAYER_RESTRICT, ACTION_ALLOW, NULL, MODE_ENFORCE, 0);
        uint64_t job = lab_cgroup(&l, "job");
        ck_assert_int_eq(subjects_set(l.programs, job, CW_CHAIN(LAB_HOST, LAB_DENIES, 0, 0), 3, 0), 0);
        ck_assert(!passes(&l, "job"));
        ck_assert_int_eq(subjects_set(l.programs, job, CW_CHAIN(LAB_HOST, 0, 0, 0), 3, 0), 0);
        ck_assert(passes(&l, "job"));
        ck_assert_int_eq(subjects_set(l.programs, job, LAB_NO_POLICY, 3, 0), 0);
        ck_assert(!passes(&l, "job"));
        lab_done(&l);
}
END_TEST

/* Whoever is there may be a service of the machine: it has to send again. */
START_TEST(cgroup_without_an_entry) {
        Lab l;

        start(&l);
        ck_assert_int_eq(subjects_set(l.programs, lab_cgroup(&l, "slice"), LAB_HOST, 3, CW_SUBJECT_SLICE), 0);
        uint64_t new = lab_cgroup(&l, "slice/new");
        ck_assert(!passes(&l, "slice/new"));
        ck_assert_uint_eq(lab_count(&l, CW_COUNT_DENIED), 0);
        ck_assert_uint_eq(lab_count(&l, CW_COUNT_UNASSIGNED), 1);
        ck_assert_int_eq(subjects_set(l.programs, new, LAB_HOST, 4, 0), 0);
        ck_assert(passes(&l, "slice/new"));
        lab_done(&l);
}
END_TEST

/* The hooks have judged them. */
START_TEST(packets_of_ip_sockets) {
        Lab l;

        start(&l);
        for (int i = 0; i < 2; i++) {
                int server = lab_socket(&l, true, lab_family[i], SOCK_DGRAM);
                lab_bind(server, lab_outside[i], LAB_PORT);
                lab_enter(&l, "allowed");
                int client = lab_socket(&l, false, lab_family[i], SOCK_DGRAM);
                ck_assert_int_eq(lab_send(client, "one", lab_outside[i], LAB_PORT), 0);
                lab_expect(server, "one");
                lab_enter(&l, NULL);
                (void) close(client);
                (void) close(server);
        }
        ck_assert_uint_eq(lab_count(&l, CW_COUNT_DENIED), 0);
        lab_done(&l);
}
END_TEST

/* ------------------------------------------------------------------ events */

typedef struct Records {
        struct cw_record last;
        unsigned n;
} Records;

static int take_record(void *context, void *data, size_t size) {
        Records *r = context;

        ck_assert_uint_eq(size, sizeof(struct cw_record));
        memcpy(&r->last, data, size);
        r->n++;
        return 0;
}

START_TEST(one_record_for_a_socket) {
        struct cw_record copy;
        char comm[CW_COMM_MAX];
        Records records = {};
        Event e;
        Lab l;

        start(&l);
        struct ring_buffer *ring = ring_buffer__new(programs_map_fd(l.programs, "ring"), take_record, &records, NULL);
        ck_assert_ptr_nonnull(ring);
        int fd = packet_socket(&l, "denied");
        for (int i = 0; i < 100; i++)
                send_frame(fd, "again");
        ck_assert_int_eq(ring_buffer__consume(ring), 1);
        ck_assert_int_eq(event_decode(&records.last, sizeof(records.last), 0, comm, &e, &copy), 0);
        ck_assert(e.type == EVENT_PROTOCOL_BLOCKED && e.verdict == ACTION_DENY && e.mode == MODE_ENFORCE);
        ck_assert(e.reason == CW_REASON_FAMILY && e.socket_family == AF_PACKET && !e.has_dst && e.pid == 0);
        ck_assert_uint_eq(e.actor, 2);
        ck_assert_uint_eq(e.cgroup_id, lab_cgroup(&l, "denied"));
        ck_assert_uint_eq(copy.chain, LAB_DENIES);
        policy_slot_set_mode(l.slots[LAB_DENIES], MODE_AUDIT);
        send_frame(fd, "again");
        ck_assert_int_eq(ring_buffer__consume(ring), 1);
        ck_assert_uint_eq(records.last.mode, CW_AUDIT);
        ring_buffer__free(ring);
        (void) close(fd);
        lab_done(&l);
}
END_TEST

/* ------------------------------------------------------------------ without the service */

static int keep_backstop(const char *name, int fd, bool is_new, void *userdata) {
        int *kept = userdata;

        if (strcmp(name, "link-" PROGRAMS_BACKSTOP) != 0)
                return 0;
        ck_assert(is_new == (*kept < 0));
        if (*kept < 0)
                *kept = dup(fd);
        return 1;
}

static int give_backstop(const char *name, void *userdata) {
        return strcmp(name, "link-" PROGRAMS_BACKSTOP) == 0 ? *(const int *) userdata : -ENOENT;
}

/* The map is what keeps it: the filter stays on the device, and is not touched by a successor. */
START_TEST(program_of_the_filter) {
        const uint32_t slot = 0;
        uint32_t id[2] = {};
        ProgramsOptions o;
        int kept = -EBADF;
        Lab l;

        start(&l);
        int listener = listen_to_frames(&l), fd = packet_socket(&l, "denied");
        ck_assert_int_eq(programs_for_each_fd(l.programs, keep_backstop, &kept), 0);
        ck_assert_int_ge(kept, 0);
        ck_assert_int_eq(bpf_map_lookup_elem(kept, &slot, &id[0]), 0);

        Programs *old = l.programs;
        for (size_t i = 0; i < LAB_SCOPES; i++)
                l.slots[i] = policy_slot_free(l.slots[i]);
        l.maps = policy_maps_free(l.maps);
        l.programs = programs_free(old);
        ck_assert(!arrives(&l, fd, listener, "the program outlives the service"));

        lab_load_options(&o);
        o.inherit = give_backstop;
        o.inherit_userdata = &kept;
        ck_assert_int_eq(lab_load(&l, &o, &l.programs), 0);
        ck_assert_int_eq(policy_maps_new(l.programs, &l.maps), 0);
        for (uint32_t i = 0; i < LAB_SCOPES; i++)
                ck_assert_int_eq(policy_slot_new(l.maps, i, &l.slots[i]), 0);
        lab_set_scopes(&l);
        lab_attach(&l);
        ck_assert_int_eq(bpf_map_lookup_elem(kept, &slot, &id[1]), 0);
        ck_assert_uint_ne(id[0], id[1]);
        ck_assert_int_eq(programs_for_each_fd(l.programs, keep_backstop, &kept), 0);
        ck_assert(arrives(&l, fd, listener, "nobody has set its subject again"));
        ck_assert_int_eq(subjects_set(l.programs, lab_cgroup(&l, "denied"), LAB_DENIES, 2, 0), 0);
        ck_assert(!arrives(&l, fd, listener, "now it has"));

        (void) close(kept);
        ck_assert(!arrives(&l, fd, listener, "the service holds it"));
        for (size_t i = 0; i < LAB_SCOPES; i++)
                l.slots[i] = policy_slot_free(l.slots[i]);
        l.maps = policy_maps_free(l.maps);
        l.programs = programs_free(l.programs);
        int waited = 0;
        while (!arrives(&l, fd, listener, "nobody holds it")) { /* the kernel empties it a little later */
                ck_assert_int_lt(waited++, LAB_PATIENCE_MSEC);
                (void) usleep(1000);
        }
        ck_assert_int_eq(device_filter_find(if_nametoindex("inside")), 1);
        (void) close(fd);
        (void) close(listener);
        lab_done(&l);
}
END_TEST

/* ------------------------------------------------------------------ */

static Suite *suite(void) {
        if (lab_hooks_of_kernel() & 1U << CW_HOOK_BIT_socket_create) {
                (void) printf("1..0 # SKIP this kernel asks a BPF program about new sockets\n");
                return NULL;
        }
        Suite *s = suite_create("backstop");
        TCase *t = tcase_create("backstop");

        suite_add_tcase(s, t);
        tcase_set_timeout(t, 120);
        tcase_add_test(t, frames_of_units);
        tcase_add_test(t, modes_of_a_unit);
        tcase_add_test(t, chains);
        tcase_add_test(t, cgroup_without_an_entry);
        tcase_add_test(t, packets_of_ip_sockets);
        tcase_add_test(t, one_record_for_a_socket);
        tcase_add_test(t, program_of_the_filter);
        return s;
}

int main(void) {
        return lab_main(suite);
}
