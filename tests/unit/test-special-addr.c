/* SPDX-License-Identifier: Apache-2.0 */

#include "policy/special-addr.h"

#include <check.h>

#include "basic/macro.h"

/* First and last address of each prefix and its neighbours. */
static const struct {
        const char *addr;
        AddrKind kind;
} addrs[] = {
        { "0.0.0.0", ADDR_SPECIAL },         /* RFC 791 */
        { "0.255.255.255", ADDR_SPECIAL },
        { "1.0.0.0", ADDR_GLOBAL },
        { "9.255.255.255", ADDR_GLOBAL },
        { "10.0.0.0", ADDR_PRIVATE },        /* RFC 1918 */
        { "10.255.255.255", ADDR_PRIVATE },
        { "11.0.0.0", ADDR_GLOBAL },
        { "100.63.255.255", ADDR_GLOBAL },
        { "100.64.0.0", ADDR_PRIVATE },      /* RFC 6598 */
        { "100.127.255.255", ADDR_PRIVATE },
        { "100.128.0.0", ADDR_GLOBAL },
        { "126.255.255.255", ADDR_GLOBAL },
        { "127.0.0.1", ADDR_SPECIAL },       /* RFC 1122 */
        { "127.255.255.255", ADDR_SPECIAL },
        { "128.0.0.0", ADDR_GLOBAL },
        { "169.253.255.255", ADDR_GLOBAL },
        { "169.254.169.254", ADDR_SPECIAL }, /* RFC 3927 */
        { "169.254.255.255", ADDR_SPECIAL },
        { "169.255.0.0", ADDR_GLOBAL },
        { "172.15.255.255", ADDR_GLOBAL },
        { "172.16.0.0", ADDR_PRIVATE },      /* RFC 1918 */
        { "172.31.255.255", ADDR_PRIVATE },
        { "172.32.0.0", ADDR_GLOBAL },
        { "192.0.0.0", ADDR_SPECIAL },       /* RFC 6890 */
        { "192.0.0.170", ADDR_SPECIAL },     /* RFC 7050 */
        { "192.0.0.255", ADDR_SPECIAL },
        { "192.0.1.0", ADDR_GLOBAL },
        { "192.0.2.1", ADDR_GLOBAL },        /* RFC 5737 */
        { "192.31.196.1", ADDR_GLOBAL },     /* RFC 7535 */
        { "192.52.193.1", ADDR_GLOBAL },     /* RFC 7450 */
        { "192.88.98.255", ADDR_GLOBAL },
        { "192.88.99.1", ADDR_SPECIAL },     /* RFC 7526 */
        { "192.88.100.0", ADDR_GLOBAL },
        { "192.167.255.255", ADDR_GLOBAL },
        { "192.168.0.0", ADDR_PRIVATE },     /* RFC 1918 */
        { "192.168.255.255", ADDR_PRIVATE },
        { "192.169.0.0", ADDR_GLOBAL },
        { "198.17.255.255", ADDR_GLOBAL },
        { "198.18.0.0", ADDR_SPECIAL },      /* RFC 2544 */
        { "198.19.255.255", ADDR_SPECIAL },
        { "198.20.0.0", ADDR_GLOBAL },
        { "198.51.100.7", ADDR_GLOBAL },     /* RFC 5737 */
        { "203.0.113.7", ADDR_GLOBAL },      /* RFC 5737 */
        { "223.255.255.255", ADDR_GLOBAL },
        { "224.0.0.0", ADDR_SPECIAL },       /* RFC 1112 */
        { "239.255.255.255", ADDR_SPECIAL },
        { "240.0.0.0", ADDR_SPECIAL },       /* RFC 1112 */
        { "255.255.255.255", ADDR_SPECIAL }, /* RFC 919 */

        { "::", ADDR_SPECIAL },              /* RFC 4291 */
        { "::1", ADDR_SPECIAL },
        { "::2", ADDR_SPECIAL },
        { "::127.0.0.1", ADDR_SPECIAL },     /* RFC 4291 2.5.5.1 */
        { "::10.1.2.3", ADDR_PRIVATE },
        { "::8.8.8.8", ADDR_GLOBAL },
        { "::ffff:127.0.0.1", ADDR_SPECIAL }, /* RFC 4291 2.5.5.2 */
        { "::ffff:10.1.2.3", ADDR_PRIVATE },
        { "::ffff:8.8.8.8", ADDR_GLOBAL },
        { "::ffff:0:127.0.0.1", ADDR_SPECIAL }, /* RFC 2765 */
        { "::ffff:0:10.1.2.3", ADDR_PRIVATE },
        { "::ffff:0:8.8.8.8", ADDR_GLOBAL },
        { "64:ff9b::127.0.0.1", ADDR_SPECIAL }, /* RFC 6052 */
        { "64:ff9b::169.254.169.254", ADDR_SPECIAL },
        { "64:ff9b::192.168.1.1", ADDR_PRIVATE },
        { "64:ff9b::140.82.112.3", ADDR_GLOBAL },
        { "64:ff9b:0:0:0:1:7f00:1", ADDR_GLOBAL },
        { "64:ff9b:1::8.8.8.8", ADDR_SPECIAL }, /* RFC 8215 */
        { "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", ADDR_SPECIAL },
        { "64:ff9b:2::", ADDR_GLOBAL },
        { "100::", ADDR_SPECIAL },           /* RFC 6666 */
        { "100::ffff:ffff:ffff:ffff", ADDR_SPECIAL },
        { "100:0:0:1::1", ADDR_SPECIAL },    /* RFC 9780 */
        { "100:0:0:2::", ADDR_GLOBAL },
        { "2000:ffff::", ADDR_GLOBAL },
        { "2001::1", ADDR_SPECIAL },         /* RFC 4380 */
        { "2001:0:4136:e378:8000:63bf:3fff:fdd2", ADDR_SPECIAL },
        { "2001:1::1", ADDR_SPECIAL },       /* RFC 7723 */
        { "2001:2::1", ADDR_SPECIAL },       /* RFC 5180 */
        { "2001:3::1", ADDR_GLOBAL },        /* RFC 7450 */
        { "2001:4:112::1", ADDR_GLOBAL },    /* RFC 7535 */
        { "2001:4:113::1", ADDR_SPECIAL },
        { "2001:10::1", ADDR_SPECIAL },      /* RFC 4843 */
        { "2001:20::1", ADDR_SPECIAL },      /* RFC 7343 */
        { "2001:1ff:ffff::", ADDR_SPECIAL }, /* RFC 2928 */
        { "2001:200::", ADDR_GLOBAL },
        { "2001:db8::1", ADDR_GLOBAL },      /* RFC 3849 */
        { "2002:7f00:1::1", ADDR_SPECIAL },  /* RFC 3056 */
        { "2002:a9fe:a9fe::", ADDR_SPECIAL },
        { "2002:c0a8:101::1", ADDR_PRIVATE },
        { "2002:808:808::1", ADDR_GLOBAL },
        { "2003::1", ADDR_GLOBAL },
        { "2606:50c0:8000::153", ADDR_GLOBAL },
        { "2620:4f:8000::1", ADDR_GLOBAL },  /* RFC 7534 */
        { "3fff::1", ADDR_GLOBAL },          /* RFC 9637 */
        { "5eff::", ADDR_GLOBAL },
        { "5f00::1", ADDR_SPECIAL },         /* RFC 9602 */
        { "5f01::1", ADDR_GLOBAL },
        { "fbff::1", ADDR_GLOBAL },
        { "fc00::", ADDR_PRIVATE },          /* RFC 4193 */
        { "fdff:ffff::", ADDR_PRIVATE },
        { "fe7f::1", ADDR_GLOBAL },
        { "fe80::1", ADDR_SPECIAL },         /* RFC 4291 */
        { "febf:ffff::", ADDR_SPECIAL },
        { "fec0::", ADDR_SPECIAL },          /* RFC 3879 */
        { "feff:ffff::", ADDR_SPECIAL },
        { "ff00::", ADDR_SPECIAL },          /* RFC 4291 */
        { "ff02::1", ADDR_SPECIAL },
        { "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ADDR_SPECIAL },
};

START_TEST(test_kind) {
        InAddr a;

        ck_assert_int_eq(in_addr_parse(addrs[_i].addr, &a), 0);
        ck_assert_msg(addr_kind(&a) == addrs[_i].kind, "%s: %d", addrs[_i].addr, (int) addr_kind(&a));
}
END_TEST

START_TEST(test_words) {
        static const struct {
                const char *addr, *words;
        } cases[] = {
                { "10.1.2.3", "private address 10.1.2.3; allowPrivate permits it" },
                { "fd99::1", "private address fd99::1; allowPrivate permits it" },
                { "169.254.169.254", "special address 169.254.169.254; only a cidr rule permits it" },
        };
        char buf[REBINDING_TEXT_MAX];

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                InAddr a;

                ck_assert_int_eq(in_addr_parse(cases[i].addr, &a), 0);
                ck_assert_str_eq(rebinding_words(&a, buf), cases[i].words);
        }
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("special-addr");
        TCase *tc = tcase_create("kinds");

        tcase_add_loop_test(tc, test_kind, 0, ELEMENTSOF(addrs));
        tcase_add_test(tc, test_words);
        suite_add_tcase(s, tc);
        return s;
}

#include "check-main.h"
