/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "basic/macro.h"
#include "policy/explain.h"
#include "policy/lint.h"

#define ALLOW "\"action\":\"allow\",\"ports\":[\"443/tcp\"]"

static const struct {
        const char *rules, *found;
} cases[] = {
        { "", "" },
        { "{\"type\":\"hostname\",\"value\":\"github.com\"," ALLOW "}", "" },
        { "{\"type\":\"hostname\",\"value\":\"*.cdn.example\"," ALLOW "}", "" },
        { "{\"type\":\"hostname\",\"value\":\"**\"," ALLOW "}", "0:every-name" },
        { "{\"type\":\"hostname\",\"value\":\"*\"," ALLOW "}", "0:every-name" },
        { "{\"type\":\"hostname\",\"value\":\"com\"," ALLOW "}", "0:public-suffix" },
        { "{\"type\":\"hostname\",\"value\":\"**.co.uk\"," ALLOW "}", "0:public-suffix" },
        { "{\"type\":\"hostname\",\"value\":\"a.*.co.uk\"," ALLOW "}", "0:public-suffix" },
        { "{\"type\":\"hostname\",\"value\":\"localhost\"," ALLOW "}", "" },
        { "{\"type\":\"hostname\",\"value\":\"github.io\"," ALLOW "}", "0:shared-domain" },
        { "{\"type\":\"hostname\",\"value\":\"*.github.io\"," ALLOW "}", "0:shared-domain" },
        { "{\"type\":\"hostname\",\"value\":\"acme.github.io\"," ALLOW "}", "" },
        { "{\"type\":\"hostname\",\"value\":\"**.blob.core.windows.net\"," ALLOW "}", "0:shared-domain" },
        { "{\"type\":\"hostname\",\"value\":\"**.amazonaws.com\"," ALLOW "}", "0:whole-cloud" },
        { "{\"type\":\"hostname\",\"value\":\"googleapis.com\"," ALLOW "}", "0:whole-cloud" },
        { "{\"type\":\"hostname\",\"value\":\"sts.eu-west-1.amazonaws.com\"," ALLOW "}", "" },
        /* What is denied may be wide. */
        { "{\"type\":\"hostname\",\"value\":\"**.co.uk\",\"action\":\"deny\"}", "" },
        { "{\"type\":\"cidr\",\"value\":\"0.0.0.0/0\",\"action\":\"deny\"}", "" },
        { "{\"type\":\"cidr\",\"value\":\"52.0.0.0/10\"," ALLOW "}", "0:wide-network" },
        { "{\"type\":\"cidr\",\"value\":\"203.0.0.0/16\"," ALLOW "}", "" },
        { "{\"type\":\"cidr\",\"value\":\"10.0.0.0/8\"," ALLOW "}", "" },
        { "{\"type\":\"cidr\",\"value\":\"10.0.0.0/7\"," ALLOW "}", "0:wide-network" },
        { "{\"type\":\"cidr\",\"value\":\"224.0.0.0/4\"," ALLOW "}", "" },
        { "{\"type\":\"cidr\",\"value\":\"fd01::/16\"," ALLOW "}", "" },
        { "{\"type\":\"cidr\",\"value\":\"2600::/12\"," ALLOW "}", "0:wide-network" },
        { "{\"type\":\"cidr\",\"value\":\"fc00::/7\",\"action\":\"allow\",\"ports\":[\"80/tcp\"]}", "0:metadata" },
        { "{\"type\":\"cidr\",\"value\":\"169.254.0.0/16\",\"action\":\"allow\",\"ports\":[\"80/tcp\"]}", "0:metadata" },
        { "{\"type\":\"cidr\",\"value\":\"169.254.169.254\",\"action\":\"allow\",\"ports\":[\"80/tcp\"]}", "" },
        { "{\"type\":\"cidr\",\"value\":\"169.254.0.0/16\",\"action\":\"allow\",\"ports\":[\"80/tcp\"]},"
          "{\"type\":\"cidr\",\"value\":\"169.254.169.254\",\"action\":\"deny\"}", "" },
        { "{\"type\":\"hostname\",\"value\":\"a.example\",\"action\":\"allow\"}", "0:no-ports" },
        { "{\"type\":\"hostname\",\"value\":\"a.example\",\"action\":\"allow\",\"ports\":[\"443/udp\"]}", "0:udp-443" },
        { "{\"type\":\"hostname\",\"value\":\"a.example\",\"action\":\"allow\",\"ports\":[443]}", "0:udp-443" },
        { "{\"type\":\"hostname\",\"value\":\"a.example\",\"action\":\"allow\",\"ports\":[\"400-500/udp\"]}", "0:udp-443" },
        { "{\"type\":\"hostname\",\"value\":\"a.example\",\"action\":\"allow\",\"ports\":[80]}", "" },
        { "{\"type\":\"cidr\",\"value\":\"127.0.0.0/8\"," ALLOW "}", "0:loopback" },
        { "{\"type\":\"cidr\",\"value\":\"::1\",\"action\":\"deny\"}", "0:loopback" },
        { "{\"type\":\"cidr\",\"value\":\"192.0.2.53\",\"action\":\"allow\",\"ports\":[\"53/udp\",\"53/tcp\"]}", "0:dns-port" },
        { "{\"type\":\"hostname\",\"value\":\"a.example\"," ALLOW "},"
          "{\"type\":\"hostname\",\"value\":\"a.example\",\"action\":\"deny\"}", "0:denied:1" },
        { "{\"type\":\"hostname\",\"value\":\"a.example\"," ALLOW "},"
          "{\"type\":\"hostname\",\"value\":\"a.example\",\"action\":\"deny\",\"ports\":[\"443/udp\"]}", "" },
        { "{\"type\":\"cidr\",\"value\":\"192.0.2.0/24\",\"action\":\"deny\",\"ports\":[443]},"
          "{\"type\":\"cidr\",\"value\":\"192.0.2.7/24\"," ALLOW "}", "1:denied:0" },
        { "{\"type\":\"hostname\",\"value\":\"A.example.\"," ALLOW "},{\"type\":\"hostname\",\"value\":\"a.example\"," ALLOW "}",
          "1:repeated:0" },
        { "{\"type\":\"hostname\",\"value\":\"a.example\"," ALLOW "},"
          "{\"type\":\"hostname\",\"value\":\"a.example\",\"action\":\"allow\",\"ports\":[\"1-600/tcp\"]}", "0:repeated:1" },
        { "{\"type\":\"hostname\",\"value\":\"a.example\"," ALLOW "},"
          "{\"type\":\"hostname\",\"value\":\"a.example\",\"allowPrivate\":true," ALLOW "}", "0:repeated:1" },
        /* Between patterns, the place counts. */
        { "{\"type\":\"hostname\",\"value\":\"a.*.example\"," ALLOW "},"
          "{\"type\":\"hostname\",\"value\":\"a.*.example\",\"action\":\"allow\",\"ports\":[\"1-600/tcp\"]}", "" },
        { "{\"type\":\"hostname\",\"value\":\"a.*.example\"," ALLOW "},{\"type\":\"hostname\",\"value\":\"a.*.example\"," ALLOW "}",
          "1:repeated:0" },
        { "{\"type\":\"hostname\",\"value\":\"b.a.example\"," ALLOW "},{\"type\":\"hostname\",\"value\":\"a.example\"," ALLOW "}",
          "0:covered:1" },
        { "{\"type\":\"hostname\",\"value\":\"b.a.example\",\"action\":\"allow\",\"ports\":[\"22/tcp\"]},"
          "{\"type\":\"hostname\",\"value\":\"a.example\"," ALLOW "}", "" },
        { "{\"type\":\"hostname\",\"value\":\"b.a.example\"," ALLOW "},{\"type\":\"hostname\",\"value\":\"a.example\"," ALLOW "},"
          "{\"type\":\"hostname\",\"value\":\"*.a.example\",\"action\":\"deny\"}", "" },
        { "{\"type\":\"hostname\",\"value\":\"*.a.example\"," ALLOW "},{\"type\":\"hostname\",\"value\":\"a.example\"," ALLOW "}",
          "0:outranked:1" },
        { "{\"type\":\"cidr\",\"value\":\"192.0.2.0/25\"," ALLOW "},{\"type\":\"cidr\",\"value\":\"192.0.2.0/24\"," ALLOW "}",
          "0:covered:1" },
        { "{\"type\":\"cidr\",\"value\":\"192.0.2.0/25\"," ALLOW "},"
          "{\"type\":\"cidr\",\"value\":\"192.0.2.0/24\",\"action\":\"deny\"}", "" },
};

static LintReport lint(const char *rules, char *text, size_t size) {
        LintReport r;

        int n = snprintf(text, size, "{\n\"rules\": [%s]\n}", rules);
        ck_assert_int_lt(n, (int) size);
        ck_assert_msg(policy_lint(text, (size_t) n, &r) == 0, "%s", text);
        return r;
}

START_TEST(test_cases) {
        char text[4096], found[512] = "", reason[LINT_TEXT_MAX], advice[LINT_TEXT_MAX];
        LintReport r = lint(cases[_i].rules, text, sizeof(text));
        size_t n = 0;

        for (size_t i = 0; i < r.n; i++) {
                const LintFinding *f = &r.findings[i];

                n += (size_t) snprintf(found + n, sizeof(found) - n, "%s%u:%s", i > 0 ? " " : "", f->rule, lint_kind_to_string(f->kind));
                if (f->other != RULE_NONE)
                        n += (size_t) snprintf(found + n, sizeof(found) - n, ":%u", f->other);
                ck_assert_uint_eq(f->line, 2);
                (void) lint_reason(f, reason);
                (void) lint_advice(f, advice);
                ck_assert_msg(!strchr(reason, '%') && !strchr(advice, '%') && strlen(reason) > 10 && strlen(advice) > 5, "%s", reason);
                snprintf(text, sizeof(text), "$.rules[%u]", f->other);
                ck_assert((strstr(reason, "$.rules[") != NULL) == (f->other != RULE_NONE));
                ck_assert(f->other == RULE_NONE || strstr(reason, text));
        }
        ck_assert_msg(strcmp(found, cases[_i].found) == 0, "%s\nwanted %s, got %s", cases[_i].rules, cases[_i].found, found);
        lint_report_done(&r);
}
END_TEST

START_TEST(test_lines_and_limit) {
        static char text[2 * LINT_FINDINGS_MAX * 80];
        size_t n = (size_t) sprintf(text, "{ \"rules\": [\n");
        LintReport r;

        for (int i = 0; i < LINT_FINDINGS_MAX + 5; i++)
                n += (size_t) sprintf(text + n, "%s{\"type\":\"hostname\",\"value\":\"n%d.example\",\"action\":\"allow\"}\n", i > 0 ? "," : "", i);
        n += (size_t) sprintf(text + n, "]}");
        ck_assert_int_eq(policy_lint(text, n, &r), 0);
        ck_assert_uint_eq(r.n, LINT_FINDINGS_MAX);
        ck_assert_uint_eq(r.n_more, 5);
        ck_assert_uint_eq(r.n_rules, LINT_FINDINGS_MAX + 5);
        ck_assert_uint_eq(r.findings[0].line, 2);
        ck_assert_uint_eq(r.findings[999].line, 1001);
        lint_report_done(&r);
        ck_assert_int_eq(policy_lint(text, n - 1, &r), -EINVAL);
        ck_assert_int_eq(policy_lint("{}", 2, &r), 0);
        ck_assert_uint_eq(r.n, 0);
        lint_report_done(&r);
}
END_TEST

/* ------------------------------------------------------------------ what is said is true */

#define RULES 6

static uint32_t next(uint32_t *state) {
        *state = *state * 1664525U + 1013904223U;
        return *state >> 16;
}

static void make_rule(uint32_t *state, char *buf, size_t size) {
        static const char *const names[] = {
                "x.example", "a.x.example", "b.a.x.example", "*.x.example", "**.x.example", "*.a.x.example", "a.*.example", "b.x.example",
        };
        static const char *const networks[] = { "10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24", "203.0.113.0/24", "203.0.113.0/25", "203.0.0.0/16" };
        static const char *const ports[] = { "", ",\"ports\":[\"443/tcp\"]", ",\"ports\":[443]", ",\"ports\":[\"1-500/tcp\",\"443/udp\"]",
                                             ",\"ports\":[53]", ",\"ports\":[\"0/icmp\"]" };
        bool named = next(state) % 3 > 0, allow = next(state) % 3 > 0;

        snprintf(buf, size, "{\"type\":\"%s\",\"value\":\"%s\",\"action\":\"%s\"%s%s}", named ? "hostname" : "cidr",
                 named ? names[next(state) % ELEMENTSOF(names)] : networks[next(state) % ELEMENTSOF(networks)],
                 allow ? "allow" : "deny", ports[next(state) % ELEMENTSOF(ports)],
                 named && next(state) % 4 == 0 ? ",\"allowPrivate\":true" : "");
}

/* All rules but skip, or all. */
static Policy *compile(char rules[RULES][256], int skip, char *text, size_t size) {
        PolicySource source = {};
        FaultList faults = {};
        Policy *p = NULL;
        size_t n = (size_t) snprintf(text, size, "{\"rules\":[");

        for (int i = 0, k = 0; i < RULES; i++)
                if (i != skip)
                        n += (size_t) snprintf(text + n, size - n, "%s%s", k++ > 0 ? "," : "", rules[i]);
        n += (size_t) snprintf(text + n, size - n, "]}");
        ck_assert_msg(policy_source_from_json(&source, text, n, &faults) == 0, "%s", text);
        ck_assert_int_eq(policy_new(&source, &p), 0);
        fault_list_done(&faults);
        policy_source_done(&source);
        return p;
}

/* Names and addresses, with what leads to them; every verdict of both policies. */
static void compare_verdicts(const Policy *a, const Policy *b, const char *what) {
        static const char *const names[] = {
                "example", "x.example", "a.x.example", "b.x.example", "b.a.x.example", "c.a.x.example", "c.b.a.x.example", "a.y.example",
                "b.a.y.example", "c.x.example", "d.c.x.example", NULL,
        };
        static const char *const places[] = {
                "203.0.113.5:443", "203.0.113.5:443/udp", "203.0.113.200:80", "203.0.1.1:443", "203.0.1.1:22", "10.1.2.3:443", "10.1.3.3:443",
                "10.2.3.3:600", "203.0.113.5/icmp", "198.51.100.1:443", "198.51.100.1:80",
        };

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                for (size_t k = 0; k < ELEMENTSOF(places); k++) {
                        Explanation x, y;
                        Destination d;
                        const char *reason;

                        ck_assert_int_eq(destination_parse(places[k], &d, &reason), 0);
                        ck_assert_int_eq(policy_explain(a, MODE_ENFORCE, &d, names[i], &x), 0);
                        ck_assert_int_eq(policy_explain(b, MODE_ENFORCE, &d, names[i], &y), 0);
                        ck_assert_msg(x.verdict == y.verdict && x.name_refused == y.name_refused, "%s %s: %s", names[i] ?: "", places[k], what);
                }
}

/* A rule that is said to have no effect can be removed: in random policies, no verdict changes. */
START_TEST(test_no_effect) {
        unsigned n_found[_LINT_KIND_MAX] = {};

        for (uint32_t seed = 1; seed <= 600; seed++) {
                char rules[RULES][256], text[4096], without_text[4096], what[4400];
                uint32_t state = seed;
                LintReport r;

                for (int i = 0; i < RULES; i++)
                        make_rule(&state, rules[i], sizeof(rules[i]));
                Policy *p = compile(rules, -1, text, sizeof(text));
                ck_assert_int_eq(policy_lint(text, strlen(text), &r), 0);
                for (size_t i = 0; i < r.n; i++) {
                        const LintFinding *f = &r.findings[i];

                        n_found[f->kind]++;
                        if (f->kind != LINT_COVERED && f->kind != LINT_REPEATED && f->kind != LINT_OUTRANKED)
                                continue;
                        Policy *without = compile(rules, (int) f->rule, without_text, sizeof(without_text));
                        snprintf(what, sizeof(what), "%u %s %s", f->rule, lint_kind_to_string(f->kind), text);
                        compare_verdicts(p, without, what);
                        policy_free(without);
                }
                lint_report_done(&r);
                policy_free(p);
        }
        ck_assert_uint_gt(n_found[LINT_COVERED], 5);
        ck_assert_uint_gt(n_found[LINT_REPEATED], 5);
        ck_assert_uint_gt(n_found[LINT_OUTRANKED], 5);
        ck_assert_uint_gt(n_found[LINT_DENIED], 5);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("lint");
        TCase *t = tcase_create("lint");

        tcase_set_timeout(t, 60);
        tcase_add_loop_test(t, test_cases, 0, ELEMENTSOF(cases));
        tcase_add_test(t, test_lines_and_limit);
        tcase_add_test(t, test_no_effect);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
