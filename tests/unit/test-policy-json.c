/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "basic/macro.h"
#include "policy/json-text.h"
#include "policy/policy.h"

static int parse(const char *s, PolicySource *source, PolicyFault *faults, size_t max, size_t *ret_n) {
        *source = (PolicySource) {};
        return policy_source_from_json(source, s, strlen(s), faults, max, ret_n);
}

START_TEST(test_everything) {
        static const char text[] =
                "{\n"
                "  \"defaultAction\": \"allow\", \"mode\": \"audit\",\n"
                "  \"rules\": [\n"
                "    {\"type\": \"hostname\", \"value\": \"GitHub.com\", \"action\": \"allow\",\n"
                "     \"ports\": [443, \"80/tcp\", \"8000-8100/UDP\", \"0/icmp\",\n"
                "               {\"port\": 22, \"protocol\": \"TCP\"}, {\"port\": \"1-9\"},\n"
                "               {\"protocol\": \"icmp\"}], \"allowPrivate\": true},\n"
                "    {\"type\": \"cidr\", \"value\": \"10.1.2.3/8\", \"action\": \"deny\", \"ports\": []}\n"
                "  ],\n"
                "  \"searchDomains\": [\"compute.internal\"],\n"
                "  \"sudoLockdown\": {\"enabled\": true, \"allowCommands\": [\"/usr/bin/kill\"]}\n"
                "}\n";
        PolicySource s;
        size_t n;

        ck_assert_int_eq(parse(text, &s, NULL, 0, &n), 0);
        ck_assert_uint_eq(n, 0);
        ck_assert_uint_eq(s.rules.n, 2);
        _cleanup_free_ char *first = rule_to_string(&s.rules.rules[0]), *second = rule_to_string(&s.rules.rules[1]);
        ck_assert_str_eq(first, "allow github.com:443;80/tcp;8000-8100/udp;0/icmp;22/tcp;1-9");
        ck_assert_str_eq(second, "deny 10.0.0.0/8");
        ck_assert(s.rules.rules[0].allow_private && !s.rules.rules[1].allow_private);
        ck_assert_int_eq(s.default_action, ACTION_ALLOW);
        ck_assert(s.has_mode && s.mode == MODE_AUDIT && s.sudo_lockdown);
        ck_assert_uint_eq(s.n_search_domains, 1);
        ck_assert_str_eq(s.search_domains[0], ".compute.internal");
        policy_source_done(&s);
}
END_TEST

START_TEST(test_defaults) {
        PolicySource s;
        size_t n;

        ck_assert_int_eq(parse("{}", &s, NULL, 0, &n), 0);
        ck_assert_int_eq(s.default_action, ACTION_DENY);
        ck_assert(!s.has_mode && !s.sudo_lockdown);
        ck_assert_uint_eq(s.rules.n, 0);
        policy_source_done(&s);
}
END_TEST

#define RULE(rest) "{\"rules\":[\n{\"type\":\"hostname\",\"value\":\"a.example\",\"action\":\"allow\"" rest "}]}"
#define CIDR(value, rest) "{\"rules\":[\n{\"type\":\"cidr\",\"value\":\"" value "\",\"action\":\"allow\"" rest "}]}"

static const struct {
        const char *text;
        const char *path;
        unsigned line;
} faults[] = {
        /* syntax */
        { "", "$", 0 },
        { " \n ", "$", 0 },
        { "not JSON", "$", 1 },
        { "{\n\"rules\": [,]}", "$", 2 },
        { "{\n\n\"rules\": [}", "$", 3 },
        { "{\"rules\": []", "$", 1 },
        { "{} {}", "$", 1 },
        { "{}}", "$", 1 },
        { "{'rules': []}", "$", 1 },
        { "{\"rules\": [],}", "$", 1 },
        { "/* comment */ {}", "$", 1 },
        { "{\"defaultAction\": \"\xff\"}", "$", 1 },
        { "[[[[[[[[[[[[]]]]]]]]]]]]", "$", 1 },
        { "[]", "$", 1 },
        { "\"rules\"", "$", 1 },
        { "null", "$", 1 },
        { "{\"mode\":\n\"au\tdit\"}", "$.mode", 2 },
        { "{\"mo\x1b" "de\": 1}", "$", 1 },
        { "12", "$", 1 },
        /* keys */
        { "{\"rule\": []}", "$.rule", 1 },
        { "{\"rules\": [],\n\"rules\": []}", "$.rules", 2 },
        { "{\"\\u0072ules\": []}", "$", 1 },
        { RULE(",\"port\":[]"), "$.rules[0].port", 2 },
        { RULE(",\n\"action\":\"deny\""), "$.rules[0].action", 3 },
        { RULE(",\"ports\":[{\"port\":1,\"port\":2}]"), "$.rules[0].ports[0].port", 2 },
        { RULE(",\"ports\":[{\"port\":1,\"x\":2}]"), "$.rules[0].ports[0].x", 2 },
        { "{\"rules\":[{\"value\":\"a.example\",\"action\":\"allow\"}]}", "$.rules[0]", 1 },
        { "{\"rules\":[{\"type\":\"hostname\",\"action\":\"allow\"}]}", "$.rules[0]", 1 },
        { "{\"rules\":[{\"type\":\"hostname\",\"value\":\"a.example\"}]}", "$.rules[0]", 1 },
        /* types */
        { "{\"rules\": {}}", "$.rules", 1 },
        { "{\"rules\": null}", "$.rules", 1 },
        { "{\"rules\": [\n\n1]}", "$.rules[0]", 3 },
        { "{\"defaultAction\": true}", "$.defaultAction", 1 },
        { "{\"searchDomains\": \"a.example\"}", "$.searchDomains", 1 },
        { "{\"sudoLockdown\": true}", "$.sudoLockdown", 1 },
        { "{\"sudoLockdown\": {\"enabled\": 1}}", "$.sudoLockdown.enabled", 1 },
        { RULE(",\"ports\":443"), "$.rules[0].ports", 2 },
        { RULE(",\"ports\":[443.0]"), "$.rules[0].ports[0]", 2 },
        { RULE(",\"ports\":[true]"), "$.rules[0].ports[0]", 2 },
        { RULE(",\"ports\":[NaN]"), "$.rules[0].ports[0]", 2 },
        { RULE(",\"allowPrivate\":1"), "$.rules[0].allowPrivate", 2 },
        /* values */
        { "{\"defaultAction\": \"Allow\"}", "$.defaultAction", 1 },
        { "{\"defaultAction\": \"allow\\u0000\"}", "$.defaultAction", 1 },
        { "{\"mode\": \"off\"}", "$.mode", 1 },
        { "{\"searchDomains\": [\"a.example\", \"co.uk\"]}", "$.searchDomains[1]", 1 },
        { "{\"sudoLockdown\": {\"allowCommands\": [\"/bin/kill -9\"]}}", "$.sudoLockdown.allowCommands[0]", 1 },
        { "{\"sudoLockdown\": {\"allowCommands\": [\"kill\"]}}", "$.sudoLockdown.allowCommands[0]", 1 },
        { "{\"rules\":[{\"type\":\"host\",\"value\":\"a.example\",\"action\":\"allow\"}]}", "$.rules[0].type", 1 },
        { "{\"rules\":[{\"type\":\"cidr\",\"value\":\"a.example\",\"action\":\"allow\"}]}", "$.rules[0].value", 1 },
        { "{\"rules\":[{\"type\":\"hostname\",\"value\":\"10.0.0.1\",\"action\":\"allow\"}]}", "$.rules[0].value", 1 },
        { RULE(",\"ports\":[443,\n0]"), "$.rules[0].ports[1]", 3 },
        { RULE(",\"ports\":[65536]"), "$.rules[0].ports[0]", 2 },
        { RULE(",\"ports\":[-1]"), "$.rules[0].ports[0]", 2 },
        { RULE(",\"ports\":[99999999999999999999999]"), "$.rules[0].ports[0]", 2 },
        { RULE(",\"ports\":[\"443/sctp\"]"), "$.rules[0].ports[0]", 2 },
        { RULE(",\"ports\":[{\"port\":443,\"protocol\":\"sctp\"}]"), "$.rules[0].ports[0]", 2 },
        { RULE(",\"ports\":[{\"port\":\"443/tcp\"}]"), "$.rules[0].ports[0]", 2 },
        { RULE(",\"ports\":[{\"protocol\":\"tcp\"}]"), "$.rules[0].ports[0]", 2 },
        { RULE(",\"ports\":[{}]"), "$.rules[0].ports[0]", 2 },
        { CIDR("10.0.0.0/8", ",\"allowPrivate\":true"), "$.rules[0]", 2 },
        { CIDR("2001:db8::/32", ",\"ports\":[\"0/icmp\"]"), "$.rules[0]", 2 },
};

START_TEST(test_fault) {
        PolicyFault f[2] = {};
        PolicySource s;
        size_t n;

        int r = parse(faults[_i].text, &s, f, ELEMENTSOF(f), &n);
        policy_source_done(&s);
        ck_assert_msg(r == -EINVAL, "%s: %d", faults[_i].text, r);
        ck_assert_msg(n == 1, "%s: %zu faults", faults[_i].text, n);
        ck_assert_str_eq(f[0].path, faults[_i].path);
        ck_assert_msg(f[0].line == faults[_i].line, "%s: line %u", faults[_i].text, f[0].line);
        ck_assert_str_ne(f[0].reason, "");
}
END_TEST

START_TEST(test_all_faults_at_once) {
        static const char text[] = "{\"defaultAction\":\"x\",\n"
                                   "\"rules\":[{\"type\":\"cidr\",\"value\":\"x\",\"action\":\"deny\"},\n"
                                   "{\"type\":\"cidr\",\"value\":\"10.0.0.1\",\"action\":\"deny\",\"ports\":[0,0]}]}";
        PolicyFault f[3] = {};
        PolicySource s;
        size_t n;

        ck_assert_int_eq(parse(text, &s, f, ELEMENTSOF(f), &n), -EINVAL);
        policy_source_done(&s);
        ck_assert_uint_eq(n, 4); /* one more than there is room for */
        ck_assert_str_eq(f[0].path, "$.defaultAction");
        ck_assert_str_eq(f[1].path, "$.rules[0].value");
        ck_assert_uint_eq(f[1].line, 2);
        ck_assert_str_eq(f[2].path, "$.rules[1].ports[0]");
        ck_assert_uint_eq(f[2].line, 3);
}
END_TEST

START_TEST(test_nul_byte) {
        static const char text[] = "{\n}\0{\"rules\":[]}";
        PolicyFault f[1] = {};
        PolicySource s = {};
        size_t n;

        ck_assert_int_eq(policy_source_from_json(&s, text, sizeof(text) - 1, f, 1, &n), -EINVAL);
        ck_assert_uint_eq(f[0].line, 2);
        policy_source_done(&s);
}
END_TEST

START_TEST(test_size_limit) {
        size_t length = POLICY_TEXT_MAX + 1, n;
        _cleanup_free_ char *text = malloc(length);
        PolicySource s = {};

        ck_assert_ptr_nonnull(text);
        memset(text, ' ', length);
        text[0] = '{';
        text[length - 1] = '}';
        ck_assert_int_eq(policy_source_from_json(&s, text, length, NULL, 0, &n), -EINVAL);
        ck_assert_int_eq(policy_source_from_json(&s, text + 1, length - 1, NULL, 0, &n), -EINVAL);
        text[1] = '{';
        ck_assert_int_eq(policy_source_from_json(&s, text + 1, length - 1, NULL, 0, &n), 0);
        policy_source_done(&s);
}
END_TEST

START_TEST(test_too_many_rules) {
        size_t allocated = (size_t) (RULES_MAX + 1) * 64 + 32, length, n;
        _cleanup_free_ char *text = malloc(allocated);
        PolicyFault f[1] = {};
        PolicySource s = {};

        ck_assert_ptr_nonnull(text);
        length = (size_t) snprintf(text, allocated, "{\"rules\":[");
        for (unsigned i = 0; i <= RULES_MAX; i++)
                length += (size_t) snprintf(text + length, allocated - length,
                                            "%s{\"type\":\"cidr\",\"action\":\"deny\",\"value\":\"10.%u.%u.%u\"}",
                                            i == 0 ? "" : ",", i >> 16, i >> 8 & 0xff, i & 0xff);
        length += (size_t) snprintf(text + length, allocated - length, "]}");
        ck_assert_int_eq(policy_source_from_json(&s, text, length, f, 1, &n), -E2BIG);
        ck_assert_uint_eq(n, 1);
        ck_assert_str_eq(f[0].path, "$.rules[200000]");
        policy_source_done(&s);
}
END_TEST

/* Rules are cut out of the text: none is lost, doubled or misplaced, and what is around them counts.
 * _i: their number. */
START_TEST(test_rules_in_order) {
        char text[16384] = "{ \"searchDomains\" : [\"corp.example\"],\n\"rules\" : [ ", value[32];
        char buf[IN_PREFIX_TEXT_MAX];
        PolicyFault f[1] = {};
        PolicySource s;
        size_t n;

        for (int i = 0; i < _i; i++)
                (void) snprintf(text + strlen(text), sizeof(text) - strlen(text),
                                "%s{\"type\":\"cidr\",\"value\":\"10.0.%d.0/24\",\"action\":\"deny\"%s}\n",
                                i == 0 ? "" : " , ", i, i % 7 < 5 ? "" : " ");
        strcat(text, " ], \"mode\" : \"audit\" }\n");
        ck_assert_int_eq(parse(text, &s, f, 1, &n), 0);
        ck_assert_uint_eq(s.rules.n, _i);
        for (int i = 0; i < _i; i++) {
                (void) snprintf(value, sizeof(value), "10.0.%d.0/24", i);
                ck_assert_str_eq(rule_value(&s.rules.rules[i], buf), value);
        }
        ck_assert(s.has_mode && s.mode == MODE_AUDIT);
        ck_assert_uint_eq(s.n_search_domains, 1);
        policy_source_done(&s);

        strcpy(strstr(text, " ], \"mode\""), _i == 0 ? "{}]}" : ",{}]}");
        ck_assert_int_eq(parse(text, &s, f, 1, &n), -EINVAL);
        policy_source_done(&s);
        (void) snprintf(value, sizeof(value), "$.rules[%d]", _i);
        ck_assert_str_eq(f[0].path, value);
        ck_assert_uint_eq(f[0].line, _i + 2);

        strcpy(strstr(text, "{}]}"), "]}"); /* a comma too many, or none */
        ck_assert_int_eq(parse(text, &s, f, 1, &n), _i == 0 ? 0 : -EINVAL);
        policy_source_done(&s);
}
END_TEST

static int count_element(const JsonElement *e, void *userdata) {
        int *n = userdata;

        ck_assert_uint_lt(e->begin, e->end);
        ck_assert(e->string == 0 && e->string_end == 0);
        return ++*n == 3 ? -ECANCELED : 0;
}

static const struct {
        const char *text;
        int r;
        int n;
} elements[] = {
        { "{}", 0, 0 },
        { "[[1], 2]", 0, 0 },
        { "{\"a\": []}", 0, 0 },
        { "{\"a\": [1, [2, 3]], \"ab\": [4], \"b\": {\"a\": [5]}}", 0, 2 },
        { "{\"a\": {\"a\": [1]}}", 0, 0 },
        { "{\"a\": [1, 2, 3, 4]}", -ECANCELED, 3 },
        { "{\"a\": [1, 2, ]}", -EINVAL, 2 },
        { "{\"a\": [1], \"a\": [2]}", -EINVAL, 1 },
        { "{\"a\": [1]} x", -EINVAL, 1 },
};

START_TEST(test_for_each) {
        const char *text = elements[_i].text;
        int n = 0;

        ck_assert_int_eq(json_text_for_each(text, strlen(text), "a", "none", count_element, &n), elements[_i].r);
        ck_assert_int_eq(n, elements[_i].n);
}
END_TEST

typedef struct Strings {
        const char *text;
        char found[64];
} Strings;

static int add_string(const JsonElement *e, void *userdata) {
        Strings *s = userdata;

        if (e->string_end > 0)
                (void) snprintf(s->found + strlen(s->found), sizeof(s->found) - strlen(s->found), "%.*s;",
                                (int) (e->string_end - e->string), s->text + e->string);
        else
                strcat(s->found, "-;");
        return 0;
}

static const struct {
        const char *text;
        const char *found;
} strings[] = {
        { "{\"a\": [{\"k\": \"x\"}, {\"b\": 1, \"k\":\"\"}, {\"k\" : \"y\\\"\" , \"b\": 2}]}", "x;;y\\\";" },
        { "{\"a\": [{\"k\": 1}, {\"k\": [\"x\"]}, {\"b\": {\"k\": \"x\"}}, {}, [{\"k\": \"x\"}], \"k\"]}",
          "-;-;-;-;-;-;" },
        { "{\"b\": [{\"k\": \"z\"}], \"k\": \"z\", \"a\": [{\"k\": \"x\"}], \"kk\": \"z\"}", "x;" },
        { "{\"a\": [{\"b\": [{\"k\": \"z\"}], \"k\": \"x\"}, {\"kk\": \"z\"}]}", "x;-;" },
};

START_TEST(test_for_each_string) {
        Strings s = { .text = strings[_i].text };

        ck_assert_int_eq(json_text_for_each(s.text, strlen(s.text), "a", "k", add_string, &s), 0);
        ck_assert_str_eq(s.found, strings[_i].found);
}
END_TEST

static const struct {
        const char *path;
        unsigned line;
} places[] = {
        { "$", 1 },         { "$.a", 2 },       { "$.a[1]", 4 }, { "$.a[1].b", 5 },
        { "$.a[1].bb", 4 }, { "$.a[12].b", 2 }, { "$.c", 6 },    { "$.none", 1 },
};

START_TEST(test_locate) {
        static const char text[] = "{\n\"a\": [\n1,\n{\n\"b\": 2},3],\n\"c\": \"x\\\"}\"}";

        ck_assert_uint_eq(json_text_locate(text, strlen(text), places[_i].path), places[_i].line);
}
END_TEST

START_TEST(test_many_keys) {
        JsonTextFault f = {};
        char text[1024] = "{";

        for (unsigned i = 0; i < 33; i++)
                (void) snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s\"k%u\":0", i == 0 ? "" : ",", i);
        strcat(text, "}");
        ck_assert_int_eq(json_text_check(text, strlen(text), &f), -EINVAL);
        ck_assert_str_eq(f.reason, "too many keys");
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("policy-json");
        TCase *t = tcase_create("policy-json");

        tcase_set_timeout(t, 60);
        tcase_add_test(t, test_everything);
        tcase_add_test(t, test_defaults);
        tcase_add_loop_test(t, test_fault, 0, ELEMENTSOF(faults));
        tcase_add_test(t, test_all_faults_at_once);
        tcase_add_test(t, test_nul_byte);
        tcase_add_test(t, test_size_limit);
        tcase_add_test(t, test_too_many_rules);
        tcase_add_loop_test(t, test_rules_in_order, 0, 100);
        tcase_add_loop_test(t, test_for_each, 0, ELEMENTSOF(elements));
        tcase_add_loop_test(t, test_for_each_string, 0, ELEMENTSOF(strings));
        tcase_add_loop_test(t, test_locate, 0, ELEMENTSOF(places));
        tcase_add_test(t, test_many_keys);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
