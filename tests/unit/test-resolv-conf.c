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
        { "nameserver fe80::1%eth0\nnameserver 192.0.2.1\n", "192.0.2.1" },
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

static const struct {
        const char *resolv_conf; /* NULL: no such file */
        const char *resolved;
        int result;
        const char *servers;
} read_cases[] = {
        { "nameserver 192.0.2.1\n", NULL, 0, "192.0.2.1" },
        { "nameserver 127.0.0.1\n", "nameserver 192.0.2.9\n", 0, "127.0.0.1" },
        { "nameserver 127.0.0.53\n", "nameserver 192.0.2.9\n", 0, "192.0.2.9" },
        { "nameserver 127.0.0.53\nnameserver 127.0.0.54\n", "nameserver 192.0.2.9\n", 0, "192.0.2.9" },
        { "nameserver 127.0.0.53\nnameserver 192.0.2.1\n", "nameserver 192.0.2.9\n", 0, "127.0.0.53 192.0.2.1" },
        { "nameserver 127.0.0.53\n", "# no server\n", -ENOENT, NULL },
        { "nameserver 127.0.0.53\n", NULL, -ENOENT, NULL },
        { "search a.example\n", "nameserver 192.0.2.9\n", -ENOENT, NULL },
        { NULL, "nameserver 192.0.2.9\n", -ENOENT, NULL },
};

static void file_write(const char *path, const char *text) {
        FILE *f;

        if (!text)
                return;
        f = fopen(path, "we");
        ck_assert_ptr_nonnull(f);
        ck_assert_int_ge(fputs(text, f), 0);
        ck_assert_int_eq(fclose(f), 0);
}

START_TEST(files_are_read) {
        char dir[] = "/tmp/test-resolv-conf-XXXXXX", path[64], resolved[64];
        DnsServer servers[MAX_TESTED];
        size_t n = 0;

        ck_assert_ptr_nonnull(mkdtemp(dir));
        (void) snprintf(path, sizeof(path), "%s/resolv.conf", dir);
        (void) snprintf(resolved, sizeof(resolved), "%s/resolved.conf", dir);
        file_write(path, read_cases[_i].resolv_conf);
        file_write(resolved, read_cases[_i].resolved);

        ck_assert_int_eq(resolv_conf_read_files(path, resolved, servers, MAX_TESTED, &n), read_cases[_i].result);
        (void) unlink(path);
        (void) unlink(resolved);
        ck_assert_int_eq(rmdir(dir), 0);
        if (read_cases[_i].result >= 0)
                assert_servers(servers, n, read_cases[_i].servers);
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
        tcase_add_loop_test(t, files_are_read, 0, ELEMENTSOF(read_cases));
        tcase_add_loop_test(t, local_servers_are_dropped, 0, ELEMENTSOF(addr_cases));
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
