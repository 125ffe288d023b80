/* SPDX-License-Identifier: Apache-2.0 */
#include "host/netlink.h"

#include <assert.h>
#include <errno.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#define FOREIGN_MAX 1024

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
