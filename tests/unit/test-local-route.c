/* SPDX-License-Identifier: Apache-2.0 */
/* Which addresses lead to this machine, in network namespaces of their own. */

#include "host/local-route.h"

#include <check.h>
#include <netinet/in.h>
#include <string.h>

#include "basic/macro.h"
#include "own-network.h"

static bool has(const char *text) {
        InAddr addr;

        CHECK(in_addr_parse(text, &addr) >= 0);
        return local_route_has(&addr);
}

static void add_address(const char *text) {
        struct ifreq ifr = { .ifr_name = "lo:1" };
        struct sockaddr_in sa = { .sin_family = AF_INET };
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        InAddr addr;

        CHECK(fd >= 0 && in_addr_parse(text, &addr) >= 0);
        memcpy(&sa.sin_addr, addr.b + 12, sizeof(sa.sin_addr));
        memcpy(&ifr.ifr_addr, &sa, sizeof(sa));
        CHECK(ioctl(fd, SIOCSIFADDR, &ifr) >= 0);
        (void) close(fd);
}

static void in_own_network(int i _unused_) {
        CHECK(!has("127.0.0.53")); /* nothing is up */
        loopback_up();
        CHECK(has("127.0.0.1"));
        CHECK(has("127.0.0.53"));
        CHECK(has("::1"));
        CHECK(!has("203.0.113.9"));
        CHECK(!has("2001:db8::9"));
        CHECK(!has("::ffff:0:1"));
        add_address("203.0.113.9");
        CHECK(has("203.0.113.9"));
        CHECK(!has("198.51.100.9"));
}

START_TEST(addresses) {
        run_in_own_network(in_own_network, 0, false);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("local-route");
        TCase *tc = tcase_create("local-route");

        tcase_add_test(tc, addresses);
        suite_add_tcase(s, tc);
        return s;
}

#include "check-main.h"
