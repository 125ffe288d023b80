/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/policy-document.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "policy/document-json.h"
#include "policy/rule-shape.h"

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

static JsonTokener *tokener_new(void) {
        JsonTokener *t = json_tokener_new_ex(JSON_TEXT_DEPTH_MAX);

        if (t)
                json_tokener_set_flags(t, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
        return t;
}

/* ------------------------------------------------------------------ good text */

typedef struct Part {
        const char *text; /* borrowed */
        size_t length;
} Part;

/* The parts one after the other are one JSON value. */
static int parse_parts(JsonTokener *t, const Part *parts, size_t n, json_object **ret) {
        json_tokener_reset(t);
        for (size_t i = 0; i < n; i++) {
                _cleanup_(json_object_putp) JsonObject *o =
                        json_tokener_parse_ex(t, parts[i].text, (int) parts[i].length);
                enum json_tokener_error e = json_tokener_get_error(t);

                if (e == json_tokener_success && i == n - 1 && json_tokener_get_parse_end(t) == parts[i].length)
                        *ret = TAKE_PTR(o);
                else if (e != json_tokener_continue || i == n - 1)
                        return -EINVAL;
        }
        return 0;
}

/* A tree of every rule at once takes fifteen times the room of the text, and more time to make and to free than all
 * else here. So each rule is cut out of the text, becomes a tree of its own if there was none like it before, and the
 * rest is another one. */
typedef struct Rules {
        JsonReader *reader;
        PolicyDocument *document;
        JsonTokener *tokener;
        RuleShapes *shapes;
        const char *text;
        size_t begin; /* of the first rule */
        size_t end;   /* of the last rule so far, 0 before any */
} Rules;

static int add_rule(Rules *p, const RuleText *rule) {
        int k = json_add_rule(p->reader, NULL, rule, &p->document->source.rules);

        return k < 0 ? k : p->reader->n > 0 ? -EINVAL : 0;
}

static int read_rule(Rules *p, const JsonElement *e) {
        const Part part = { p->text + e->begin, e->end - e->begin };
        _cleanup_(json_object_putp) JsonObject *o = NULL;
        RuleText rule;

        int k = parse_parts(p->tokener, &part, 1, &o);
        if (k < 0)
                return k;
        if (!json_object_is_type(o, json_type_object))
                return -EINVAL;
        k = json_read_rule(p->reader, NULL, o, &rule);
        if (k < 0 || p->reader->n > 0)
                return k < 0 ? k : -EINVAL;
        rule_shapes_add(p->shapes, e, &rule);
        return add_rule(p, &rule);
}

static int on_rule(const JsonElement *e, void *userdata) {
        char value[RULE_SHAPE_VALUE_MAX + 1];
        Rules *p = userdata;
        RuleText rule;

        if (p->end == 0)
                p->begin = e->begin;
        p->end = e->end;
        return rule_shapes_find(p->shapes, e, value, &rule) ? add_rule(p, &rule) : read_rule(p, e);
}

/* Negative for text at fault, without a word about it. */
static int read_good_text(PolicyDocument *d, const char *text, size_t length) {
        _cleanup_(json_tokener_freep) JsonTokener *tokener = tokener_new();
        _cleanup_(json_object_putp) JsonObject *root = NULL;
        _cleanup_(rule_shapes_freep) RuleShapes *shapes = NULL;
        JsonReader reader = {};

        if (!tokener || rule_shapes_new(text, &shapes) < 0)
                return -ENOMEM;
        Rules p = { .reader = &reader, .document = d, .tokener = tokener, .shapes = shapes, .text = text };
        int k = json_text_for_each(text, length, "rules", "value", on_rule, &p);
        if (k < 0)
                return k;

        const Part rest[] = { { text, p.begin }, { text + p.end, length - p.end } };
        k = parse_parts(tokener, rest, ELEMENTSOF(rest), &root);
        if (k < 0)
                return k;
        if (!json_object_is_type(root, json_type_object))
                return -EINVAL;
        k = json_read_document(&reader, root, d);
        return k < 0 ? k : reader.n > 0 ? -EINVAL : 0;
}

/* ------------------------------------------------------------------ text at fault */

static int text_fault(JsonReader *r, const char *path, const char *reason, unsigned line) {
        r->n++;
        if (r->n <= r->max) {
                PolicyFault *f = &r->faults[r->n - 1];

                *f = (PolicyFault) { .line = line };
                (void) snprintf(f->path, sizeof(f->path), "%s", path);
                (void) snprintf(f->reason, sizeof(f->reason), "%s", reason);
        }
        return -EINVAL;
}

static int parse_text(JsonReader *r, const char *text, size_t length, json_object **ret) {
        const char *reason;

        _cleanup_(json_tokener_freep) JsonTokener *tokener = tokener_new();
        if (!tokener)
                return -ENOMEM;

        _cleanup_(json_object_putp) JsonObject *o = json_tokener_parse_ex(tokener, text, (int) length);
        enum json_tokener_error e = json_tokener_get_error(tokener);
        size_t end = json_tokener_get_parse_end(tokener);

        if (e == json_tokener_success && end == length) {
                *ret = TAKE_PTR(o);
                return 0;
        }
        if (e == json_tokener_success)
                reason = "not JSON: text follows the value";
        else if (e == json_tokener_continue)
                reason = "not JSON: the text ends too early";
        else
                reason = json_tokener_error_desc(e);
        return text_fault(r, "$", reason, json_text_line(text, length, end));
}

/* All of it once more, as one tree, for the faults in their order and for their places. A rule that has been added
 * already is one that is equal, so that nothing but time is lost. */
static int read_faults(JsonReader *r, PolicyDocument *d, const char *text, size_t length) {
        _cleanup_(json_object_putp) JsonObject *root = NULL;
        JsonTextFault text_faults;

        int k = parse_text(r, text, length, &root);
        if (k < 0)
                return k;
        if (json_text_check(text, length, &text_faults) < 0)
                return text_fault(r, text_faults.path, text_faults.reason, text_faults.line);
        if (!json_object_is_type(root, json_type_object))
                return text_fault(r, "$", "a policy is an object", 1);

        k = json_read_document(r, root, d);
        for (size_t i = 0; i < MIN(r->n, r->max); i++)
                r->faults[i].line = json_text_locate(text, length, r->faults[i].path);
        return k < 0 ? k : r->n > 0 ? -EINVAL : 0;
}

/* ------------------------------------------------------------------ text */

static int read_text(JsonReader *r, PolicyDocument *d, const char *text, size_t length) {
        while (length > 0 && memchr(" \t\r\n", text[length - 1], 4))
                length--; /* json-c in strict mode takes even a final newline for more text */
        if (length > POLICY_TEXT_MAX)
                return text_fault(r, "$", "the text is larger than 32 MiB", 0);
        if (length == 0)
                return text_fault(r, "$", "the text is empty", 0);
        const char *nul = memchr(text, '\0', length);
        if (nul)
                return text_fault(r, "$", "not JSON: a NUL byte", json_text_line(text, length, (size_t) (nul - text)));

        int k = read_good_text(d, text, length);
        return k == 0 || k == -ENOMEM ? k : read_faults(r, d, text, length);
}

/* ------------------------------------------------------------------ documents */

static int set_default_name(JsonReader *r, PolicyDocument *d, const char *name) {
        if (!policy_document_name_is_valid(name)) {
                json_fault(r, NULL, "the file's name cannot be the document's (a-z, 0-9 and -, up to 63): add name");
                return -EINVAL;
        }
        d->name = strdup(name);
        return d->name ? 0 : -ENOMEM;
}

int policy_document_from_json(PolicyDocument *d, const char *text, size_t length, const char *default_name,
                              PolicyFault *faults, size_t n_faults, size_t *ret_n_faults) {
        JsonReader reader = { .faults = faults, .max = n_faults };

        assert(d);
        assert(text || length == 0);
        assert(faults || n_faults == 0);
        assert(ret_n_faults);

        int r = read_text(&reader, d, text, length);
        if (r >= 0 && !d->name && default_name)
                r = set_default_name(&reader, d, default_name);
        *ret_n_faults = reader.n;
        return r;
}

/* Name, match and inbound mean nothing to who asks for rules alone, but are held to the same. */
int policy_source_from_json(PolicySource *source, const char *text, size_t length, PolicyFault *faults,
                            size_t n_faults, size_t *ret_n_faults) {
        assert(source);

        PolicyDocument d = { .source = *source };
        int r = policy_document_from_json(&d, text, length, NULL, faults, n_faults, ret_n_faults);
        *source = d.source;
        d.source = (PolicySource) {};
        policy_document_done(&d);
        return r;
}
