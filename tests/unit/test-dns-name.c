/* SPDX-License-Identifier: Apache-2.0 */

#include "dns/dns-name.h"

#include <check.h>
#include <errno.h>
#include <string.h>

#include "basic/macro.h"

#define LABEL_63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define NAME_191 LABEL_63 "." LABEL_63 "." LABEL_63
#define LABEL_60 "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define ZEROES_28 "0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0."

static const struct {
        const char *name;
        bool canonical;
} names[] = {
        { "", true },
        { "a", true },
        { "github.com", true },
        { "_dmarc.x-1.example", true },
        { "-a.example", true },
        { LABEL_63 ".example", true },
        { LABEL_63 "a.example", false },
        { NAME_191 "." LABEL_60 "b", true },   /* 253 */
        { NAME_191 "." LABEL_60 "bb", false }, /* 254 */
        { NAME_191 "." LABEL_60 ".", false },
        { ".", false },
        { ".a", false },
        { "a.", false },
        { "a..b", false },
        { "A.example", false },
        { "*.example", false },
        { "a b.example", false },
        { "a\\046b", false },
        { "\xc3\xa4.example", false },
        { "a?b", false },
};

START_TEST(test_canonical) {
        ck_assert_msg(dns_name_is_canonical(names[_i].name) == names[_i].canonical, "\"%s\"", names[_i].name);
}
END_TEST

static const struct {
        const char *name;
        uint8_t addr[16];
        size_t length; /* 0: not a reverse name */
} reverse_names[] = {
        { "1.2.0.192.in-addr.arpa", { 192, 0, 2, 1 }, 4 },
        { "255.255.255.255.in-addr.arpa", { 255, 255, 255, 255 }, 4 },
        { "0.0.0.0.IN-ADDR.ARPA", { 0, 0, 0, 0 }, 4 },
        { "256.2.0.192.in-addr.arpa", {}, 0 },
        { "01.2.0.192.in-addr.arpa", {}, 0 },
        { "00.2.0.192.in-addr.arpa", {}, 0 },
        { "4294967297.2.0.192.in-addr.arpa", {}, 0 },
        { "2.0.192.in-addr.arpa", {}, 0 },
        { "1.1.2.0.192.in-addr.arpa", {}, 0 },
        { "0-63.2.0.192.in-addr.arpa", {}, 0 }, /* RFC 2317 */
        { "a.1.2.0.192.in-addr.arpa", {}, 0 },
        { ".2.0.192.in-addr.arpa", {}, 0 },
        { "1.2.0.192.in-addr.arpa.", {}, 0 },
        { "1.2.0.192.in-addr.arpa.example", {}, 0 },
        { "1.2.0.192in-addr.arpa", {}, 0 },
        { "1.2.0.192.ip6.arpa", {}, 0 },
        { "in-addr.arpa", {}, 0 },
        { "1.0.0.0." "0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
          { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 }, 16 },
        { "F.E.D.C." "0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.B.D.0.1.0.0.2.IP6.ARPA",
          { 0x20, 0x01, 0x0d, 0xb8, [14] = 0xcd, 0xef }, 16 },
        { ZEROES_28 "0.0.0.0.ip6.arpa", {}, 16 },
        { ZEROES_28 "0.0.0.ip6.arpa", {}, 0 },
        { ZEROES_28 "0.0.0.0.0.ip6.arpa", {}, 0 },
        { ZEROES_28 "0.0.0.g.ip6.arpa", {}, 0 },
        { ZEROES_28 "0.0.00.0.ip6.arpa", {}, 0 },
        { ZEROES_28 "0.0.0.0.ip6.int", {}, 0 },
        { ZEROES_28 "0.0.0.0.in-addr.arpa", {}, 0 },
        { "", {}, 0 },
        { ".", {}, 0 },
        { "example.com", {}, 0 },
};

START_TEST(test_reverse) {
        InAddr want, got, untouched;

        memset(&got, 0x55, sizeof(got));
        untouched = got;
        int r = dns_reverse_name_to_addr(reverse_names[_i].name, &got);
        if (reverse_names[_i].length == 0) {
                ck_assert_int_eq(r, -EINVAL);
                ck_assert(in_addr_equal(&got, &untouched));
                return;
        }
        ck_assert_msg(r == 0, "\"%s\": %d", reverse_names[_i].name, r);
        if (reverse_names[_i].length == 4)
                in_addr_from_v4(reverse_names[_i].addr, &want);
        else
                in_addr_from_v6(reverse_names[_i].addr, &want);
        ck_assert(in_addr_equal(&got, &want));
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("dns-name");
        TCase *tc = tcase_create("names");

        tcase_add_loop_test(tc, test_canonical, 0, ELEMENTSOF(names));
        tcase_add_loop_test(tc, test_reverse, 0, ELEMENTSOF(reverse_names));
        suite_add_tcase(s, tc);
        return s;
}

#include "check-main.h"
