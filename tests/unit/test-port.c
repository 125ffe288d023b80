/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/port.h"

#include <check.h>
#include <errno.h>
#include <string.h>

#include "basic/macro.h"

static const struct {
        const char *text;
        int r;
        PortRange range;
        const char *formatted;
} ranges[] = {
        { "443", 0, { 443, 443, PROTOCOL_ALL }, "443" },
        { "443/all", 0, { 443, 443, PROTOCOL_ALL }, "443" },
        { "443/TCP", 0, { 443, 443, PROTOCOL_TCP }, "443/tcp" },
        { "8000-8100/udp", 0, { 8000, 8100, PROTOCOL_UDP }, "8000-8100/udp" },
        { "1-65535", 0, { 1, 65535, PROTOCOL_ALL }, "1-65535" },
        { "0/icmp", 0, { 0, 65535, PROTOCOL_ICMP }, "0/icmp" },
        { "8/icmp", -ERANGE, {}, NULL },
        { "0", -ERANGE, {}, NULL },
        { "0/tcp", -ERANGE, {}, NULL },
        { "65536", -ERANGE, {}, NULL },
        { "99999999999999999999", -ERANGE, {}, NULL },
        { "2-1", -ERANGE, {}, NULL },
        { "", -EINVAL, {}, NULL },
        { "/tcp", -EINVAL, {}, NULL },
        { "443/", -EINVAL, {}, NULL },
        { "443/sctp", -EINVAL, {}, NULL },
        { "443/tcp/udp", -EINVAL, {}, NULL },
        { "-1", -EINVAL, {}, NULL },
        { "1-", -EINVAL, {}, NULL },
        { "1-2-3", -EINVAL, {}, NULL },
        { " 1", -EINVAL, {}, NULL },
        { "+1", -EINVAL, {}, NULL },
        { "0x1", -EINVAL, {}, NULL },
        { "abc", -EINVAL, {}, NULL },
};

START_TEST(test_parse) {
        char buf[PORT_TEXT_MAX];
        PortRange r;

        ck_assert_int_eq(port_range_parse(ranges[_i].text, &r), ranges[_i].r);
        if (ranges[_i].r < 0)
                return;
        ck_assert_uint_eq(r.low, ranges[_i].range.low);
        ck_assert_uint_eq(r.high, ranges[_i].range.high);
        ck_assert_uint_eq(r.protocol, ranges[_i].range.protocol);
        ck_assert_str_eq(port_range_format(&r, buf), ranges[_i].formatted);
}
END_TEST

START_TEST(test_union_limit) {
        PortRange ports[RULE_PORTS_MAX + 1], all[RULE_PORTS_MAX];

        for (uint16_t i = 0; i < ELEMENTSOF(ports); i++)
                ports[i] = (PortRange) { .low = (uint16_t) (i + 1), .high = (uint16_t) (i + 1) };
        ck_assert_int_eq(port_ranges_union(ports, 1, ports + 1, RULE_PORTS_MAX - 1, all), RULE_PORTS_MAX);
        ck_assert_int_eq(port_ranges_union(ports, 1, ports + 1, RULE_PORTS_MAX, all), -E2BIG);
        ck_assert_int_eq(port_ranges_union(ports, RULE_PORTS_MAX, ports, RULE_PORTS_MAX, all), RULE_PORTS_MAX);
        ck_assert_int_eq(port_ranges_union(ports, 1, NULL, 0, all), 0);
}
END_TEST

static const struct {
        const char *range;
        uint8_t protocol;
        uint16_t port;
        bool matches;
} matches[] = {
        { "443", PROTOCOL_TCP, 443, true },
        { "443", PROTOCOL_ICMP, 443, false }, /* ICMP has no ports */
        { "443/tcp", PROTOCOL_UDP, 443, false },
        { "443/tcp", PROTOCOL_ALL, 443, true },
        { "8000-8100/udp", PROTOCOL_UDP, 8000, true },
        { "8000-8100/udp", PROTOCOL_UDP, 8100, true },
        { "8000-8100/udp", PROTOCOL_UDP, 8101, false },
        { "8000-8100/udp", PROTOCOL_UDP, 7999, false },
        { "0/icmp", PROTOCOL_ICMP, 0x0800, true },
        { "0/icmp", PROTOCOL_ICMP6, 0, false },
        { "0/icmp", PROTOCOL_TCP, 443, false },
};

START_TEST(test_match) {
        PortRange r;

        ck_assert_int_eq(port_range_parse(matches[_i].range, &r), 0);
        ck_assert(port_range_matches(&r, matches[_i].protocol, matches[_i].port) == matches[_i].matches);
}
END_TEST

static const PortSet judged = {
        .rules = {
                { .rule = 7, .low = 22, .high = 22, .protocol = PROTOCOL_TCP, .action = ACTION_DENY },
                { .rule = 8, .low = 1, .high = 1023, .protocol = PROTOCOL_ALL, .action = ACTION_ALLOW },
                { .rule = 9, .low = 0, .high = 65535, .protocol = PROTOCOL_ICMP, .action = ACTION_ALLOW },
        },
        .n = 3,
};

static const struct {
        uint8_t protocol;
        uint16_t port;
        Action default_action;
        PortVerdict wanted;
} verdicts[] = {
        { PROTOCOL_TCP, 22, ACTION_ALLOW, { ACTION_DENY, CW_REASON_RULE, 7 } },
        { PROTOCOL_UDP, 22, ACTION_DENY, { ACTION_ALLOW, CW_REASON_RULE, 8 } },
        { PROTOCOL_TCP, 1024, ACTION_DENY, { ACTION_DENY, CW_REASON_DEFAULT, RULE_NONE } },
        { PROTOCOL_TCP, 1024, ACTION_ALLOW, { ACTION_ALLOW, CW_REASON_DEFAULT, RULE_NONE } },
        { PROTOCOL_ICMP, 0, ACTION_DENY, { ACTION_ALLOW, CW_REASON_RULE, 9 } },
        { PROTOCOL_ICMP6, 80, ACTION_DENY, { ACTION_DENY, CW_REASON_DEFAULT, RULE_NONE } },
        { 47, 80, ACTION_ALLOW, { ACTION_DENY, CW_REASON_PROTOCOL, RULE_NONE } },
        { 0, 80, ACTION_ALLOW, { ACTION_DENY, CW_REASON_PROTOCOL, RULE_NONE } },
        { 132, 80, ACTION_DENY, { ACTION_DENY, CW_REASON_PROTOCOL, RULE_NONE } },
};

START_TEST(test_judge) {
        PortVerdict v = port_set_judge(&judged, verdicts[_i].default_action, verdicts[_i].protocol, verdicts[_i].port);

        ck_assert_int_eq(v.action, verdicts[_i].wanted.action);
        ck_assert_int_eq(v.reason, verdicts[_i].wanted.reason);
        ck_assert_uint_eq(v.rule, verdicts[_i].wanted.rule);
}
END_TEST

START_TEST(test_protocols) {
        char buf[PORT_TEXT_MAX];
        unsigned judged_protocols = 0;

        for (unsigned i = 0; i < 256; i++) {
                ck_assert_uint_lt(strlen(protocol_to_string((uint8_t) i, buf)), PORT_TEXT_MAX);
                judged_protocols += protocol_is_judged((uint8_t) i);
        }
        ck_assert_uint_eq(judged_protocols, 4);
}
END_TEST

/* Values out of range come from the kernel's records; they have a name too. */
START_TEST(test_words) {
        Action a;
        Mode m;

        ck_assert_str_eq(action_to_string(ACTION_ALLOW), "allow");
        ck_assert_str_eq(mode_to_string(MODE_AUDIT), "audit");
        ck_assert_str_eq(tier_to_string(TIER_AUTOMATIC), "automatic");
        ck_assert_str_eq(reason_to_string(CW_REASON_FAULT), "fault");
        ck_assert_str_eq(reason_to_string((Reason) 200), "unknown");
        ck_assert_int_eq(action_from_string("deny", &a), 0);
        ck_assert_int_eq(a, ACTION_DENY);
        ck_assert_int_eq(action_from_string("Allow", &a), -EINVAL);
        ck_assert_int_eq(mode_from_string("enforce", &m), 0);
        ck_assert_int_eq(m, MODE_ENFORCE);
        ck_assert_int_eq(mode_from_string("", &m), -EINVAL);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("port");
        TCase *t = tcase_create("port");

        tcase_add_loop_test(t, test_parse, 0, ELEMENTSOF(ranges));
        tcase_add_test(t, test_union_limit);
        tcase_add_loop_test(t, test_match, 0, ELEMENTSOF(matches));
        tcase_add_loop_test(t, test_judge, 0, ELEMENTSOF(verdicts));
        tcase_add_test(t, test_protocols);
        tcase_add_test(t, test_words);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
