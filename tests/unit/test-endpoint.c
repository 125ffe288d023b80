/* SPDX-License-Identifier: Apache-2.0 */
#include "basic/endpoint.h"

#include <check.h>
#include <errno.h>
#include <string.h>

#include "basic/macro.h"

static const struct {
        const char *text;
        const char *formatted; /* with port 53 if there is none; NULL: refused */
} texts[] = {
        { "192.0.2.1", "192.0.2.1:53" },
        { "192.0.2.1:5353", "192.0.2.1:5353" },
        { "2001:db8::1", "[2001:db8::1]:53" },
        { "2001:DB8:0::1", "[2001:db8::1]:53" },
        { "[2001:db8::1]", "[2001:db8::1]:53" },
        { "[2001:db8::1]:1", "[2001:db8::1]:1" },
        { "[::1]:65535", "[::1]:65535" },
        { "2001:db8::1:443", "[2001:db8::1:443]:53" }, /* that is an address */
        { "::ffff:192.0.2.1", "192.0.2.1:53" },
        { "[::ffff:192.0.2.1]:80", "192.0.2.1:80" },
        { "1234:1234:1234:1234:1234:1234:123.123.123.123", "[1234:1234:1234:1234:1234:1234:7b7b:7b7b]:53" },
        { "[192.0.2.1]:53", NULL },
        { "[2001:db8::1", NULL },
        { "[2001:db8::1]53", NULL },
        { "2001:db8::1]:53", NULL },
        { "[2001:db8::1]:", NULL },
        { "[[2001:db8::1]]:53", NULL },
        { "[]:53", NULL },
        { "[", NULL },
        { ":53", NULL },
        { "", NULL },
        { "192.0.2.1:", NULL },
        { "192.0.2.1:0", NULL },
        { "192.0.2.1:053", NULL },
        { "192.0.2.1:65536", NULL },
        { "192.0.2.1:99999999999999999999", NULL },
        { "192.0.2.1:+53", NULL },
        { "192.0.2.1:5 3", NULL },
        { "192.0.2.1: 53", NULL },
        { "192.0.2.1:53 ", NULL },
        { " 192.0.2.1", NULL },
        { "192.0.2.1:dns", NULL },
        { "192.0.2.1/32", NULL },
        { "192.0.2.1,192.0.2.2", NULL },
        { "fe80::1%eth0", NULL },
        { "host.example:53", NULL },
        { "host.example", NULL },
};

START_TEST(parse_and_format) {
        Endpoint e = { .port = 7 };
        char buf[ENDPOINT_TEXT_MAX];

        int r = endpoint_parse(texts[_i].text, 53, &e);
        if (!texts[_i].formatted) {
                ck_assert_int_eq(r, -EINVAL);
                ck_assert_uint_eq(e.port, 7);
                return;
        }
        ck_assert_int_eq(r, 0);
        ck_assert_str_eq(endpoint_format(&e, buf), texts[_i].formatted);
        ck_assert_int_eq(endpoint_parse(buf, 1, &e), 0);
        ck_assert_str_eq(endpoint_format(&e, buf), texts[_i].formatted);
}
END_TEST

START_TEST(too_long) {
        char text[512];
        Endpoint e;

        memset(text, '1', sizeof(text) - 1);
        text[sizeof(text) - 1] = '\0';
        ck_assert_int_eq(endpoint_parse(text, 53, &e), -EINVAL);
}
END_TEST

START_TEST(split) {
        static const struct {
                const char *text, *host, *port;
                int r;
                bool bracketed;
        } cases[] = {
                { "host.example:53", "host.example", "53", 0, false },
                { "host.example", "host.example", NULL, 0, false },
                { "host.example:", "host.example", "", 0, false },
                { "a:b:c", "a:b:c", NULL, 0, false },
                { "[x]:y", "x", "y", 0, true },
                { "[x]", "x", NULL, 0, true },
                { "[x", NULL, NULL, -EINVAL, false },
                { "[x]y", NULL, NULL, -EINVAL, false },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                char buf[64];
                EndpointText e;

                (void) strcpy(buf, cases[i].text);
                ck_assert_int_eq(endpoint_split(buf, &e), cases[i].r);
                if (cases[i].r < 0)
                        continue;
                ck_assert_str_eq(e.host, cases[i].host);
                ck_assert_pstr_eq(e.port, cases[i].port);
                ck_assert(e.bracketed == cases[i].bracketed);
        }
}
END_TEST

START_TEST(format_host) {
        char buf[64];

        ck_assert_int_eq(endpoint_format_host("host.example", 443, buf, sizeof(buf)), 16);
        ck_assert_str_eq(buf, "host.example:443");
        (void) endpoint_format_host("2001:db8::1", 443, buf, sizeof(buf));
        ck_assert_str_eq(buf, "[2001:db8::1]:443");
        ck_assert_int_eq(endpoint_format_host("host.example", 443, buf, 5), 16);
        ck_assert_str_eq(buf, "host");
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("endpoint");
        TCase *t = tcase_create("endpoint");

        tcase_add_loop_test(t, parse_and_format, 0, ELEMENTSOF(texts));
        tcase_add_test(t, too_long);
        tcase_add_test(t, split);
        tcase_add_test(t, format_host);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
