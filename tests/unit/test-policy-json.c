/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "basic/macro.h"
#include "policy/json-text.h"
#include "policy/policy.h"
#include "policy/record-type.h"

static int parse_bytes(const char *text, size_t length, PolicySource *source, FaultList *ret) {
        *source = (PolicySource) {};
        fault_list_done(ret);
        return policy_source_from_json(source, text, length, ret);
}

static int parse(const char *s, PolicySource *source, FaultList *ret) {
        return parse_bytes(s, strlen(s), source, ret);
}

START_TEST(test_everything) {
        static const char text[] =
                "{\n"
                "  \"defaultAction\": \"allow\", \"mode\": \"audit\",\n"
                "  \"rules\": [\n"
                "    {\"type\": \"hostname\", \"value\": \"GitHub.com\", \"action\": \"allow\",\n"
                "     \"ports\": [443, \"80/tcp\", \"8000-8100/UDP\", \"0/icmp\",\n"
                "               {\"port\": 22, \"protocol\": \"TCP\"}, {\"port\": \"1-9\"},\n"
                "               {\"protocol\": \"icmp\"}], \"allowPrivate\": true, \"types\": [\"TXT\", \"tlsa\"]},\n"
                "    {\"type\": \"cidr\", \"value\": \"10.1.2.3/8\", \"action\": \"deny\", \"ports\": []}\n"
                "  ],\n"
                "  \"searchDomains\": [\"compute.internal\"], \"types\": [\"DS\"],\n"
                "  \"sudoLockdown\": {\"enabled\": true, \"allowCommands\": [\"/usr/bin/kill\"]}\n"
                "}\n";
        _cleanup_(fault_list_done) FaultList list = {};
        PolicySource s;

        ck_assert_int_eq(parse(text, &s, &list), 0);
        ck_assert_uint_eq(fault_list_count(&list), 0);
        ck_assert_uint_eq(s.rules.n, 2);
        ck_assert_uint_eq(s.rules.rules[0].types, record_type_bit(16) | record_type_bit(52));
        ck_assert_uint_eq(s.types, record_type_bit(43));
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
        _cleanup_(fault_list_done) FaultList list = {};
        PolicySource s;

        ck_assert_int_eq(parse("{}", &s, &list), 0);
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
        { "{\n\"rules\": [,]}", "$.rules[0]", 2 },
        { "{\n\n\"rules\": [}", "$.rules[0]", 3 },
        { "{\"rules\": []", "$", 1 },
        { "{} {}", "$", 1 },
        { "{}}", "$", 1 },
        { "{'rules': []}", "$", 1 },
        { "{\"rules\": [],}", "$", 1 },
        { "/* comment */ {}", "$", 1 },
        { "{\"defaultAction\": \"\xff\"}", "$.defaultAction", 1 },
        { "[[[[[[[[[[[[]]]]]]]]]]]]", "$[0][0][0][0][0][0][0][0]", 1 },
        { "{\"rules\": [],\n\"mode\": nul}", "$.mode", 2 },
        { "{\"rules\": [\n{}\n],\n\"mode\": nul}", "$.mode", 4 },
        { "{\"rules\": [\n{\"type\":\nnul}]}", "$.rules[0].type", 3 },
        { "{\"mode\": 1 2}", "$", 1 },
        { "{\"mode\" 1}", "$.mode", 1 },
        { "{\"mode\": \"audit\\x\"}", "$", 1 },
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
        { RULE(",\"types\":\"TXT\""), "$.rules[0].types", 2 },
        { RULE(",\"types\":[1]"), "$.rules[0].types[0]", 2 },
        { "{\"types\": [\"TXT\", 2]}", "$.types[1]", 1 },
        /* values */
        { RULE(",\"types\":[\"MX\"]"), "$.rules[0].types[0]", 2 },
        { "{\"types\": [\"ANY\"]}", "$.types[0]", 1 },
        { CIDR("10.0.0.0/8", ",\"types\":[\"TXT\"]"), "$.rules[0]", 2 },
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
        _cleanup_(fault_list_done) FaultList list = {};
        PolicySource s;

        int r = parse(faults[_i].text, &s, &list);
        policy_source_done(&s);
        ck_assert_msg(r == -EINVAL, "%s: %d", faults[_i].text, r);
        ck_assert_msg(list.n == 1, "%s: %zu faults", faults[_i].text, list.n);
        ck_assert_str_eq(list.faults[0].item, faults[_i].path);
        ck_assert_msg(list.faults[0].line == faults[_i].line, "%s: line %u", faults[_i].text, list.faults[0].line);
        ck_assert_str_ne(list.faults[0].reason, "");
}
END_TEST

#define HOST(value) "{\"type\":\"hostname\",\"value\":\"" value "\",\"action\":\"allow\",\"ports\":[443]}"
#define NET(value) "{\"type\":\"cidr\",\"value\":\"" value "\",\"action\":\"deny\"}"

/* The second of two rules: each is read separately. */
static const struct {
        const char *rules;
        const char *second; /* NULL: it is refused, */
        const char *path;   /* here */
} pairs[] = {
        { HOST("a.example") "," HOST("B.example."), "allow b.example:443", NULL },
        { HOST("a.example") "," HOST("\\u0062.example"), "allow b.example:443", NULL },
        { HOST("a.example") "," HOST("b\\u0000.example"), NULL, "$.rules[1].value" },
        { HOST("a.example") "," HOST("b\xc3\xa9.example"), NULL, "$.rules[1].value" },
        { HOST("a.example") "," HOST("b\xc3.example"), NULL, "$.rules[1].value" },
        { HOST("a.example") "," HOST("b..example"), NULL, "$.rules[1].value" },
        { HOST("a.example") "," HOST("b.example\x01"), NULL, "$.rules[1].value" },
        { HOST("a.example") "," HOST("b.example\\"), NULL, "$.rules[1]" },
        { NET("10.0.0.0/8") ", \n" NET("2001:db8::/32") " ", "deny 2001:db8::/32", NULL },
        { NET("10.0.0.0/8") ",{\"type\":\"cidr\",\"value\":10,\"action\":\"deny\"}", NULL, "$.rules[1].value" },
        { NET("10.0.0.0/8") ",{\"type\":\"cidr\",\"action\":\"deny\"}", NULL, "$.rules[1]" },
        { NET("10.0.0.0/8") ",[]", NULL, "$.rules[1]" },
        { NET("10.0.0.0/8") ",nul", NULL, "$.rules[1]" },
        { NET("10.0.0.0/8") ",0x10", NULL, "$.rules[1]" },
};

START_TEST(test_second_rule) {
        _cleanup_(fault_list_done) FaultList list = {};
        char text[1024];
        PolicySource s;

        (void) snprintf(text, sizeof(text), "{\"rules\":[%s]}", pairs[_i].rules);
        int r = parse(text, &s, &list);
        if (pairs[_i].second) {
                ck_assert_msg(r == 0, "%s: %s", list.faults[0].item, list.faults[0].reason);
                ck_assert_uint_eq(s.rules.n, 2);
                _cleanup_free_ char *second = rule_to_string(&s.rules.rules[1]);
                ck_assert_str_eq(second, pairs[_i].second);
        } else {
                ck_assert_int_eq(r, -EINVAL);
                ck_assert_str_eq(list.faults[0].item, pairs[_i].path);
        }
        policy_source_done(&s);
}
END_TEST

START_TEST(test_all_faults_at_once) {
        static const char text[] = "{\"defaultAction\":\"x\",\n"
                                   "\"rules\":[{\"type\":\"cidr\",\"value\":\"x\",\"action\":\"deny\"},\n"
                                   "{\"type\":\"cidr\",\"value\":\"10.0.0.1\",\"action\":\"deny\",\"ports\":[0,0]}]}";
        _cleanup_(fault_list_done) FaultList list = {};
        PolicySource s;

        ck_assert_int_eq(parse(text, &s, &list), -EINVAL);
        policy_source_done(&s);
        ck_assert_uint_eq(list.n, 4);
        ck_assert_str_eq(list.faults[0].item, "$.defaultAction");
        ck_assert_str_eq(list.faults[1].item, "$.rules[0].value");
        ck_assert_uint_eq(list.faults[1].line, 2);
        ck_assert_str_eq(list.faults[2].item, "$.rules[1].ports[0]");
        ck_assert_uint_eq(list.faults[2].line, 3);
}
END_TEST

START_TEST(test_nul_byte) {
        static const char text[] = "{\n}\0{\"rules\":[]}";
        _cleanup_(fault_list_done) FaultList list = {};
        PolicySource s = {};

        ck_assert_int_eq(parse_bytes(text, sizeof(text) - 1, &s, &list), -EINVAL);
        ck_assert_uint_eq(list.faults[0].line, 2);
        policy_source_done(&s);
}
END_TEST

START_TEST(test_size_limit) {
        _cleanup_(fault_list_done) FaultList list = {};
        size_t length = POLICY_TEXT_MAX + 1;
        _cleanup_free_ char *text = malloc(length);
        PolicySource s = {};

        ck_assert_ptr_nonnull(text);
        memset(text, ' ', length);
        text[0] = '{';
        text[length - 1] = '}';
        ck_assert_int_eq(parse_bytes(text, length, &s, &list), -EINVAL);
        ck_assert_int_eq(parse_bytes(text + 1, length - 1, &s, &list), -EINVAL);
        text[1] = '{';
        ck_assert_int_eq(parse_bytes(text + 1, length - 1, &s, &list), 0);
        policy_source_done(&s);
}
END_TEST

START_TEST(test_too_many_rules) {
        size_t allocated = (size_t) (RULES_MAX + 1) * 64 + 32, length;
        _cleanup_free_ char *text = malloc(allocated);
        _cleanup_(fault_list_done) FaultList list = {};
        PolicySource s = {};

        ck_assert_ptr_nonnull(text);
        length = (size_t) snprintf(text, allocated, "{\"rules\":[");
        for (unsigned i = 0; i <= RULES_MAX; i++)
                length += (size_t) snprintf(text + length, allocated - length,
                                            "%s{\"type\":\"cidr\",\"action\":\"deny\",\"value\":\"10.%u.%u.%u\"}",
                                            i == 0 ? "" : ",", i >> 16, i >> 8 & 0xff, i & 0xff);
        length += (size_t) snprintf(text + length, allocated - length, "]}");
        ck_assert_int_eq(parse_bytes(text, length, &s, &list), -E2BIG);
        ck_assert_uint_eq(fault_list_count(&list), 1);
        ck_assert_str_eq(list.faults[0].item, "$.rules[20000]");
        policy_source_done(&s);
}
END_TEST

/* No rule is lost, doubled or misplaced, and what is around them counts.
 * _i: their number. */
START_TEST(test_rules_in_order) {
        char text[16384] = "{ \"searchDomains\" : [\"corp.example\"],\n\"rules\" : [ ", value[32];
        char buf[IN_PREFIX_TEXT_MAX];
        _cleanup_(fault_list_done) FaultList list = {};
        PolicySource s;

        for (int i = 0; i < _i; i++)
                (void) snprintf(text + strlen(text), sizeof(text) - strlen(text),
                                "%s{\"type\":\"cidr\",\"value\":\"10.0.%d.0/24\",\"action\":\"deny\"%s}\n",
                                i == 0 ? "" : " , ", i, i % 7 < 5 ? "" : " ");
        strcat(text, " ], \"mode\" : \"audit\" }\n");
        ck_assert_int_eq(parse(text, &s, &list), 0);
        ck_assert_uint_eq(s.rules.n, _i);
        for (int i = 0; i < _i; i++) {
                (void) snprintf(value, sizeof(value), "10.0.%d.0/24", i);
                ck_assert_str_eq(rule_value(&s.rules.rules[i], buf), value);
        }
        ck_assert(s.has_mode && s.mode == MODE_AUDIT);
        ck_assert_uint_eq(s.n_search_domains, 1);
        policy_source_done(&s);

        strcpy(strstr(text, " ], \"mode\""), _i == 0 ? "{}]}" : ",{}]}");
        ck_assert_int_eq(parse(text, &s, &list), -EINVAL);
        policy_source_done(&s);
        (void) snprintf(value, sizeof(value), "$.rules[%d]", _i);
        ck_assert_str_eq(list.faults[0].item, value);
        ck_assert_uint_eq(list.faults[0].line, _i + 2);

        strcpy(strstr(text, "{}]}"), "]}"); /* a comma too many, or none */
        ck_assert_int_eq(parse(text, &s, &list), _i == 0 ? 0 : -EINVAL);
        policy_source_done(&s);
}
END_TEST

static const struct {
        const char *path;
        unsigned line;
} places[] = {
        { "$", 1 },         { "$.a", 2 },       { "$.a[1]", 4 },     { "$.a[1].b", 5 },  { "$.a[1].bb", 4 },
        { "$.a[12].b", 2 }, { "$.c", 6 },       { "$.none", 1 },     { "$.a[1].b", 5 },  { "$.a[0]", 3 },
        { "$.a[2]", 5 },    { "$.a[x]", 2 },    { "$.a[1", 2 },      { "$.a.b", 2 },     { "$.", 1 },
        { "", 1 },          { "$.a[1].b.c", 5 }, { "$.d[0][1].e", 7 }, { "$.d[0].e", 6 }, { "$.cc", 1 },
};

static const char text_with_places[] = "{\n\"a\": [\n1,\n{\n\"b\": 2},3],\n\"c\": \"x\\\"}\", \"d\": [[0,{\n\"e\":1}]]}";

START_TEST(test_locate) {
        Fault f = {};

        (void) strcpy(f.item, places[_i].path);
        (void) json_text_locate(text_with_places, strlen(text_with_places), &f, 1);
        ck_assert_uint_eq(f.line, places[_i].line);
}
END_TEST

START_TEST(test_locate_together) {
        Fault all[ELEMENTSOF(places) + 1] = {};

        for (size_t i = 0; i < ELEMENTSOF(places); i++)
                (void) strcpy(all[i].item, places[i].path);
        (void) strcpy(all[ELEMENTSOF(places)].item, "$.c");
        all[ELEMENTSOF(places)].line = 77; /* one that is known stays */
        (void) json_text_locate(text_with_places, strlen(text_with_places), all, ELEMENTSOF(all));
        for (size_t i = 0; i < ELEMENTSOF(places); i++)
                ck_assert_msg(all[i].line == places[i].line, "%s: line %u", places[i].path, all[i].line);
        ck_assert_uint_eq(all[ELEMENTSOF(places)].line, 77);
}
END_TEST

#define FAULTY "{\"type\":\"cidr\",\"value\":\"x\",\"action\":\"deny\"}"

/* As many faults as a document can have, one on each line. */
static char *faulty_document(unsigned n, size_t *ret_length) {
        char *text = malloc(n * (strlen(FAULTY) + 2) + 32);
        size_t length;

        ck_assert_ptr_nonnull(text);
        length = (size_t) sprintf(text, "{\"rules\":[");
        for (unsigned i = 0; i < n; i++)
                length += (size_t) sprintf(text + length, "%s\n" FAULTY, i == 0 ? "" : ",");
        *ret_length = length + (size_t) sprintf(text + length, "]}");
        return text;
}

START_TEST(test_many_faults) {
        _cleanup_(fault_list_done) FaultList list = {};
        PolicySource s = {};
        char path[64];
        size_t length;

        _cleanup_free_ char *text = faulty_document(40000, &length);
        ck_assert_uint_lt(length, POLICY_TEXT_MAX);
        ck_assert_int_eq(parse_bytes(text, length, &s, &list), -EINVAL);
        policy_source_done(&s);
        ck_assert_uint_eq(fault_list_count(&list), 40000);
        for (unsigned i = 0; i < FAULTS_MAX; i++) {
                (void) snprintf(path, sizeof(path), "$.rules[%u].value", i);
                ck_assert_str_eq(list.faults[i].item, path);
                ck_assert_uint_eq(list.faults[i].line, i + 2);
        }
}
END_TEST

/* What is looked at to locate faults does not grow with their number. */
START_TEST(test_locate_is_linear) {
        Fault all[FAULTS_MAX];
        size_t length, n_looked[2];

        _cleanup_free_ char *text = faulty_document(20000, &length);
        for (unsigned round = 0; round < 2; round++) {
                memset(all, 0, sizeof(all));
                for (unsigned i = 0; i < FAULTS_MAX; i++) /* in no order, the last rule among them */
                        (void) snprintf(all[i].item, sizeof(all[i].item), "$.rules[%u].action", i * 7919U % 20000U);
                (void) strcpy(all[1].item, "$.rules[19999]");
                n_looked[round] = json_text_locate(text, length, all, round == 0 ? 2 : FAULTS_MAX);
        }
        ck_assert_uint_le(n_looked[0], 2 * length);
        ck_assert_uint_eq(n_looked[1], n_looked[0]);
        for (unsigned i = 0; i < FAULTS_MAX; i++)
                ck_assert_uint_eq(all[i].line, i == 1 ? 20001 : i * 7919U % 20000U + 2);
}
END_TEST

static int note_element(size_t index, size_t offset, size_t length, void *userdata) {
        char *found = userdata;

        (void) snprintf(found + strlen(found), 64 - strlen(found), "%zu:%zu+%zu ", index, offset, length);
        return index == 2 ? -ECANCELED : 0;
}

static const struct {
        const char *text;
        int r;
        const char *found;
} elements[] = {
        { "{}", 0, "" },
        { "[[1], 2]", 0, "" },
        { "{\"a\": []}", 0, "" },
        { "{\"a\": [1, [2, 3] ], \"ab\": [4], \"b\": {\"a\": [5]}}", 0, "0:7+1 1:10+6 " },
        { "{\"a\": {\"a\": [1]}}", 0, "" },
        { "{\"a\": [1, 2, 3, 4]}", -ECANCELED, "0:7+1 1:10+1 2:13+1 " },
        { "{\"a\": [1, 2, ]}", -EBADMSG, "0:7+1 1:10+1 " },
        { "{\"a\": [1], \"a\": [2]}", -EBADMSG, "0:7+1 " },
        { "{\"a\": [1]} x", -EBADMSG, "0:7+1 " },
};

static int walk(const char *text, size_t length, char found[static 64], FaultList *ret) {
        return json_text_for_each(text, length, "a", note_element, found, ret);
}

/* A few bytes of text must not become gigabytes in json-c. */
START_TEST(test_values_are_bounded) {
        static const struct {
                const char *value;
                unsigned max;
                const char *reason;
        } kinds[] = {
                { "{}", JSON_TEXT_OBJECTS_MAX - 1, "the text has more than 100000 objects" },
                { "0", JSON_TEXT_VALUES_MAX - 2, "the text has more than 500000 values" },
                { "[]", JSON_TEXT_VALUES_MAX - 2, "the text has more than 500000 values" },
        };
        _cleanup_(fault_list_done) FaultList list = {};

        for (size_t i = 0; i < ELEMENTSOF(kinds); i++)
                for (unsigned extra = 0; extra < 2; extra++) {
                        _cleanup_free_ char *text = malloc(kinds[i].max * 3 + 32);
                        size_t length = (size_t) sprintf(text, "{\"a\":[%s", kinds[i].value);

                        for (unsigned k = 1; k < kinds[i].max + extra; k++)
                                length += (size_t) sprintf(text + length, ",%s", kinds[i].value);
                        length += (size_t) sprintf(text + length, "]}");
                        ck_assert_int_eq(json_text_for_each(text, length, "none", note_element, NULL, &list),
                                         extra == 0 ? 0 : -EBADMSG);
                        if (extra > 0)
                                ck_assert_str_eq(list.faults[list.n - 1].reason, kinds[i].reason);
                }
}
END_TEST

START_TEST(test_for_each) {
        const char *text = elements[_i].text;
        char found[64] = "";
        _cleanup_(fault_list_done) FaultList list = {};

        ck_assert_int_eq(walk(text, strlen(text), found, &list), elements[_i].r);
        ck_assert_str_eq(found, elements[_i].found);
}
END_TEST

static const char not_utf8[] = "not JSON: invalid UTF-8 in a string";
static const char control[] = "not JSON: a control character in a string";
static const char endless[] = "not JSON: unterminated string";
static const char missing[] = "not JSON: expected a value";
static const char comment[] = "not JSON: comments are not supported";
static const char single[] = "not JSON: strings need double quotes";
static const char comma[] = "not JSON: a comma after the last element";
static const char no_comma[] = "not JSON: a comma is missing";
static const char not_scalar[] = "not JSON: expected a number, true, false or null";

/* Versions of json-c differ in what strict means, so no answer may be theirs. */
static const struct {
        const char *value, *reason; /* NULL: it is JSON */
} values[] = {
        { "\"\xc3\xa9\"", NULL },
        { "\"\xdf\xbf \xe0\xa0\x80 \xed\x9f\xbf \xee\x80\x80 \xef\xbf\xbf\"", NULL },
        { "\"\xf0\x90\x80\x80 \xf4\x8f\xbf\xbf\"", NULL },
        { "\"\x7f\\u00e9\\\\\"", NULL },
        { "\"\\\"\"", NULL },
        { "\"\x80\"", not_utf8 },
        { "\"\xc3\"", not_utf8 },
        { "\"\xc3", not_utf8 },
        { "\"\xe2\x82\"", not_utf8 },
        { "\"\xc0\x80\"", not_utf8 },
        { "\"\xe0\x9f\xbf\"", not_utf8 },
        { "\"\xed\xa0\x80\"", not_utf8 },
        { "\"\xf0\x8f\xbf\xbf\"", not_utf8 },
        { "\"\xf4\x90\x80\x80\"", not_utf8 },
        { "\"\xf8\x88\x80\x80\x80\"", not_utf8 },
        { "\"\xff\"", not_utf8 },
        { "\"\\\xff\"", not_utf8 },
        { "\"\x1f\"", control },
        { "\"\\\n\"", control },
        { "\"\xc3\xa9", endless },
        { "\"\\\"", endless },
        { "\xc3\xa9", missing },
        { "'a'", single },
        { "/* a */ 1", comment },
        { "# a\n1", comment },
        { "[1, // a\n2]", comment },
        { "[1 /* a */]", comment },
        { "[1, 2 , ]", comma },
        { "{\"a\": 1, }", comma },
        { "[\"a\" \"b\"]", no_comma },
        { "{\"a\": 1 \"b\": 2}", no_comma },
        { "\f1", missing },
        { "true", NULL },
        { "false", NULL },
        { "null", NULL },
        { "True", not_scalar },
        { "NULL", not_scalar },
        { "nul", not_scalar },
        { "nulls", not_scalar },
        { "NaN", not_scalar },
        { "-Infinity", not_scalar },
        { "0", NULL },
        { "-0", NULL },
        { "120", NULL },
        { "-1.05", NULL },
        { "1E5", NULL },
        { "10.0e-07", NULL },
        { "0e+1", NULL },
        { "-", not_scalar },
        { "+1", not_scalar },
        { "00", not_scalar },
        { "-01", not_scalar },
        { ".5", not_scalar },
        { "1.", not_scalar },
        { "1.e1", not_scalar },
        { "1e", not_scalar },
        { "1e+", not_scalar },
        { "1e1.5", not_scalar },
        { "1-1", not_scalar },
        { "0x10", not_scalar },
};

START_TEST(test_json_by_the_letter) {
        _cleanup_(fault_list_done) FaultList list = {};
        const char *value = values[_i].value;
        char found[64] = "";

        int r = walk(value, strlen(value), found, &list);
        ck_assert_msg(r == (values[_i].reason ? -EBADMSG : 0), "%s: %d", value, r);
        if (values[_i].reason)
                ck_assert_str_eq(list.faults[0].reason, values[_i].reason);
}
END_TEST

/* The same from the document's reader: a value that is JSON is of the wrong type, and not more. */
START_TEST(test_json_in_a_document) {
        _cleanup_(fault_list_done) FaultList list = {};
        PolicySource s;
        char text[128];

        (void) snprintf(text, sizeof(text), "{\"rules\":[],\n\"searchDomains\": [%s]}\n", values[_i].value);
        ck_assert_int_eq(parse(text, &s, &list), -EINVAL);
        policy_source_done(&s);
        ck_assert_uint_eq(fault_list_count(&list), 1);
        ck_assert_uint_eq(list.faults[0].line, 2);
        ck_assert_int_eq(strncmp(list.faults[0].reason, "not JSON", strlen("not JSON")) == 0, !!values[_i].reason);
}
END_TEST

START_TEST(test_many_keys) {
        char found[64] = "";
        _cleanup_(fault_list_done) FaultList list = {};
        char text[1024] = "{";

        for (unsigned i = 0; i < 33; i++)
                (void) snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s\"k%u\":0", i == 0 ? "" : ",", i);
        strcat(text, "}");
        ck_assert_int_eq(walk(text, strlen(text), found, &list), -EBADMSG);
        ck_assert_str_eq(list.faults[list.n - 1].reason, "too many keys");
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("policy-json");
        TCase *t = tcase_create("policy-json");

        tcase_set_timeout(t, 60);
        tcase_add_test(t, test_everything);
        tcase_add_test(t, test_defaults);
        tcase_add_loop_test(t, test_fault, 0, ELEMENTSOF(faults));
        tcase_add_loop_test(t, test_second_rule, 0, ELEMENTSOF(pairs));
        tcase_add_test(t, test_all_faults_at_once);
        tcase_add_test(t, test_nul_byte);
        tcase_add_test(t, test_size_limit);
        tcase_add_test(t, test_too_many_rules);
        tcase_add_loop_test(t, test_rules_in_order, 0, 100);
        tcase_add_loop_test(t, test_locate, 0, ELEMENTSOF(places));
        tcase_add_test(t, test_locate_together);
        tcase_add_test(t, test_many_faults);
        tcase_add_test(t, test_locate_is_linear);
        tcase_add_test(t, test_values_are_bounded);
        tcase_add_loop_test(t, test_for_each, 0, ELEMENTSOF(elements));
        tcase_add_loop_test(t, test_json_by_the_letter, 0, ELEMENTSOF(values));
        tcase_add_loop_test(t, test_json_in_a_document, 0, ELEMENTSOF(values));
        tcase_add_test(t, test_many_keys);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
