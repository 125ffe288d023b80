/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/family-modules.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "basic/macro.h"

/* The names with blanks between them. */
static const char *joined(const FamilyModules *m) {
        static char text[FAMILY_MODULES_MAX * (FAMILY_MODULE_NAME_MAX + 1)];

        text[0] = '\0';
        for (size_t i = 0; i < m->n; i++)
                (void) strcat(strcat(text, i > 0 ? " " : ""), m->names[i]);
        return text;
}

static const struct {
        const char *aliases, *wanted;
} alias_cases[] = {
        { "", "" },
        { "# Aliases\nalias net-pf-24-proto-1 l2tp_ppp\nalias net-pf-24-proto-0 pppoe\n", "l2tp_ppp pppoe" },
        { "alias net-pf-24 pppox", "pppox" }, /* no line feed at the end */
        { "alias net-pf-21 rds\nalias net-pf-21 rds\nalias net-pf-30 tipc\n", "rds tipc" },
        { "alias\tnet-pf-40   vmw-vsock-x  extra\r\n", "vmw_vsock_x" },
        /* judged, or only for privileged users */
        { "alias net-pf-1 unix\nalias net-pf-2-proto-132 sctp\nalias net-pf-10 ipv6\nalias net-pf-16-proto-9 audit\n"
          "alias net-pf-38 af_alg\nalias net-pf-17 af_packet\nalias net-pf-15 af_key\nalias net-pf-26 llc2\n", "" },
        { "alias net-pf- x\nalias net-pf-x x\nalias net-pf-24\nalias pci:v00001 y\nnet-pf-24 z\nalias", "" },
        { "alias net-pf-99 new_family\n", "new_family" },
};

START_TEST(test_aliases) {
        FamilyModules m = {};

        family_modules_add(&m, alias_cases[_i].aliases, false);
        ck_assert_str_eq(joined(&m), alias_cases[_i].wanted);
}
END_TEST

static const struct {
        const char *config, *wanted;
} block_cases[] = {
        { "", "l2tp_ppp pppoe can_raw" },
        { "blacklist pppoe\n", "l2tp_ppp can_raw" },
        { "# blacklist pppoe\nblacklist pppoe_x\nblacklist\noptions pppoe a=b\n", "l2tp_ppp pppoe can_raw" },
        { "  blacklist\tcan-raw\r\nblacklist l2tp-ppp", "pppoe" },
        { "install pppoe /bin/false\ninstall can_raw /bin/true # no\n", "l2tp_ppp" },
        { "install pppoe /sbin/modprobe --ignore-install pppoe\ninstall can_raw\n", "l2tp_ppp pppoe can_raw" },
        { "blacklist pppoe\nblacklist l2tp_ppp\nblacklist can_raw\nblacklist pppoe\n", "" },
};

START_TEST(test_blocked) {
        FamilyModules m = {};

        family_modules_add(&m, "alias net-pf-24-proto-1 l2tp_ppp\nalias net-pf-24-proto-0 pppoe\nalias net-pf-29-proto-1 can-raw\n", false);
        family_modules_remove_blocked(&m, block_cases[_i].config);
        ck_assert_str_eq(joined(&m), block_cases[_i].wanted);
}
END_TEST

START_TEST(test_bounds) {
        char line[128], name[FAMILY_MODULE_NAME_MAX + 1];
        FamilyModules m = {};

        for (size_t n = FAMILY_MODULE_NAME_MAX - 1; n <= FAMILY_MODULE_NAME_MAX; n++) {
                memset(name, 'm', n);
                name[n] = '\0';
                (void) snprintf(line, sizeof(line), "alias net-pf-24 %s\n", name);
                family_modules_add(&m, line, false);
                ck_assert_uint_eq(m.n, 1); /* the longer one is left out */
        }
        for (unsigned i = 0; i < 2 * FAMILY_MODULES_MAX; i++) {
                (void) snprintf(line, sizeof(line), "alias net-pf-24 m%u\n", i);
                family_modules_add(&m, line, false);
        }
        ck_assert_uint_eq(m.n, FAMILY_MODULES_MAX);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("ctl-family-modules");
        TCase *t = tcase_create("ctl-family-modules");

        tcase_add_loop_test(t, test_aliases, 0, ELEMENTSOF(alias_cases));
        tcase_add_loop_test(t, test_blocked, 0, ELEMENTSOF(block_cases));
        tcase_add_test(t, test_bounds);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
