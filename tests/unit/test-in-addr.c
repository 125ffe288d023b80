/* SPDX-License-Identifier: Apache-2.0 */
#include "basic/in-addr.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <string.h>

#include "basic/macro.h"

static const struct {
        const char *text;
        const char *formatted; /* NULL: refused */
        bool is_v4;
} addresses[] = {
        { "192.0.2.1", "192.0.2.1", true },
        { "0.0.0.0", "0.0.0.0", true },
        { "::ffff:192.0.2.1", "192.0.2.1", true },
        { "::FFFF:c000:201", "192.0.2.1", true },
        { "2001:DB8:0:0::1", "2001:db8::1", false },
        { "::", "::", false },
        { "::1", "::1", false },
        { "", NULL, false },
        { "192.0.2", NULL, false },
        { "192.0.2.256", NULL, false },
        { "192.0.2.01", NULL, false },
        { "192.0.2.1 ", NULL, false },
        { "[::1]", NULL, false },
        { "fe80::1%eth0", NULL, false },
        { "::1/128", NULL, false },
        { "fe80::g", NULL, false },
        { "1:2:3:4:5:6:7:8:9", NULL, false },
};

START_TEST(test_address) {
        char buf[IN_ADDR_TEXT_MAX];
        InAddr a, untouched;

        memset(&a, 0x5a, sizeof(a));
        untouched = a;
        int r = in_addr_parse(addresses[_i].text, &a);
        if (!addresses[_i].formatted) {
                ck_assert_int_eq(r, -EINVAL);
                ck_assert(in_addr_equal(&a, &untouched));
                return;
        }
        ck_assert_int_eq(r, 0);
        ck_assert_str_eq(in_addr_format(&a, buf), addresses[_i].formatted);
        ck_assert(in_addr_is_v4(&a) == addresses[_i].is_v4);
}
END_TEST

static const struct {
        const char *text;
        const char *formatted; /* NULL: refused */
        unsigned length;       /* of the 16-byte form */
} prefixes[] = {
        { "10.1.2.3/8", "10.0.0.0/8", 104 },
        { "10.1.2.3", "10.1.2.3/32", 128 },
        { "0.0.0.0/0", "0.0.0.0/0", 96 },
        { "255.255.255.255/31", "255.255.255.254/31", 127 },
        { "2001:db8:ffff::/33", "2001:db8:8000::/33", 33 },
        { "::/0", "::/0", 0 },
        { "::1", "::1/128", 128 },
        { "::ffff:10.1.2.3/104", "10.0.0.0/8", 104 },
        { "::ffff:0:0/96", "0.0.0.0/0", 96 },
        { "::ffff:0:0/95", NULL, 0 },
        { "10.0.0.0/33", NULL, 0 },
        { "10.0.0.0/", NULL, 0 },
        { "10.0.0.0/08", NULL, 0 },
        { "10.0.0.0/+8", NULL, 0 },
        { "10.0.0.0/8/8", NULL, 0 },
        { "::/129", NULL, 0 },
        { "::/0129", NULL, 0 },
        { "/8", NULL, 0 },
        { "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000/8", NULL, 0 },
};

START_TEST(test_prefix) {
        char buf[IN_PREFIX_TEXT_MAX];
        InPrefix p;

        int r = in_prefix_parse(prefixes[_i].text, &p);
        if (!prefixes[_i].formatted) {
                ck_assert_int_eq(r, -EINVAL);
                return;
        }
        ck_assert_int_eq(r, 0);
        ck_assert_str_eq(in_prefix_format(&p, buf), prefixes[_i].formatted);
        ck_assert_uint_eq(p.length, prefixes[_i].length);
}
END_TEST

static const struct {
        const char *prefix;
        const char *address;
        bool contains;
} memberships[] = {
        { "10.0.0.0/8", "10.255.255.255", true },
        { "10.0.0.0/8", "11.0.0.0", false },
        { "10.0.0.0/8", "::ffff:10.0.0.1", true },
        { "10.128.0.0/9", "10.127.255.255", false },
        { "10.128.0.0/9", "10.128.0.0", true },
        { "0.0.0.0/0", "255.255.255.255", true },
        { "0.0.0.0/0", "::1", false },
        { "0.0.0.0/0", "::", false },
        { "::/0", "2001:db8::1", true },
        { "::/0", "::1", true },
        { "::/0", "10.0.0.1", false },
        { "::/64", "10.0.0.1", false },
        { "2001:db8::/33", "2001:db8:8000::", false },
        { "2001:db8::1", "2001:db8::1", true },
        { "2001:db8::1", "2001:db8::2", false },
};

START_TEST(test_contains) {
        InPrefix p;
        InAddr a;

        ck_assert_int_eq(in_prefix_parse(memberships[_i].prefix, &p), 0);
        ck_assert_int_eq(in_addr_parse(memberships[_i].address, &a), 0);
        ck_assert_msg(in_prefix_contains(&p, &a) == memberships[_i].contains, "%s %s", memberships[_i].prefix,
                      memberships[_i].address);
}
END_TEST

START_TEST(test_sockaddr) {
        static const char *const texts[] = { "192.0.2.1", "2001:db8::1" };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                struct sockaddr_storage ss;
                InAddr a, back;
                uint16_t port;

                ck_assert_int_eq(in_addr_parse(texts[i], &a), 0);
                socklen_t n = in_addr_to_sockaddr(&a, 443, &ss);
                ck_assert_uint_eq(n, i == 0 ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
                ck_assert_int_eq(in_addr_from_sockaddr((struct sockaddr *) &ss, &back, &port), 0);
                ck_assert(in_addr_equal(&a, &back));
                ck_assert_uint_eq(port, 443);
        }
}
END_TEST

START_TEST(test_sockaddr_mapped) {
        struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(53) };
        struct sockaddr other = { .sa_family = AF_UNIX };
        InAddr a;
        uint16_t port;

        ck_assert_int_eq(inet_pton(AF_INET6, "::ffff:192.0.2.1", &in6.sin6_addr), 1);
        ck_assert_int_eq(in_addr_from_sockaddr((struct sockaddr *) &in6, &a, &port), 0);
        ck_assert(in_addr_is_v4(&a));
        ck_assert_uint_eq(port, 53);
        ck_assert_int_eq(in_addr_from_sockaddr(&other, &a, &port), -EAFNOSUPPORT);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("in-addr");
        TCase *t = tcase_create("in-addr");

        tcase_add_loop_test(t, test_address, 0, ELEMENTSOF(addresses));
        tcase_add_loop_test(t, test_prefix, 0, ELEMENTSOF(prefixes));
        tcase_add_loop_test(t, test_contains, 0, ELEMENTSOF(memberships));
        tcase_add_test(t, test_sockaddr);
        tcase_add_test(t, test_sockaddr_mapped);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
