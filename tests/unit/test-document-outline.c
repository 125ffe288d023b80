/* SPDX-License-Identifier: Apache-2.0 */

/* What stands in the place of a document with faults. */

#include "policy/document-outline.h"

#include <check.h>
#include <string.h>

#define MATCH "\"match\": {\"units\": [\"a.service\"]}"

typedef struct Case {
        const char *text;
        bool is_host;
        Mode configured;
        int r;
        Mode mode; /* if there is one */
} Case;

static const Case cases[] = {
        /* faults in what does not matter */
        { "{" MATCH ", \"mode\": \"enforce\", \"rules\": [{\"type\": \"nonsense\"}]}", false, MODE_AUDIT, 1, MODE_ENFORCE },
        { "{" MATCH ", \"mode\": \"enforce\", \"rules\": [{\"type\" \"x\",}]}", false, MODE_AUDIT, 1, MODE_ENFORCE },
        { "{" MATCH ", \"rules\": [{\"type\" \"x\",}], \"mode\": \"enforce\"}", false, MODE_AUDIT, 1, MODE_ENFORCE },
        { "{" MATCH ", \"surprise\": 1}", false, MODE_ENFORCE, 1, MODE_ENFORCE },
        /* the mode that a document does not set is the configured one */
        { "{" MATCH ", \"rules\": 1}", false, MODE_ENFORCE, 1, MODE_ENFORCE },
        { "{" MATCH ", \"rules\": 1}", false, MODE_AUDIT, 1, MODE_AUDIT },
        /* audit and off stay so */
        { "{" MATCH ", \"mode\": \"audit\", \"rules\": 1}", false, MODE_ENFORCE, 1, MODE_AUDIT },
        { "{" MATCH ", \"mode\": \"off\", \"rules\": 1}", false, MODE_ENFORCE, 1, MODE_AUDIT },
        /* cut, or not balanced: what comes before counts */
        { "{" MATCH ", \"mode\": \"enforce\", \"rules\": [{", false, MODE_AUDIT, 1, MODE_ENFORCE },
        { "{" MATCH ", \"mode\": \"enforce\", \"rules\": [}", false, MODE_AUDIT, 1, MODE_ENFORCE },
        { "{" MATCH ", \"mode\": \"enforce\", \"rules\": [{\"value: 1}]}\n", false, MODE_AUDIT, 1, MODE_ENFORCE },
        { "{" MATCH ", \"rules\": [", false, MODE_ENFORCE, 1, MODE_ENFORCE },
        /* a mode that cannot be read, or lies where nothing can be read, is not known to be enforce */
        { "{" MATCH ", \"rules\": [}, \"mode\": \"audit\"}", false, MODE_ENFORCE, 0, 0 },
        { "{" MATCH ", \"mode\": \"audti\"}", false, MODE_ENFORCE, 0, 0 },
        { "{" MATCH ", \"mode\": audit}", false, MODE_ENFORCE, 0, 0 },
        /* nor is it known for whom */
        { "{\"mode\": \"enforce\", \"rules\": []}", false, MODE_ENFORCE, 0, 0 },
        { "{\"mode\": \"enforce\", \"match\": {\"units\": [\"a.service\"]", false, MODE_ENFORCE, 0, 0 },
        { "{\"mode\": \"enforce\", " MATCH ", " MATCH "}", false, MODE_ENFORCE, 0, 0 },
        { "{\"mode\": \"audit\", \"mode\": \"enforce\", " MATCH "}", false, MODE_ENFORCE, 0, 0 },
        { "", false, MODE_ENFORCE, 0, 0 },
        { "[" MATCH "]", false, MODE_ENFORCE, 0, 0 },
        /* the host has no match */
        { "{\"mode\": \"enforce\", \"rules\": 1}", true, MODE_AUDIT, 1, MODE_ENFORCE },
        { "{\"mode\": \"enforce\", \"rules\": [", true, MODE_AUDIT, 1, MODE_ENFORCE },
        { "{\"rules\": 1}", true, MODE_ENFORCE, 1, MODE_ENFORCE },
        { "{\"mode\": \"audit\", \"rules\": 1}", true, MODE_ENFORCE, 1, MODE_AUDIT },
        { "{\"mode\": \"enforce\", " MATCH "}", true, MODE_ENFORCE, 0, 0 },
        { "{", true, MODE_ENFORCE, 0, 0 },
        { "", true, MODE_ENFORCE, 0, 0 },
        { "mode: enforce", true, MODE_ENFORCE, 0, 0 },
};

START_TEST(what_is_read) {
        const Case *c = &cases[_i];
        _cleanup_(policy_document_done) PolicyDocument d = {};
        _cleanup_(fault_list_done) FaultList faults = {};
        _cleanup_free_ char *text = NULL;

        ck_assert_int_eq(document_outline(c->text, strlen(c->text), c->is_host, c->configured, NULL, &text), c->r);
        if (c->r == 0)
                return;
        ck_assert_int_eq(policy_document_from_json(&d, text, strlen(text), "x", &faults), 0);
        ck_assert(d.source.has_mode ? d.source.mode == c->mode : c->configured == c->mode);
        ck_assert_int_eq(d.source.default_action, c->mode == MODE_ENFORCE ? ACTION_DENY : ACTION_ALLOW);
        ck_assert_uint_eq(d.source.rules.n, 0);
        ck_assert_uint_eq(d.match.n, c->is_host ? 0 : 1);
        if (!c->is_host)
                ck_assert_str_eq(d.match.patterns[0].text, "a.service");
}
END_TEST

static const char *outline_of(const char *text, const char *name, PolicyDocument *ret) {
        _cleanup_(fault_list_done) FaultList faults = {};
        static char copy[1024];
        char *outline;

        ck_assert_int_eq(document_outline(text, strlen(text), false, MODE_ENFORCE, name, &outline), 1);
        (void) strncpy(copy, outline, sizeof(copy) - 1);
        free(outline);
        return policy_document_from_json(ret, copy, strlen(copy), "file", &faults) < 0 ? "faulty" : ret->name;
}

START_TEST(name_and_inbound) {
        static const char text[] = "{\"name\": \"own\", \"inbound\": \"allow\", " MATCH ", \"rules\": 1}";
        PolicyDocument d = {};

        ck_assert_str_eq(outline_of(text, NULL, &d), "own");
        ck_assert(d.has_inbound && d.inbound);
        policy_document_done(&d);
        ck_assert_str_eq(outline_of(text, "other", &d), "other");
        ck_assert(!d.has_inbound);
        policy_document_done(&d);
        ck_assert_str_eq(outline_of("{\"match\": {\"units\": [\"a.service\"], \"follow\": true}, \"rules\": 1}", NULL, &d), "file");
        ck_assert(d.follow); /* the helpers of its users are closed as well */
        policy_document_done(&d);
        ck_assert_str_eq(outline_of("{\"name\": \"A B\", " MATCH "}", NULL, &d), "faulty");
        policy_document_done(&d);
        ck_assert_str_eq(outline_of("{\"name\": \"A B\", " MATCH "}", "a", &d), "a");
        policy_document_done(&d);
        ck_assert_str_eq(outline_of("{" MATCH "}", NULL, &d), "file");
        policy_document_done(&d);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("document-outline");
        TCase *t = tcase_create("outline");

        tcase_add_loop_test(t, what_is_read, 0, ELEMENTSOF(cases));
        tcase_add_test(t, name_and_inbound);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
