/* SPDX-License-Identifier: Apache-2.0 */
#include "host/link-dns.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <check.h>

#include "basic/macro.h"

static const struct {
        const char *before, *after;
        bool same;
} cases[] = {
        { "", "", true },
        { "", "\n\n# nothing\nOPER_STATE=routable\n", true },
        { "", "DOMAINS=corp.example", false },
        { "SERVERS=192.0.2.1\nDOMAINS=~corp.example\n", "SERVERS=192.0.2.1\nDOMAINS=~corp.example\n", true },
        { "SERVERS=192.0.2.1\nDOMAINS=~corp.example\n", "SERVERS=192.0.2.1\nDOMAINS=~corp.example ~lab.example\n", false },
        { "SERVERS=192.0.2.1\nDOMAINS=~corp.example\n", "SERVERS=192.0.2.1\nDOMAINS=corp.example\n", false },
        { "SERVERS=192.0.2.1\n", "SERVERS=192.0.2.1:5300#name.example\n", false },
        { "SERVERS=192.0.2.1\n", "SERVERS=192.0.2.1\nDEFAULT_ROUTE=no\n", false },
        { "DNS=192.0.2.1\nROUTE_DOMAINS=a.example\n", "DNS=192.0.2.1\nROUTE_DOMAINS=b.example\n", false },
        { "DNS=192.0.2.1\n", "DNS=192.0.2.1\nDNS_OVER_TLS=yes\n", false },
        { "DNS=192.0.2.1\nCARRIER_STATE=carrier\nNTP=192.0.2.7\n", "ACTIVATED=yes\nDNS=192.0.2.1\nLLMNR=no\n", true },
        { "DNS=192.0.2.1\n", "XDNS=192.0.2.1\n", false },
        { "", "XDNS=192.0.2.1\nDNSX=1\nDNS\nDOMAINS\nDNS =1\n", true },
        { "DNS=a\nDOMAINS=b\n", "DNS=a\nDOMAINS=b", true }, /* the last line without an end */
        { "DNS=a\nDOMAINS=b\n", "DNS=aDOMAINS=b\n", false },
};

START_TEST(what_counts_is_seen) {
        ck_assert_uint_eq(link_dns_hash(cases[_i].before) == link_dns_hash(cases[_i].after), cases[_i].same);
}
END_TEST

static void put(const char *dir, const char *name, const char *text) {
        char path[128];
        FILE *file;

        (void) snprintf(path, sizeof(path), "%s/%s", dir, name);
        if (!text) {
                ck_assert_int_eq(unlink(path), 0);
                return;
        }
        file = fopen(path, "we");
        ck_assert_ptr_nonnull(file);
        ck_assert_int_ge(fputs(text, file), 0);
        ck_assert_int_eq(fclose(file), 0);
}

START_TEST(links_of_a_directory_are_told_apart) {
        char dir[] = "/tmp/test-link-dns-XXXXXX";
        uint64_t one, other;

        ck_assert_uint_eq(link_dns_hash_dir("/nonexistent"), 0);
        ck_assert_ptr_nonnull(mkdtemp(dir));
        ck_assert_uint_eq(link_dns_hash_dir(dir), 0);
        put(dir, "2", "SERVERS=192.0.2.1\n");
        one = link_dns_hash_dir(dir);
        ck_assert_uint_ne(one, 0);
        put(dir, "3", "OPER_STATE=routable\n"); /* a link without DNS, as those of containers */
        put(dir, ".#3abc", "SERVERS=192.0.2.2\n"); /* not complete yet */
        ck_assert_uint_eq(link_dns_hash_dir(dir), one);
        put(dir, "2", NULL);
        put(dir, "3", "SERVERS=192.0.2.1\n"); /* the same of another link */
        other = link_dns_hash_dir(dir);
        ck_assert_uint_ne(other, one);
        put(dir, "3", NULL);
        ck_assert_uint_eq(link_dns_hash_dir(dir), 0);
        put(dir, ".#3abc", NULL);
        ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

/* That of systemd-resolved, for a service that is not root. */
START_TEST(directory_that_must_not_be_read) {
        const struct timespec times[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };
        char dir[] = "/tmp/test-link-dns-XXXXXX";
        uint64_t before;

        if (geteuid() != 0)
                return;
        ck_assert_ptr_nonnull(mkdtemp(dir));
        ck_assert_int_eq(utimensat(AT_FDCWD, dir, times, 0), 0);
        ck_assert_int_eq(seteuid(65534), 0);
        before = link_dns_hash_dir(dir);
        ck_assert_uint_ne(before, 0);
        ck_assert_uint_eq(link_dns_hash_dir(dir), before);
        ck_assert_int_eq(seteuid(0), 0);
        put(dir, "2", "SERVERS=192.0.2.1\n");
        ck_assert_int_eq(seteuid(65534), 0);
        ck_assert_uint_ne(link_dns_hash_dir(dir), before);
        ck_assert_int_eq(seteuid(0), 0);
        put(dir, "2", NULL);
        ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("link-dns");
        TCase *t = tcase_create("link-dns");

        tcase_add_loop_test(t, what_counts_is_seen, 0, ELEMENTSOF(cases));
        tcase_add_test(t, directory_that_must_not_be_read);
        tcase_add_test(t, links_of_a_directory_are_told_apart);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
