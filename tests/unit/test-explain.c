/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/explain.h"

#include <check.h>
#include <errno.h>
#include <string.h>

#include "basic/macro.h"

static const struct {
        const char *text;
        const char *host; /* NULL: refused */
        uint16_t port;
        uint8_t protocol;
} destinations[] = {
        { "GitHub.com", "github.com", 443, PROTOCOL_TCP },
        { "github.com:22", "github.com", 22, PROTOCOL_TCP },
        { "github.com./udp", "github.com", 443, PROTOCOL_UDP },
        { "192.0.2.1", "192.0.2.1", 443, PROTOCOL_TCP },
        { "192.0.2.1:53/udp", "192.0.2.1", 53, PROTOCOL_UDP },
        { "10.0.0.1/icmp", "10.0.0.1", 0, PROTOCOL_ICMP },
        { "2001:db8::1", "2001:db8::1", 443, PROTOCOL_TCP },
        { "[2001:db8::1]", "2001:db8::1", 443, PROTOCOL_TCP },
        { "[2001:db8::1]:443/udp", "2001:db8::1", 443, PROTOCOL_UDP },
        { "2001:db8::1/icmp", "2001:db8::1", 0, PROTOCOL_ICMP6 },
        { "[::ffff:192.0.2.1]:80", "192.0.2.1", 80, PROTOCOL_TCP },
        { "", NULL, 0, 0 },
        { ":443", NULL, 0, 0 },
        { "github.com:", NULL, 0, 0 },
        { "github.com:0", NULL, 0, 0 },
        { "github.com:65536", NULL, 0, 0 },
        { "github.com:80-90", NULL, 0, 0 },
        { "github.com:80/sctp", "github.com", 80, 132 },
        { "[2001:db8::1]:7/udplite", "2001:db8::1", 7, 136 },
        { "github.com:80/dccp", NULL, 0, 0 },
        { "github.com/", NULL, 0, 0 },
        { "github.com:22/icmp", NULL, 0, 0 },
        { "*.github.com", NULL, 0, 0 },
        { "10.0.0.0/8", NULL, 0, 0 },
        { "[github.com]:443", NULL, 0, 0 },
        { "[192.0.2.1]:443", NULL, 0, 0 },
        { "[2001:db8::1", NULL, 0, 0 },
        { "[2001:db8::1]443", NULL, 0, 0 },
        { "fe80::g", NULL, 0, 0 },
};

START_TEST(test_destination) {
        Destination d;
        const char *reason = NULL;
        char buf[IN_ADDR_TEXT_MAX];

        int r = destination_parse(destinations[_i].text, &d, &reason);
        if (!destinations[_i].host) {
                ck_assert_msg(r == -EINVAL, "%s", destinations[_i].text);
                ck_assert_ptr_nonnull(reason);
                return;
        }
        ck_assert_msg(r == 0, "%s: %s", destinations[_i].text, reason);
        ck_assert_str_eq(d.name[0] != '\0' ? d.name : in_addr_format(&d.addr, buf), destinations[_i].host);
        ck_assert_uint_eq(d.port, destinations[_i].port);
        ck_assert_uint_eq(d.protocol, destinations[_i].protocol);
}
END_TEST

START_TEST(test_destination_too_long) {
        char text[1024];
        Destination d;
        const char *reason;

        memset(text, 'a', sizeof(text) - 1);
        text[sizeof(text) - 1] = '\0';
        ck_assert_int_eq(destination_parse(text, &d, &reason), -EINVAL);
}
END_TEST

static Policy *make_policy(Action default_action) {
        PolicySource source = { .default_action = default_action };
        Policy *p = NULL;
        const char *reason;
        char bad[128];

        ck_assert_int_eq(rule_list_add_csv(&source.rules, RULE_HOSTNAME, "github.com:443", ACTION_ALLOW, TIER_USER, bad,
                                           &reason), 0);                                              /* 0 */
        ck_assert_int_eq(rule_list_add_csv(&source.rules, RULE_HOSTNAME, "evil.github.com", ACTION_DENY, TIER_USER, bad,
                                           &reason), 0);                                              /* 1 */
        ck_assert_int_eq(rule_list_add_csv(&source.rules, RULE_CIDR, "192.0.2.0/24:80,2001:db8::/32", ACTION_ALLOW,
                                           TIER_AUTOMATIC, bad, &reason), 0);                         /* 2, 3 */
        ck_assert_int_eq(rule_list_add_csv(&source.rules, RULE_CIDR, "192.0.2.128/25", ACTION_DENY, TIER_USER, bad,
                                           &reason), 0);                                              /* 4 */
        ck_assert_int_eq(policy_source_add_search_domain(&source, "compute.internal", &reason), 0);
        ck_assert_int_eq(policy_new(&source, &p), 0);
        return p;
}

static const struct {
        const char *destination;
        const char *via;
        Action default_action;
        Action verdict;
        Reason reason;
        int rule;
        bool name_refused;
        const char *sentence; /* in enforce mode */
} explanations[] = {
        { "github.com", NULL, ACTION_DENY, ACTION_ALLOW, CW_REASON_RULE, 0, false,
          "github.com:443/tcp is allowed by the rule \"allow github.com:443\". The name itself may be looked up." },
        { "github.com:22", NULL, ACTION_DENY, ACTION_DENY, CW_REASON_DEFAULT, -1, false,
          "github.com:22/tcp is denied: no rule matches; the default action is deny. The name itself may be "
          "looked up." },
        { "evil.github.com", NULL, ACTION_DENY, ACTION_DENY, CW_REASON_RULE, 1, true,
          "evil.github.com:443/tcp is denied at its DNS query by the rule \"deny evil.github.com\"." },
        { "other.example", NULL, ACTION_DENY, ACTION_DENY, CW_REASON_DEFAULT, -1, true,
          "other.example:443/tcp is denied at its DNS query: no rule matches; the default action is deny." },
        { "other.example", NULL, ACTION_ALLOW, ACTION_ALLOW, CW_REASON_DEFAULT, -1, false,
          "other.example:443/tcp is allowed: no rule matches; the default action is allow. The name itself may "
          "be looked up." },
        { "host.compute.internal", NULL, ACTION_DENY, ACTION_DENY, CW_REASON_DEFAULT, -1, false,
          "host.compute.internal:443/tcp is denied: no rule matches; the default action is deny. The name "
          "itself may be looked up." },
        { "192.0.2.1:80", NULL, ACTION_DENY, ACTION_ALLOW, CW_REASON_RULE, 2, false,
          "192.0.2.1:80/tcp is allowed by the automatic rule \"allow 192.0.2.0/24:80\"." },
        { "192.0.2.200:80", NULL, ACTION_DENY, ACTION_DENY, CW_REASON_RULE, 4, false,
          "192.0.2.200:80/tcp is denied by the rule \"deny 192.0.2.128/25\"." },
        { "[2001:db8::1]:80/udp", NULL, ACTION_DENY, ACTION_ALLOW, CW_REASON_RULE, 3, false,
          "[2001:db8::1]:80/udp is allowed by the automatic rule \"allow 2001:db8::/32\"." },
        { "2001:db8::1/icmp", NULL, ACTION_DENY, ACTION_ALLOW, CW_REASON_RULE, 3, false,
          "2001:db8::1/icmp is allowed by the automatic rule \"allow 2001:db8::/32\"." },
        { "203.0.113.1", NULL, ACTION_DENY, ACTION_DENY, CW_REASON_DEFAULT, -1, false,
          "203.0.113.1:443/tcp is denied: no rule matches; the default action is deny." },
        { "203.0.113.1", "api.github.com", ACTION_DENY, ACTION_ALLOW, CW_REASON_RULE, 0, false,
          "203.0.113.1:443/tcp is allowed by the rule \"allow github.com:443\"." },
        { "192.0.2.200", "github.com", ACTION_DENY, ACTION_DENY, CW_REASON_RULE, 4, false,
          "192.0.2.200:443/tcp is denied by the rule \"deny 192.0.2.128/25\"." },
        { "203.0.113.1", "evil.github.com", ACTION_DENY, ACTION_DENY, CW_REASON_RULE, 1, true,
          "203.0.113.1:443/tcp is denied at its DNS query by the rule \"deny evil.github.com\"." },
        { "192.0.2.1:53/udp", NULL, ACTION_ALLOW, ACTION_DENY, CW_REASON_DNS, -1, false,
          "192.0.2.1:53/udp is denied: DNS traffic is redirected to the proxy, which answers for the names "
          "that the policy allows." },
        { "127.0.0.1:53", NULL, ACTION_ALLOW, ACTION_DENY, CW_REASON_DNS, -1, false,
          "127.0.0.1:53/tcp is denied: DNS traffic is redirected to the proxy, which answers for the names "
          "that the policy allows." },
        { "192.0.2.1:80", "host.compute.internal", ACTION_DENY, ACTION_ALLOW, CW_REASON_RULE, 2, false,
          "192.0.2.1:80/tcp is allowed by the automatic rule \"allow 192.0.2.0/24:80\"." },
        { "10.0.0.1", "host.compute.internal", ACTION_DENY, ACTION_DENY, CW_REASON_DEFAULT, -1, false,
          "10.0.0.1:443/tcp is denied: no rule matches; the default action is deny." },
        { "10.0.0.1", "github.com", ACTION_DENY, ACTION_DENY, CW_REASON_DNS, -1, true,
          "10.0.0.1:443/tcp is denied at its DNS query: a name may resolve to a private address only if its rule has "
          "allowPrivate or a cidr rule allows the address." },
        { "[64:ff9b::a00:1]:443", "github.com", ACTION_ALLOW, ACTION_DENY, CW_REASON_DNS, -1, true,
          "[64:ff9b::a00:1]:443/tcp is denied at its DNS query: a name may resolve to a private address only if its "
          "rule has allowPrivate or a cidr rule allows the address." },
        { "127.0.0.1:8080", "other.example", ACTION_ALLOW, ACTION_DENY, CW_REASON_DNS, -1, true,
          "127.0.0.1:8080/tcp is denied at its DNS query: a name may resolve to a private address only if its rule has "
          "allowPrivate or a cidr rule allows the address." },
        { "127.0.0.1:53", "other.example", ACTION_ALLOW, ACTION_DENY, CW_REASON_DNS, -1, false,
          "127.0.0.1:53/tcp is denied: DNS traffic is redirected to the proxy, which answers for the names "
          "that the policy allows." },
        { "127.0.0.1:8080", NULL, ACTION_DENY, ACTION_ALLOW, CW_REASON_LOCAL, -1, false,
          "127.0.0.1:8080/tcp is allowed: loopback traffic stays on this host." },
        { "[::1]:8080", NULL, ACTION_DENY, ACTION_ALLOW, CW_REASON_LOCAL, -1, false,
          "[::1]:8080/tcp is allowed: loopback traffic stays on this host." },
        { "0.0.0.0:80", NULL, ACTION_DENY, ACTION_ALLOW, CW_REASON_LOCAL, -1, false,
          "0.0.0.0:80/tcp is allowed: loopback traffic stays on this host." },
        { "[::]:80/udp", NULL, ACTION_DENY, ACTION_ALLOW, CW_REASON_LOCAL, -1, false,
          "[::]:80/udp is allowed: loopback traffic stays on this host." },
        { "[::1:0:0:0]:80", NULL, ACTION_DENY, ACTION_DENY, CW_REASON_DEFAULT, -1, false,
          "[::1:0:0:0]:80/tcp is denied: no rule matches; the default action is deny." },
        { "192.0.2.1:80/sctp", NULL, ACTION_ALLOW, ACTION_DENY, CW_REASON_PROTOCOL, -1, false,
          "192.0.2.1:80/sctp is denied: no rule allows other protocols than TCP, UDP and ICMP." },
        { "127.0.0.1:80/sctp", NULL, ACTION_DENY, ACTION_ALLOW, CW_REASON_LOCAL, -1, false,
          "127.0.0.1:80/sctp is allowed: loopback traffic stays on this host." },
        { "github.com:443/udplite", NULL, ACTION_DENY, ACTION_DENY, CW_REASON_PROTOCOL, -1, false,
          "github.com:443/udplite is denied: no rule allows other protocols than TCP, UDP and ICMP." },
};

START_TEST(test_explain) {
        Policy *p = make_policy(explanations[_i].default_action);
        Explanation e, audit;
        Destination d;
        const char *reason;
        char buf[1024];

        ck_assert_int_eq(destination_parse(explanations[_i].destination, &d, &reason), 0);
        ck_assert_int_eq(policy_explain(p, MODE_ENFORCE, &d, explanations[_i].via, &e), 0);
        ck_assert_int_eq(e.verdict, explanations[_i].verdict);
        ck_assert_int_eq(e.action, e.verdict);
        ck_assert_int_eq(e.reason, explanations[_i].reason);
        ck_assert_int_eq((int) e.rule, explanations[_i].rule);
        ck_assert(e.name_refused == explanations[_i].name_refused);
        ck_assert_int_eq(e.tier, e.rule == 2 || e.rule == 3 ? TIER_AUTOMATIC : TIER_USER);
        int n = explanation_format(p, &d, &e, buf, sizeof(buf));
        ck_assert_str_eq(buf, explanations[_i].sentence);
        ck_assert_int_eq(n, (int) strlen(buf));
        ck_assert_int_eq(explanation_format(p, &d, &e, buf, 8), n);
        ck_assert_uint_eq(strlen(buf), 7);

        /* Audit differs in what happens, never in the verdict. */
        ck_assert_int_eq(policy_explain(p, MODE_AUDIT, &d, explanations[_i].via, &audit), 0);
        ck_assert_int_eq(audit.action, ACTION_ALLOW);
        (void) explanation_format(p, &d, &audit, buf, sizeof(buf));
        ck_assert((strstr(buf, "In audit mode") != NULL) == (e.verdict == ACTION_DENY && (e.reason != CW_REASON_DNS || e.rebinding)));
        ck_assert_int_eq(policy_explain(p, MODE_OFF, &d, explanations[_i].via, &audit), 0);
        ck_assert_int_eq(audit.action, ACTION_ALLOW);
        audit.action = e.action;
        ck_assert(audit.verdict == e.verdict && audit.reason == e.reason && audit.rule == e.rule);
        policy_free(p);
}
END_TEST

/* A lease is explained as its entry in the kernel is made: by each name that counts. */
START_TEST(test_explain_leased) {
        Policy *p = make_policy(ACTION_DENY);
        NameVerdict none, allowed;
        const NameVerdict *names[] = { &none, &allowed };
        const char *reason;
        Explanation e;
        Destination d;

        policy_match_name(p, "host.compute.internal", &none);
        policy_match_name(p, "github.com", &allowed);
        ck_assert_int_eq(destination_parse("203.0.113.1", &d, &reason), 0);
        ck_assert_int_eq(policy_explain_leased(p, MODE_ENFORCE, &d, names, 0, &e), 0);
        ck_assert(e.verdict == ACTION_DENY && e.reason == CW_REASON_DEFAULT);
        ck_assert_int_eq(policy_explain_leased(p, MODE_ENFORCE, &d, names, 1, &e), 0);
        ck_assert(e.verdict == ACTION_DENY && e.reason == CW_REASON_DEFAULT);
        ck_assert_int_eq(policy_explain_leased(p, MODE_ENFORCE, &d, names, 2, &e), 0);
        ck_assert(e.verdict == ACTION_ALLOW && e.reason == CW_REASON_RULE && e.rule == 0);
        ck_assert_int_eq(policy_explain_leased(p, MODE_AUDIT, &d, NULL, -EPERM, &e), 0);
        ck_assert(e.verdict == ACTION_DENY && e.action == ACTION_ALLOW && e.rebinding && !e.name_refused);
        ck_assert_int_eq(destination_parse("127.0.0.1", &d, &reason), 0);
        ck_assert_int_eq(policy_explain_leased(p, MODE_ENFORCE, &d, NULL, -EPERM, &e), 0);
        ck_assert(e.verdict == ACTION_ALLOW && e.reason == CW_REASON_LOCAL);
        policy_free(p);
}
END_TEST

/* What is known at run time, in words. */
START_TEST(test_explain_known) {
        Policy *p = make_policy(ACTION_DENY);
        Explanation e;
        Destination d;
        const char *reason;
        char buf[1024];

        ck_assert_int_eq(destination_parse("github.com/icmp", &d, &reason), 0);
        ck_assert_int_eq(policy_explain(p, MODE_ENFORCE, &d, NULL, &e), 0);
        e.unasked = true;
        (void) explanation_format(p, &d, &e, buf, sizeof(buf));
        ck_assert_ptr_nonnull(strstr(buf, " Its addresses are not known until then: rules for them count, too."));
        e.n_addrs = 1;
        ck_assert_int_eq(in_addr_parse("2001:db8::7", &e.addr), 0);
        (void) explanation_format(p, &d, &e, buf, sizeof(buf));
        ck_assert_str_eq(buf, "github.com/icmp is denied: no rule matches; the default action is deny. Judged by its address, 2001:db8::7.");
        e.n_addrs = 3;
        e.n_allowed = 2;
        e.resolver_refuses = true;
        (void) explanation_format(p, &d, &e, buf, sizeof(buf));
        ck_assert_ptr_nonnull(strstr(buf, "by its 3 addresses, of which 2 are allowed; the first of these verdicts is for 2001:db8::7."
                                          RESOLVER_REFUSES));

        destination_set_addr(&d, &e.addr);
        ck_assert(d.name[0] == '\0' && d.protocol == PROTOCOL_ICMP6);
        e = (Explanation) { .verdict = ACTION_ALLOW, .action = ACTION_ALLOW, .reason = CW_REASON_LOCAL, .rule = RULE_NONE,
                            .own_addr = true };
        (void) explanation_format(p, &d, &e, buf, sizeof(buf));
        ck_assert_str_eq(buf, "2001:db8::7/icmp is allowed: it is an address of this machine. In another network namespace, as a "
                              "container's, the policy denies it.");
        policy_free(p);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("explain");
        TCase *t = tcase_create("explain");

        tcase_add_loop_test(t, test_destination, 0, ELEMENTSOF(destinations));
        tcase_add_test(t, test_destination_too_long);
        tcase_add_loop_test(t, test_explain, 0, ELEMENTSOF(explanations));
        tcase_add_test(t, test_explain_leased);
        tcase_add_test(t, test_explain_known);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
