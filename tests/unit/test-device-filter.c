/* SPDX-License-Identifier: Apache-2.0 */
#include "host/device-filter.h"

#include <bpf/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <string.h>

#include <check.h>

#include "basic/macro.h"
#include "host/netlink.h"
#include "own-tap.h"

#define OUTGOING TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS)
#define INCOMING TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS)

static int program_new(void) {
        static const struct bpf_insn insns[] = {
                { .code = BPF_ALU | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = -1 },
                { .code = BPF_JMP | BPF_EXIT },
        };
        int fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "test", "GPL", insns, ELEMENTSOF(insns), NULL);

        if (fd < 0)
                _exit(OWN_NETWORK_NOT_ALLOWED);
        return fd;
}

/* ------------------------------------------------------------------ the administrator */

typedef struct Request {
        struct nlmsghdr header;
        struct tcmsg tc;
        struct nlattr kind;
        char kind_text[8];
        struct nlattr options;
        struct nlattr fd;
        uint32_t program;
} Request;

static Request request_of(uint16_t type, uint16_t flags, unsigned device, uint32_t parent, const char *kind) {
        Request q = {
                .header = { .nlmsg_len = offsetof(Request, options), .nlmsg_type = type,
                            .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags },
                .tc = { .tcm_ifindex = (int) device, .tcm_parent = parent },
                .kind = { .nla_len = sizeof(q.kind) + sizeof(q.kind_text), .nla_type = TCA_KIND },
        };

        (void) snprintf(q.kind_text, sizeof(q.kind_text), "%s", kind);
        return q;
}

static int add_discipline(unsigned device, const char *kind) {
        Request q = request_of(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, device, TC_H_CLSACT, kind);

        q.tc.tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0);
        return netlink_route_ask(&q, q.header.nlmsg_len, NULL, NULL);
}

static int add_filter(unsigned device, uint32_t parent, uint32_t priority, uint16_t protocol) {
        Request q = request_of(RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL, device, parent, "bpf");
        int program = program_new();

        q.header.nlmsg_len = sizeof(q);
        q.tc.tcm_handle = 1;
        q.tc.tcm_info = TC_H_MAKE(priority << 16, htons(protocol));
        q.options = (struct nlattr) { .nla_len = sizeof(q) - offsetof(Request, options), .nla_type = TCA_OPTIONS };
        q.fd = (struct nlattr) { .nla_len = sizeof(q.fd) + sizeof(q.program), .nla_type = TCA_BPF_FD };
        q.program = (uint32_t) program;
        int r = netlink_route_ask(&q, q.header.nlmsg_len, NULL, NULL);
        (void) close(program);
        return r;
}

static int count_numbered(uint16_t type, const void *data, size_t size, void *userdata) {
        struct tcmsg tc;

        CHECK((type == RTM_NEWTFILTER || type == RTM_NEWQDISC) && size >= sizeof(tc));
        memcpy(&tc, data, sizeof(tc));
        *(unsigned *) userdata += tc.tcm_handle != 0;
        return 0;
}

static unsigned n_filters(unsigned device, uint32_t parent) {
        Request q = request_of(RTM_GETTFILTER, NLM_F_DUMP, device, parent, "bpf");
        unsigned n = 0;

        q.header.nlmsg_len = offsetof(Request, kind);
        CHECK(netlink_route_ask(&q, q.header.nlmsg_len, count_numbered, &n) == 0);
        return n;
}

static bool has_discipline(unsigned device) {
        Request q = request_of(RTM_GETQDISC, NLM_F_ECHO, device, TC_H_CLSACT, "");
        unsigned n = 0;

        q.header.nlmsg_len = offsetof(Request, kind);
        return netlink_route_ask(&q, q.header.nlmsg_len, count_numbered, &n) == 0 && n == 1;
}

/* ------------------------------------------------------------------ cases */

static void nothing_of_others(unsigned device, int program) {
        CHECK(device_filter_find(device) == 0 && device_filter_remove(device) == 0);
        CHECK(device_filter_put(device, program) == 0 && device_filter_find(device) == 1);
        CHECK(device_filter_put(device, program) == 0 && n_filters(device, OUTGOING) == 1);
        CHECK(n_filters(device, INCOMING) == 0);
        CHECK(device_filter_remove(device) == 1 && device_filter_find(device) == 0);
        CHECK(!has_discipline(device));
}

static void discipline_of_others(unsigned device, int program) {
        CHECK(add_discipline(device, "clsact") == 0);
        CHECK(device_filter_put(device, program) == 0 && device_filter_put(device, program) == 0);
        CHECK(device_filter_remove(device) == 1 && has_discipline(device));
}

static void outgoing_filter_of_others(unsigned device, int program) {
        CHECK(device_filter_put(device, program) == 0);
        CHECK(add_filter(device, OUTGOING, 7, ETH_P_ALL) == 0 && n_filters(device, OUTGOING) == 2);
        CHECK(device_filter_remove(device) == 1);
        CHECK(has_discipline(device) && n_filters(device, OUTGOING) == 1);
}

static void incoming_filter_of_others(unsigned device, int program) {
        CHECK(device_filter_put(device, program) == 0);
        CHECK(add_filter(device, INCOMING, 7, ETH_P_ALL) == 0);
        CHECK(device_filter_remove(device) == 1);
        CHECK(has_discipline(device) && n_filters(device, INCOMING) == 1);
}

static void priorities_of_others(unsigned device, int program) {
        CHECK(add_discipline(device, "clsact") == 0);
        CHECK(add_filter(device, OUTGOING, 1, ETH_P_IP) == 0 && add_filter(device, OUTGOING, 2, ETH_P_ALL) == 0);
        CHECK(device_filter_put(device, program) == 0 && device_filter_put(device, program) == 0);
        CHECK(device_filter_find(device) == 1 && n_filters(device, OUTGOING) == 3);
        CHECK(device_filter_remove(device) == 1 && n_filters(device, OUTGOING) == 2);
}

static void no_priority_left(unsigned device, int program) {
        CHECK(add_discipline(device, "clsact") == 0);
        for (uint32_t priority = 1; priority <= 8; priority++)
                CHECK(add_filter(device, OUTGOING, priority, ETH_P_IP) == 0);
        CHECK(device_filter_put(device, program) == -ENOSPC);
        CHECK(n_filters(device, OUTGOING) == 8);
}

/* It would pass a filter for outgoing packets the incoming ones. */
static void discipline_without_a_place(unsigned device, int program) {
        CHECK(add_discipline(device, "ingress") == 0);
        CHECK(device_filter_put(device, program) == -EBUSY && device_filter_find(device) == 0);
        CHECK(has_discipline(device) && n_filters(device, INCOMING) == 0);
}

static void all_devices(unsigned device, int program) {
        DeviceFilterCount c;
        int other = tap_new("other");

        CHECK(device_filters_count(&c) == 0 && c.n_devices == 2 && c.n_filtered == 0 && c.first_unfiltered == device);
        CHECK(device_filter_put(device, program) == 0);
        CHECK(device_filters_count(&c) == 0 && c.n_filtered == 1 && c.first_unfiltered == if_nametoindex("other"));
        CHECK(device_filter_put(if_nametoindex("other"), program) == 0);
        CHECK(device_filters_count(&c) == 0 && c.n_devices == 2 && c.n_filtered == 2 && c.first_unfiltered == 0);
        CHECK(device_filters_remove() == 0);
        CHECK(device_filters_count(&c) == 0 && c.n_filtered == 0);
        (void) close(other);
}

static void device_that_is_gone(unsigned device, int program) {
        CHECK(device_filter_put(device + 100, program) == -ENODEV);
        CHECK(device_filter_find(device + 100) == 0 && device_filter_remove(device + 100) == 0);
}

static void (*const cases[])(unsigned device, int program) = {
        nothing_of_others,    discipline_of_others, outgoing_filter_of_others,  incoming_filter_of_others,
        priorities_of_others, no_priority_left,     discipline_without_a_place, all_devices,
        device_that_is_gone,
};

static void run_case(int i) {
        int tap = tap_new("test"), program = program_new();

        cases[i](if_nametoindex("test"), program);
        (void) close(program);
        (void) close(tap);
}

START_TEST(filters) {
        run_in_own_network(run_case, _i, true);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("device-filter");
        TCase *t = tcase_create("device-filter");

        suite_add_tcase(s, t);
        tcase_set_timeout(t, 60);
        tcase_add_loop_test(t, filters, 0, (int) ELEMENTSOF(cases));
        return s;
}

#include "check-main.h"
