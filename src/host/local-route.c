/* SPDX-License-Identifier: Apache-2.0 */
#include "host/local-route.h"

#include <assert.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "basic/macro.h"
#include "host/netlink.h"

typedef struct Request {
        struct nlmsghdr header;
        struct rtmsg route;
        struct rtattr attribute;
        uint8_t addr[16]; /* 4 used for IPv4 */
} Request;

static int ask(int fd, const InAddr *addr) {
        bool v4 = in_addr_is_v4(addr);
        uint32_t size = v4 ? 4 : 16;
        Request request = {
                .header = {
                        .nlmsg_len = (uint32_t) offsetof(Request, addr) + size,
                        .nlmsg_type = RTM_GETROUTE,
                        .nlmsg_flags = NLM_F_REQUEST,
                },
                .route = { .rtm_family = v4 ? AF_INET : AF_INET6, .rtm_dst_len = (uint8_t) (8 * size) },
                .attribute = { .rta_len = (uint16_t) (sizeof(struct rtattr) + size), .rta_type = RTA_DST },
        };
        const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };

        memcpy(request.addr, addr->b + (v4 ? 12 : 0), size);
        return sendto(fd, &request, request.header.nlmsg_len, MSG_DONTWAIT, (const struct sockaddr *) &kernel,
                      sizeof(kernel)) < 0 ?
                       -errno :
                       0;
}

bool local_route_has(const InAddr *addr) {
        union {
                struct nlmsghdr header;
                uint8_t bytes[4096];
        } answer;

        assert(addr);

        _cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
        if (fd < 0 || ask(fd, addr) < 0)
                return false;
        ssize_t n = netlink_receive(fd, &answer, sizeof(answer));
        if (n < (ssize_t) NLMSG_LENGTH(sizeof(struct rtmsg)) || answer.header.nlmsg_type != RTM_NEWROUTE)
                return false;
        return ((const struct rtmsg *) NLMSG_DATA(&answer.header))->rtm_type == RTN_LOCAL;
}
