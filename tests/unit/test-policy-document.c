/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/policy-document.h"

#include <stdio.h>
#include <string.h>

#include <check.h>

/* *ret_fault: the first. */
static int parse(const char *s, const char *name, PolicyDocument *d, Fault *ret_fault, size_t *ret_n) {
        _cleanup_(fault_list_done) FaultList list = {};

        *d = (PolicyDocument) {};
        int r = policy_document_from_json(d, s, strlen(s), name, &list);
        *ret_n = fault_list_count(&list);
        if (list.n > 0 && ret_fault)
                *ret_fault = list.faults[0];
        return r;
}

static const char whole[] =
        "{\"name\": \"runners-1\", \"inbound\": \"allow\", \"mode\": \"audit\",\n"
        " \"match\": {\"containers\": [\"web-*\"], \"units\": [\"actions.runner.*\", \"b.service\"],\n"
        "           \"slices\": [\"runners.slice\"]},\n"
        " \"rules\": [{\"type\": \"hostname\", \"value\": \"github.com\", \"action\": \"allow\"}]}\n";

START_TEST(everything) {
        static const struct {
                MatchKind kind;
                const char *text;
        } expected[] = {
                { MATCH_CONTAINER, "web-*" },
                { MATCH_UNIT, "actions.runner.*" },
                { MATCH_UNIT, "b.service" },
                { MATCH_SLICE, "runners.slice" },
        };
        PolicyDocument d;
        size_t n;

        ck_assert_int_eq(parse(whole, "file", &d, NULL, &n), 0);
        ck_assert_uint_eq(n, 0);
        ck_assert_str_eq(d.name, "runners-1");
        ck_assert(d.has_inbound && d.inbound);
        ck_assert(d.source.has_mode && d.source.mode == MODE_AUDIT);
        ck_assert_uint_eq(d.source.rules.n, 1);
        ck_assert_uint_eq(d.match.n, ELEMENTSOF(expected));
        for (size_t i = 0; i < d.match.n; i++) {
                ck_assert_int_eq(d.match.patterns[i].kind, expected[i].kind);
                ck_assert_str_eq(d.match.patterns[i].text, expected[i].text);
        }
        policy_document_done(&d);
        ck_assert_ptr_null(d.name);
}
END_TEST

START_TEST(defaults) {
        PolicyDocument d;
        size_t n;

        ck_assert_int_eq(parse("{}", "10-runners", &d, NULL, &n), 0);
        ck_assert_str_eq(d.name, "10-runners");
        ck_assert(!d.has_inbound && !d.inbound && d.match.n == 0 && !d.source.has_mode);
        policy_document_done(&d);

        ck_assert_int_eq(parse("{}", NULL, &d, NULL, &n), 0);
        ck_assert_ptr_null(d.name);
        policy_document_done(&d);

        /* A file may have any name where the document says its own. */
        ck_assert_int_eq(parse("{\"name\":\"a\",\"inbound\":\"judge\"}", "Runners 1", &d, NULL, &n), 0);
        ck_assert_str_eq(d.name, "a");
        ck_assert(d.has_inbound && !d.inbound);
        policy_document_done(&d);
}
END_TEST

#define N63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct {
        const char *name;
        bool valid;
} names[] = {
        { "a", true },     { "0", true },    { "a-b-", true }, { N63, true },    { "", false },
        { N63 "a", false }, { "-a", false }, { "A", false },   { "a_b", false }, { "a.b", false },
        { "a b", false },  { "a/b", false }, { "..", false },  { "\xc3\xa9", false },
};

START_TEST(names_are_checked) {
        char text[128];
        Fault f = {};
        PolicyDocument d;
        size_t n;

        ck_assert_int_eq(policy_document_name_is_valid(names[_i].name), names[_i].valid);
        ck_assert_int_eq(parse("{}", names[_i].name, &d, &f, &n), names[_i].valid ? 0 : -EINVAL);
        ck_assert_uint_eq(n, !names[_i].valid);
        policy_document_done(&d);

        (void) snprintf(text, sizeof(text), "{\"name\":\"%s\"}", names[_i].name);
        ck_assert_int_eq(parse(text, NULL, &d, &f, &n), names[_i].valid ? 0 : -EINVAL);
        policy_document_done(&d);
}
END_TEST

static const struct {
        const char *text;
        const char *path;
        unsigned line;
} faults[] = {
        { "{\"name\": 1}", "$.name", 1 },
        { "{\"name\": null}", "$.name", 1 },
        { "{\n\"name\": \"A\"}", "$.name", 2 },
        { "{\"name\": \"a\\u0000b\"}", "$.name", 1 },
        { "{\"name\": \"a\", \"name\": \"b\"}", "$.name", 1 },
        { "{\"inbound\": true}", "$.inbound", 1 },
        { "{\"inbound\": \"deny\"}", "$.inbound", 1 },
        { "{\"inbound\": \"Allow\"}", "$.inbound", 1 },
        { "{\"match\": []}", "$.match", 1 },
        { "{\"match\": \"a.service\"}", "$.match", 1 },
        { "{\"match\": {}}", "$.match", 1 },
        { "{\"match\": {\"units\": []}}", "$.match", 1 },
        { "{\"match\": {\"units\": \"a.service\"}}", "$.match.units", 1 },
        { "{\"match\": {\"units\": [1]}}", "$.match.units[0]", 1 },
        { "{\"match\": {\"units\": [\"a.service\",\n\"b\"]}}", "$.match.units[1]", 2 },
        { "{\"match\": {\"slices\": [\"*.slice\"]}}", "$.match.slices[0]", 1 },
        { "{\"match\": {\"slices\": {}}}", "$.match.slices", 1 },
        { "{\"match\": {\"containers\": [\"\"]}}", "$.match.containers[0]", 1 },
        { "{\"match\": {\"containers\": [[\"a\"]]}}", "$.match.containers[0]", 1 },
        { "{\"match\": {\"jobs\": []}}", "$.match", 1 },
        { "{\"match\": {\"jobs\": {}}}", "$.match.jobs", 1 },
        { "{\"match\": {\"jobs\": [\"a\"]}}", "$.match.jobs[0]", 1 },
        { "{\"match\": {\"jobs\": [{}]}}", "$.match.jobs[0]", 1 },
        { "{\"match\": {\"jobs\": [{\"job\": \"a\"},\n{\"unit\": \"a\"}]}}", "$.match.jobs[1].unit", 2 },
        { "{\"match\": {\"jobs\": [{\"job\": 1}]}}", "$.match.jobs[0].job", 1 },
        { "{\"match\": {\"jobs\": [{\"job\": \"a\\u0000\"}]}}", "$.match.jobs[0].job", 1 },
        { "{\"match\": {\"jobs\": [{\"job\": \"[a\"}]}}", "$.match.jobs[0].job", 1 },
        { "{\"match\": {\"jobs\": [{\"job\": \"a\", \"job\": \"b\"}]}}", "$.match.jobs[0].job", 1 },
        { "{\"match\":\n{\"units\": [\"a.service\"], \"jobs\": [{\"job\": \"a\"}]}}", "$.match", 2 },
        { "{\"match\": {\"jobs\": [{\"job\": \"a\"}]},\n\"inbound\": \"allow\"}", "$.inbound", 2 },
        { "{\"match\": {\"unit\": [\"a.service\"]}}", "$.match.unit", 1 },
        { "{\"match\": {\"units\": [\"a.service\"], \"units\": [\"b.service\"]}}", "$.match.units", 1 },
        { "{\"match\": {\"units\": [\"a.service\"], \"follow\": 1}}", "$.match.follow", 1 },
        { "{\"match\": {\"follow\": true}}", "$.match", 1 },
        { "{\"match\": {\"slices\": [\"a.slice\"],\n\"containers\": [\"*\"], \"follow\": true}}", "$.match", 1 },
        { "{\"match\": {\"jobs\": [{\"job\": \"a\"}], \"follow\": true}}", "$.match", 1 },
        { "{\"matches\": {}}", "$.matches", 1 },
        { "{\"match\": {\"units\": [\"a.service\"]}, \"rules\": [{}]}", "$.rules[0]", 1 },
};

static void check_fault(int i, int r, const Fault *f) {
        ck_assert_msg(r == -EINVAL, "%s: %d", faults[i].text, r);
        ck_assert_str_eq(f->item, faults[i].path);
        ck_assert_msg(f->line == faults[i].line, "%s: line %u", faults[i].text, f->line);
        ck_assert_str_ne(f->reason, "");
}

/* A document that serves cargowall run as well is held to the same there. */
START_TEST(fault_is_reported) {
        _cleanup_(fault_list_done) FaultList list = {};
        PolicySource s = {};
        PolicyDocument d;
        Fault f = {};
        size_t n;

        int r = parse(faults[_i].text, "a", &d, &f, &n);
        policy_document_done(&d);
        check_fault(_i, r, &f);

        r = policy_source_from_json(&s, faults[_i].text, strlen(faults[_i].text), &list);
        policy_source_done(&s);
        ck_assert_uint_ge(list.n, 1);
        check_fault(_i, r, &list.faults[0]);
}
END_TEST

/* As they are, or as escapes. */
START_TEST(labels_need_not_be_ascii) {
        static const char *const texts[] = {
                "{\"match\":{\"jobs\":[{\"workflow\":\"\xc3\xa9t\xc3\xa9 \xf0\x9f\x9a\x80\"}]}}",
                "{\"match\":{\"jobs\":[{\"workflow\":\"\\u00e9t\\u00e9 \\ud83d\\ude80\"}]},\"rules\":[]}\n",
        };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                PolicyDocument d;
                Fault f = {};
                size_t n;

                ck_assert_msg(parse(texts[i], "file", &d, &f, &n) == 0, "%s: %s", f.item, f.reason);
                ck_assert_uint_eq(d.jobs.n, 1);
                ck_assert_str_eq(d.jobs.patterns[0].globs[8], "\xc3\xa9t\xc3\xa9 \xf0\x9f\x9a\x80"); /* workflow */
                policy_document_done(&d);
        }
}
END_TEST

START_TEST(jobs_are_read) {
        static const char text[] = "{\"match\":{\"jobs\":[{\"repository\":\"acme/*\",\"workflow\":\"ci\"},{\"job\":\"a\"}]}}";
        PolicyDocument d;
        Fault f = {};
        size_t n;

        ck_assert_int_eq(parse(text, "a", &d, &f, &n), 0);
        ck_assert_uint_eq(d.match.n, 0);
        ck_assert_uint_eq(d.jobs.n, 2);
        ck_assert_uint_eq(d.jobs.patterns[0].n, 2);
        ck_assert_uint_eq(d.jobs.patterns[1].n, 1);
        policy_document_done(&d);
        ck_assert_uint_eq(d.jobs.n, 0);
}
END_TEST

START_TEST(rules_alone) {
        static const char more[] = "{\"rules\":[{\"type\":\"cidr\",\"value\":\"192.0.2.0/24\",\"action\":\"allow\"}]}";
        _cleanup_(fault_list_done) FaultList list = {};
        PolicySource s = {};

        ck_assert_int_eq(policy_source_from_json(&s, whole, strlen(whole), &list), 0);
        ck_assert_uint_eq(s.rules.n, 1);
        ck_assert(s.has_mode && s.mode == MODE_AUDIT);
        /* and adds to what is there */
        ck_assert_int_eq(policy_source_from_json(&s, more, strlen(more), &list), 0);
        ck_assert_uint_eq(s.rules.n, 2);
        policy_source_done(&s);
}
END_TEST

/* What fills the list to its bound is no fault; one more is. */
START_TEST(patterns_are_counted_once) {
        char text[4096] = "{\"match\":{\"units\":[";
        PolicyDocument d;
        Fault f = {};
        size_t n;

        for (unsigned i = 0; i < MATCH_PATTERNS_MAX; i++)
                (void) snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s\"a%u.service\"", i ? "," : "", i);
        size_t full = strlen(text);
        strcat(text, "]},\"mode\":\"x\"}");
        ck_assert_int_eq(parse(text, "a", &d, &f, &n), -EINVAL);
        ck_assert_uint_eq(n, 1);
        ck_assert_str_eq(f.item, "$.mode");
        policy_document_done(&d);

        strcpy(text + full, ",\"b.service\"]}}");
        ck_assert_int_eq(parse(text, "a", &d, &f, &n), -EINVAL);
        ck_assert_uint_eq(n, 1);
        ck_assert_str_eq(f.item, "$.match.units[64]");
        policy_document_done(&d);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("policy-document");
        TCase *t = tcase_create("policy-document");

        tcase_add_test(t, everything);
        tcase_add_test(t, defaults);
        tcase_add_loop_test(t, names_are_checked, 0, ELEMENTSOF(names));
        tcase_add_loop_test(t, fault_is_reported, 0, ELEMENTSOF(faults));
        tcase_add_test(t, jobs_are_read);
        tcase_add_test(t, labels_need_not_be_ascii);
        tcase_add_test(t, rules_alone);
        tcase_add_test(t, patterns_are_counted_once);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
