/* SPDX-License-Identifier: Apache-2.0 */
#include "host/device-filter.h"

#include <assert.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>

#include "basic/macro.h"
#include "host/netlink.h"

/* Our handles are also a note: who made the discipline. */
#define HANDLE_IN_THEIRS 0xca0001U
#define HANDLE_IN_OURS 0xca0002U
#define FILTER_KIND "bpf"
#define FILTER_NAME "cargowall"
#define DISCIPLINE_KIND "clsact"
/* A filter of ours comes first, or after those of other kinds, which cannot share a priority with it. */
#define PRIORITY_MAX 8U
#define OUTGOING TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS)
#define INCOMING TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS)

/* ------------------------------------------------------------------ messages */

typedef struct Request {
        struct nlmsghdr header;
        struct tcmsg tc;
        uint8_t attributes[128];
} Request;

static void request_init(Request *q, uint16_t type, uint16_t flags, unsigned device, uint32_t parent) {
        *q = (Request) {
                .header = { .nlmsg_len = offsetof(Request, attributes), .nlmsg_type = type,
                            .nlmsg_flags = NLM_F_REQUEST | flags },
                .tc = { .tcm_family = AF_UNSPEC, .tcm_ifindex = (int) device, .tcm_parent = parent },
        };
}

/* Returns where its value is. */
static size_t request_add(Request *q, uint16_t type, const void *value, size_t size) {
        const struct nlattr a = { .nla_len = (uint16_t) (sizeof(a) + size), .nla_type = type };
        size_t at = q->header.nlmsg_len - offsetof(Request, attributes);

        assert(at + NLA_ALIGN(a.nla_len) <= sizeof(q->attributes));
        memcpy(q->attributes + at, &a, sizeof(a));
        if (size > 0)
                memcpy(q->attributes + at + sizeof(a), value, size);
        q->header.nlmsg_len += NLA_ALIGN(a.nla_len);
        return at;
}

static void request_add_text(Request *q, uint16_t type, const char *text) {
        (void) request_add(q, type, text, strlen(text) + 1);
}

static int request_send(const Request *q, netlink_message_fn fn, void *userdata) {
        return netlink_route_ask(q, q->header.nlmsg_len, fn, userdata);
}

/* Of a message about a filter or discipline: its header, and its kind. false: it is not one. */
static bool tc_parse(const void *data, size_t size, struct tcmsg *ret, const char **ret_kind) {
        const void *kind;
        size_t n;

        if (size < sizeof(*ret))
                return false;
        memcpy(ret, data, sizeof(*ret));
        if (!netlink_find((const uint8_t *) data + NLMSG_ALIGN(sizeof(*ret)), size - NLMSG_ALIGN(sizeof(*ret)), TCA_KIND,
                          &kind, &n) ||
            !memchr(kind, '\0', n))
                return false;
        *ret_kind = kind;
        return true;
}

/* ------------------------------------------------------------------ what a device has */

static bool is_ours(const struct tcmsg *tc, const char *kind) {
        return (tc->tcm_handle == HANDLE_IN_OURS || tc->tcm_handle == HANDLE_IN_THEIRS) && strcmp(kind, FILTER_KIND) == 0;
}

/* Each priority is listed with a handle of 0, then its filters. Those of our kind have another. */
int device_filter_on_message(uint16_t type, const void *data, size_t size, void *list) {
        DeviceFilterList *l = list;
        struct tcmsg tc;
        const char *kind;

        assert((data || size == 0) && l);

        if (type != RTM_NEWTFILTER || !tc_parse(data, size, &tc, &kind))
                return 0;
        if (is_ours(&tc, kind)) {
                l->handle = tc.tcm_handle;
                l->priority = (uint16_t) (tc.tcm_info >> 16);
        } else if (tc.tcm_handle != 0 || strcmp(kind, FILTER_KIND) != 0)
                l->n_others++;
        return 0;
}

static int list_filters(unsigned device, uint32_t parent, DeviceFilterList *ret) {
        DeviceFilterList l = {};
        Request q;

        request_init(&q, RTM_GETTFILTER, NLM_F_DUMP, device, parent);
        int r = request_send(&q, device_filter_on_message, &l);
        if (r < 0)
                return r;
        *ret = l;
        return 0;
}

static int on_discipline(uint16_t type, const void *data, size_t size, void *userdata) {
        bool *is_clsact = userdata;
        struct tcmsg tc;
        const char *kind;

        if (type == RTM_NEWQDISC && tc_parse(data, size, &tc, &kind))
                *is_clsact = strcmp(kind, DISCIPLINE_KIND) == 0;
        return 0;
}

/* One of the kind "ingress" would take a filter for outgoing packets, and ask it about incoming ones. */
static int check_discipline(unsigned device) {
        bool is_clsact = false;
        Request q;

        request_init(&q, RTM_GETQDISC, NLM_F_ACK | NLM_F_ECHO, device, TC_H_CLSACT); /* the answer is an echo */
        int r = request_send(&q, on_discipline, &is_clsact);
        return r < 0 ? r : is_clsact ? 0 : -EBUSY;
}

/* ------------------------------------------------------------------ changes */

static int remove_discipline(unsigned device) {
        Request q;

        request_init(&q, RTM_DELQDISC, NLM_F_ACK, device, TC_H_CLSACT);
        request_add_text(&q, TCA_KIND, DISCIPLINE_KIND);
        return request_send(&q, NULL, NULL);
}

/* *ret_handle: of the filter that is to be put into it. */
static int make_discipline(unsigned device, uint32_t *ret_handle) {
        Request q;

        request_init(&q, RTM_NEWQDISC, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, device, TC_H_CLSACT);
        q.tc.tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0);
        request_add_text(&q, TCA_KIND, DISCIPLINE_KIND);
        int r = request_send(&q, NULL, NULL);
        if (r < 0 && r != -EEXIST)
                return r == -ENOENT ? -EOPNOTSUPP : r; /* the kernel knows no such kind */
        *ret_handle = r == 0 ? HANDLE_IN_OURS : HANDLE_IN_THEIRS;
        return r == 0 ? 0 : check_discipline(device);
}

static void request_name_filter(Request *q, uint32_t handle, uint32_t priority) {
        q->tc.tcm_handle = handle;
        q->tc.tcm_info = TC_H_MAKE(priority << 16, htons(ETH_P_ALL));
        request_add_text(q, TCA_KIND, FILTER_KIND);
}

/* exclusive: -EEXIST if the priority has one of this handle. */
static int write_filter(unsigned device, int program, uint32_t handle, uint32_t priority, bool exclusive) {
        const uint32_t fd = (uint32_t) program, flags = TCA_BPF_FLAG_ACT_DIRECT;
        Request q;

        request_init(&q, RTM_NEWTFILTER, NLM_F_ACK | NLM_F_CREATE | (exclusive ? NLM_F_EXCL : 0), device, OUTGOING);
        request_name_filter(&q, handle, priority);
        size_t options = request_add(&q, TCA_OPTIONS | NLA_F_NESTED, NULL, 0);
        (void) request_add(&q, TCA_BPF_FD, &fd, sizeof(fd));
        request_add_text(&q, TCA_BPF_NAME, FILTER_NAME);
        (void) request_add(&q, TCA_BPF_FLAGS, &flags, sizeof(flags));
        const uint16_t length = (uint16_t) (q.header.nlmsg_len - offsetof(Request, attributes) - options);
        memcpy(q.attributes + options + offsetof(struct nlattr, nla_len), &length, sizeof(length));
        return request_send(&q, NULL, NULL);
}

/* A priority belongs to one kind of filter and one protocol. */
static bool is_taken(int error) {
        return error == -EINVAL || error == -ENOSPC || error == -EEXIST;
}

int device_filter_put(unsigned device, int program) {
        DeviceFilterList list;
        uint32_t handle;

        assert(device > 0 && program >= 0);

        int r = list_filters(device, OUTGOING, &list);
        if (r < 0)
                return r;
        if (list.handle != 0)
                return write_filter(device, program, list.handle, list.priority, false);
        r = make_discipline(device, &handle);
        if (r < 0)
                return r;
        r = -EEXIST;
        for (uint32_t priority = 1; priority <= PRIORITY_MAX && is_taken(r); priority++)
                r = write_filter(device, program, handle, priority, true);
        if (r < 0 && handle == HANDLE_IN_OURS)
                (void) remove_discipline(device);
        return r == -ENOENT ? -EOPNOTSUPP : is_taken(r) ? -ENOSPC : r;
}

int device_filter_remove(unsigned device) {
        DeviceFilterList list, incoming;
        Request q;

        assert(device > 0);

        int r = list_filters(device, OUTGOING, &list);
        if (r < 0 || list.handle == 0)
                return r;
        request_init(&q, RTM_DELTFILTER, NLM_F_ACK, device, OUTGOING);
        request_name_filter(&q, list.handle, list.priority);
        r = request_send(&q, NULL, NULL);
        if (r < 0)
                return r;
        if (list.handle == HANDLE_IN_OURS && list.n_others == 0 && list_filters(device, INCOMING, &incoming) >= 0 &&
            incoming.n_others == 0)
                (void) remove_discipline(device);
        return 1;
}

int device_filter_find(unsigned device) {
        DeviceFilterList list;

        assert(device > 0);

        int r = list_filters(device, OUTGOING, &list);
        return r < 0 ? r : list.handle != 0;
}

/* ------------------------------------------------------------------ all devices */

int device_filters_count(DeviceFilterCount *ret) {
        DeviceFilterCount c = {};
        struct if_nameindex *all = if_nameindex();

        assert(ret);

        if (!all)
                return -errno;
        for (const struct if_nameindex *i = all; i->if_index != 0; i++) {
                if (i->if_index == DEVICE_LOOPBACK)
                        continue;
                c.n_devices++;
                if (device_filter_find(i->if_index) > 0)
                        c.n_filtered++;
                else if (c.first_unfiltered == 0)
                        c.first_unfiltered = i->if_index;
        }
        if_freenameindex(all);
        *ret = c;
        return 0;
}

int device_filters_remove(void) {
        struct if_nameindex *all = if_nameindex();
        int r = 0;

        if (!all)
                return -errno;
        for (const struct if_nameindex *i = all; i->if_index != 0; i++) {
                int k = device_filter_remove(i->if_index);

                if (k < 0 && k != -ENODEV && r == 0)
                        r = k;
        }
        if_freenameindex(all);
        return r;
}
