/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/policy-diff.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#define HOST(value, action, more) "{\"type\":\"hostname\",\"value\":\"" value "\",\"action\":\"" action "\"" more "}"
#define CIDR(value, action, more) "{\"type\":\"cidr\",\"value\":\"" value "\",\"action\":\"" action "\"" more "}"
#define PORTS(list) ",\"ports\":[" list "]"
#define RULES(list) "{\"rules\":[" list "]}"

static const struct {
        const char *old, *new;
        const char *changes; /* one per line */
} cases[] = {
        { "{}", "{}", "" },
        { "{}", "{ \"rules\" : [ ] }", "" },
        { RULES(HOST("a.example", "allow", "") "," HOST("b.example", "deny", "")),
          RULES(HOST("b.example", "deny", "") "," HOST("A.Example.", "allow", "")), "" },
        { RULES(HOST("a.example", "allow", PORTS("443,80"))),
          RULES(HOST("a.example", "allow", PORTS("80,443,80"))), "" },
        /* merged where it is loaded: the same policy */
        { RULES(HOST("a.example", "allow", PORTS("443")) "," HOST("a.example", "allow", PORTS("80"))),
          RULES(HOST("a.example", "allow", PORTS("443,80"))), "" },
        { RULES(HOST("a.example", "allow", PORTS("443"))), RULES(HOST("a.example", "allow", PORTS("80"))),
          "- allow a.example:443\n+ allow a.example:80\n" },
        { RULES(HOST("a.example", "allow", PORTS("443"))), RULES(HOST("a.example", "allow", "")),
          "- allow a.example:443\n+ allow a.example\n" },
        { RULES(HOST("a.example", "allow", PORTS("\"443/tcp\""))),
          RULES(HOST("a.example", "allow", PORTS("\"443/udp\""))),
          "- allow a.example:443/tcp\n+ allow a.example:443/udp\n" },
        { RULES(HOST("a.example", "allow", "")), RULES(HOST("a.example", "deny", "")),
          "- allow a.example\n+ deny a.example\n" },
        { RULES(CIDR("10.1.2.3/8", "deny", "")), RULES(CIDR("10.0.0.0/8", "deny", "") "," CIDR("::/0", "deny", "")),
          "+ deny ::/0\n" },
        { RULES(HOST("a.example", "allow", ",\"allowPrivate\":true")), RULES(HOST("a.example", "allow", "")),
          "- allow a.example (allowPrivate)\n+ allow a.example\n" },
        { RULES(HOST("c.example", "allow", "") "," HOST("a.example", "allow", "") "," HOST("b.example", "deny", "")),
          RULES(HOST("z.example", "allow", "") "," HOST("a.example", "allow", "") "," HOST("y.example", "deny", "")),
          "- allow c.example\n- deny b.example\n+ allow z.example\n+ deny y.example\n" },
        { "{\"mode\":\"audit\",\"defaultAction\":\"allow\"}", "{\"mode\":\"enforce\"}",
          "- mode: audit\n+ mode: enforce\n- defaultAction: allow\n+ defaultAction: deny\n" },
        { "{}", "{\"mode\":\"enforce\"}", "- mode: not set\n+ mode: enforce\n" },
        { "{\"searchDomains\":[\"corp.example\",\"a.example\"]}", "{\"searchDomains\":[\"a.example\",\"lab.example\"]}",
          "- searchDomains: .corp.example\n+ searchDomains: .lab.example\n" },
        { "{\"sudoLockdown\":{\"enabled\":true}}", "{}",
          "- sudoLockdown: {\"enabled\":true}\n+ sudoLockdown: not set\n" },
};

static void parse(const char *text, PolicySource *ret) {
        _cleanup_(fault_list_done) FaultList faults = {};

        int r = policy_source_from_json(ret, text, strlen(text), &faults);
        ck_assert_msg(r == 0, "%s: %s: %s", text, faults.faults[0].item, faults.faults[0].reason);
}

static void diff_text(const char *a, const char *b, char *buf, size_t size) {
        PolicySource old = {}, new = {};
        PolicyDiff d = {};
        size_t n = 0;

        parse(a, &old);
        parse(b, &new);
        ck_assert_int_eq(policy_diff_keys(&d, a, b), 0);
        ck_assert_int_eq(policy_diff(&d, &old, &new), 0);
        buf[0] = '\0';
        for (size_t i = 0; i < d.n; i++)
                n += (size_t) snprintf(buf + n, size - n, "%c %s\n", d.changes[i].sign, d.changes[i].text);
        policy_diff_done(&d);
        policy_source_done(&old);
        policy_source_done(&new);
}

START_TEST(test_cases) {
        char buf[1024];

        diff_text(cases[_i].old, cases[_i].new, buf, sizeof(buf));
        ck_assert_str_eq(buf, cases[_i].changes);
}
END_TEST

/* As many lines of each sign the other way round. */
START_TEST(test_symmetric) {
        char there[1024], back[1024];
        int balance = 0;

        diff_text(cases[_i].old, cases[_i].new, there, sizeof(there));
        diff_text(cases[_i].new, cases[_i].old, back, sizeof(back));
        ck_assert_uint_eq(strlen(there), strlen(back));
        for (const char *p = there; *p; p = strchr(p, '\n') + 1)
                balance += *p == '-' ? 1 : -1;
        for (const char *p = back; *p; p = strchr(p, '\n') + 1)
                balance += *p == '-' ? 1 : -1;
        ck_assert_int_eq(balance, 0);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("ctl-policy-diff");
        TCase *t = tcase_create("ctl-policy-diff");

        tcase_add_loop_test(t, test_cases, 0, ELEMENTSOF(cases));
        tcase_add_loop_test(t, test_symmetric, 0, ELEMENTSOF(cases));
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
