/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "policy/policy.h"
#include "policy/rule-shape.h"

/* ------------------------------------------------------------------ one after the other */

#define RULE(before, value, behind) "{" before "\"value\":\"" value "\"" behind "}"
#define HOST(value) RULE("\"type\":\"hostname\",", value, ",\"action\":\"allow\",\"ports\":[443]")
#define NET(value) RULE("\"type\":\"cidr\",", value, ",\"action\":\"deny\"")

/* The second rule is written like the first, or nearly. */
static const struct {
        const char *rules;
        const char *second; /* NULL: it is refused, */
        const char *path;   /* here */
} documents[] = {
        { HOST("a.example") "," HOST("B.example."), "allow b.example:443", NULL },
        { HOST("a.example") "," HOST("*.b.example"), "allow *.b.example:443", NULL },
        { HOST("a.example") "," HOST("\\u0062.example"), "allow b.example:443", NULL },
        { HOST("\\u0061.example") "," HOST("b.example"), "allow b.example:443", NULL },
        { HOST("a.example") "," HOST("b\\u0000.example"), NULL, "$.rules[1].value" },
        { HOST("a.example") "," HOST("b\xc3\xa9.example"), NULL, "$.rules[1].value" },
        { HOST("a.example") "," HOST("b\xc3.example"), NULL, "$" },
        { HOST("a.example") "," HOST("b..example"), NULL, "$.rules[1].value" },
        { HOST("a.example") "," HOST("10.0.0.1"), NULL, "$.rules[1].value" },
        { HOST("a.example") "," HOST(""), NULL, "$.rules[1].value" },
        { HOST("a.example") "," HOST("b.example\x01"), NULL, "$.rules[1].value" },
        { HOST("a.example") "," HOST("b.example\\"), NULL, "$" },
        { NET("10.0.0.0/8") "," NET("11.1.2.3/8"), "deny 11.0.0.0/8", NULL },
        { NET("10.0.0.0/8") "," NET("2001:db8::/32"), "deny 2001:db8::/32", NULL },
        { NET("10.0.0.0/8") "," NET("11.0.0.0/33"), NULL, "$.rules[1].value" },
        { NET("10.0.0.0/8") "," HOST("b.example"), "allow b.example:443", NULL },
        { NET("10.0.0.0/8") ",{\"type\":\"cidr\",\"value\":10,\"action\":\"deny\"}", NULL, "$.rules[1].value" },
        { NET("10.0.0.0/8") ",{\"type\":\"cidr\",\"value\":\"11.0.0.0/8\",\"action\":\"deny\",}", NULL, "$" },
        { NET("10.0.0.0/8") ",{\"type\":\"cidr\",\"action\":\"deny\"}", NULL, "$.rules[1]" },
        { NET("10.0.0.0/8") ","
          RULE("\"type\":\"cidr\",", "11.0.0.0/8", ",\"action\":\"deny\",\"value\":\"12.0.0.0/8\""), NULL,
          "$.rules[1].value" },
        { RULE("", "10.0.0.0/8", ",\"type\":\"cidr\",\"action\":\"deny\",\"ports\":[{\"port\":1}]") ","
          RULE("", "11.0.0.0/8", ",\"type\":\"cidr\",\"action\":\"deny\",\"ports\":[{\"value\":\"1\"}]"), NULL,
          "$.rules[1].ports[0].value" },
        { RULE("\"type\":\"cidr\",", "10.0.0.0/8", ",\"action\":\"deny\",\"ports\":[\"0/icmp\"]") ","
          RULE("\"type\":\"cidr\",", "2001:db8::/32", ",\"action\":\"deny\",\"ports\":[\"0/icmp\"]"), NULL,
          "$.rules[1]" },
};

START_TEST(test_second) {
        PolicySource s = {};
        PolicyFault f[1] = {};
        char text[1024];
        size_t n;

        (void) snprintf(text, sizeof(text), "{\"rules\":[%s]}", documents[_i].rules);
        int r = policy_source_from_json(&s, text, strlen(text), f, 1, &n);
        if (documents[_i].second) {
                ck_assert_msg(r == 0, "%s: %s", f[0].path, f[0].reason);
                ck_assert_uint_eq(s.rules.n, 2);
                _cleanup_free_ char *second = rule_to_string(&s.rules.rules[1]);
                ck_assert_str_eq(second, documents[_i].second);
        } else {
                ck_assert_int_eq(r, -EINVAL);
                ck_assert_str_eq(f[0].path, documents[_i].path);
        }
        policy_source_done(&s);
}
END_TEST

/* A name as long as they get, and a byte more. */
START_TEST(test_long_values) {
        char text[2048], name[RULE_SHAPE_VALUE_MAX + 2] = "";
        PolicySource s = {};
        PolicyFault f[1];
        size_t n;

        while (strlen(name) < 252)
                strcat(name, "a.");
        strcat(name, "a.");
        for (int i = 0; i < 3; i++) {
                (void) snprintf(text, sizeof(text), "{\"rules\":[" HOST("a.example") "," HOST("%s%s") "]}", name,
                                i == 0 ? "" : i == 1 ? "a" : "aa");
                ck_assert_int_eq(policy_source_from_json(&s, text, strlen(text), f, 1, &n), i == 0 ? 0 : -EINVAL);
                policy_source_done(&s);
        }
}
END_TEST

/* More kinds than are kept, each more than once. */
START_TEST(test_many_kinds) {
        static char text[400000];
        PolicySource s = {};
        PolicyFault f[1];
        char expected[64];
        size_t n, length = (size_t) sprintf(text, "{\"rules\":[");

        for (unsigned i = 0; i < 4000; i++)
                length += (size_t) sprintf(text + length, "%s{\"type\":\"cidr\",\"value\":\"10.0.%u.%u\",\"action\":"
                                                          "\"allow\",\"ports\":[%u]}", i == 0 ? "" : ",", i >> 8,
                                           i & 0xff, 1 + i % 1000);
        (void) sprintf(text + length, "]}");
        ck_assert_int_eq(policy_source_from_json(&s, text, strlen(text), f, 1, &n), 0);
        ck_assert_uint_eq(s.rules.n, 4000);
        for (unsigned i = 0; i < 4000; i++) {
                _cleanup_free_ char *rule = rule_to_string(&s.rules.rules[i]);
                (void) snprintf(expected, sizeof(expected), "allow 10.0.%u.%u/32:%u", i >> 8, i & 0xff, 1 + i % 1000);
                ck_assert_str_eq(rule, expected);
        }
        policy_source_done(&s);
}
END_TEST

/* ------------------------------------------------------------------ what is found again */

static int take_element(const JsonElement *e, void *userdata) {
        JsonElement **next = userdata;

        *(*next)++ = *e;
        return 0;
}

static const struct {
        const char *rules; /* the second is looked for after the first was added */
        bool found;
} pairs[] = {
        { "{\"value\":\"a\"},{\"value\":\"bcd\"}", true },
        { "{\"value\":\"\"},{\"value\":\"b\"}", true },
        { "{\"x\":1, \"value\" : \"a\" , \"y\":[2]} , {\"x\":1, \"value\" : \"b\" , \"y\":[2]}", true },
        { "{\"value\":\"a\"},{\"value\":\"b\" }", false },
        { "{\"value\":\"a\"},{ \"value\":\"b\"}", false },
        { "{\"value\":\"a\",\"x\":1},{\"value\":\"b\",\"x\":2}", false },
        { "{\"value\":\"a\",\"x\":1},{\"value\":\"b\",\"x\":1,\"y\":1}", false },
        { "{\"value\":\"a\"},{\"value\":\"\\\"\"}", false },
        { "{\"value\":\"\\n\"},{\"value\":\"b\"}", false },
        { "{\"value\":\"a\"},{\"value\":\"\x7f\"}", false },
        { "{\"value\":\"a\"},{\"value\":\"\xc3\xa9\"}", false },
        { "{\"value\":1},{\"value\":1}", false },
        { "{\"x\":{\"value\":\"a\"}},{\"x\":{\"value\":\"a\"}}", false },
        { "[\"value\"],[\"value\"]", false },
        { "\"value\",\"value\"", false },
};

START_TEST(test_find) {
        _cleanup_(rule_shapes_freep) RuleShapes *s = NULL;
        const RuleText rule = { .value = "a", .type = RULE_CIDR, .n_ports = 1, .ports = { { 1, 2, PROTOCOL_TCP } } };
        char text[256], buf[RULE_SHAPE_VALUE_MAX + 1];
        JsonElement e[2] = {}, *next = e;
        RuleText found = {};

        (void) snprintf(text, sizeof(text), "{\"rules\":[%s]}", pairs[_i].rules);
        ck_assert_int_eq(json_text_for_each(text, strlen(text), "rules", "value", take_element, &next), 0);
        ck_assert(next == e + 2);
        ck_assert_int_eq(rule_shapes_new(text, &s), 0);
        ck_assert(!rule_shapes_find(s, &e[0], buf, &found));
        rule_shapes_add(s, &e[0], &rule);
        ck_assert(rule_shapes_find(s, &e[1], buf, &found) == pairs[_i].found);
        if (!pairs[_i].found)
                return;
        ck_assert(found.type == RULE_CIDR && found.n_ports == 1 && found.ports[0].high == 2);
        ck_assert(strncmp(found.value, text + e[1].string, e[1].string_end - e[1].string) == 0);
        ck_assert_uint_eq(strlen(found.value), e[1].string_end - e[1].string);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("rule-shape");
        TCase *t = tcase_create("rule-shape");

        tcase_add_loop_test(t, test_second, 0, ELEMENTSOF(documents));
        tcase_add_test(t, test_long_values);
        tcase_add_test(t, test_many_kinds);
        tcase_add_loop_test(t, test_find, 0, ELEMENTSOF(pairs));
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
