/* SPDX-License-Identifier: Apache-2.0 */

#include "host/local-names.h"

#include <check.h>
#include <string.h>

#include "fake-root.h"
#include "host/default-route.h"
#include "host/hosts-file.h"

static void assert_addr(const InAddr *addr, const char *text) {
        InAddr want;

        ck_assert_int_eq(in_addr_parse(text, &want), 0);
        ck_assert_msg(in_addr_equal(addr, &want), "not %s", text);
}

START_TEST(test_hosts) {
        static const char text[] = "# c\n\n127.0.0.1 localhost\n10.0.0.1\tA.Example. a#b\n10.0.0.2 a.example bad!name ok\r\n"
                                   "nonsense a.example\n::1 six";
        HostsFile h;
        size_t i = 0;

        ck_assert_int_eq(hosts_file_parse(text, &h), 0);
        ck_assert_uint_eq(h.n, 6);
        assert_addr(&hosts_file_next(&h, "a.example", &i)->addr, "10.0.0.1");
        assert_addr(&hosts_file_next(&h, "a.example", &i)->addr, "10.0.0.2");
        ck_assert_ptr_null(hosts_file_next(&h, "a.example", &i));
        i = 0;
        assert_addr(&hosts_file_next(&h, "six", &i)->addr, "::1");
        i = 0;
        ck_assert_ptr_nonnull(hosts_file_next(&h, "ok", &i));
        ck_assert_str_eq(hosts_file_reverse(&h, &h.entries[1].addr), "a.example");
        hosts_file_done(&h);
}
END_TEST

START_TEST(test_search) {
        static const struct {
                const char *text, *host, *name;
                size_t lengths[4];
        } cases[] = {
                { "search ci.internal svc.cluster.local\n", "h", "a.b.ci.internal", { 3 } },
                { "search x.example\nsearch CI.internal.\n", "h.example", "a.b.ci.internal", { 3 } },
                { "domain one.example two.example\n", "h", "a.two.example", { 0 } },
                { "", "h.corp.example", "a.corp.example", { 1 } },
                { "searching corp.example", "h", "a.corp.example", { 0 } },
                { "search corp.example example", "h", "a.corp.example", { 1, 6 } },
                { "", "h", "a.com.ns.svc.cluster.local", { 5, 8, 12 } },
                { "", "h", "svc.cluster.local", { 3 } },
                { "search corp.example", "h", "corp.example", { 0 } },
        };
        static SearchList list;
        size_t length = 0;

        search_list_parse(cases[_i].text, cases[_i].host, &list);
        for (size_t k = 0; cases[_i].lengths[k] > 0; k++) {
                ck_assert(search_list_strip(&list, cases[_i].name, &length));
                ck_assert_uint_eq(length, cases[_i].lengths[k]);
        }
        ck_assert_msg(!search_list_strip(&list, cases[_i].name, &length), "%zu", length);
}
END_TEST

START_TEST(test_service_domain) {
        static SearchList list;

        search_list_parse("search default.svc.cluster.local svc.cluster.local", "h", &list);
        ck_assert(search_list_is_service_domain(&list, "registry.svc.cluster.local"));
        ck_assert(!search_list_is_service_domain(&list, "registry.default.svc.cluster.local"));
        ck_assert(!search_list_is_service_domain(&list, "registry.cluster.local"));
        ck_assert(!search_list_is_service_domain(NULL, "registry.svc.cluster.local"));
}
END_TEST

START_TEST(test_routes) {
        static const char v4[] = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\n"
                                 "eth0\t00000000\t0101630A\t0003\t0\t0\t100\t00000000\t0\t0\t0\n"
                                 "eth1\t00000000\t0201630A\t0003\t0\t0\t50\t00000000\t0\t0\t0\n"
                                 "eth0\t0001630A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n";
        static const char v6[] = "00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
                                 "fe800000000000000000000000000001 00000400 00000001 00000000 00000003     eth0\n"
                                 "00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
                                 "00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo\n";
        InAddr addrs[2];

        ck_assert_uint_eq(default_route_parse(v4, addrs, 2), 2);
        if (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__) {
                assert_addr(&addrs[0], "10.99.1.2");
                assert_addr(&addrs[1], "10.99.1.1");
        }
        ck_assert_uint_eq(default_route_parse(v4, addrs, 1), 1);
        ck_assert_uint_eq(default_route_parse6(v6, addrs, 2), 1);
        assert_addr(&addrs[0], "fe80::1");
        ck_assert_uint_eq(default_route_parse("", addrs, 2), 0);
}
END_TEST

/* Files that change, as they do with VPNs and configuration management, are read again. */
START_TEST(test_changes) {
        InAddr addrs[LOCAL_ADDRS_MAX];
        char resolv_conf[512], hosts[512];
        LocalNames *n;

        root_make();
        const LocalNameFiles files = { path_of("/resolv.conf", resolv_conf), path_of("/hosts", hosts) };
        ck_assert_int_eq(local_names_new(&files, &n), 0);
        local_names_refresh(n, 1);
        ck_assert_int_eq(local_names_kind(n, "db.example"), LOCAL_NAME_NONE);
        file_write("/hosts", "10.0.0.1 db.example db\n");
        file_write("/resolv.conf", "nameserver 127.0.0.53\nsearch ci.internal\n");
        ck_assert_int_eq(local_names_kind(n, "db.example"), LOCAL_NAME_NONE);
        local_names_refresh(n, 2 * NSEC_PER_SEC);
        ck_assert_int_eq(local_names_kind(n, "db.example"), LOCAL_NAME_FILE);
        ck_assert_uint_eq(local_names_addrs(n, "db.example", false, addrs), 1);
        ck_assert_uint_eq(local_names_addrs(n, "db.example", true, addrs), 0);
        ck_assert(local_names_has_stub(n));
        ck_assert_uint_eq(local_names_search(n)->n, 1);
        in_addr_from_v4((const uint8_t[]) { 10, 0, 0, 1 }, &addrs[0]);
        ck_assert_str_eq(local_names_reverse(n, &addrs[0]), "db.example");
        file_remove("/hosts");
        local_names_refresh(n, 4 * NSEC_PER_SEC);
        ck_assert_int_eq(local_names_kind(n, "db.example"), LOCAL_NAME_NONE);
        local_names_free(n);
        root_remove();
}
END_TEST

START_TEST(test_well_known) {
        static const struct {
                const char *name;
                LocalNameKind kind;
        } names[] = {
                { "localhost", LOCAL_NAME_LOOPBACK }, { "a.localhost", LOCAL_NAME_LOOPBACK },
                { "a.localhost.localdomain", LOCAL_NAME_LOOPBACK }, { "notlocalhost", LOCAL_NAME_NONE },
                { "localhost.example", LOCAL_NAME_NONE }, { "_gateway", LOCAL_NAME_ROUTE },
                { "_outbound", LOCAL_NAME_ROUTE }, { "gateway", LOCAL_NAME_NONE }, { "", LOCAL_NAME_NONE },
        };
        const LocalNameFiles files = { "/nonexistent", "/nonexistent" };
        InAddr addrs[LOCAL_ADDRS_MAX];
        char host[65] = "";
        LocalNames *n;

        ck_assert_int_eq(local_names_new(&files, &n), 0);
        local_names_refresh(n, 1);
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                ck_assert_msg(local_names_kind(n, names[i].name) == names[i].kind, "%s", names[i].name);
        ck_assert_uint_eq(local_names_addrs(n, "localhost", false, addrs), 1);
        assert_addr(&addrs[0], "127.0.0.1");
        ck_assert_uint_eq(local_names_addrs(n, "localhost", true, addrs), 1);
        assert_addr(&addrs[0], "::1");
        ck_assert_str_eq(local_names_reverse(n, &addrs[0]), "localhost");
        ck_assert_int_eq(gethostname(host, sizeof(host) - 1), 0);
        ck_assert_uint_ge(local_names_addrs(n, host, false, addrs), local_names_kind(n, host) == LOCAL_NAME_HOST);
        local_names_free(n);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("local-names");
        TCase *tc = tcase_create("names");

        tcase_add_test(tc, test_hosts);
        tcase_add_loop_test(tc, test_search, 0, 9);
        tcase_add_test(tc, test_service_domain);
        tcase_add_test(tc, test_routes);
        tcase_add_test(tc, test_changes);
        tcase_add_test(tc, test_well_known);
        suite_add_tcase(s, tc);
        return s;
}

#include "check-main.h"
