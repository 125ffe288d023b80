/* SPDX-License-Identifier: Apache-2.0 */

/* From which address a packet may be sent: attached programs, real cgroups, real sockets. Exit status 77 without the
 * rights to make them. */

#include "scope-lab.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>

#include "basic/macro.h"
#include "kernel/helper-probe.h"

#ifndef IPV6_FREEBIND
#define IPV6_FREEBIND 78 /* linux/in6.h */
#endif

/* By family: nobody's, in the network between the namespaces; and of another machine. */
static const char *const foreign[2] = { "192.0.2.77", "2001:db8::77" };

/* By the proxy's listener, the programs recognize the namespace whose addresses are registered. */
static int lab_with_addresses(Lab *l, Action action, const char *exception, uint8_t flags) {
        lab_init(l);
        lab_load_all(l);
        lab_set_policy(l, LAB_HOST, action, exception, MODE_ENFORCE, flags);
        for (int family = 0; family < 2; family++) {
                InAddr addr;

                ck_assert_int_eq(in_addr_parse(lab_inside[family], &addr), 0);
                ck_assert_int_eq(policy_maps_set_local(l->maps, &addr, true), 0);
        }
        lab_attach(l);
        (void) lab_cgroup(l, "job");
        int proxy = lab_socket(l, false, AF_INET, SOCK_STREAM);
        lab_bind(proxy, "127.0.0.1", LAB_PROXY_PORT4);
        lab_enter(l, "job");
        return proxy;
}

/* IPv4 demands the same of a socket that sends from any address as of one that is a transparent proxy. */
static int permit_any_source(int fd, int family) {
        int one = 1;

        int r = family ? setsockopt(fd, IPPROTO_IPV6, IPV6_FREEBIND, &one, sizeof(one)) :
                         setsockopt(fd, IPPROTO_IP, IP_TRANSPARENT, &one, sizeof(one));
        return r < 0 ? -errno : 0;
}

/* A socket of the present cgroup that is bound to an address. */
static int bound_socket(const Lab *l, int family, int type, const char *addr, uint16_t port) {
        struct sockaddr_storage sa;
        InAddr a;
        int fd = lab_socket(l, false, lab_family[family], type);

        ck_assert_int_eq(permit_any_source(fd, family), 0);
        ck_assert_int_eq(in_addr_parse(addr, &a), 0);
        socklen_t length = in_addr_to_sockaddr(&a, port, &sa);
        ck_assert_msg(bind(fd, (struct sockaddr *) &sa, length) == 0, "%s", strerror(errno));
        return fd;
}

/* By ancillary data: the same socket may name another source each time. */
static int send_from(int fd, int family, const char *source, const char *text) {
        struct in6_pktinfo v6 = {};
        struct in_pktinfo v4 = {};
        size_t n = family ? sizeof(v6) : sizeof(v4);
        uint8_t ancillary[CMSG_SPACE(sizeof(v6))] = {};
        struct cmsghdr *c = (struct cmsghdr *) ancillary;
        struct sockaddr_storage to;
        InAddr addr;

        void *chosen = family ? (void *) &v6.ipi6_addr : (void *) &v4.ipi_spec_dst;
        ck_assert_int_eq(inet_pton(lab_family[family], source, chosen), 1);
        *c = (struct cmsghdr) {
                .cmsg_len = CMSG_LEN(n), .cmsg_level = family ? IPPROTO_IPV6 : IPPROTO_IP,
                .cmsg_type = family ? IPV6_PKTINFO : IP_PKTINFO,
        };
        memcpy(CMSG_DATA(c), family ? (const void *) &v6 : (const void *) &v4, n);
        ck_assert_int_eq(in_addr_parse(lab_outside[family], &addr), 0);
        struct iovec data = { .iov_base = (char *) text, .iov_len = strlen(text) };
        struct msghdr m = {
                .msg_name = &to, .msg_namelen = in_addr_to_sockaddr(&addr, LAB_PORT, &to),
                .msg_iov = &data, .msg_iovlen = 1, .msg_control = ancillary, .msg_controllen = CMSG_SPACE(n),
        };
        return sendmsg(fd, &m, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static int open_server(const Lab *l, int family) {
        int server = lab_socket(l, true, lab_family[family], SOCK_DGRAM);

        lab_bind(server, lab_outside[family], LAB_PORT);
        return server;
}

/* _i: family, and whether the policy allows by default or by rule */
START_TEST(bound_elsewhere) {
        Lab l = {};
        int family = _i % 2;

        int proxy = _i < 2 ? lab_with_addresses(&l, ACTION_ALLOW, NULL, 0) :
                             lab_with_addresses(&l, ACTION_DENY, lab_outside_net[family], 0);
        int server = open_server(&l, family);
        lab_enter(&l, NULL); /* a raw socket */
        int witness = lab_witness(&l, lab_family[family]);
        lab_enter(&l, "job");

        int fd = bound_socket(&l, family, SOCK_DGRAM, foreign[family], 4000);
        for (int i = 0; i < 3; i++)
                ck_assert_int_eq(lab_send(fd, "forged", lab_outside[family], LAB_PORT), -EPERM);
        ck_assert_uint_eq(lab_count(&l, CW_COUNT_DENIED), 1); /* reported once */
        ck_assert_int_eq(lab_connect(fd, lab_outside[family], LAB_PORT), 0);
        ck_assert_int_eq(lab_send(fd, "forged", NULL, 0), -EPERM);
        lab_expect_nothing(server);

        int tcp = bound_socket(&l, family, SOCK_STREAM, foreign[family], 4001);
        (void) lab_connect(tcp, lab_outside[family], LAB_PORT); /* TCP gets no error, and sends again */
        lab_expect_nothing(witness);

        int local = bound_socket(&l, family, SOCK_DGRAM, lab_inside[family], 4002);
        ck_assert_int_eq(lab_send(local, "mine", lab_outside[family], LAB_PORT), 0);
        lab_expect(server, "mine");
        ck_assert_uint_eq(lab_count(&l, CW_COUNT_ALLOWED), 1);
        (void) close(local);
        (void) close(tcp);
        (void) close(fd);
        (void) close(witness);
        (void) close(server);
        (void) close(proxy);
        lab_done(&l);
}
END_TEST

/* The kernel gives up connections with a reset, those of Multipath TCP also before they are established: the reset of a
 * connection whose first packet was refused is refused. Repaired sockets (CRIU) do the same each time. _i: family */
START_TEST(reset_from_elsewhere) {
        static const struct linger at_once = { .l_onoff = 1 };
        const int on = 1, off = TCP_REPAIR_OFF_NO_WP;
        Lab l = {};
        int family = _i;

        int proxy = lab_with_addresses(&l, ACTION_ALLOW, NULL, 0);
        lab_enter(&l, NULL); /* a raw socket */
        int witness = lab_witness(&l, lab_family[family]);
        lab_enter(&l, "job");
        for (int forged = 1; forged >= 0; forged--) {
                int tcp = bound_socket(&l, family, SOCK_STREAM, forged ? foreign[family] : lab_inside[family], 4001);
                ck_assert_int_eq(setsockopt(tcp, IPPROTO_TCP, TCP_REPAIR, &on, sizeof(on)), 0);
                ck_assert_int_eq(lab_connect(tcp, lab_outside[family], LAB_PORT),
                                 0); /* established, nothing was sent */
                ck_assert_int_eq(setsockopt(tcp, IPPROTO_TCP, TCP_REPAIR, &off, sizeof(off)), 0);
                ck_assert_int_eq(setsockopt(tcp, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
                (void) close(tcp);
                if (forged)
                        lab_expect_nothing(witness);
        }
        ck_assert(lab_wait(witness, POLLIN)); /* or the rest shows nothing */
        ck_assert_uint_eq(lab_count(&l, CW_COUNT_DENIED), 1);
        (void) close(witness);
        (void) close(proxy);
        lab_done(&l);
}
END_TEST

/* One flow, whose source was good at first. _i: family */
START_TEST(source_of_each_datagram) {
        Lab l = {};
        int family = _i;

        int proxy = lab_with_addresses(&l, ACTION_ALLOW, NULL, 0), server = open_server(&l, family);
        int fd = lab_socket(&l, false, lab_family[family], SOCK_DGRAM);
        ck_assert_int_eq(permit_any_source(fd, family), 0);
        ck_assert_int_eq(lab_send(fd, "first", lab_outside[family], LAB_PORT), 0);
        lab_expect(server, "first");
        ck_assert_int_eq(send_from(fd, family, foreign[family], "forged"), -EPERM);
        ck_assert_int_eq(send_from(fd, family, lab_inside[family], "second"), 0);
        lab_expect(server, "second");
        ck_assert_int_eq(send_from(fd, family, foreign[family], "forged"), -EPERM);
        ck_assert_int_eq(lab_send(fd, "third", lab_outside[family], LAB_PORT), 0);
        lab_expect(server, "third");
        lab_expect_nothing(server);
        ck_assert_uint_eq(lab_count(&l, CW_COUNT_ALLOWED), 1);
        ck_assert_uint_eq(lab_count(&l, CW_COUNT_DENIED), 1);
        (void) close(fd);
        (void) close(server);
        (void) close(proxy);
        lab_done(&l);
}
END_TEST

/* One socket, whose flow to the same destination had a good source before. _i: family */
START_TEST(bound_anew) {
        Lab l = {};
        int family = _i;
        struct sockaddr none = { .sa_family = AF_UNSPEC };
        struct sockaddr_storage sa;
        InAddr a;

        int proxy = lab_with_addresses(&l, ACTION_ALLOW, NULL, 0), server = open_server(&l, family);
        int fd = lab_socket(&l, false, lab_family[family], SOCK_DGRAM);
        ck_assert_int_eq(permit_any_source(fd, family), 0);
        ck_assert_int_eq(lab_connect(fd, lab_outside[family], LAB_PORT), 0);
        ck_assert_int_eq(lab_send(fd, "mine", NULL, 0), 0);
        lab_expect(server, "mine");
        ck_assert_int_eq(connect(fd, &none, sizeof(none)), 0);
        ck_assert_int_eq(in_addr_parse(foreign[family], &a), 0);
        socklen_t length = in_addr_to_sockaddr(&a, 0, &sa);
        ck_assert_msg(bind(fd, (struct sockaddr *) &sa, length) == 0, "%s", strerror(errno));
        ck_assert_int_eq(lab_send(fd, "forged", lab_outside[family], LAB_PORT), -EPERM);
        ck_assert_int_eq(lab_connect(fd, lab_outside[family], LAB_PORT), 0);
        ck_assert_int_eq(lab_send(fd, "forged", NULL, 0), -EPERM);
        lab_expect_nothing(server);
        (void) close(fd);
        (void) close(server);
        (void) close(proxy);
        lab_done(&l);
}
END_TEST

/* Audit mode lets it pass, and the source does not count as checked when the mode ends. _i: family */
START_TEST(source_in_other_modes) {
        Lab l = {};
        int family = _i;

        int proxy = lab_with_addresses(&l, ACTION_ALLOW, NULL, 0), server = open_server(&l, family);
        policy_slot_set_mode(l.slots[LAB_HOST], MODE_AUDIT);
        int fd = bound_socket(&l, family, SOCK_DGRAM, foreign[family], 4000);
        for (int i = 0; i < 2; i++) {
                ck_assert_int_eq(lab_send(fd, "audited", lab_outside[family], LAB_PORT), 0);
                lab_expect(server, "audited");
        }
        ck_assert_uint_eq(lab_count(&l, CW_COUNT_DENIED), 1);
        policy_slot_set_mode(l.slots[LAB_HOST], MODE_ENFORCE);
        ck_assert_int_eq(lab_send(fd, "forged", lab_outside[family], LAB_PORT), -EPERM);
        ck_assert_uint_eq(lab_count(&l, CW_COUNT_DENIED), 2);
        policy_slot_set_mode(l.slots[LAB_HOST], MODE_OFF);
        ck_assert_int_eq(lab_send(fd, "unjudged", lab_outside[family], LAB_PORT), 0);
        lab_expect(server, "unjudged");
        ck_assert_uint_eq(lab_count(&l, CW_COUNT_DENIED), 2);
        (void) close(fd);
        (void) close(server);
        (void) close(proxy);
        lab_done(&l);
}
END_TEST

/* What stays on this machine: a forged answer to another socket. _i: family */
START_TEST(source_on_the_loopback_device) {
        Lab l = {};
        int family = _i;

        int proxy = lab_with_addresses(&l, ACTION_DENY, NULL, 0);
        int victim = lab_socket(&l, false, lab_family[family], SOCK_DGRAM);
        lab_bind(victim, lab_inside[family], LAB_PORT);
        int fd = bound_socket(&l, family, SOCK_DGRAM, foreign[family], 4000);
        ck_assert_int_eq(lab_send(fd, "forged", lab_inside[family], LAB_PORT), -EPERM);
        int local = lab_socket(&l, false, lab_family[family], SOCK_DGRAM);
        ck_assert_int_eq(lab_send(local, "mine", lab_inside[family], LAB_PORT), 0);
        lab_expect(victim, "mine");
        (void) close(local);
        (void) close(fd);
        (void) close(victim);
        (void) close(proxy);
        lab_done(&l);
}
END_TEST

/* Whose addresses are not registered, as in a container: its sockets may not ask for any source. _i: family */
START_TEST(other_namespace) {
        static const struct {
                int level, option;
        } options[] = {
                { IPPROTO_IP, IP_FREEBIND }, { IPPROTO_IP, IP_TRANSPARENT }, { IPPROTO_IPV6, IPV6_FREEBIND },
                { IPPROTO_IPV6, IPV6_TRANSPARENT },
        };
        Lab l = {};
        int family = _i, zero = 0, one = 1;
        bool known = helper_has_netns(HELPER_OPTION_HOOK); /* before Linux 5.14, the namespace is not */

        int proxy = lab_with_addresses(&l, ACTION_ALLOW, NULL, 0);
        int server = lab_socket(&l, false, lab_family[family], SOCK_DGRAM);
        lab_bind(server, lab_inside[family], LAB_PORT);
        int fd = lab_socket(&l, true, lab_family[family], SOCK_DGRAM);
        ck_assert_int_eq(lab_send(fd, "contained", lab_inside[family], LAB_PORT), 0);
        lab_expect(server, "contained");
        for (size_t i = 0; i < ELEMENTSOF(options); i++) {
                bool harmless = !known || (family == 0 && options[i].option == IP_FREEBIND);

                if (family == 0 && options[i].level == IPPROTO_IPV6)
                        continue;
                policy_slot_set_mode(l.slots[LAB_HOST], MODE_ENFORCE);
                int r = setsockopt(fd, options[i].level, options[i].option, &one, sizeof(one));
                ck_assert_msg(harmless ? r == 0 : r == -1 && errno == EPERM, "option %zu", i);
                ck_assert_int_eq(setsockopt(fd, options[i].level, options[i].option, &zero, sizeof(zero)), 0);
                policy_slot_set_mode(l.slots[LAB_HOST], MODE_AUDIT);
                ck_assert_int_eq(setsockopt(fd, options[i].level, options[i].option, &one, sizeof(one)), 0);
        }
        ck_assert_uint_eq(lab_count(&l, CW_COUNT_DENIED), !known ? 0 : family ? 8 : 2);
        (void) close(fd);
        (void) close(server);
        (void) close(proxy);
        lab_done(&l);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("source");
        TCase *t = tcase_create("source");

        tcase_set_timeout(t, 120);
        tcase_add_loop_test(t, bound_elsewhere, 0, 4);
        tcase_add_loop_test(t, reset_from_elsewhere, 0, 2);
        tcase_add_loop_test(t, source_of_each_datagram, 0, 2);
        tcase_add_loop_test(t, bound_anew, 0, 2);
        tcase_add_loop_test(t, source_in_other_modes, 0, 2);
        tcase_add_loop_test(t, source_on_the_loopback_device, 0, 2);
        tcase_add_loop_test(t, other_namespace, 0, 2);
        suite_add_tcase(s, t);
        return s;
}

int main(void) {
        return lab_main(suite);
}
