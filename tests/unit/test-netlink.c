/* SPDX-License-Identifier: Apache-2.0 */
#include "host/netlink.h"

#include <check.h>
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "basic/macro.h"
#include "host/device-filter.h"
#include "host/devices.h"

/* ------------------------------------------------------------------ a buffer as the kernel fills it */

typedef struct Buffer {
        uint8_t bytes[1024];
        size_t n;
} Buffer;

static void add(Buffer *b, const void *data, size_t size) {
        memcpy(b->bytes + b->n, data, size);
        b->n += NLMSG_ALIGN(size);
}

static void add_header(Buffer *b, uint16_t type, size_t size) {
        const struct nlmsghdr h = { .nlmsg_len = (uint32_t) NLMSG_LENGTH(size), .nlmsg_type = type };

        add(b, &h, sizeof(h));
}

static void add_status(Buffer *b, uint16_t type, int32_t status) {
        add_header(b, type, sizeof(status));
        add(b, &status, sizeof(status));
}

static void add_link(Buffer *b, uint16_t type, uint8_t family, int index) {
        const struct ifinfomsg info = { .ifi_family = family, .ifi_index = index };

        add_header(b, type, sizeof(info));
        add(b, &info, sizeof(info));
}

static void add_filter(Buffer *b, uint32_t handle, uint16_t priority, const char *kind) {
        const struct tcmsg tc = { .tcm_handle = handle, .tcm_info = (uint32_t) priority << 16 };
        const struct nlattr a = { .nla_len = (uint16_t) (sizeof(a) + strlen(kind) + 1), .nla_type = TCA_KIND };

        add_header(b, RTM_NEWTFILTER, sizeof(tc) + sizeof(a) + NLA_ALIGN(strlen(kind) + 1));
        add(b, &tc, sizeof(tc));
        add(b, &a, sizeof(a));
        add(b, kind, strlen(kind) + 1);
}

static int count_message(_unused_ uint16_t type, _unused_ const void *data, _unused_ size_t size, void *userdata) {
        unsigned *n = userdata;

        return ++*n == 3 ? -EXFULL : 0;
}

START_TEST(ends_of_an_answer) {
        static const struct {
                uint16_t type;
                int32_t status;
                int result;
        } ends[] = {
                { NLMSG_DONE, 0, 1 },       { NLMSG_ERROR, 0, 1 },         { NLMSG_ERROR, -ENODEV, -ENODEV },
                { NLMSG_DONE, -EINTR, -EINTR }, { NLMSG_ERROR, 5, -EBADMSG }, { NLMSG_ERROR, -4096, -EBADMSG },
                { NLMSG_NOOP, 0, 0 },       { RTM_NEWLINK, 0, 0 },
        };
        unsigned n = 0;
        Buffer b = {};

        add_status(&b, ends[_i].type, ends[_i].status);
        ck_assert_int_eq(netlink_parse(b.bytes, b.n, count_message, &n), ends[_i].result);
        ck_assert_uint_eq(n, ends[_i].type == RTM_NEWLINK);
}
END_TEST

START_TEST(broken_sequences) {
        Buffer b = {};

        add_link(&b, RTM_NEWLINK, AF_UNSPEC, 2);
        for (size_t size = 1; size < b.n; size++) {
                unsigned n = 0;

                ck_assert_int_eq(netlink_parse(b.bytes, size, count_message, &n), -EBADMSG);
                ck_assert_uint_eq(n, 0);
        }
        memset(b.bytes, 0, 4); /* a length of nothing */
        unsigned n = 0;
        ck_assert_int_eq(netlink_parse(b.bytes, b.n, count_message, &n), -EBADMSG);
}
END_TEST

START_TEST(receiver_may_stop) {
        unsigned n = 0;
        Buffer b = {};

        for (int i = 0; i < 5; i++)
                add_link(&b, RTM_NEWLINK, AF_UNSPEC, 2);
        ck_assert_int_eq(netlink_parse(b.bytes, b.n, count_message, &n), -EXFULL);
        ck_assert_uint_eq(n, 3);
        ck_assert_int_eq(netlink_parse(NULL, 0, count_message, &n), 0);
}
END_TEST

START_TEST(attributes) {
        const uint32_t value = 7;
        const struct nlattr first = { .nla_len = sizeof(first) + 1, .nla_type = 1 },
                            second = { .nla_len = sizeof(second) + 4, .nla_type = 2 | NLA_F_NESTED };
        const void *found;
        size_t size;
        Buffer b = {};

        add(&b, &first, sizeof(first));
        add(&b, "x", 1);
        add(&b, &second, sizeof(second));
        add(&b, &value, sizeof(value));
        ck_assert(netlink_find(b.bytes, b.n, 2, &found, &size) && size == 4 && memcmp(found, &value, 4) == 0);
        ck_assert(netlink_find(b.bytes, b.n, 1, &found, &size) && size == 1);
        ck_assert(!netlink_find(b.bytes, b.n, 3, &found, &size));
        ck_assert(!netlink_find(b.bytes, b.n - 1, 2, &found, &size));
        ck_assert(!netlink_find(NULL, 0, 1, &found, &size));
        b.bytes[0] = 3; /* shorter than an attribute */
        ck_assert(!netlink_find(b.bytes, b.n, 2, &found, &size));
}
END_TEST

/* ------------------------------------------------------------------ devices */

typedef struct Seen {
        char text[64];
} Seen;

static void on_device(unsigned device, bool gone, void *userdata) {
        Seen *s = userdata;
        size_t n = strlen(s->text);

        (void) snprintf(s->text + n, sizeof(s->text) - n, "%c%u ", gone ? '-' : '+', device);
}

/* A device that leaves a bridge is still there. */
START_TEST(devices_of_notices) {
        const uint8_t no_link = 0;
        Seen seen = {};
        Buffer b = {};

        add_link(&b, RTM_NEWLINK, AF_UNSPEC, 7);
        add_link(&b, RTM_DELLINK, AF_BRIDGE, 7);
        add_link(&b, RTM_DELLINK, AF_UNSPEC, 8);
        add_link(&b, RTM_NEWADDR, AF_UNSPEC, 9);
        add_link(&b, RTM_NEWLINK, AF_UNSPEC, -1);
        ck_assert_int_eq(devices_parse(b.bytes, b.n, on_device, &seen), 0);
        ck_assert_str_eq(seen.text, "+7 -8 ");
        b.n = 0;
        add_header(&b, RTM_NEWLINK, sizeof(no_link));
        add(&b, &no_link, sizeof(no_link));
        ck_assert_int_eq(devices_parse(b.bytes, b.n, on_device, &seen), -EBADMSG);
        ck_assert_str_eq(seen.text, "+7 -8 ");
}
END_TEST

/* ------------------------------------------------------------------ filters */

static DeviceFilterList list_of(const Buffer *b) {
        DeviceFilterList l = {};

        ck_assert_int_eq(netlink_parse(b->bytes, b->n, device_filter_on_message, &l), 0);
        return l;
}

START_TEST(filters_of_a_device) {
        Buffer b = {};

        add_filter(&b, 0, 1, "bpf");
        ck_assert_uint_eq(list_of(&b).n_others, 0);
        add_filter(&b, 0xca0002, 1, "bpf");
        DeviceFilterList l = list_of(&b);
        ck_assert(l.handle == 0xca0002 && l.priority == 1 && l.n_others == 0);
        add_filter(&b, 1, 1, "bpf");
        add_filter(&b, 0xca0002, 2, "flower"); /* the handle of another kind */
        l = list_of(&b);
        ck_assert(l.handle == 0xca0002 && l.priority == 1 && l.n_others == 2);
        b.n = 0;
        add_filter(&b, 0, 3, "cgroup"); /* some kinds number nothing */
        l = list_of(&b);
        ck_assert(l.handle == 0 && l.n_others == 1);
}
END_TEST

START_TEST(filters_that_cannot_be_read) {
        Buffer b = {};

        add_filter(&b, 0xca0002, 1, "bpf");
        for (size_t size = 0; size < b.n - sizeof(struct nlmsghdr) - 1; size++) {
                DeviceFilterList l = {};

                ck_assert_int_eq(device_filter_on_message(RTM_NEWTFILTER, b.bytes + sizeof(struct nlmsghdr), size, &l), 0);
                ck_assert(l.handle == 0 && l.n_others == 0);
        }
        b.bytes[b.n - 1] = 'x'; /* the kind has no end */
        ck_assert_uint_eq(list_of(&b).handle, 0);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("netlink");
        TCase *t = tcase_create("netlink");

        suite_add_tcase(s, t);
        tcase_add_loop_test(t, ends_of_an_answer, 0, 8);
        tcase_add_test(t, broken_sequences);
        tcase_add_test(t, receiver_may_stop);
        tcase_add_test(t, attributes);
        tcase_add_test(t, devices_of_notices);
        tcase_add_test(t, filters_of_a_device);
        tcase_add_test(t, filters_that_cannot_be_read);
        return s;
}

#include "check-main.h"
