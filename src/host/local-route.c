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

typedef union Answer {
        struct nlmsghdr header;
        uint8_t bytes[4096];
} Answer;

/* The route that the kernel takes, and the length of its attributes. */
static const struct rtmsg *route_to(const InAddr *addr, Answer *answer, size_t *ret_size) {
        _cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

        if (fd < 0 || ask(fd, addr) < 0)
                return NULL;
        ssize_t n = netlink_receive(fd, answer, sizeof(*answer));
        if (n < (ssize_t) NLMSG_LENGTH(sizeof(struct rtmsg)) || answer->header.nlmsg_type != RTM_NEWROUTE ||
            answer->header.nlmsg_len > (size_t) n)
                return NULL;
        *ret_size = answer->header.nlmsg_len - NLMSG_LENGTH(sizeof(struct rtmsg));
        return NLMSG_DATA(&answer->header);
}

bool local_route_has(const InAddr *addr) {
        Answer answer;
        size_t size;

        assert(addr);

        const struct rtmsg *route = route_to(addr, &answer, &size);
        return route && route->rtm_type == RTN_LOCAL;
}

int local_route_source(const InAddr *addr, InAddr *ret) {
        Answer answer;
        size_t size;

        assert(addr);
        assert(ret);

        const struct rtmsg *route = route_to(addr, &answer, &size);
        if (!route)
                return -ENETUNREACH;
        for (const struct rtattr *a = RTM_RTA(route); RTA_OK(a, size); a = RTA_NEXT(a, size)) {
                if (a->rta_type != RTA_PREFSRC)
                        continue;
                if (in_addr_is_v4(addr) && RTA_PAYLOAD(a) == 4)
                        in_addr_from_v4(RTA_DATA(a), ret);
                else if (!in_addr_is_v4(addr) && RTA_PAYLOAD(a) == 16)
                        in_addr_from_v6(RTA_DATA(a), ret);
                else
                        continue;
                return 0;
        }
        return -ENODATA;
}
