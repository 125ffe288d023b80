/* SPDX-License-Identifier: Apache-2.0 */
#include "host/netlink.h"

#include <assert.h>
#include <errno.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>

#include "basic/macro.h"

#define FOREIGN_MAX 1024
#define ALIGN4(n) (((n) + 3U) & ~3U) /* of messages and attributes alike */
#define ANSWER_MAX (64U * 1024)      /* the kernel sends at most 32 KiB at a time */

ssize_t netlink_receive(int fd, void *buf, size_t size) {
        assert(fd >= 0);
        assert(buf);

        for (unsigned i = 0; i < FOREIGN_MAX; i++) {
                struct sockaddr_nl from = {};
                socklen_t length = sizeof(from);
                ssize_t n = recvfrom(fd, buf, size, MSG_DONTWAIT | MSG_TRUNC, (struct sockaddr *) &from, &length);

                if (n < 0)
                        return -errno;
                if (length != sizeof(from) || from.nl_pid != 0) /* the kernel's own port is 0 */
                        continue;
                return n == 0 || (size_t) n > size ? -EBADMSG : n;
        }
        return -ECONNABORTED;
}

/* ------------------------------------------------------------------ messages */

/* NLMSG_ERROR carries a negative errno, and 0 as an acknowledgement; so does NLMSG_DONE. */
static int status_parse(const void *data, size_t size) {
        int32_t error;

        if (size < sizeof(error))
                return -EBADMSG;
        memcpy(&error, data, sizeof(error));
        return error > 0 || error < -4095 ? -EBADMSG : error == 0 ? 1 : error;
}

int netlink_parse(const void *data, size_t size, netlink_message_fn fn, void *userdata) {
        const uint8_t *p = data;

        assert((data || size == 0) && fn);

        while (size > 0) {
                struct nlmsghdr h;
                int r = 0;

                if (size < sizeof(h))
                        return -EBADMSG;
                memcpy(&h, p, sizeof(h));
                if (h.nlmsg_len < sizeof(h) || h.nlmsg_len > size)
                        return -EBADMSG;
                if (h.nlmsg_type == NLMSG_DONE || h.nlmsg_type == NLMSG_ERROR)
                        return status_parse(p + sizeof(h), h.nlmsg_len - sizeof(h));
                if (h.nlmsg_type != NLMSG_NOOP)
                        r = fn(h.nlmsg_type, p + sizeof(h), h.nlmsg_len - sizeof(h), userdata);
                if (r < 0)
                        return r;
                if (ALIGN4(h.nlmsg_len) >= size)
                        break;
                p += ALIGN4(h.nlmsg_len);
                size -= ALIGN4(h.nlmsg_len);
        }
        return 0;
}

bool netlink_find(const void *attributes, size_t size, unsigned type, const void **ret, size_t *ret_size) {
        const uint8_t *p = attributes;
        struct nlattr a;

        assert((attributes || size == 0) && ret && ret_size);

        while (size >= sizeof(a)) {
                memcpy(&a, p, sizeof(a));
                if (a.nla_len < sizeof(a) || a.nla_len > size)
                        return false;
                if ((a.nla_type & NLA_TYPE_MASK) == type) {
                        *ret = p + sizeof(a);
                        *ret_size = a.nla_len - sizeof(a);
                        return true;
                }
                if (ALIGN4(a.nla_len) >= size)
                        return false;
                p += ALIGN4(a.nla_len);
                size -= ALIGN4(a.nla_len);
        }
        return false;
}

static int ignore_message(_unused_ uint16_t type, _unused_ const void *data, _unused_ size_t size,
                          _unused_ void *userdata) {
        return 0;
}

int netlink_route_ask(const void *request, size_t size, netlink_message_fn fn, void *userdata) {
        const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
        _cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
        _cleanup_free_ uint8_t *answer = malloc(ANSWER_MAX);
        int r = 0;

        assert(request && size >= sizeof(struct nlmsghdr));

        if (fd < 0)
                return -errno;
        if (!answer)
                return -ENOMEM;
        if (sendto(fd, request, size, MSG_DONTWAIT, (const struct sockaddr *) &kernel, sizeof(kernel)) < 0)
                return -errno;
        while (r == 0) {
                ssize_t n = netlink_receive(fd, answer, ANSWER_MAX);

                r = n < 0 ? (int) n : netlink_parse(answer, (size_t) n, fn ?: ignore_message, userdata);
        }
        return r < 0 ? r : 0;
}
