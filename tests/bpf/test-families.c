/* SPDX-License-Identifier: Apache-2.0 */

/* Sockets of families without hooks: attached programs, real cgroups, real sockets. Skipped where the kernel does not
 * ask BPF programs about new sockets; exit status 77 without the rights for the rest. */

#include "scope-lab.h"

#include <bpf/libbpf.h>
#include <linux/io_uring.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "basic/macro.h"
#include "event/event-decode.h"
#include "event/socket-family.h"
#include "host/cgroup.h"

#define FAMILY_MAX 46 /* the kernel refuses higher numbers before it asks anybody */
#define NOBODY 65534

/* One unit that is allowed everything, one that is denied everything, and the host. */
static void start(Lab *l) {
        *l = (Lab) {};
        lab_init(l);
        lab_load_all(l);
        lab_set_scopes(l);
        lab_attach(l);
        ck_assert_int_eq(subjects_set(l->programs, lab_cgroup(l, "allowed"), LAB_ALLOWS, 1, 0), 0);
        ck_assert_int_eq(subjects_set(l->programs, lab_cgroup(l, "denied"), LAB_DENIES, 2, 0), 0);
        (void) lab_cgroup(l, "host");
}

static int try_socket(int family, int type, int protocol) {
        int fd = socket(family, type | SOCK_CLOEXEC, protocol);

        if (fd < 0)
                return -errno;
        (void) close(fd);
        return 0;
}

static int try_packet_socket(void) {
        return try_socket(AF_PACKET, SOCK_RAW, 0);
}

START_TEST(families_of_a_unit) {
        static const char *const units[] = { "allowed", "denied" };
        uint64_t denied = 0;
        Lab l;

        start(&l);
        lab_enter(&l, units[_i]);
        for (unsigned family = 1; family < FAMILY_MAX; family++) {
                int r = try_socket((int) family, SOCK_DGRAM, 0);
                bool refused = lab_count(&l, CW_COUNT_DENIED) > denied;

                ck_assert_msg(refused == !socket_family_is_judged(family), "family %u", family);
                ck_assert(!refused || r == -EAFNOSUPPORT);
                denied = lab_count(&l, CW_COUNT_DENIED);
        }
        ck_assert_uint_eq(lab_count(&l, CW_COUNT_RING_FULL), 0);
        lab_done(&l);
}
END_TEST

/* ------------------------------------------------------------------ ways to ask */

static int by_type(void) {
        return try_socket(AF_INET, SOCK_PACKET, 0); /* an old name of the same, packet(7) */
}

static int by_pair(void) {
        int fds[2];

        return socketpair(AF_PACKET, SOCK_RAW, 0, fds) < 0 ? -errno : 0;
}

#ifdef __x86_64__
/* As a 32-bit program does; kernels without support for those end the process, so a child asks. */
static int by_other_entry(void) {
        pid_t pid = fork();
        int status;

        ck_assert_int_ge(pid, 0);
        if (pid == 0) {
                long r;

                __asm__ volatile("int $0x80" : "=a"(r) : "a"(359L /* socket */), "b"((long) AF_PACKET),
                                 "c"((long) SOCK_RAW), "d"(0L) : "memory", "r8", "r9", "r10", "r11");
                _exit(r < 0 ? (int) -r : 0);
        }
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        return WIFEXITED(status) ? -WEXITSTATUS(status) : -ENOSYS;
}
#endif

/* Without the kernel's list of operations being shared: one entry, submitted and waited for. -ENOSYS: not here. */
static int by_io_uring(void) {
        struct io_uring_params p = {};
        _cleanup_close_ int ring = (int) syscall(__NR_io_uring_setup, 1, &p);

        if (ring < 0)
                return -ENOSYS;
        size_t size = MAX(p.sq_off.array + p.sq_entries * sizeof(uint32_t),
                          p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe));
        if (!(p.features & IORING_FEAT_SINGLE_MMAP))
                return -ENOSYS;
        uint8_t *rings = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQ_RING);
        struct io_uring_sqe *e = mmap(NULL, sizeof(*e) * p.sq_entries, PROT_READ | PROT_WRITE, MAP_SHARED, ring,
                                      IORING_OFF_SQES);
        ck_assert(rings != MAP_FAILED && e != MAP_FAILED);
        memset(e, 0, sizeof(*e));
        e->opcode = 45; /* IORING_OP_SOCKET, Linux 5.19 */
        e->fd = AF_PACKET;
        e->off = SOCK_RAW;
        *(uint32_t *) (void *) (rings + p.sq_off.array) = 0;
        __atomic_store_n((uint32_t *) (void *) (rings + p.sq_off.tail), 1, __ATOMIC_RELEASE);
        int r = (int) syscall(__NR_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0);
        ck_assert_int_eq(r, 1);
        r = ((struct io_uring_cqe *) (void *) (rings + p.cq_off.cqes))->res;
        (void) munmap(rings, size);
        (void) munmap(e, sizeof(*e) * p.sq_entries);
        if (r < 0)
                return r == -EINVAL ? -ENOSYS : r;
        (void) close(r);
        return 0;
}

static int (*const ways[])(void) = {
        try_packet_socket, by_type, by_pair, by_io_uring,
#ifdef __x86_64__
        by_other_entry,
#endif
};

START_TEST(every_way_to_ask) {
        Lab l;

        start(&l);
        lab_enter(&l, "allowed");
        int r = ways[_i]();
        if (r == -ENOSYS)
                (void) fprintf(stderr, "way %d: not on this kernel\n", _i);
        else {
                ck_assert_int_eq(r, -EAFNOSUPPORT);
                ck_assert_uint_eq(lab_count(&l, CW_COUNT_DENIED), 1);
        }
        lab_done(&l);
}
END_TEST

/* ------------------------------------------------------------------ who is judged */

START_TEST(modes_of_a_unit) {
        Lab l;

        start(&l);
        lab_enter(&l, "allowed");
        ck_assert_int_eq(try_packet_socket(), -EAFNOSUPPORT);
        policy_slot_set_mode(l.slots[LAB_ALLOWS], MODE_AUDIT);
        ck_assert_int_eq(try_packet_socket(), 0);
        ck_assert_uint_eq(lab_count(&l, CW_COUNT_DENIED), 2);
        policy_slot_set_mode(l.slots[LAB_ALLOWS], MODE_OFF);
        ck_assert_int_eq(try_packet_socket(), 0);
        ck_assert_uint_eq(lab_count(&l, CW_COUNT_DENIED), 2);
        lab_done(&l);
}
END_TEST

/* Services of the machine keep what they need, also where the host has a policy. */
START_TEST(host_is_left_alone) {
        Lab l;

        start(&l);
        lab_set_policy(&l, LAB_HOST, ACTION_DENY, NULL, MODE_ENFORCE, CW_LAYER_SYSTEM);
        lab_enter(&l, "host");
        ck_assert_int_eq(try_packet_socket(), 0);
        lab_enter(&l, NULL);
        ck_assert_int_eq(try_packet_socket(), 0);
        ck_assert_uint_eq(lab_count(&l, CW_COUNT_DENIED), 0);
        lab_done(&l);
}
END_TEST

/* A job in a unit of the host's scope. */
START_TEST(restriction_of_a_job) {
        Lab l;

        start(&l);
        lab_set_layer(&l, LAB_DENIES, LAYER_RESTRICT, ACTION_ALLOW, NULL, MODE_ENFORCE, 0);
        uint64_t job = lab_cgroup(&l, "job");
        ck_assert_int_eq(subjects_set(l.programs, job, CW_CHAIN(LAB_HOST, LAB_DENIES, 0, 0), 3, 0), 0);
        lab_enter(&l, "job");
        ck_assert_int_eq(try_packet_socket(), -EAFNOSUPPORT);
        ck_assert_int_eq(subjects_set(l.programs, job, CW_CHAIN(LAB_HOST, 0, 0, 0), 3, 0), 0);
        ck_assert_int_eq(try_packet_socket(), 0);
        lab_done(&l);
}
END_TEST

START_TEST(layer_without_a_policy) {
        Lab l;

        start(&l);
        ck_assert_int_eq(subjects_set(l.programs, lab_cgroup(&l, "unit"), LAB_NO_POLICY, 3, 0), 0);
        lab_enter(&l, "unit");
        ck_assert_int_eq(try_packet_socket(), -EAFNOSUPPORT);
        lab_done(&l);
}
END_TEST

START_TEST(cgroups_below_a_unit) {
        Lab l;

        start(&l);
        (void) lab_cgroup(&l, "allowed/a");
        (void) lab_cgroup(&l, "allowed/a/b");
        lab_enter(&l, "allowed/a/b");
        ck_assert_int_eq(try_packet_socket(), -EAFNOSUPPORT);
        lab_done(&l);
}
END_TEST

static int try_as_nobody(void) {
        pid_t pid = fork();
        int status;

        ck_assert_int_ge(pid, 0);
        if (pid == 0)
                _exit(setresuid(NOBODY, NOBODY, NOBODY) < 0 ? 255 : -try_socket(AF_PPPOX, SOCK_DGRAM, 0));
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert(WIFEXITED(status));
        return -WEXITSTATUS(status);
}

/* Before a new cgroup has an entry, nobody knows whose it is. */
START_TEST(cgroup_without_an_entry) {
        Lab l;

        start(&l);
        ck_assert_int_eq(subjects_set(l.programs, lab_cgroup(&l, "slice"), LAB_HOST, 3, CW_SUBJECT_SLICE), 0);
        (void) lab_cgroup(&l, "slice/new");
        lab_enter(&l, "slice/new");
        ck_assert_int_eq(try_packet_socket(), 0);
        ck_assert_uint_eq(lab_count(&l, CW_COUNT_DENIED), 0);
        ck_assert_int_eq(try_as_nobody(), -EAFNOSUPPORT);
        ck_assert_uint_eq(lab_count(&l, CW_COUNT_DENIED), 1);
        policy_slot_set_mode(l.slots[LAB_ALLOWS], MODE_AUDIT);
        policy_slot_set_mode(l.slots[LAB_DENIES], MODE_AUDIT);
        ck_assert_int_ne(try_as_nobody(), -EAFNOSUPPORT); /* it has no other policy to come */
        lab_done(&l);
}
END_TEST

/* ------------------------------------------------------------------ events */

static int take_record(void *context, void *data, size_t size) {
        ck_assert_uint_eq(size, sizeof(struct cw_record));
        memcpy(context, data, size);
        return 0;
}

START_TEST(record_names_family_and_process) {
        struct cw_record raw = {}, copy;
        char comm[CW_COMM_MAX];
        Event e;
        Lab l;

        start(&l);
        lab_enter(&l, "denied");
        ck_assert_int_eq(try_socket(AF_TIPC, SOCK_DGRAM, 0), -EAFNOSUPPORT);
        struct ring_buffer *ring = ring_buffer__new(programs_map_fd(l.programs, "ring"), take_record, &raw, NULL);
        ck_assert_ptr_nonnull(ring);
        ck_assert_int_eq(ring_buffer__consume(ring), 1);
        ring_buffer__free(ring);
        ck_assert_int_eq(event_decode(&raw, sizeof(raw), 0, comm, &e, &copy), 0);
        ck_assert(e.type == EVENT_PROTOCOL_BLOCKED && e.verdict == ACTION_DENY && e.mode == MODE_ENFORCE);
        ck_assert(e.reason == CW_REASON_FAMILY && e.socket_family == AF_TIPC && !e.has_dst);
        ck_assert_uint_eq(e.pid, (uint32_t) getpid());
        ck_assert_uint_eq(e.actor, 2);
        ck_assert_uint_eq(copy.chain, LAB_DENIES);
        ck_assert_int_eq(strncmp(e.process, program_invocation_short_name, CW_COMM_MAX - 1), 0);
        lab_done(&l);
}
END_TEST

/* ------------------------------------------------------------------ */

static Suite *suite(void) {
        if (!(lab_hooks_of_kernel() & 1U << CW_HOOK_BIT_socket_create)) {
                (void) printf("1..0 # SKIP this kernel does not ask BPF programs about new sockets\n");
                return NULL;
        }
        Suite *s = suite_create("families");
        TCase *t = tcase_create("families");

        suite_add_tcase(s, t);
        tcase_set_timeout(t, 120);
        tcase_add_loop_test(t, families_of_a_unit, 0, 2);
        tcase_add_loop_test(t, every_way_to_ask, 0, (int) ELEMENTSOF(ways));
        tcase_add_test(t, modes_of_a_unit);
        tcase_add_test(t, host_is_left_alone);
        tcase_add_test(t, restriction_of_a_job);
        tcase_add_test(t, layer_without_a_policy);
        tcase_add_test(t, cgroups_below_a_unit);
        tcase_add_test(t, cgroup_without_an_entry);
        tcase_add_test(t, record_names_family_and_process);
        return s;
}

int main(void) {
        return lab_main(suite);
}
