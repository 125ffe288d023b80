/* SPDX-License-Identifier: Apache-2.0 */
#include "host/local-addr.h"

#include <assert.h>
#include <ifaddrs.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "basic/macro.h"

#define MESSAGES_PER_WAKE_MAX 64U

typedef struct AddrList {
        InAddr *addrs; /* sorted, without duplicates */
        size_t n;
} AddrList;

struct LocalAddrs {
        AddrList list;
        local_addr_fn fn;
        void *userdata;
        sd_event_source *source;
};

static void ifaddrs_freep(struct ifaddrs **list) {
        if (*list)
                freeifaddrs(*list);
}

static void addr_list_done(AddrList *l) {
        free(l->addrs);
        *l = (AddrList) {};
}

static int addr_compare(const void *a, const void *b) {
        return memcmp(a, b, sizeof(InAddr));
}

/* The addresses of all interfaces, without loopback. */
static int addr_list_read(AddrList *ret) {
        _cleanup_(ifaddrs_freep) struct ifaddrs *all = NULL;
        _cleanup_(addr_list_done) AddrList l = {};
        size_t room = 0, n = 0;

        if (getifaddrs(&all) < 0)
                return -errno;
        for (struct ifaddrs *i = all; i; i = i->ifa_next)
                room++;
        l.addrs = calloc(MAX(room, 1U), sizeof(*l.addrs));
        if (!l.addrs)
                return -ENOMEM;
        for (struct ifaddrs *i = all; i; i = i->ifa_next) {
                InAddr addr;
                uint16_t port;

                if (i->ifa_addr && in_addr_from_sockaddr(i->ifa_addr, &addr, &port) >= 0 && !in_addr_is_loopback(&addr))
                        l.addrs[l.n++] = addr;
        }
        qsort(l.addrs, l.n, sizeof(*l.addrs), addr_compare);
        for (size_t i = 0; i < l.n; i++)
                if (n == 0 || !in_addr_equal(&l.addrs[n - 1], &l.addrs[i]))
                        l.addrs[n++] = l.addrs[i];
        l.n = n;
        *ret = l;
        l = (AddrList) {};
        return 0;
}

/* Walks both sorted lists in parallel and reports what only one of them has. */
static void addr_list_diff(const AddrList *old, const AddrList *new, local_addr_fn fn, void *userdata) {
        size_t i = 0, j = 0;

        while (i < old->n || j < new->n) {
                int c = i == old->n ? 1 : j == new->n ? -1 : addr_compare(&old->addrs[i], &new->addrs[j]);

                if (c < 0)
                        fn(&old->addrs[i], false, userdata);
                else if (c > 0)
                        fn(&new->addrs[j], true, userdata);
                i += c <= 0;
                j += c >= 0;
        }
}

static void local_addrs_update(LocalAddrs *l, const AddrList *list) {
        AddrList old = l->list;

        l->list = *list;
        addr_list_diff(&old, list, l->fn, l->userdata);
        addr_list_done(&old);
}

static int local_addrs_on_change(sd_event_source *source _unused_, int fd, uint32_t revents _unused_, void *userdata) {
        LocalAddrs *l = userdata;
        AddrList list = {};
        char byte;

        /* Messages, including lost ones (ENOBUFS), only signal a change. What remains after the last round wakes us
         * again. */
        for (unsigned i = 0; i < MESSAGES_PER_WAKE_MAX; i++)
                if (recv(fd, &byte, sizeof(byte), MSG_TRUNC) < 0 && errno != ENOBUFS && errno != EINTR)
                        break;

        /* If the addresses cannot be listed, none counts as our own: fail closed until the next change. */
        if (addr_list_read(&list) < 0)
                list = (AddrList) {};
        local_addrs_update(l, &list);
        return 0;
}

static int change_socket_new(void) {
        const struct sockaddr_nl sa = {
                .nl_family = AF_NETLINK,
                .nl_groups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR,
        };
        _cleanup_close_ int fd = -EBADF;

        fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
        if (fd < 0)
                return -errno;
        if (bind(fd, (const struct sockaddr *) &sa, sizeof(sa)) < 0)
                return -errno;
        return TAKE_FD(fd);
}

DEFINE_CLEANUP_FUNC(LocalAddrs *, local_addrs_free)

int local_addrs_new(sd_event *event, local_addr_fn fn, void *userdata, LocalAddrs **ret) {
        _cleanup_(local_addrs_freep) LocalAddrs *l = NULL;
        _cleanup_close_ int fd = -EBADF;
        AddrList list;
        int r;

        assert(event && fn && ret);

        l = calloc(1, sizeof(*l));
        if (!l)
                return -ENOMEM;
        l->fn = fn;
        l->userdata = userdata;

        fd = change_socket_new(); /* opened before the first list, so that no change is missed */
        if (fd < 0)
                return fd;
        r = sd_event_add_io(event, &l->source, fd, EPOLLIN, local_addrs_on_change, l);
        if (r < 0)
                return r;
        r = sd_event_source_set_io_fd_own(l->source, true);
        if (r < 0)
                return r;
        (void) TAKE_FD(fd);
        (void) sd_event_source_set_description(l->source, "local-addresses");

        r = addr_list_read(&list);
        if (r < 0)
                return r;
        local_addrs_update(l, &list);
        *ret = TAKE_PTR(l);
        return 0;
}

LocalAddrs *local_addrs_free(LocalAddrs *l) {
        if (!l)
                return NULL;
        sd_event_source_disable_unref(l->source);
        addr_list_done(&l->list);
        free(l);
        return NULL;
}
