/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/json-text.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "basic/macro.h"

#define KEYS_MAX 32 /* of one object */

typedef struct Scan {
        const char *text;
        const char *end;
        const char *at;
        const char *found;    /* the innermost value on the wanted path so far */
        JsonTextFault *fault; /* where the first fault goes */
        const char *key;      /* of the root: fn is told of each element of its array; NULL for none */
        const char *inner;
        const JsonStep *step; /* the element that is being looked at */
        JsonElement element;
        json_text_fn fn;
        void *userdata;
} Scan;

static int scan_value(Scan *s, const JsonStep *step, size_t depth, const char *path);

unsigned json_text_line(const char *text, size_t length, size_t offset) {
        const char *end = text + MIN(offset, length);
        unsigned line = 1;

        assert(text);

        for (const char *c = text; (c = memchr(c, '\n', (size_t) (end - c))); c++)
                line++;
        return line;
}

size_t json_step_format(const JsonStep *step, char *buf, size_t size) {
        assert(buf);

        if (!step)
                return (size_t) snprintf(buf, size, "$");

        size_t n = json_step_format(step->outer, buf, size);
        if (n >= size)
                return n;
        if (step->key)
                return n + (size_t) snprintf(buf + n, size - n, ".%.*s", (int) MIN(step->n, size), step->key);
        return n + (size_t) snprintf(buf + n, size - n, "[%zu]", step->n);
}

static int refuse(Scan *s, const JsonStep *step, const char *reason) {
        if (s->fault) {
                (void) json_step_format(step, s->fault->path, sizeof(s->fault->path));
                s->fault->reason = reason;
                s->fault->line = json_text_line(s->text, (size_t) (s->end - s->text), (size_t) (s->at - s->text));
        }
        return -EINVAL;
}

static bool is_space(char c) {
        return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

/* Of a number, true, false, null; json-c has looked closer. */
static bool is_scalar(char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '+' || c == '-' ||
               c == '.';
}

/* Next character that is not white space, or NUL at the end. */
static inline char peek(Scan *s) {
        while (s->at < s->end && is_space(*s->at))
                s->at++;
        return s->at < s->end ? *s->at : '\0';
}

static inline bool take(Scan *s, char c) {
        if (peek(s) != c)
                return false;
        s->at++;
        return true;
}

static int scan_string(Scan *s, const JsonStep *step, const char **ret, size_t *ret_n) {
        if (!take(s, '"'))
                return refuse(s, step, "not JSON: a string is missing");

        const char *start = s->at, *c = start;
        for (; c < s->end && *c != '"'; c++) {
                if ((uint8_t) *c < 0x20) { /* RFC 8259 7; json-c lets it pass */
                        s->at = c;
                        return refuse(s, step, "not JSON: a control character in a string");
                }
                if (*c == '\\' && c + 1 < s->end)
                        c++;
        }
        s->at = c;
        if (c == s->end)
                return refuse(s, step, "not JSON: a string does not end");

        *ret = start;
        *ret_n = (size_t) (c - start);
        s->at++;
        return 0;
}

/* What is left of path behind this key or index; NULL when the path leads elsewhere. */
static const char *path_into(const char *path, const JsonStep *step) {
        char index[32];

        if (!step->key) {
                size_t n = (size_t) snprintf(index, sizeof(index), "[%zu]", step->n);
                return strncmp(path, index, n) == 0 ? path + n : NULL;
        }
        if (path[0] != '.' || strncmp(path + 1, step->key, step->n) != 0)
                return NULL;
        path += 1 + step->n;
        return *path == '\0' || *path == '.' || *path == '[' ? path : NULL;
}

static bool step_is(const JsonStep *step, const char *key) {
        return step->key && step->n == strlen(key) && memcmp(step->key, key, step->n) == 0;
}

/* The value at step ends here. */
static void note_string(Scan *s, const JsonStep *step, const char *value) {
        if (*value != '"' || !step_is(step, s->inner))
                return;
        s->element.string = (size_t) (value + 1 - s->text);
        s->element.string_end = (size_t) (s->at - 1 - s->text);
}

static int scan_member(Scan *s, const JsonStep *outer, size_t depth, const char *path, JsonStep keys[static KEYS_MAX],
                       size_t *n_keys) {
        JsonStep step = { .outer = outer };

        int r = scan_string(s, outer, &step.key, &step.n);
        if (r < 0)
                return r;
        /* An escape could spell a key in a second way; no key here needs one. */
        if (memchr(step.key, '\\', step.n))
                return refuse(s, outer, "a key is written with an escape");
        for (size_t i = 0; i < *n_keys; i++)
                if (keys[i].n == step.n && memcmp(keys[i].key, step.key, step.n) == 0)
                        return refuse(s, &step, "the key is there twice");
        if (*n_keys == KEYS_MAX)
                return refuse(s, outer, "too many keys");
        keys[(*n_keys)++] = step;

        if (!take(s, ':'))
                return refuse(s, &step, "not JSON: a colon is missing");
        (void) peek(s);
        const char *value = s->at;
        r = scan_value(s, &step, depth, path ? path_into(path, &step) : NULL);
        if (r >= 0 && outer && outer == s->step)
                note_string(s, &step, value);
        return r;
}

static int scan_object(Scan *s, const JsonStep *step, size_t depth, const char *path) {
        JsonStep keys[KEYS_MAX];
        size_t n = 0;

        if (take(s, '}'))
                return 0;
        do {
                int r = scan_member(s, step, depth, path, keys, &n);
                if (r < 0)
                        return r;
        } while (take(s, ','));
        return take(s, '}') ? 0 : refuse(s, step, "not JSON: an object does not end");
}

/* Is this the value of the key whose elements fn wants? */
static bool is_wanted(const Scan *s, const JsonStep *step) {
        return s->key && step && !step->outer && step_is(step, s->key);
}

static int scan_array(Scan *s, const JsonStep *outer, size_t depth, const char *path) {
        JsonStep step = { .outer = outer };
        bool wanted = is_wanted(s, outer);

        if (take(s, ']'))
                return 0;
        do {
                (void) peek(s);
                if (wanted) {
                        s->step = &step;
                        s->element = (JsonElement) { .begin = (size_t) (s->at - s->text) };
                }
                int r = scan_value(s, &step, depth, path ? path_into(path, &step) : NULL);
                if (r >= 0 && wanted) {
                        s->element.end = (size_t) (s->at - s->text);
                        r = s->fn(&s->element, s->userdata);
                }
                if (r < 0)
                        return r;
                step.n++;
        } while (take(s, ','));
        return take(s, ']') ? 0 : refuse(s, outer, "not JSON: an array does not end");
}

/* path: what is left of the wanted one, "" when this is its value, NULL when it leads elsewhere. */
static int scan_value(Scan *s, const JsonStep *step, size_t depth, const char *path) {
        const char *string;
        size_t n;

        if (depth == JSON_TEXT_DEPTH_MAX)
                return refuse(s, step, "nested too deeply");

        char c = peek(s);
        if (path)
                s->found = s->at;
        if (c == '"')
                return scan_string(s, step, &string, &n);
        if (c == '{' || c == '[') {
                s->at++;
                return c == '{' ? scan_object(s, step, depth + 1, path) : scan_array(s, step, depth + 1, path);
        }

        const char *start = s->at;
        while (s->at < s->end && is_scalar(*s->at))
                s->at++;
        return s->at > start ? 0 : refuse(s, step, "not JSON: a value is missing");
}

static int scan_text(Scan *s) {
        int r = scan_value(s, NULL, 0, NULL);
        if (r < 0)
                return r;
        return peek(s) == '\0' && s->at == s->end ? 0 : refuse(s, NULL, "not JSON: text follows the value");
}

int json_text_check(const char *text, size_t length, JsonTextFault *ret) {
        Scan s = { .text = text, .end = text + length, .at = text, .fault = ret };

        assert(text);
        assert(ret);

        return scan_text(&s);
}

int json_text_for_each(const char *text, size_t length, const char *key, const char *inner, json_text_fn fn,
                       void *userdata) {
        Scan s = { .text = text, .end = text + length, .at = text, .key = key, .inner = inner, .fn = fn,
                   .userdata = userdata };

        assert(text);
        assert(key);
        assert(inner);
        assert(fn);

        return scan_text(&s);
}

unsigned json_text_locate(const char *text, size_t length, const char *path) {
        Scan s = { .text = text, .end = text + length, .at = text, .found = text };

        assert(text);
        assert(path);

        (void) scan_value(&s, NULL, 0, path[0] == '$' ? path + 1 : NULL);
        return json_text_line(text, length, (size_t) (s.found - text));
}
