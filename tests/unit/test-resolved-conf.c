/* SPDX-License-Identifier: Apache-2.0 */
#include "host/resolved-conf.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <check.h>

#include "basic/macro.h"

static const struct {
        const char *text;
        bool found;
} texts[] = {
        { "", false },
        { "[Resolve]\nDNS=192.0.2.1\nDomains=~consul\n", true },
        { "Domains=~consul", true },
        { "  Domains \t= corp.example\t~consul", true },
        { "Domains=~.\n", false },
        { "Domains=~. ~lan\n", true },
        { "Domains=~.lan\n", true },
        { "Domains=corp.example\nDNS=~consul\n", false },
        { "Domains=~\n", false },
        { "Domains=\n~consul\n", false },
        { "#Domains=~consul\n; Domains=~consul\n", false },
        { "RouteDomains=~consul\nDomainsX=~consul\nDomains ~consul\n", false },
        { "Domains=corp.example \\\n   ~consul\n", true },
        { "Domains=corp.example \\\n# a comment\n ~consul\n", true },
        { "Domains=corp.example \\\n# ~comment\n lan\nDNS=~consul\n", false },
        { "DNS=192.0.2.1 \\\nDomains=~consul\n", false }, /* a value of DNS= */
        { "Domains=~consul\r\n", true },
        { "Domains=~.\r\n", false },
        { "\\\n", false },
};

START_TEST(domains_are_found) {
        ck_assert_msg(resolved_conf_has_domains(texts[_i].text) == texts[_i].found, "%s", texts[_i].text);
}
END_TEST

static void put(const char *dir, const char *name, const char *text) {
        char path[128];

        (void) snprintf(path, sizeof(path), "%s/%s", dir, name);
        FILE *file = fopen(path, "we");
        ck_assert_ptr_nonnull(file);
        ck_assert_int_ge(fputs(text, file), 0);
        ck_assert_int_eq(fclose(file), 0);
}

static void drop(const char *dir, const char *name) {
        char path[128];

        (void) snprintf(path, sizeof(path), "%s/%s", dir, name);
        ck_assert_int_eq(remove(path), 0);
}

START_TEST(files_are_read) {
        char dir[] = "/tmp/test-resolved-conf-XXXXXX", drop_ins[64];

        ck_assert_ptr_nonnull(mkdtemp(dir));
        (void) snprintf(drop_ins, sizeof(drop_ins), "%s/resolved.conf.d", dir);
        ck_assert(!resolved_conf_dir_has_domains(dir)); /* nothing there */
        put(dir, "resolved.conf", "Domains=~consul\n");
        ck_assert(resolved_conf_dir_has_domains(dir));
        put(dir, "resolved.conf", "Domains=~.\n");
        ck_assert(!resolved_conf_dir_has_domains(dir));
        ck_assert_int_eq(mkdir(drop_ins, 0755), 0);
        put(drop_ins, "a.conf.old", "Domains=~consul\n");
        put(drop_ins, ".a.conf", "Domains=~consul\n");
        ck_assert(!resolved_conf_dir_has_domains(dir));
        put(drop_ins, "a.conf", "Domains=~consul\n");
        ck_assert(resolved_conf_dir_has_domains(dir));
        drop(drop_ins, "a.conf");
        ck_assert(!resolved_conf_dir_has_domains(dir));
        drop(drop_ins, "a.conf.old");
        drop(drop_ins, ".a.conf");
        ck_assert_int_eq(rmdir(drop_ins), 0);
        /* What cannot be read may have some. */
        ck_assert_int_eq(symlink("resolved.conf.d", drop_ins), 0); /* to itself */
        ck_assert(resolved_conf_dir_has_domains(dir));
        drop(dir, "resolved.conf.d");
        ck_assert(!resolved_conf_dir_has_domains(dir));
        drop(dir, "resolved.conf");
        ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("resolved-conf");
        TCase *t = tcase_create("resolved-conf");

        tcase_add_loop_test(t, domains_are_found, 0, ELEMENTSOF(texts));
        tcase_add_test(t, files_are_read);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
