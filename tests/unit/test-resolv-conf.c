/* SPDX-License-Identifier: Apache-2.0 */
#include "host/resolv-conf.h"

#include <stdio.h>
#include <string.h>

#include <check.h>

#include "basic/macro.h"

#define MAX_TESTED 3

static const struct {
        const char *text;
        const char *servers; /* joined by a blank */
} parse_cases[] = {
        { "", "" },
        { "\n\n", "" },
        { "nameserver 192.0.2.1", "192.0.2.1" },
        { "nameserver 192.0.2.1\n", "192.0.2.1" },
        { "nameserver 192.0.2.1\r\nnameserver 192.0.2.2\r\n", "192.0.2.1 192.0.2.2" },
        { "nameserver\t 192.0.2.1 \t\nnameserver 2001:db8::1\n", "192.0.2.1 2001:db8::1" },
        { "# nameserver 192.0.2.9\n;nameserver 192.0.2.9\nnameserver 192.0.2.1 # mine\n", "192.0.2.1" },
        { "search a.example\noptions edns0\nnameserver 192.0.2.1\ndomain b.example\n", "192.0.2.1" },
        { "nameserver 192.0.2.2\nnameserver 192.0.2.1\nnameserver 192.0.2.2\n", "192.0.2.2 192.0.2.1" },
        { "nameserver ::ffff:192.0.2.1\nnameserver 192.0.2.1\n", "192.0.2.1" },
        { "nameserver fe80::1%no-such-link\nnameserver 192.0.2.1\n", "192.0.2.1" },
        { "nameserver fe80::1%\nnameserver fe80::1%0\nnameserver fe80::1%99999999999\nnameserver fe80::1%1x\n", "" },
        { "nameserver 192.0.2.1%lo\nnameserver 2001:db8::1%lo\nnameserver [fe80::1%lo]:53\nnameserver [2001:db8::1]\n", "" },
        { "nameserver resolver.example\nnameserver 192.0.2.256\nnameserver 192.0.2\nnameserver\nnameserver \n", "" },
        { "nameserver 192.0.2.1:53\n", "" },
        { " nameserver 192.0.2.1\nnameservers 192.0.2.1\nnameserver192.0.2.1\nNAMESERVER 192.0.2.1\n", "" },
        { "nameserver\n192.0.2.1\n", "" },
        { "nameserver 1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc:dddd:eeee\n", "" },
        { "nameserver 192.0.2.1\nnameserver 192.0.2.2\nnameserver 192.0.2.3\nnameserver 192.0.2.4\n",
          "192.0.2.1 192.0.2.2 192.0.2.3" },
};

static void assert_servers(const DnsServer *servers, size_t n, const char *expected) {
        char text[MAX_TESTED * (IN_ADDR_TEXT_MAX + 1)] = "", addr[IN_ADDR_TEXT_MAX];

        for (size_t i = 0; i < n; i++) {
                (void) strcat(strcat(text, i > 0 ? " " : ""), in_addr_format(&servers[i].addr, addr));
                ck_assert_uint_eq(servers[i].port, 53);
        }
        ck_assert_str_eq(text, expected);
}

START_TEST(text_is_parsed) {
        DnsServer servers[MAX_TESTED];

        assert_servers(servers, resolv_conf_parse(parse_cases[_i].text, servers, MAX_TESTED), parse_cases[_i].servers);
}
END_TEST

START_TEST(zones_are_read) {
        static const char text[] = "nameserver fe80::1%lo\nnameserver fe80::1%1\nnameserver fe80::1\n";
        char formatted[DNS_SERVER_TEXT_MAX];
        DnsServer servers[MAX_TESTED], parsed;

        ck_assert_uint_eq(resolv_conf_parse(text, servers, MAX_TESTED), 2); /* twice the same one */
        ck_assert_uint_eq(servers[0].zone, 1);
        ck_assert_uint_eq(servers[1].zone, 0);
        ck_assert_str_eq(dns_server_format(&servers[0], formatted), "[fe80::1%lo]:53");
        ck_assert_int_eq(dns_server_parse(formatted, 5, &parsed), 0);
        ck_assert(dns_server_equal(&servers[0], &parsed));
        ck_assert_str_eq(dns_server_format(&servers[1], formatted), "[fe80::1]:53");
}
END_TEST

static const struct {
        const char *addr;
        bool local, stub;
} addr_cases[] = {
        { "192.0.2.1", false, false },  { "2001:db8::1", false, false }, { "128.0.0.1", false, false },
        { "126.0.0.53", false, false }, { "0.0.0.1", false, false },     { "::2", false, false },
        { "127.0.0.1", true, false },   { "127.255.255.255", true, false }, { "127.0.0.155", true, false },
        { "127.0.0.53", true, true },   { "127.0.0.54", true, true },    { "::ffff:127.0.0.53", true, true },
        { "127.0.1.53", true, false },  { "::1", true, false },          { "::", true, false },
        { "0.0.0.0", true, false },
};

START_TEST(local_servers_are_dropped) {
        DnsServer servers[3] = { { .port = 53 }, { .port = 5353 }, { .port = 53 } };
        bool local = addr_cases[_i].local;
        char text[IN_ADDR_TEXT_MAX];

        ck_assert_int_eq(in_addr_parse(addr_cases[_i].addr, &servers[0].addr), 0);
        ck_assert_int_eq(in_addr_parse("198.51.100.1", &servers[1].addr), 0);
        servers[2].addr = servers[0].addr;
        ck_assert(resolv_conf_is_stub(&servers[0].addr) == addr_cases[_i].stub);
        ck_assert_uint_eq(resolv_conf_drop_local(servers, 3), local ? 1 : 3);
        ck_assert_str_eq(in_addr_format(&servers[local ? 0 : 1].addr, text), "198.51.100.1");
        ck_assert_uint_eq(servers[local ? 0 : 1].port, 5353);
        ck_assert_uint_eq(resolv_conf_drop_local(NULL, 0), 0);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("resolv-conf");
        TCase *t = tcase_create("resolv-conf");

        tcase_add_loop_test(t, text_is_parsed, 0, ELEMENTSOF(parse_cases));
        tcase_add_test(t, zones_are_read);
        tcase_add_loop_test(t, local_servers_are_dropped, 0, ELEMENTSOF(addr_cases));
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
