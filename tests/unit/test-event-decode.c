/* SPDX-License-Identifier: Apache-2.0 */
#include "event/event-decode.h"

#include <check.h>
#include <errno.h>
#include <string.h>

#include "basic/macro.h"
#include "policy/port.h"

static void set_v4(struct cw_addr *a, uint8_t last) {
        memcpy(a->b, (const uint8_t[16]) { [10] = 0xff, 0xff, 203, 0, 113, last }, 16);
}

static struct cw_record record(uint16_t type) {
        struct cw_record r = {
                .version = CW_API_VERSION,
                .type = type,
                .rule = 3,
                .time_ns = 10 * NSEC_PER_SEC,
                .start_ns = 7 * NSEC_PER_SEC,
                .bytes_out = 100,
                .bytes_in = 200,
                .process = { .cgroup_id = 77, .pid = 123, .tid = 124, .uid = 1000, .gid = 1001, .comm = "curl" },
                .src_port = 40000,
                .dst_port = 443,
                .protocol = PROTOCOL_TCP,
                .family = 4,
                .action = type == CW_RECORD_OPEN || type == CW_RECORD_CLOSE ? CW_ALLOW : CW_DENY,
                .reason = type == CW_RECORD_RAW_SOCKET ? CW_REASON_RAW_SOCKET : CW_REASON_RULE,
                .hook = CW_HOOK_PACKET,
        };
        set_v4(&r.src, 1);
        set_v4(&r.dst, 7);
        return r;
}

static int decode(const struct cw_record *r, Event *ret) {
        static char comm[CW_COMM_MAX];
        struct cw_record copy;

        return event_decode(r, sizeof(*r), 1000 * (int64_t) USEC_PER_SEC, comm, ret, &copy);
}

START_TEST(test_open) {
        struct cw_record r = record(CW_RECORD_OPEN), copy;
        char comm[CW_COMM_MAX];
        uint8_t unaligned[sizeof(r) + 1];
        Event e;

        memcpy(unaligned + 1, &r, sizeof(r));
        ck_assert_int_eq(event_decode(unaligned + 1, sizeof(r), 1000 * (int64_t) USEC_PER_SEC, comm, &e, &copy), 0);
        ck_assert_mem_eq(&copy, &r, sizeof(r));
        ck_assert_int_eq(e.type, EVENT_CONNECTION_ALLOWED);
        ck_assert_uint_eq(e.time_usec, 1010 * USEC_PER_SEC);
        ck_assert_uint_eq(e.sequence, 0);
        ck_assert(e.has_verdict && e.verdict == ACTION_ALLOW && e.reason == CW_REASON_RULE && e.rule == 3);
        ck_assert(e.mode == MODE_ENFORCE && !e.mid_stream && !event_is_denial(&e));
        ck_assert(e.has_src && in_addr_is_v4(&e.src) && e.src.b[15] == 1 && e.src_port == 40000);
        ck_assert(e.has_dst && in_addr_is_v4(&e.dst) && e.dst.b[15] == 7 && e.dst_port == 443);
        ck_assert_uint_eq(e.protocol, PROTOCOL_TCP);
        ck_assert(e.pid == 123 && e.tid == 124 && e.uid == 1000 && e.gid == 1001 && e.cgroup_id == 77);
        ck_assert_ptr_eq(e.process, comm);
        ck_assert_str_eq(e.process, "curl");
        ck_assert(!e.hostname && !e.executable && e.n_parents == 0 && e.count == 0);
        ck_assert(e.bytes_out == 0 && e.bytes_in == 0 && e.duration_usec == 0);
}
END_TEST

static const struct {
        uint16_t type;
        uint8_t action, reason, mode;
        EventType wanted;
        bool denial;
} types[] = {
        { CW_RECORD_OPEN, CW_ALLOW, CW_REASON_DEFAULT, CW_ENFORCE, EVENT_CONNECTION_ALLOWED, false },
        { CW_RECORD_DENY, CW_DENY, CW_REASON_DEFAULT, CW_ENFORCE, EVENT_CONNECTION_BLOCKED, true },
        { CW_RECORD_DENY, CW_DENY, CW_REASON_DEFAULT, CW_AUDIT, EVENT_CONNECTION_BLOCKED, true },
        { CW_RECORD_DENY, CW_DENY, CW_REASON_DNS, CW_ENFORCE, EVENT_CONNECTION_BLOCKED, true },
        { CW_RECORD_DENY, CW_DENY, CW_REASON_MALFORMED, CW_ENFORCE, EVENT_CONNECTION_BLOCKED, true },
        { CW_RECORD_DENY, CW_DENY, CW_REASON_FILTERED, CW_ENFORCE, EVENT_CONNECTION_BLOCKED, true },
        { CW_RECORD_DENY, CW_DENY, CW_REASON_PROTOCOL, CW_ENFORCE, EVENT_PROTOCOL_BLOCKED, true },
        { CW_RECORD_DENY, CW_DENY, CW_REASON_RAW_SOCKET, CW_ENFORCE, EVENT_PROTOCOL_BLOCKED, true },
        { CW_RECORD_RAW_SOCKET, CW_DENY, CW_REASON_RAW_SOCKET, CW_AUDIT, EVENT_PROTOCOL_BLOCKED, true },
        { CW_RECORD_OPTION, CW_DENY, CW_REASON_SOURCE_ROUTE, CW_ENFORCE, EVENT_PROTOCOL_BLOCKED, true },
        { CW_RECORD_OPTION, CW_DENY, CW_REASON_SOURCE, CW_AUDIT, EVENT_PROTOCOL_BLOCKED, true },
        { CW_RECORD_OPTION, CW_DENY, CW_REASON_DEVICE, CW_ENFORCE, EVENT_PROTOCOL_BLOCKED, true },
        { CW_RECORD_OPTION, CW_DENY, CW_REASON_PROTOCOL, CW_ENFORCE, EVENT_PROTOCOL_BLOCKED, true },
        { CW_RECORD_OPTION, CW_DENY, CW_REASON_FAULT, CW_ENFORCE, EVENT_PROTOCOL_BLOCKED, true },
        { CW_RECORD_FAMILY, CW_DENY, CW_REASON_FAMILY, CW_ENFORCE, EVENT_PROTOCOL_BLOCKED, true },
        { CW_RECORD_FAMILY, CW_DENY, CW_REASON_FAMILY, CW_AUDIT, EVENT_PROTOCOL_BLOCKED, true },
        { CW_RECORD_DENY, CW_DENY, CW_REASON_SOURCE, CW_ENFORCE, EVENT_CONNECTION_BLOCKED, true },
        { CW_RECORD_CLOSE, CW_ALLOW, CW_REASON_RULE, CW_ENFORCE, EVENT_CONNECTION_CLOSED, false },
        { CW_RECORD_CLOSE, CW_DENY, CW_REASON_RULE, CW_AUDIT, EVENT_CONNECTION_CLOSED, false },
};

START_TEST(test_types) {
        struct cw_record r = record(types[_i].type);
        Event e;

        r.action = types[_i].action;
        r.reason = types[_i].reason;
        r.mode = types[_i].mode;
        r.socket_family = types[_i].type == CW_RECORD_FAMILY ? 24 : 0;
        ck_assert_int_eq(decode(&r, &e), 0);
        ck_assert_int_eq(e.type, types[_i].wanted);
        ck_assert_int_eq(e.mode, types[_i].mode);
        ck_assert_int_eq(e.reason, types[_i].reason);
        ck_assert_int_eq(event_is_denial(&e), types[_i].denial);
        ck_assert_int_eq(e.has_dst, types[_i].type != CW_RECORD_RAW_SOCKET && types[_i].type != CW_RECORD_OPTION &&
                                            types[_i].type != CW_RECORD_FAMILY);
        ck_assert_uint_eq(e.socket_family, r.socket_family);
}
END_TEST

/* One byte or word wrong each. */
#define FAULT(member, bad) { #member " = " #bad, offsetof(struct cw_record, member), \
                             sizeof(((struct cw_record *) NULL)->member), (bad) }

static const struct {
        const char *name;
        size_t offset, size; /* of one or two bytes */
        uint16_t value;
} faults[] = {
        FAULT(version, 0),  FAULT(version, CW_API_VERSION + 1),
        FAULT(type, 0),     FAULT(type, 7),      FAULT(type, 0xffff), FAULT(type, CW_RECORD_OPEN),
        FAULT(type, CW_RECORD_RAW_SOCKET),       FAULT(type, CW_RECORD_OPTION), /* whose reasons are others */
        FAULT(type, CW_RECORD_FAMILY),
        FAULT(family, 0),   FAULT(family, 5),    FAULT(family, 255),
        FAULT(action, 1),   FAULT(action, 2),    FAULT(action, 255),
        FAULT(reason, _CW_REASON_MAX),           FAULT(reason, 255),
        FAULT(mode, 2),     FAULT(mode, 255),
        FAULT(hook, 6),     FAULT(hook, 255),
        FAULT(mid_stream, 2), FAULT(mid_stream, 255),
        FAULT(socket_family, 1), /* not a record of one */
        FAULT(process.comm[15], 'x'), /* with the name below it is not terminated */
        FAULT(dst.b[0], 1), /* not an IPv4 address, though the family says so */
};

START_TEST(test_faults) {
        struct cw_record r = record(CW_RECORD_DENY), copy;
        char comm[CW_COMM_MAX] = "before";
        Event e = { .pid = 42 };

        memcpy(r.process.comm, "0123456789abcde", CW_COMM_MAX);
        ck_assert_int_eq(decode(&r, &(Event) {}), 0);
        uint8_t byte = (uint8_t) faults[_i].value;
        memcpy((uint8_t *) &r + faults[_i].offset, faults[_i].size == 1 ? (const void *) &byte : &faults[_i].value,
               faults[_i].size);
        ck_assert_msg(event_decode(&r, sizeof(r), 0, comm, &e, &copy) == -EBADMSG, "%s", faults[_i].name);
        ck_assert_str_eq(comm, "before");
        ck_assert_uint_eq(e.pid, 42);
}
END_TEST

START_TEST(test_sizes) {
        struct cw_record r[2] = { record(CW_RECORD_DENY), {} }, copy;
        char comm[CW_COMM_MAX];
        Event e;

        for (size_t n = 0; n <= sizeof(r); n++)
                ck_assert_int_eq(event_decode(r, n, 0, comm, &e, &copy), n == sizeof(r[0]) ? 0 : -EBADMSG);
        ck_assert_int_eq(event_decode(NULL, 0, 0, comm, &e, &copy), -EBADMSG);
}
END_TEST

START_TEST(test_unknown_parts) {
        struct cw_record r = record(CW_RECORD_DENY);
        Event e;

        memset(&r.src, 0, sizeof(r.src));
        r.process = (struct cw_process) { .cgroup_id = 5, .uid = 9, .comm = "stale" };
        ck_assert_int_eq(decode(&r, &e), 0);
        ck_assert(!e.has_src && e.has_dst);
        ck_assert(e.pid == 0 && e.uid == 0 && !e.process && e.cgroup_id == 5);

        /* "::" is a destination, unless the header could not be read */
        r.family = 6;
        memset(&r.dst, 0, sizeof(r.dst));
        ck_assert_int_eq(decode(&r, &e), 0);
        ck_assert(e.has_dst);
        r.reason = CW_REASON_MALFORMED;
        ck_assert_int_eq(decode(&r, &e), 0);
        ck_assert(!e.has_dst);
}
END_TEST

START_TEST(test_ports) {
        static const struct {
                uint8_t protocol;
                uint16_t wanted;
        } ports[] = {
                { PROTOCOL_TCP, 0x0800 }, { PROTOCOL_UDP, 0x0800 }, { PROTOCOL_ICMP, 0 },
                { PROTOCOL_ICMP6, 0 },    { 47, 0 },                { 255, 0 },
        };

        for (size_t i = 0; i < ELEMENTSOF(ports); i++) {
                struct cw_record r = record(CW_RECORD_OPEN);
                Event e;

                r.protocol = ports[i].protocol;
                r.dst_port = 0x0800; /* ICMP: echo request */
                ck_assert_int_eq(decode(&r, &e), 0);
                ck_assert_uint_eq(e.dst_port, ports[i].wanted);
                ck_assert_uint_eq(e.src_port, ports[i].wanted ? 40000 : 0);
        }
}
END_TEST

START_TEST(test_raw_socket) {
        struct cw_record r = record(CW_RECORD_RAW_SOCKET);
        Event e;

        memset(&r.src, 0, sizeof(r.src));
        memset(&r.dst, 0, sizeof(r.dst));
        r.protocol = PROTOCOL_ICMP;
        ck_assert_int_eq(decode(&r, &e), 0);
        ck_assert(e.type == EVENT_PROTOCOL_BLOCKED && e.reason == CW_REASON_RAW_SOCKET);
        ck_assert(!e.has_dst && !e.has_src && e.dst_port == 0 && e.protocol == PROTOCOL_ICMP);
}
END_TEST

static const struct {
        uint64_t start_ns, time_ns;
        int64_t offset_usec;
        uint64_t duration_usec, time_usec;
} times[] = {
        { 1000, 5000, 0, 4, 5 },
        { 5000, 1000, 0, 0, 1 }, /* clocks of two CPUs */
        { 0, UINT64_MAX, 0, UINT64_MAX / 1000, UINT64_MAX / 1000 },
        { 0, UINT64_MAX, INT64_MAX, UINT64_MAX / 1000, INT64_MAX },
        { 0, 5000, -6, 5, 0 },
        { 0, 5000, INT64_MIN, 5, 0 },
        { 0, 0, INT64_MAX, 0, INT64_MAX },
};

START_TEST(test_times) {
        struct cw_record r = record(CW_RECORD_CLOSE), copy;
        char comm[CW_COMM_MAX];
        Event e;

        r.start_ns = times[_i].start_ns;
        r.time_ns = times[_i].time_ns;
        ck_assert_int_eq(event_decode(&r, sizeof(r), times[_i].offset_usec, comm, &e, &copy), 0);
        ck_assert_uint_eq(e.duration_usec, times[_i].duration_usec);
        ck_assert_uint_eq(e.time_usec, times[_i].time_usec);
        ck_assert(e.bytes_out == 100 && e.bytes_in == 200);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("event-decode");
        TCase *t = tcase_create("event-decode");

        tcase_add_test(t, test_open);
        tcase_add_loop_test(t, test_types, 0, ELEMENTSOF(types));
        tcase_add_loop_test(t, test_faults, 0, ELEMENTSOF(faults));
        tcase_add_test(t, test_sizes);
        tcase_add_test(t, test_unknown_parts);
        tcase_add_test(t, test_ports);
        tcase_add_test(t, test_raw_socket);
        tcase_add_loop_test(t, test_times, 0, ELEMENTSOF(times));
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
