/* SPDX-License-Identifier: Apache-2.0 */
#include "host/local-addr.h"

#include <stdio.h>
#include <string.h>

#include <check.h>

#include "basic/macro.h"
#include "own-network.h"

typedef struct Seen {
        char text[256]; /* "+192.0.2.1 -192.0.2.2 " */
} Seen;

static void on_addr(const InAddr *addr, bool added, void *userdata) {
        char buf[IN_ADDR_TEXT_MAX];
        Seen *seen = userdata;
        size_t n = strlen(seen->text);

        (void) snprintf(seen->text + n, sizeof(seen->text) - n, "%c%s ", added ? '+' : '-', in_addr_format(addr, buf));
}

/* Sets the address of an alias of the loopback device ("0.0.0.0" removes it), which needs no other device. */
static int alias_set(int fd, const char *name, const char *text) {
        struct ifreq ifr = {};
        struct sockaddr_storage sa;
        InAddr addr;

        if (in_addr_parse(text, &addr) < 0)
                return -EINVAL;
        memcpy(&ifr.ifr_addr, &sa, in_addr_to_sockaddr(&addr, 0, &sa));
        (void) snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
        return ioctl(fd, SIOCSIFADDR, &ifr) < 0 ? -errno : 0;
}

/* Handles what is pending; the kernel has queued the notices by the time ioctl(2) returns. */
static int run_pending(sd_event *event) {
        int r;

        do
                r = sd_event_run(event, 0);
        while (r > 0);
        return r;
}

static void follow(int i _unused_) {
        Seen seen = {};
        LocalAddrs *l = NULL;
        sd_event *event = NULL;
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        CHECK(fd >= 0 && sd_event_new(&event) >= 0);
        CHECK(alias_set(fd, "lo", "127.0.0.1") == 0 && alias_set(fd, "lo:1", "192.0.2.1") == 0);
        CHECK(local_addrs_new(event, on_addr, &seen, &l) == 0);
        CHECK(strcmp(seen.text, "+192.0.2.1 ") == 0);
        CHECK(alias_set(fd, "lo:2", "198.51.100.7") == 0 && run_pending(event) == 0);
        CHECK(strcmp(seen.text, "+192.0.2.1 +198.51.100.7 ") == 0);
        CHECK(alias_set(fd, "lo:1", "0.0.0.0") == 0 && run_pending(event) == 0);
        CHECK(strcmp(seen.text, "+192.0.2.1 +198.51.100.7 -192.0.2.1 ") == 0);
        /* More notices than the socket can hold: the list is correct nevertheless. */
        for (unsigned n = 0; n < 4000; n++)
                CHECK(alias_set(fd, "lo:3", n % 2 ? "203.0.113.1" : "203.0.113.2") == 0);
        CHECK(run_pending(event) == 0);
        CHECK(strcmp(seen.text, "+192.0.2.1 +198.51.100.7 -192.0.2.1 +203.0.113.1 ") == 0);
        local_addrs_free(l);
        sd_event_unref(event);
        (void) close(fd);
}

START_TEST(addresses_are_listed_and_followed) {
        run_in_own_network(follow, 0, false);
}
END_TEST

START_TEST(loopback_is_left_out) {
        Seen seen = {};
        LocalAddrs *l = NULL;
        sd_event *event = NULL;

        ck_assert_int_ge(sd_event_new(&event), 0);
        ck_assert_int_eq(local_addrs_new(event, on_addr, &seen, &l), 0);
        ck_assert_ptr_null(strstr(seen.text, "+127."));
        ck_assert_ptr_null(strstr(seen.text, "+::1 "));
        local_addrs_free(l);
        ck_assert_ptr_null(local_addrs_free(NULL));
        sd_event_unref(event);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("local-addr");
        TCase *t = tcase_create("local-addr");

        tcase_set_timeout(t, 60);
        tcase_add_test(t, addresses_are_listed_and_followed);
        tcase_add_test(t, loopback_is_left_out);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
