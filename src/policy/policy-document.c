/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/policy-document.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "policy/document-json.h"
#include "policy/rule-json.h"

typedef json_tokener JsonTokener;
DEFINE_CLEANUP_FUNC(JsonTokener *, json_tokener_free)

void policy_document_done(PolicyDocument *d) {
        assert(d);

        free(d->name);
        policy_source_done(&d->source);
        match_list_done(&d->match);
        job_match_list_done(&d->jobs);
        *d = (PolicyDocument) {};
}

bool policy_document_name_is_valid(const char *s) {
        static const char safe[] = "abcdefghijklmnopqrstuvwxyz0123456789-";

        assert(s);

        size_t n = strnlen(s, POLICY_NAME_MAX + 1);
        return n > 0 && n <= POLICY_NAME_MAX && s[0] != '-' && strspn(s, safe) == n;
}

/* ------------------------------------------------------------------ text */

/* A tree of the whole document takes fifteen times the size of its text, and more time to build than everything else
 * done with it. So json-c parses the text without its rules first, and then one rule at a time. */
typedef struct Reading {
        FaultList *faults;
        PolicyDocument *document;
        JsonTokener *tokener;
        const char *text;
        size_t length;
        size_t rules_begin; /* from the first rule to the end of the last; both 0: no rules */
        size_t rules_end;
} Reading;

static int text_fault(FaultList *faults, const char *reason) {
        (void) fault_list_add(faults, "$", 0, reason);
        return -EINVAL;
}

typedef struct Part {
        size_t begin;
        size_t length;
} Part;

/* The parts of the text, concatenated, are one JSON value. */
static int parse(Reading *p, const JsonStep *step, const Part *parts, size_t n, json_object **ret) {
        size_t at = 0;
        const char *reason = NULL;

        json_tokener_reset(p->tokener);
        for (size_t i = 0; i < n && !reason; i++) {
                _cleanup_(json_object_putp) JsonObject *o =
                        json_tokener_parse_ex(p->tokener, p->text + parts[i].begin, (int) parts[i].length);
                enum json_tokener_error e = json_tokener_get_error(p->tokener);
                bool is_last = i == n - 1;

                at = parts[i].begin + json_tokener_get_parse_end(p->tokener);
                if (e == json_tokener_success && is_last && at == parts[i].begin + parts[i].length) {
                        *ret = TAKE_PTR(o);
                        return 0;
                }
                if (e == json_tokener_success)
                        reason = "not JSON: trailing text after the value";
                else if (e != json_tokener_continue)
                        reason = json_tokener_error_desc(e);
                else if (is_last)
                        reason = "not JSON: unexpected end of text";
        }

        Fault *f = fault_list_add(p->faults, NULL, json_text_line(p->text, p->length, at), reason);
        if (f)
                (void) json_step_format(step, f->item, sizeof(f->item));
        return -EINVAL;
}

static int note_rule(size_t index, size_t offset, size_t length, void *userdata) {
        Reading *p = userdata;

        if (index == 0)
                p->rules_begin = offset;
        p->rules_end = offset + length;
        return 0;
}

static int read_rule(size_t index, size_t offset, size_t length, void *userdata) {
        static const JsonStep rules = { .key = "rules", .n = strlen("rules") };
        const JsonStep at = { .outer = &rules, .n = index };
        const Part part = { offset, length };
        _cleanup_(json_object_putp) JsonObject *o = NULL;
        Reading *p = userdata;

        int r = parse(p, &at, &part, 1, &o);
        return r < 0 ? r : json_read_rule(p->faults, &at, o, &p->document->source.rules);
}

static int read_rest(Reading *p) {
        const Part parts[] = { { 0, p->rules_begin }, { p->rules_end, p->length - p->rules_end } };
        _cleanup_(json_object_putp) JsonObject *root = NULL;

        int r = p->rules_end > 0 ? parse(p, NULL, parts, 2, &root) : parse(p, NULL, &parts[1], 1, &root);
        if (r < 0)
                return r;
        if (!json_object_is_type(root, json_type_object))
                return text_fault(p->faults, "a policy must be an object");
        return json_read_document(p->faults, root, p->document);
}

static int read_text(FaultList *faults, PolicyDocument *d, const char *text, size_t length) {
        /* json_text_for_each() is strict; json-c's own strict mode differs between versions. */
        _cleanup_(json_tokener_freep) JsonTokener *tokener = json_tokener_new_ex(JSON_TEXT_DEPTH_MAX);
        Reading p = { .faults = faults, .document = d, .tokener = tokener, .text = text };

        if (!tokener)
                return -ENOMEM;
        while (length > 0 && memchr(" \t\r\n", text[length - 1], 4))
                length--; /* parse() rejects even a final newline as trailing text */
        p.length = length;
        if (length > POLICY_TEXT_MAX)
                return text_fault(faults, "the text is larger than 4 MiB");
        if (length == 0)
                return text_fault(faults, "the text is empty");
        const char *nul = memchr(text, '\0', length);
        if (nul) {
                (void) fault_list_add(faults, "$", json_text_line(text, length, (size_t) (nul - text)),
                                      "not JSON: a NUL byte");
                return -EINVAL;
        }
        if (json_text_for_each(text, length, "rules", note_rule, &p, faults) < 0)
                return -EINVAL;

        size_t n = faults->n, before = fault_list_count(faults);
        int r = read_rest(&p);
        if (r >= 0)
                r = json_text_for_each(text, length, "rules", read_rule, &p, faults);
        if (faults->n > n)
                (void) json_text_locate(text, length, &faults->faults[n], faults->n - n);
        return r < 0 ? r : fault_list_count(faults) > before ? -EINVAL : 0;
}

/* ------------------------------------------------------------------ documents */

static int set_default_name(FaultList *faults, PolicyDocument *d, const char *name) {
        if (!policy_document_name_is_valid(name)) {
                json_fault(faults, NULL, "the file name is not a valid document name (a-z, 0-9, -; up to 63)");
                return -EINVAL;
        }
        d->name = strdup(name);
        return d->name ? 0 : -ENOMEM;
}

int policy_document_from_json(PolicyDocument *d, const char *text, size_t length, const char *default_name,
                              FaultList *faults) {
        assert(d);
        assert(text || length == 0);
        assert(faults);

        int r = read_text(faults, d, text, length);
        return r < 0 || d->name || !default_name ? r : set_default_name(faults, d, default_name);
}

/* A caller that only wants the rules ignores name, match and inbound, but they still have to be valid. */
int policy_source_from_json(PolicySource *source, const char *text, size_t length, FaultList *faults) {
        assert(source);

        PolicyDocument d = { .source = *source };
        int r = policy_document_from_json(&d, text, length, NULL, faults);
        *source = d.source;
        d.source = (PolicySource) {};
        policy_document_done(&d);
        return r;
}
