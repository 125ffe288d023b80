/* SPDX-License-Identifier: Apache-2.0 */

/* Socket options that announce something to the network or change where packets go: attached programs, real cgroups,
 * real sockets. Exit status 77 without the rights to make them. */

#include "scope-lab.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/ipv6.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "basic/macro.h"
#include "kernel/helper-probe.h"

#ifndef IPV6_2292PKTOPTIONS
#define IPV6_2292PKTOPTIONS 6 /* linux/in6.h */
#endif

/* By family. The first two are not used by the kernel or by the machine's own protocols. */
static const char *const groups[2] = { "239.1.2.3", "ff15::1:2:3" };
static const char *const group_nets[2] = { "239.1.0.0/16", "ff15::1:0:0/96" };
static const char *const mdns[2] = { "224.0.0.251", "ff02::fb" };
static const char *const all_hosts[2] = { "224.0.0.1", "ff02::1" };
static const char *const all_routers[2] = { "224.0.0.2", "ff02::2" };
static const char *const sources[2] = { "192.0.2.77", "2001:db8::77" };

/* ------------------------------------------------------------------ ways to join a group */

static void put_addr(int family, const char *text, void *ret) {
        ck_assert_int_eq(inet_pton(lab_family[family], text, ret), 1);
}

static void put_sockaddr(int family, const char *text, struct sockaddr_storage *ret) {
        InAddr addr;

        ck_assert_int_eq(in_addr_parse(text, &addr), 0);
        ck_assert_uint_gt(in_addr_to_sockaddr(&addr, 0, ret), 0);
        if (family == 0)
                ck_assert_int_eq(ret->ss_family, AF_INET);
}

static int set_option(int fd, int level, int option, const void *value, size_t n) {
        return setsockopt(fd, level, option, value, (socklen_t) n) < 0 ? -errno : 0;
}

static int level_of(int family) {
        return family ? IPPROTO_IPV6 : IPPROTO_IP;
}

typedef int (*join_fn)(int fd, int family, int option, const char *group);

static int join_mreq(int fd, int family, int option, const char *group) {
        struct ipv6_mreq v6 = { .ipv6mr_interface = if_nametoindex("inside") };
        struct ip_mreq v4 = {};

        put_addr(0, lab_inside[0], &v4.imr_interface);
        put_addr(family, group, family ? (void *) &v6.ipv6mr_multiaddr : (void *) &v4.imr_multiaddr);
        return family ? set_option(fd, IPPROTO_IPV6, option, &v6, sizeof(v6)) :
                        set_option(fd, IPPROTO_IP, option, &v4, sizeof(v4));
}

static int join_mreqn(int fd, _unused_ int family, int option, const char *group) {
        struct ip_mreqn m = { .imr_ifindex = (int) if_nametoindex("inside") };

        put_addr(0, group, &m.imr_multiaddr);
        return set_option(fd, IPPROTO_IP, option, &m, sizeof(m));
}

static int join_mreq_source(int fd, _unused_ int family, int option, const char *group) {
        struct ip_mreq_source m = {};

        put_addr(0, group, &m.imr_multiaddr);
        put_addr(0, lab_inside[0], &m.imr_interface);
        put_addr(0, sources[0], &m.imr_sourceaddr);
        return set_option(fd, IPPROTO_IP, option, &m, sizeof(m));
}

static int join_msfilter(int fd, _unused_ int family, int option, const char *group) {
        struct {
                uint32_t group, interface, mode, n, sources[2];
        } m = { .mode = 1, .n = 2, .sources = { 0x11111111, 0x22222222 } };

        put_addr(0, group, &m.group);
        put_addr(0, lab_inside[0], &m.interface);
        return set_option(fd, IPPROTO_IP, option, &m, sizeof(m));
}

static int join_group_req(int fd, int family, int option, const char *group) {
        struct group_req r = { .gr_interface = if_nametoindex("inside") };

        put_sockaddr(family, group, &r.gr_group);
        return set_option(fd, level_of(family), option, &r, sizeof(r));
}

static int join_group_source_req(int fd, int family, int option, const char *group) {
        struct group_source_req r = { .gsr_interface = if_nametoindex("inside") };

        put_sockaddr(family, group, &r.gsr_group);
        put_sockaddr(family, sources[family], &r.gsr_source);
        return set_option(fd, level_of(family), option, &r, sizeof(r));
}

static int join_group_filter(int fd, int family, int option, const char *group) {
        struct group_filter f = {
                .gf_interface = if_nametoindex("inside"), .gf_fmode = MCAST_INCLUDE, .gf_numsrc = 1,
        };

        put_sockaddr(family, group, &f.gf_group);
        put_sockaddr(family, sources[family], &f.gf_slist[0]);
        return set_option(fd, level_of(family), option, &f, GROUP_FILTER_SIZE(1));
}

/* As a 32-bit kernel has it, where the address follows the interface at once. A 64-bit one finds no group in it. */
static int join_group_req_short(int fd, int family, int option, const char *group) {
        struct group_req r = {};
        uint8_t value[sizeof(r)] = {};

        put_sockaddr(family, group, &r.gr_group);
        memcpy(value + 4, &r.gr_group, sizeof(r.gr_group));
        return set_option(fd, level_of(family), option, value, sizeof(value));
}

static const struct {
        const char *name;
        join_fn join;
        int family, option;
        int allowed; /* the result for an allowed group */
} joins[] = {
        { "IP_ADD_MEMBERSHIP", join_mreq, 0, IP_ADD_MEMBERSHIP, 0 },
        { "IP_ADD_MEMBERSHIP by index", join_mreqn, 0, IP_ADD_MEMBERSHIP, 0 },
        { "IP_ADD_SOURCE_MEMBERSHIP", join_mreq_source, 0, IP_ADD_SOURCE_MEMBERSHIP, 0 },
        { "IP_BLOCK_SOURCE", join_mreq_source, 0, IP_BLOCK_SOURCE, -EINVAL }, /* the socket is no member */
        { "IP_UNBLOCK_SOURCE", join_mreq_source, 0, IP_UNBLOCK_SOURCE, -EINVAL },
        { "IP_MSFILTER", join_msfilter, 0, IP_MSFILTER, -EINVAL },
        { "MCAST_JOIN_GROUP", join_group_req, 0, MCAST_JOIN_GROUP, 0 },
        { "MCAST_JOIN_GROUP", join_group_req, 1, MCAST_JOIN_GROUP, 0 },
        { "MCAST_JOIN_GROUP without padding", join_group_req_short, 0, MCAST_JOIN_GROUP, -EINVAL },
        { "MCAST_JOIN_GROUP without padding", join_group_req_short, 1, MCAST_JOIN_GROUP, -EADDRNOTAVAIL },
        { "MCAST_JOIN_SOURCE_GROUP", join_group_source_req, 0, MCAST_JOIN_SOURCE_GROUP, 0 },
        { "MCAST_JOIN_SOURCE_GROUP", join_group_source_req, 1, MCAST_JOIN_SOURCE_GROUP, 0 },
        { "MCAST_BLOCK_SOURCE", join_group_source_req, 0, MCAST_BLOCK_SOURCE, -EINVAL },
        { "MCAST_BLOCK_SOURCE", join_group_source_req, 1, MCAST_BLOCK_SOURCE, -EINVAL },
        { "MCAST_UNBLOCK_SOURCE", join_group_source_req, 0, MCAST_UNBLOCK_SOURCE, -EINVAL },
        { "MCAST_MSFILTER", join_group_filter, 0, MCAST_MSFILTER, -EINVAL },
        { "MCAST_MSFILTER", join_group_filter, 1, MCAST_MSFILTER, -EINVAL },
        { "IPV6_ADD_MEMBERSHIP", join_mreq, 1, IPV6_ADD_MEMBERSHIP, 0 },
        { "IPV6_JOIN_ANYCAST", join_mreq, 1, IPV6_JOIN_ANYCAST, -EINVAL }, /* the group is no unicast address */
};

/* On a new socket of the present cgroup. */
static int try_join(const Lab *l, int family, join_fn join, int option, const char *group) {
        _cleanup_close_ int fd = lab_socket(l, false, lab_family[family], SOCK_DGRAM);

        return join(fd, family, option, group);
}

static int try_plain_join(const Lab *l, int family, const char *group) {
        return try_join(l, family, join_mreq, family ? IPV6_ADD_MEMBERSHIP : IP_ADD_MEMBERSHIP, group);
}

/* ------------------------------------------------------------------ memberships */

/* _i: index of joins, and with few rights */
START_TEST(group_is_judged_as_destination) {
        size_t i = (size_t) _i % ELEMENTSOF(joins);
        Lab l = { .few_rights = (size_t) _i >= ELEMENTSOF(joins) };
        int family = joins[i].family;

        lab_init(&l);
        lab_load_all(&l);
        lab_set_policy(&l, LAB_HOST, ACTION_DENY, NULL, MODE_ENFORCE, CW_LAYER_SYSTEM);
        lab_attach(&l);
        (void) lab_cgroup(&l, "job");
        lab_enter(&l, "job");
#define TRY() try_join(&l, family, joins[i].join, joins[i].option, groups[family])
        ck_assert_msg(TRY() == -EPERM, "%s", joins[i].name);
        ck_assert_uint_eq(lab_count(&l, CW_COUNT_DENIED), 1);
        policy_slot_set_mode(l.slots[LAB_HOST], MODE_AUDIT);
        ck_assert_msg(TRY() == joins[i].allowed, "%s in audit mode", joins[i].name);
        ck_assert_uint_eq(lab_count(&l, CW_COUNT_DENIED), 2);
        policy_slot_set_mode(l.slots[LAB_HOST], MODE_OFF);
        ck_assert_msg(TRY() == joins[i].allowed, "%s in off mode", joins[i].name);
        lab_set_policy(&l, LAB_HOST, ACTION_DENY, group_nets[family], MODE_ENFORCE, 0);
        ck_assert_msg(TRY() == joins[i].allowed, "%s, allowed by a rule", joins[i].name);
        lab_set_policy(&l, LAB_HOST, ACTION_ALLOW, NULL, MODE_ENFORCE, 0);
        ck_assert_msg(TRY() == joins[i].allowed, "%s, allowed by default", joins[i].name);
        ck_assert_uint_eq(lab_count(&l, CW_COUNT_DENIED), 2);
        lab_set_policy(&l, LAB_HOST, ACTION_ALLOW, group_nets[family], MODE_ENFORCE, 0);
        ck_assert_msg(TRY() == -EPERM, "%s, denied by a rule", joins[i].name);
#undef TRY
        lab_done(&l);
}
END_TEST

/* allow, deny: a rule each for the group with this port, or NULL for none; in the order of a policy, denials first. */
static void set_ports(Lab *l, Action action, const char *group, const char *allow, const char *deny) {
        const char *const ports[2] = { allow, deny };
        PolicySource source = { .default_action = action };
        Policy *policy = NULL;
        const char *why = "";

        for (size_t i = 0; i < 2; i++) {
                PortRange range;

                if (!ports[i])
                        continue;
                ck_assert_int_ge(port_range_parse(ports[i], &range), 0);
                ck_assert_int_ge(rule_list_add(&source.rules, RULE_CIDR, group, i == 0 ? ACTION_ALLOW : ACTION_DENY,
                                               TIER_USER, &range, 1, false, &why), 0);
        }
        ck_assert_int_eq(policy_new(&source, &policy), 0);
        ck_assert_int_eq(policy_slot_stage(l->slots[LAB_HOST], policy, NULL, 0), 0);
        policy_slot_commit(l->slots[LAB_HOST], LAYER_BASE, MODE_ENFORCE, 0);
        while (policy_maps_collect(l->maps, SIZE_MAX))
                ;
        policy_free(policy);
}

/* Multicast DNS needs its group and one port. _i: family */
START_TEST(any_allowed_port_permits_the_group) {
        Lab l = {};
        int family = _i;

        lab_init(&l);
        lab_load_all(&l);
        set_ports(&l, ACTION_DENY, mdns[family], NULL, NULL);
        lab_attach(&l);
        ck_assert_int_eq(try_plain_join(&l, family, mdns[family]), 0); /* not below the top */
        (void) lab_cgroup(&l, "job");
        lab_enter(&l, "job");
        ck_assert_int_eq(try_plain_join(&l, family, mdns[family]), -EPERM);
        set_ports(&l, ACTION_DENY, mdns[family], "5353/udp", NULL);
        ck_assert_int_eq(try_plain_join(&l, family, mdns[family]), 0);
        ck_assert_int_eq(try_plain_join(&l, family, groups[family]), -EPERM);
        set_ports(&l, ACTION_DENY, mdns[family], "5353/udp", "5354/udp");
        ck_assert_int_eq(try_plain_join(&l, family, mdns[family]), 0);
        set_ports(&l, ACTION_ALLOW, mdns[family], NULL, "5353/udp");
        ck_assert_int_eq(try_plain_join(&l, family, mdns[family]), 0); /* the other ports are allowed */
        lab_done(&l);
}
END_TEST

/* What no machine announces may be joined, the routers' group by the machine itself. _i: family */
START_TEST(groups_of_every_host) {
        Lab l = {};
        int family = _i;

        lab_init(&l);
        lab_load_all(&l);
        lab_set_policy(&l, LAB_HOST, ACTION_DENY, NULL, MODE_ENFORCE, CW_LAYER_SYSTEM);
        lab_attach(&l);
        (void) lab_cgroup(&l, "job");
        lab_enter(&l, "job");
        ck_assert_int_eq(try_plain_join(&l, family, all_hosts[family]), 0);
        ck_assert_int_eq(try_plain_join(&l, family, all_routers[family]), 0);
        ck_assert_int_eq(try_join(&l, family, join_group_source_req, MCAST_JOIN_SOURCE_GROUP, all_routers[family]),
                         -EPERM);
        lab_set_policy(&l, LAB_HOST, ACTION_DENY, NULL, MODE_ENFORCE, 0);
        ck_assert_int_eq(try_plain_join(&l, family, all_hosts[family]), 0);
        ck_assert_int_eq(try_plain_join(&l, family, all_routers[family]), -EPERM);
        lab_done(&l);
}
END_TEST

/* By the task's cgroup, however deep, and by all layers of its chain. _i: family */
START_TEST(task_decides) {
        Lab l = {};
        int family = _i;

        lab_init(&l);
        lab_load_all(&l);
        lab_set_scopes(&l);
        lab_set_layer(&l, LAB_GRANT, LAYER_GRANT, ACTION_DENY, group_nets[family], MODE_ENFORCE, 0);
        lab_attach(&l);
        uint64_t unit = lab_cgroup(&l, "unit"), slice = lab_cgroup(&l, "slice");
        (void) lab_cgroup(&l, "unit/deep");
        (void) lab_cgroup(&l, "unit/deep/deeper");
        (void) lab_cgroup(&l, "slice/new");
        ck_assert_int_eq(subjects_set(l.programs, unit, LAB_ALLOWS, 1, 0), 0);
        ck_assert_int_eq(subjects_set(l.programs, slice, LAB_ALLOWS, 1, CW_SUBJECT_SLICE), 0);

        lab_enter(&l, "unit/deep/deeper");
        ck_assert_int_eq(try_plain_join(&l, family, groups[family]), 0);
        int fd = lab_socket(&l, false, lab_family[family], SOCK_DGRAM);
        lab_enter(&l, "slice/new"); /* its policy is not known yet */
        ck_assert_int_eq(try_plain_join(&l, family, groups[family]), -EPERM);
        lab_enter(&l, "slice");
        ck_assert_int_eq(try_plain_join(&l, family, groups[family]), 0);

        ck_assert_int_eq(subjects_set(l.programs, unit, CW_CHAIN(LAB_ALLOWS, LAB_DENIES, 0, 0), 1, 0), 0);
        lab_enter(&l, "unit/deep/deeper");
        ck_assert_int_eq(try_plain_join(&l, family, groups[family]), -EPERM);
        int r = join_mreq(fd, family, family ? IPV6_ADD_MEMBERSHIP : IP_ADD_MEMBERSHIP, groups[family]);
        ck_assert_int_eq(r, -EPERM); /* on a socket from before */
        ck_assert_int_eq(subjects_set(l.programs, unit, CW_CHAIN(LAB_DENIES, LAB_GRANT, 0, 0), 1, 0), 0);
        ck_assert_int_eq(try_plain_join(&l, family, groups[family]), 0);
        lab_set_policy(&l, LAB_DENIES, ACTION_ALLOW, group_nets[family], MODE_ENFORCE, 0);
        ck_assert_int_eq(try_plain_join(&l, family, groups[family]), -EPERM); /* by rule: no grant lifts it */
        (void) close(fd);
        lab_done(&l);
}
END_TEST

/* ------------------------------------------------------------------ source routing */

#define LOOSE 0x83, 7, 4, 192, 0, 2, 3
#define STRICT 0x89, 7, 4, 192, 0, 2, 3

static const struct {
        uint8_t value[40];
        size_t n;
        bool refused;
} ip_options[] = {
        { { LOOSE }, 7, true },
        { { STRICT, 0 }, 8, true },
        { { 1, LOOSE }, 8, true },
        { { 1, 1, 1, 1, 0x94, 4, 0, 0, STRICT }, 15, true },
        { { 7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0, LOOSE }, 18, true },
        { { 7, 7, 4, 0, 0, 0, 0, 1 }, 8, false },           /* record route */
        { { 0x94, 4, 0, 0 }, 4, false },                    /* router alert */
        { { 0x44, 12, 5, 0, 0, 0, 0, 0x83, 0, 0, 0, 0x89 }, 12, false }, /* a time stamp that looks like one */
        { { 1, 1, 1, 1 }, 4, false },
        { { 0 }, 0, false },                                /* removes them */
};

START_TEST(source_route_of_ipv4) {
        static const Mode modes[] = { MODE_ENFORCE, MODE_AUDIT, MODE_OFF };
        Lab l = {};

        lab_init(&l);
        lab_load_all(&l);
        lab_set_policy(&l, LAB_HOST, ACTION_ALLOW, NULL, MODE_ENFORCE, CW_LAYER_SYSTEM);
        lab_attach(&l);
        (void) lab_cgroup(&l, "job");
        lab_enter(&l, "job");
        for (size_t m = 0; m < ELEMENTSOF(modes); m++) {
                policy_slot_set_mode(l.slots[LAB_HOST], modes[m]);
                for (int type = SOCK_STREAM; type <= SOCK_DGRAM; type++) {
                        _cleanup_close_ int fd = lab_socket(&l, false, AF_INET, type);
                        int r = set_option(fd, IPPROTO_IP, IP_OPTIONS, ip_options[_i].value, ip_options[_i].n);
                        ck_assert_int_eq(r, ip_options[_i].refused && modes[m] == MODE_ENFORCE ? -EPERM : 0);
                }
        }
        ck_assert_uint_eq(lab_count(&l, CW_COUNT_DENIED), ip_options[_i].refused ? 4 : 0);
        lab_done(&l);
}
END_TEST

/* A segment routing header (RFC 8754 2) by way of the second address outside. */
static size_t put_routing_header(uint8_t ret[static 40]) {
        memcpy(ret, (uint8_t[]) { 0, 4, 4, 1, 1, 0, 0, 0 }, 8);
        put_addr(1, lab_outside[1], ret + 8);
        put_addr(1, lab_other[1], ret + 24);
        return 40;
}

START_TEST(source_route_of_ipv6) {
        uint8_t header[40], ancillary[CMSG_SPACE(sizeof(header))] = {};
        struct cmsghdr *c = (struct cmsghdr *) ancillary;
        Lab l = {};

        lab_init(&l);
        lab_load_all(&l);
        lab_set_policy(&l, LAB_HOST, ACTION_ALLOW, NULL, MODE_ENFORCE, CW_LAYER_SYSTEM);
        lab_attach(&l);
        (void) lab_cgroup(&l, "job");
        lab_enter(&l, "job");
        size_t n = put_routing_header(header);
        *c = (struct cmsghdr) { .cmsg_len = CMSG_LEN(n), .cmsg_level = IPPROTO_IPV6, .cmsg_type = IPV6_RTHDR };
        memcpy(CMSG_DATA(c), header, n);
        _cleanup_close_ int fd = lab_socket(&l, false, AF_INET6, SOCK_DGRAM);
        ck_assert_int_eq(set_option(fd, IPPROTO_IPV6, IPV6_RTHDR, header, n), -EPERM);
        ck_assert_int_eq(set_option(fd, IPPROTO_IPV6, IPV6_RTHDRDSTOPTS, (uint8_t[8]) { 0, 0, 1, 4 }, 8), -EPERM);
        ck_assert_int_eq(set_option(fd, IPPROTO_IPV6, IPV6_2292PKTOPTIONS, ancillary, sizeof(ancillary)), -EPERM);
        ck_assert_int_eq(set_option(fd, IPPROTO_IPV6, IPV6_RTHDR, NULL, 0), 0);
        ck_assert_uint_eq(lab_count(&l, CW_COUNT_DENIED), 3);
        policy_slot_set_mode(l.slots[LAB_HOST], MODE_AUDIT);
        ck_assert_int_eq(set_option(fd, IPPROTO_IPV6, IPV6_RTHDR, header, n), 0);
        ck_assert_uint_eq(lab_count(&l, CW_COUNT_DENIED), 4);
        lab_done(&l);
}
END_TEST

/* The packet hook refuses them too: here by ancillary data, which no option hook sees. _i: of ip_options */
START_TEST(source_routed_packet) {
        uint8_t ancillary[CMSG_SPACE(sizeof(ip_options[0].value))] = {};
        struct cmsghdr *c = (struct cmsghdr *) ancillary;
        struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(LAB_PORT) };
        struct iovec data = { .iov_base = (char *) "out", .iov_len = 3 };
        struct msghdr m = {
                .msg_name = &to, .msg_namelen = sizeof(to), .msg_iov = &data, .msg_iovlen = 1,
                .msg_control = ancillary, .msg_controllen = CMSG_SPACE(ip_options[_i].n),
        };
        Lab l = {};

        put_addr(0, lab_outside[0], &to.sin_addr);
        c->cmsg_len = CMSG_LEN(ip_options[_i].n);
        c->cmsg_level = IPPROTO_IP;
        c->cmsg_type = IP_RETOPTS;
        memcpy(CMSG_DATA(c), ip_options[_i].value, ip_options[_i].n);
        lab_init(&l);
        lab_load_all(&l);
        lab_set_policy(&l, LAB_HOST, ACTION_ALLOW, NULL, MODE_ENFORCE, 0);
        lab_attach(&l);
        (void) lab_cgroup(&l, "job");
        lab_enter(&l, "job");
        _cleanup_close_ int fd = lab_socket(&l, false, AF_INET, SOCK_DGRAM);
        ssize_t n = sendmsg(fd, &m, MSG_NOSIGNAL);
        ck_assert_msg(ip_options[_i].refused ? n == -1 && errno == EPERM : n == 3, "%zd, %s", n, strerror(errno));
        ck_assert_uint_eq(lab_count(&l, CW_COUNT_DENIED), ip_options[_i].refused);
        lab_done(&l);
}
END_TEST

/* Hears whatever comes to the namespace outside, also what nobody there takes. */
static int hear_all(const Lab *l) {
        const struct sockaddr_ll any = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IPV6) };

        lab_enter((Lab *) l, NULL);
        int fd = lab_socket(l, true, AF_PACKET, SOCK_DGRAM);
        ck_assert_int_eq(bind(fd, (const struct sockaddr *) &any, sizeof(any)), 0);
        lab_enter((Lab *) l, "job");
        return fd;
}

/* Is there a packet with a routing header? */
static bool hears_route(int witness) {
        struct ipv6hdr h;

        while (recv(witness, &h, sizeof(h), MSG_DONTWAIT) >= (ssize_t) sizeof(h))
                if (h.nexthdr == IPPROTO_ROUTING)
                        return true;
        return false;
}

/* A routing header whose only segment is the last one: the kernel sends to that, and puts where the socket is connected
 * to into the header, where nobody looks. 32-bit programs can set it, here a policy that was off. _i: type of the
 * socket */
START_TEST(routing_header_without_segments_left) {
        uint8_t header[24] = { 0, 2, 4, 0, 0, 0, 0, 0 };
        int type = _i ? SOCK_STREAM : SOCK_DGRAM;
        Lab l = {};

        lab_init(&l);
        lab_load_all(&l);
        lab_set_policy(&l, LAB_HOST, ACTION_DENY, "2001:db8::2/128", MODE_OFF, 0);
        lab_attach(&l);
        (void) lab_cgroup(&l, "job");
        _cleanup_close_ int witness = hear_all(&l);
        put_addr(1, lab_other[1], header + 8);
        for (int denied = 1; denied >= 0; denied--) {
                policy_slot_set_mode(l.slots[LAB_HOST], MODE_OFF);
                _cleanup_close_ int fd = lab_socket(&l, false, AF_INET6, type);
                ck_assert_int_eq(set_option(fd, IPPROTO_IPV6, IPV6_RTHDR, header, sizeof(header)), 0);
                policy_slot_set_mode(l.slots[LAB_HOST], denied ? MODE_ENFORCE : MODE_OFF);
                ck_assert_int_eq(lab_connect(fd, lab_outside[1], LAB_PORT), type == SOCK_STREAM ? -EINPROGRESS : 0);
                if (type == SOCK_DGRAM)
                        ck_assert_int_eq(lab_send(fd, "out", NULL, 0), denied ? -EPERM : 0);
                if (denied)
                        ck_assert(!hears_route(witness));
        }
        while (!hears_route(witness)) /* or the rest shows nothing */
                ck_assert(lab_wait(witness, POLLIN));
        ck_assert_uint_eq(lab_count(&l, CW_COUNT_DENIED), 1);
        lab_done(&l);
}
END_TEST

/* ------------------------------------------------------------------ devices */

#ifndef IPV6_UNICAST_IF
#define IPV6_UNICAST_IF 76 /* linux/in6.h */
#endif

/* Sets the index of the loopback device for outgoing packets, and returns what the kernel has then. */
static int choose_device(const Lab *l, bool outside, int family) {
        _cleanup_close_ int fd = lab_socket(l, outside, lab_family[family], SOCK_DGRAM);
        int option = family ? IPV6_UNICAST_IF : IP_UNICAST_IF, index = (int) htonl(1);
        socklen_t size = sizeof(index);

        ck_assert_int_eq(set_option(fd, level_of(family), option, &index, sizeof(index)), 0);
        ck_assert_int_eq(getsockopt(fd, level_of(family), option, &index, &size), 0);
        return (int) ntohl((uint32_t) index);
}

/* The queries of a resolver come to the proxy by whatever device, so this option would lose them; in a network namespace
 * without the proxy they do not, and it has its effect. _i: family */
START_TEST(device_of_resolver) {
        Lab l = {};

        lab_init(&l);
        lab_load_all(&l);
        lab_set_policy(&l, LAB_HOST, ACTION_DENY, NULL, MODE_ENFORCE, 0);
        lab_attach(&l);
        uint64_t unit = lab_cgroup(&l, "resolver");
        lab_enter(&l, "resolver");
        ck_assert_int_eq(choose_device(&l, false, _i), 1);
        ck_assert_int_eq(subjects_set(l.programs, unit, LAB_HOST, 77, CW_SUBJECT_FORWARDER), 0);
        ck_assert_int_eq(choose_device(&l, false, _i), 0);
        ck_assert_int_eq(choose_device(&l, true, _i), helper_has_netns(HELPER_OPTION_HOOK) ? 1 : 0);
        lab_done(&l);
}
END_TEST

/* A connection from the loopback, and what binding the end that accepted it to a device returns. */
static int bind_accepted(const Lab *l, const char *server, const char *device) {
        _cleanup_close_ int listener = lab_socket(l, false, AF_INET, SOCK_STREAM);
        _cleanup_close_ int fd = lab_socket(l, false, AF_INET, SOCK_STREAM);

        lab_bind(listener, server, LAB_PORT);
        const struct sockaddr_in own = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        ck_assert_int_eq(bind(fd, (const struct sockaddr *) &own, sizeof(own)), 0);
        ck_assert_int_eq(lab_connect(fd, server, LAB_PORT), -EINPROGRESS);
        _cleanup_close_ int accepted = lab_accept(listener);
        return set_option(accepted, SOL_SOCKET, SO_BINDTODEVICE, device, strlen(device) + 1);
}

/* The kernel would answer the end of the connection by the device. Both ends on the loopback: it cannot. */
START_TEST(device_of_local_connection) {
        InAddr own;
        Lab l = {};

        lab_init(&l);
        lab_load_all(&l);
        lab_set_policy(&l, LAB_HOST, ACTION_ALLOW, NULL, MODE_ENFORCE, 0);
        ck_assert_int_eq(in_addr_parse(lab_inside[0], &own), 0);
        ck_assert_int_eq(policy_maps_set_local(l.maps, &own, true), 0);
        lab_attach(&l);
        (void) lab_cgroup(&l, "job");
        lab_enter(&l, "job");
        ck_assert_int_eq(bind_accepted(&l, "127.0.0.1", "inside"), 0);
        ck_assert_int_eq(bind_accepted(&l, lab_inside[0], "lo"), 0);
        ck_assert_int_eq(bind_accepted(&l, lab_inside[0], ""), 0);
        ck_assert_int_eq(bind_accepted(&l, lab_inside[0], "inside"), -EPERM);
        ck_assert_uint_eq(lab_count(&l, CW_COUNT_DENIED), 1);
        policy_slot_set_mode(l.slots[LAB_HOST], MODE_AUDIT);
        ck_assert_int_eq(bind_accepted(&l, lab_inside[0], "inside"), 0);
        lab_done(&l);
}
END_TEST

/* ------------------------------------------------------------------ everything else */

/* A value of more than a page fails with EFAULT where a program looks at it and does not say that it may be long. */
START_TEST(other_options_are_left_alone) {
        static const int levels[] = { SOL_SOCKET, IPPROTO_IP };
        size_t size = 3U * 65536;
        Lab l = {};

        _cleanup_free_ int *value = calloc(size, 1);
        ck_assert_ptr_nonnull(value);
        *value = 1;
        lab_init(&l);
        lab_load_all(&l);
        lab_set_policy(&l, LAB_HOST, ACTION_DENY, NULL, MODE_ENFORCE, 0);
        lab_attach(&l);
        (void) lab_cgroup(&l, "job");
        lab_enter(&l, "job");
        _cleanup_close_ int fd = lab_socket(&l, false, AF_INET, SOCK_DGRAM);
        for (size_t i = 0; i < ELEMENTSOF(levels); i++)
                for (size_t n = sizeof(*value); n <= size; n = n == sizeof(*value) ? 4096 : n * 2) {
                        int option = levels[i] == SOL_SOCKET ? SO_BROADCAST : IP_RECVTTL;
                        ck_assert_int_eq(set_option(fd, levels[i], option, value, n), 0);
                }
        ck_assert_int_eq(set_option(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, value, 1), -EINVAL); /* no group */
        ck_assert_int_eq(set_option(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, NULL, 0), -EINVAL);
        ck_assert_uint_eq(lab_count(&l, CW_COUNT_DENIED), 0);

        /* One that must be judged, but is too long to be seen whole, is refused where it is judged. */
        put_addr(0, groups[0], value);
        ck_assert_int_eq(set_option(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, value, size), -EPERM);
        ck_assert_uint_eq(lab_count(&l, CW_COUNT_DENIED), 1);
        policy_slot_set_mode(l.slots[LAB_HOST], MODE_OFF);
        ck_assert_int_ne(set_option(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, value, size), -EPERM);
        ck_assert_int_ne(set_option(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, value, size), -EFAULT);
        lab_done(&l);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("options");
        TCase *t = tcase_create("options");

        tcase_set_timeout(t, 120);
        tcase_add_loop_test(t, group_is_judged_as_destination, 0, 2 * (int) ELEMENTSOF(joins));
        tcase_add_loop_test(t, any_allowed_port_permits_the_group, 0, 2);
        tcase_add_loop_test(t, groups_of_every_host, 0, 2);
        tcase_add_loop_test(t, task_decides, 0, 2);
        tcase_add_loop_test(t, source_route_of_ipv4, 0, (int) ELEMENTSOF(ip_options));
        tcase_add_test(t, source_route_of_ipv6);
        tcase_add_loop_test(t, source_routed_packet, 0, (int) ELEMENTSOF(ip_options) - 1);
        tcase_add_loop_test(t, routing_header_without_segments_left, 0, 2);
        tcase_add_loop_test(t, device_of_resolver, 0, 2);
        tcase_add_test(t, device_of_local_connection);
        tcase_add_test(t, other_options_are_left_alone);
        suite_add_tcase(s, t);
        return s;
}

int main(void) {
        return lab_main(suite);
}
