/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/rule.h"

#include <check.h>
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "basic/macro.h"

static const struct {
        RuleType type;
        const char *text;
        const char *rule; /* what rule_to_string() makes of it; NULL: refused */
} texts[] = {
        { RULE_HOSTNAME, "GitHub.com.:443;80", "allow github.com:443;80" },
        { RULE_HOSTNAME, " github.com : 443 ; 80/tcp ", "allow github.com:443;80/tcp" },
        { RULE_HOSTNAME, "*.example.com:8000-8100/udp", "allow *.example.com:8000-8100/udp" },
        { RULE_HOSTNAME, "github.com:443;443", "allow github.com:443" },
        { RULE_HOSTNAME, "github.com:", "allow github.com" },
        { RULE_HOSTNAME, "github.com:443;", NULL },
        { RULE_HOSTNAME, "github.com:;443", NULL },
        { RULE_HOSTNAME, "github.com:0", NULL },
        { RULE_HOSTNAME, "github.com:80:443", NULL },
        { RULE_HOSTNAME, "github.com:443/sctp", NULL },
        { RULE_HOSTNAME, "github.com/path", NULL },
        { RULE_HOSTNAME, "https://github.com", NULL },
        { RULE_HOSTNAME, "192.0.2.1", NULL },
        { RULE_HOSTNAME, "10.0.0.0/8", NULL },
        { RULE_HOSTNAME, "[::1]:443", NULL },
        { RULE_HOSTNAME, "1.2.3", NULL },
        { RULE_HOSTNAME, "host.7", NULL },
        { RULE_HOSTNAME, "a*b.com", NULL },
        { RULE_HOSTNAME, "", NULL },
        { RULE_HOSTNAME, ":443", NULL },
        { RULE_CIDR, "10.1.2.3/8:443", "allow 10.0.0.0/8:443" },
        { RULE_CIDR, "10.0.0.1:0/icmp;22", "allow 10.0.0.1/32:0/icmp;22" },
        { RULE_CIDR, "2001:db8::/32:443", "allow 2001:db8::/32:443" },
        { RULE_CIDR, "2001:db8::1", "allow 2001:db8::1/128" },
        { RULE_CIDR, "[2001:db8::1]:443/tcp", "allow 2001:db8::1/128:443/tcp" },
        { RULE_CIDR, "[2001:db8::/32]:443", "allow 2001:db8::/32:443" },
        { RULE_CIDR, "[::ffff:10.0.0.1]:0/icmp", "allow 10.0.0.1/32:0/icmp" },
        { RULE_CIDR, "fe80::1:443", "allow fe80::1:443/128" },
        { RULE_CIDR, "[2001:db8::1]:0/icmp", NULL },
        { RULE_CIDR, "[2001:db8::1", NULL },
        { RULE_CIDR, "[2001:db8::1]x", NULL },
        { RULE_CIDR, "[10.0.0.1]:443", NULL },
        { RULE_CIDR, "github.com", NULL },
        { RULE_CIDR, "10.0.0.0/8/8", NULL },
        { RULE_CIDR, "", NULL },
};

/* What is most often wrong is said with what is right. */
static const struct {
        RuleType type;
        const char *text, *reason;
} mistakes[] = {
        { RULE_HOSTNAME, "https://github.com", URL_REFUSED },
        { RULE_HOSTNAME, "https://github.com:443/octo", URL_REFUSED },
        { RULE_CIDR, "tcp://10.0.0.1", URL_REFUSED },
        { RULE_HOSTNAME, "github.com:443,80", "several ports are separated by ';', as in 443;80" },
        { RULE_HOSTNAME, "10.0.0.0/8",
          "an address is not a host name: use a rule of type cidr (--allow-cidr, --deny-cidr)" },
        { RULE_CIDR, "github.com",
          "not an address or a prefix such as 10.0.0.0/8; names are for rules of type hostname (--allow, --deny)" },
};

START_TEST(test_mistakes) {
        RuleList l = {};
        const char *reason = NULL;

        int r = rule_list_add_text(&l, mistakes[_i].type, mistakes[_i].text, ACTION_ALLOW, TIER_USER, &reason);
        ck_assert_int_eq(r, -EINVAL);
        ck_assert_str_eq(reason, mistakes[_i].reason);
        rule_list_done(&l);
}
END_TEST

START_TEST(test_text) {
        RuleList l = {};
        const char *reason = NULL;

        int r = rule_list_add_text(&l, texts[_i].type, texts[_i].text, ACTION_ALLOW, TIER_USER, &reason);
        if (!texts[_i].rule) {
                ck_assert_msg(r == -EINVAL, "%s", texts[_i].text);
                ck_assert_ptr_nonnull(reason);
                ck_assert_uint_eq(l.n, 0);
        } else {
                ck_assert_msg(r == 0, "%s: %s", texts[_i].text, reason);
                _cleanup_free_ char *s = rule_to_string(&l.rules[0]);
                ck_assert_str_eq(s, texts[_i].rule);
                /* What is printed is what is read: the same rule again. */
                ck_assert_int_eq(rule_list_add_text(&l, texts[_i].type, s + strlen("allow "), ACTION_ALLOW, TIER_USER,
                                                    &reason), 0);
                ck_assert_uint_eq(l.n, 1);
        }
        rule_list_done(&l);
}
END_TEST

START_TEST(test_csv) {
        RuleList l = {};
        const char *reason;
        char bad[128] = "";

        ck_assert_int_eq(rule_list_add_csv(&l, RULE_HOSTNAME, " a.example:443 ,, b.example,\n", ACTION_DENY, TIER_USER,
                                           bad, &reason), 0);
        ck_assert_uint_eq(l.n, 2);
        ck_assert_str_eq(l.rules[1].name, "b.example");
        ck_assert_int_eq(l.rules[1].action, ACTION_DENY);
        ck_assert_int_eq(rule_list_add_csv(&l, RULE_HOSTNAME, "c.example,d..example,e.example", ACTION_DENY, TIER_USER,
                                           bad, &reason), -EINVAL);
        ck_assert_str_eq(bad, "d..example");
        rule_list_done(&l);
}
END_TEST

START_TEST(test_csv_long_entry) {
        RuleList l = {};
        const char *reason;
        char bad[128], csv[2048];

        memset(csv, 'a', sizeof(csv) - 1);
        csv[sizeof(csv) - 1] = '\0';
        ck_assert_int_eq(rule_list_add_csv(&l, RULE_HOSTNAME, csv, ACTION_ALLOW, TIER_USER, bad, &reason), -EINVAL);
        ck_assert_uint_eq(strlen(bad), sizeof(bad) - 1);
        rule_list_done(&l);
}
END_TEST

START_TEST(test_merge) {
        static const PortRange tcp = { 443, 443, PROTOCOL_TCP }, udp = { 443, 443, PROTOCOL_UDP };
        RuleList l = {};
        const char *reason;

        ck_assert_int_eq(rule_list_add(&l, RULE_HOSTNAME, "a.example", ACTION_ALLOW, TIER_USER, &tcp, 1, false,
                                       &reason), 0);
        ck_assert_int_eq(rule_list_add(&l, RULE_HOSTNAME, "A.example.", ACTION_ALLOW, TIER_USER, &udp, 1, true,
                                       &reason), 0);
        ck_assert_uint_eq(l.n, 1);
        ck_assert_uint_eq(l.rules[0].n_ports, 2);
        ck_assert(l.rules[0].allow_private);

        ck_assert_int_eq(rule_list_add(&l, RULE_HOSTNAME, "a.example", ACTION_DENY, TIER_USER, NULL, 0, false,
                                       &reason), 0);
        ck_assert_int_eq(rule_list_add(&l, RULE_HOSTNAME, "a.example", ACTION_ALLOW, TIER_AUTOMATIC, NULL, 0, false,
                                       &reason), 0);
        ck_assert_uint_eq(l.n, 3);
        ck_assert_int_eq(rule_list_add(&l, RULE_HOSTNAME, "a.example", ACTION_ALLOW, TIER_USER, NULL, 0, false,
                                       &reason), 0);
        ck_assert_uint_eq(l.n, 3);
        ck_assert_uint_eq(l.rules[0].n_ports, 0);
        rule_list_done(&l);
}
END_TEST

/* Equal is what means the same, however it is written. */
START_TEST(test_merge_networks) {
        static const PortRange http = { 80, 80, PROTOCOL_ALL }, https = { 443, 443, PROTOCOL_ALL };
        static const struct {
                const char *text;
                uint32_t index; /* of the rule that it is */
        } values[] = {
                { "10.0.0.0/8", 0 },      { "10.1.2.3/8", 0 },        { "::ffff:10.0.0.0/104", 0 }, { "10.0.0.0/9", 1 },
                { "10.0.0.0/32", 2 },     { "10.0.0.0", 2 },          { "0.0.0.0/0", 3 },           { "::/0", 4 },
                { "2001:db8::/104", 5 },  { "2001:DB8:0::1/104", 5 }, { "2001:db8::/32", 6 },       { "10.0.0.0/8", 0 },
        };
        char buf[IN_PREFIX_TEXT_MAX];
        RuleList l = {};
        const char *reason;

        for (size_t i = 0; i < ELEMENTSOF(values); i++) {
                bool is_new = values[i].index == l.n;

                ck_assert_int_eq(rule_list_add(&l, RULE_CIDR, values[i].text, ACTION_ALLOW, TIER_USER,
                                               is_new ? &http : &https, 1, false, &reason), 0);
                ck_assert_msg(l.n == values[i].index + 1 || !is_new, "%s", values[i].text);
        }
        ck_assert_uint_eq(l.n, 7);
        ck_assert_uint_eq(l.rules[0].n_ports, 2);
        ck_assert_uint_eq(l.rules[0].ports[1].low, 443);
        ck_assert_uint_eq(l.rules[3].n_ports, 1);
        ck_assert_str_eq(rule_value(&l.rules[0], buf), "10.0.0.0/8");
        ck_assert_str_eq(rule_value(&l.rules[4], buf), "::/0");
        rule_list_done(&l);
}
END_TEST

/* Each rule keeps its own ports, whatever comes after it. */
START_TEST(test_ports_of_many) {
        RuleList l = {};
        const char *reason;
        char value[32];

        for (uint16_t i = 0; i < 1000; i++) {
                PortRange ports[3];

                for (uint16_t k = 0; k < i % 4; k++)
                        ports[k] = (PortRange) { (uint16_t) (i + k + 1), (uint16_t) (i + k + 1), PROTOCOL_TCP };
                (void) snprintf(value, sizeof(value), "10.%u.%u.0/24", i >> 8, i & 0xff);
                ck_assert_int_eq(rule_list_add(&l, RULE_CIDR, value, ACTION_DENY, TIER_USER, ports, i % 4, false,
                                               &reason), 0);
        }
        rule_list_seal(&l);
        for (uint16_t i = 0; i < 1000; i++) {
                ck_assert_uint_eq(l.rules[i].n_ports, i % 4);
                for (uint16_t k = 0; k < i % 4; k++)
                        ck_assert_uint_eq(l.rules[i].ports[k].low, i + k + 1);
        }
        rule_list_done(&l);
}
END_TEST

START_TEST(test_ports_limit) {
        PortRange ports[RULE_PORTS_MAX + 1];
        RuleList l = {};
        const char *reason;

        for (uint16_t i = 0; i < ELEMENTSOF(ports); i++)
                ports[i] = (PortRange) { .low = (uint16_t) (i + 1), .high = (uint16_t) (i + 1) };
        ck_assert_int_eq(rule_list_add(&l, RULE_CIDR, "10.0.0.0/8", ACTION_ALLOW, TIER_USER, ports,
                                       RULE_PORTS_MAX + 1, false, &reason), -E2BIG);
        ck_assert_int_eq(rule_list_add(&l, RULE_CIDR, "10.0.0.0/8", ACTION_ALLOW, TIER_USER, ports, RULE_PORTS_MAX,
                                       false, &reason), 0);
        ck_assert_int_eq(rule_list_add(&l, RULE_CIDR, "10.0.0.0/8", ACTION_ALLOW, TIER_USER, ports + RULE_PORTS_MAX, 1,
                                       false, &reason), -E2BIG);
        ck_assert_uint_eq(l.rules[0].n_ports, RULE_PORTS_MAX);
        rule_list_done(&l);
}
END_TEST

/* Finding equals is not a walk over the list: this would take minutes. */
START_TEST(test_many) {
        RuleList l = {};
        const char *reason;
        char value[32];

        for (unsigned round = 0; round < 2; round++)
                for (unsigned i = 0; i < RULES_MAX; i++) {
                        (void) snprintf(value, sizeof(value), "10.%u.%u.%u", i >> 16, i >> 8 & 0xff, i & 0xff);
                        ck_assert_int_eq(rule_list_add(&l, RULE_CIDR, value, ACTION_ALLOW, TIER_USER, NULL, 0, false,
                                                       &reason), 0);
                }
        ck_assert_uint_eq(l.n, RULES_MAX);
        ck_assert_int_eq(rule_list_add(&l, RULE_CIDR, "11.0.0.0", ACTION_ALLOW, TIER_USER, NULL, 0, false, &reason),
                         -E2BIG);
        rule_list_done(&l);
}
END_TEST

static size_t longest_run(const RuleList *l) {
        size_t longest = 0, n = 0;

        for (size_t i = 0; i < l->n_slots; i++) {
                n = l->slots[i] == RULE_NONE ? 0 : n + 1;
                longest = n > longest ? n : longest;
        }
        return longest;
}

#define SEED ((uint64_t) RULE_CIDR << 16 | (uint64_t) ACTION_DENY << 8 | TIER_USER)

/* Who chooses the values cannot choose their slots: these are made for one slot of a multiplicative hash without a key,
 * and 20,000 of them took 200 million comparisons. */
START_TEST(test_chosen_values) {
        const RuleOptions options = {};
        const uint64_t c = 0x9e3779b97f4a7c15ULL, half = 0x20010db800000000ULL;
        uint64_t inverse = c, t = (0xcbf29ce484222325ULL ^ SEED ^ 128 ^ half) * c;
        RuleValue value = { .type = RULE_CIDR, .prefix.length = 128 };
        RuleList l = {};
        const char *reason;

        t ^= t >> 32;
        for (unsigned i = 0; i < 6; i++)
                inverse *= 2 - c * inverse; /* Newton: the correct bits double */
        for (uint64_t i = 1; i <= RULES_MAX; i++) {
                uint64_t halves[2] = { htobe64(half), htobe64((i << 32 | i) * inverse ^ t) };

                memcpy(value.prefix.addr.b, halves, sizeof(halves));
                ck_assert_int_eq(rule_list_add_value(&l, &value, ACTION_DENY, TIER_USER, NULL, 0, &options, &reason), 0);
        }
        ck_assert_uint_eq(l.n, RULES_MAX);
        ck_assert_uint_lt(longest_run(&l), 1000);
        rule_list_done(&l);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("rule");
        TCase *t = tcase_create("rule");

        tcase_set_timeout(t, 60);
        tcase_add_loop_test(t, test_text, 0, ELEMENTSOF(texts));
        tcase_add_loop_test(t, test_mistakes, 0, ELEMENTSOF(mistakes));
        tcase_add_test(t, test_csv);
        tcase_add_test(t, test_csv_long_entry);
        tcase_add_test(t, test_merge);
        tcase_add_test(t, test_merge_networks);
        tcase_add_test(t, test_ports_of_many);
        tcase_add_test(t, test_ports_limit);
        tcase_add_test(t, test_many);
        tcase_add_test(t, test_chosen_values);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
