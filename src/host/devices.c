/* SPDX-License-Identifier: Apache-2.0 */
#include "host/devices.h"

#include <assert.h>
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

#include "host/netlink.h"

#define MESSAGES_PER_WAKE_MAX 64U
#define NOTICE_MAX (32U * 1024) /* the kernel's are a few kilobytes */

struct Devices {
        device_fn fn;
        void *userdata;
        sd_event_source *source;
};

/* ------------------------------------------------------------------ notices */

typedef struct Report {
        device_fn fn;
        void *userdata;
} Report;

/* Those of another family are about a part of the device: of AF_BRIDGE, that it is no longer a port. */
static int on_message(uint16_t type, const void *data, size_t size, void *userdata) {
        const Report *r = userdata;
        struct ifinfomsg info;

        if (type != RTM_NEWLINK && type != RTM_DELLINK)
                return 0;
        if (size < sizeof(info))
                return -EBADMSG;
        memcpy(&info, data, sizeof(info));
        if (info.ifi_family == AF_UNSPEC && info.ifi_index > 0)
                r->fn((unsigned) info.ifi_index, type == RTM_DELLINK, r->userdata);
        return 0;
}

int devices_parse(const void *data, size_t size, device_fn fn, void *userdata) {
        Report report = { .fn = fn, .userdata = userdata };

        assert((data || size == 0) && fn);

        int r = netlink_parse(data, size, on_message, &report);
        return r < 0 ? r : 0;
}

static int list_all(const Devices *d) {
        struct if_nameindex *all = if_nameindex();

        if (!all)
                return -errno;
        for (const struct if_nameindex *i = all; i->if_index != 0; i++)
                d->fn(i->if_index, false, d->userdata);
        if_freenameindex(all);
        return 0;
}

/* What remains after the last round wakes us again. */
static int on_notice(sd_event_source *source _unused_, int fd, uint32_t revents _unused_, void *userdata) {
        Devices *d = userdata;
        uint8_t buf[NOTICE_MAX];
        bool lost = false;

        for (unsigned i = 0; i < MESSAGES_PER_WAKE_MAX; i++) {
                ssize_t n = netlink_receive(fd, buf, sizeof(buf));

                if (n == -EAGAIN || n == -EINTR)
                        break;
                if (n < 0 || devices_parse(buf, (size_t) n, d->fn, d->userdata) < 0)
                        lost = true; /* ENOBUFS among others */
        }
        if (!lost)
                return 0;
        d->fn(DEVICES_ALL, true, d->userdata);
        (void) list_all(d);
        return 0;
}

/* ------------------------------------------------------------------ life */

static int notice_socket_new(void) {
        const struct sockaddr_nl sa = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK };
        _cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

        if (fd < 0 || bind(fd, (const struct sockaddr *) &sa, sizeof(sa)) < 0)
                return -errno;
        return TAKE_FD(fd);
}

int devices_new(sd_event *event, device_fn fn, void *userdata, Devices **ret) {
        _cleanup_(devices_freep) Devices *d = NULL;
        _cleanup_close_ int fd = -EBADF;

        assert(event && fn && ret);

        d = calloc(1, sizeof(*d));
        if (!d)
                return -ENOMEM;
        d->fn = fn;
        d->userdata = userdata;
        fd = notice_socket_new(); /* opened before the first list, so that no change is missed */
        if (fd < 0)
                return fd;
        int r = sd_event_add_io(event, &d->source, fd, EPOLLIN, on_notice, d);
        if (r >= 0)
                r = sd_event_source_set_io_fd_own(d->source, true);
        if (r < 0)
                return r;
        (void) TAKE_FD(fd);
        (void) sd_event_source_set_description(d->source, "network-devices");
        r = list_all(d);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(d);
        return 0;
}

Devices *devices_free(Devices *d) {
        if (!d)
                return NULL;
        sd_event_source_disable_unref(d->source);
        free(d);
        return NULL;
}
