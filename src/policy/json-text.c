/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/json-text.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "basic/macro.h"
#include "basic/utf8.h"

#define KEYS_MAX 32 /* per object */

/* The faults whose paths begin at one value. */
typedef struct Wanted {
        uint64_t set; /* bit set of faults */
        size_t n;     /* length of their common path prefix */
} Wanted;

typedef struct Scan {
        const char *text;
        const char *end;
        const char *at;
        FaultList *refused; /* receives the first fault; NULL: dropped */
        const char *key;      /* key of the root: fn is called for each element of its array; NULL: none */
        json_element_fn fn;
        void *userdata;
        Fault *faults;        /* the faults to locate */
        const char *counted;  /* lines are counted up to this byte */
        unsigned line;
        size_t n_values;
        size_t n_objects;
} Scan;

static int scan_value(Scan *s, const JsonStep *step, size_t depth, Wanted wanted);

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

static int scan_refuse(Scan *s, const JsonStep *step, const char *reason) {
        if (s->refused) {
                unsigned line = json_text_line(s->text, (size_t) (s->end - s->text), (size_t) (s->at - s->text));
                Fault *f = fault_list_add(s->refused, NULL, line, reason);

                if (f)
                        (void) json_step_format(step, f->item, sizeof(f->item));
        }
        return -EBADMSG;
}

static bool is_space(char c) {
        return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

/* A character of a number, true, false or null. */
static bool is_scalar(char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '+' || c == '-' ||
               c == '.';
}

/* The next character that is not white space, or NUL at the end. */
static inline char peek(Scan *s) {
        while (s->at < s->end && is_space(*s->at))
                s->at++;
        return s->at < s->end ? *s->at : '\0';
}

static inline bool scan_take(Scan *s, char c) {
        if (peek(s) != c)
                return false;
        s->at++;
        return true;
}

static bool follows_comma(const Scan *s) {
        const char *p = s->at;

        while (p > s->text && is_space(p[-1]))
                p--;
        return p > s->text && p[-1] == ',';
}

/* What people write in other languages that look like JSON is called by its name. */
static int scan_unexpected(Scan *s, const JsonStep *step, const char *reason) {
        char c = peek(s);

        if (c == '/' || c == '#')
                reason = "not JSON: comments are not supported";
        else if (c == '\'')
                reason = "not JSON: strings need double quotes";
        else if (c == '"')
                reason = "not JSON: a comma is missing";
        else if ((c == '}' || c == ']') && follows_comma(s))
                reason = "not JSON: a comma after the last element";
        return scan_refuse(s, step, reason);
}

static int scan_string(Scan *s, const JsonStep *step, const char **ret, size_t *ret_n) {
        if (!scan_take(s, '"'))
                return scan_unexpected(s, step, "not JSON: expected a string");

        const char *start = s->at;
        while (s->at < s->end && *s->at != '"') {
                uint8_t c = (uint8_t) *s->at;
                uint32_t code;

                if (c < 0x20) /* RFC 8259 7 */
                        return scan_refuse(s, step, "not JSON: a control character in a string");
                size_t n = c < 0x80 ? 1 : utf8_decode(s->at, (size_t) (s->end - s->at), &code);
                if (n == 0)
                        return scan_refuse(s, step, "not JSON: invalid UTF-8 in a string");
                s->at += n;
                if (c == '\\' && s->at < s->end && (*s->at == '"' || *s->at == '\\'))
                        s->at++;
        }
        if (s->at == s->end)
                return scan_refuse(s, step, "not JSON: unterminated string");

        *ret = start;
        *ret_n = (size_t) (s->at - start);
        s->at++;
        return 0;
}

static const char *skip_digits(const char *c, const char *end) {
        while (c < end && *c >= '0' && *c <= '9')
                c++;
        return c;
}

/* RFC 8259 6 */
static bool is_number(const char *c, const char *end) {
        const char *digits = *c == '-' ? c + 1 : c;

        c = skip_digits(digits, end);
        if (c == digits || (*digits == '0' && c > digits + 1))
                return false;
        if (c < end && *c == '.') {
                digits = c + 1;
                c = skip_digits(digits, end);
                if (c == digits)
                        return false;
        }
        if (c < end && (*c == 'e' || *c == 'E')) {
                digits = c + 1 < end && (c[1] == '+' || c[1] == '-') ? c + 2 : c + 1;
                c = skip_digits(digits, end);
                if (c == digits)
                        return false;
        }
        return c == end;
}

static int scan_scalar(Scan *s, const JsonStep *step) {
        static const char *const words[] = { "true", "false", "null" };
        const char *start = s->at;

        while (s->at < s->end && is_scalar(*s->at))
                s->at++;

        size_t n = (size_t) (s->at - start);
        if (n == 0)
                return scan_unexpected(s, step, "not JSON: expected a value");
        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                if (n == strlen(words[i]) && memcmp(start, words[i], n) == 0)
                        return 0;
        return is_number(start, s->at) ? 0 : scan_refuse(s, step, "not JSON: expected a number, true, false or null");
}

/* ------------------------------------------------------------------ places */

/* Counts lines from the previous value, so that the text is read only once. */
static void note_lines(Scan *s, Wanted wanted) {
        if (wanted.set == 0)
                return;
        s->line += json_text_line(s->counted, (size_t) (s->end - s->counted), (size_t) (s->at - s->counted)) - 1;
        s->counted = s->at;
        for (size_t i = 0; i < FAULTS_MAX; i++)
                if (wanted.set & 1ULL << i)
                        s->faults[i].line = s->line;
}

static bool is_path_end(char c) {
        return c == '\0' || c == '.' || c == '[';
}

_Static_assert(FAULTS_MAX <= 64, "a bit for each");

static Wanted wanted_in_key(const Scan *s, Wanted wanted, const JsonStep *step) {
        Wanted inner = { .n = wanted.n + 1 + step->n };

        for (size_t i = 0; i < FAULTS_MAX && wanted.set >> i != 0; i++) {
                const char *path = s->faults[i].item;

                if (wanted.set & 1ULL << i && path[wanted.n] == '.' &&
                    strncmp(path + wanted.n + 1, step->key, step->n) == 0 && is_path_end(path[inner.n]))
                        inner.set |= 1ULL << i;
        }
        return inner;
}

/* The lowest wanted index at or above `from`, with the faults there; SIZE_MAX if none. */
static size_t wanted_in_array(const Scan *s, Wanted wanted, size_t from, Wanted *ret) {
        size_t lowest = SIZE_MAX;

        for (size_t i = 0; i < FAULTS_MAX && wanted.set >> i != 0; i++) {
                const char *path = s->faults[i].item;
                char *end;

                if ((wanted.set & 1ULL << i) == 0 || path[wanted.n] != '[')
                        continue;
                size_t index = strtoul(path + wanted.n + 1, &end, 10);
                if (*end != ']' || index < from || index > lowest)
                        continue;
                if (index < lowest)
                        *ret = (Wanted) { .n = (size_t) (end + 1 - path) };
                lowest = index;
                ret->set |= 1ULL << i;
        }
        return lowest;
}

/* ------------------------------------------------------------------ values */

static int scan_member(Scan *s, const JsonStep *outer, size_t depth, Wanted wanted, JsonStep keys[static KEYS_MAX],
                       size_t *n_keys) {
        JsonStep step = { .outer = outer };

        int r = scan_string(s, outer, &step.key, &step.n);
        if (r < 0)
                return r;
        /* An escape could spell a key in a second way; no valid key needs one. */
        if (memchr(step.key, '\\', step.n))
                return scan_refuse(s, outer, "a key contains an escape sequence");
        for (size_t i = 0; i < *n_keys; i++)
                if (keys[i].n == step.n && memcmp(keys[i].key, step.key, step.n) == 0)
                        return scan_refuse(s, &step, "duplicate key");
        if (*n_keys == KEYS_MAX)
                return scan_refuse(s, outer, "too many keys");
        keys[(*n_keys)++] = step;

        if (!scan_take(s, ':'))
                return scan_refuse(s, &step, "not JSON: expected a colon");
        return scan_value(s, &step, depth, wanted_in_key(s, wanted, &step));
}

static int scan_object(Scan *s, const JsonStep *step, size_t depth, Wanted wanted) {
        JsonStep keys[KEYS_MAX];
        size_t n = 0;

        if (++s->n_objects > JSON_TEXT_OBJECTS_MAX)
                return scan_refuse(s, step, "the text has more than 100000 objects");
        if (scan_take(s, '}'))
                return 0;
        do {
                int r = scan_member(s, step, depth, wanted, keys, &n);
                if (r < 0)
                        return r;
        } while (scan_take(s, ','));
        return scan_take(s, '}') ? 0 : scan_unexpected(s, step, "not JSON: unterminated object");
}

/* Is this the array whose elements are passed to fn? */
static bool is_listed(const Scan *s, const JsonStep *step) {
        return s->key && step && !step->outer && step->key && step->n == strlen(s->key) &&
               memcmp(step->key, s->key, step->n) == 0;
}

static int scan_array(Scan *s, const JsonStep *outer, size_t depth, Wanted wanted) {
        JsonStep step = { .outer = outer };
        bool listed = is_listed(s, outer);
        Wanted inner = {};

        if (scan_take(s, ']'))
                return 0;
        size_t next = wanted_in_array(s, wanted, 0, &inner);
        do {
                (void) peek(s);
                const char *begin = s->at;
                int r = scan_value(s, &step, depth, step.n == next ? inner : (Wanted) {});
                if (r >= 0 && listed)
                        r = s->fn(step.n, (size_t) (begin - s->text), (size_t) (s->at - begin), s->userdata);
                if (r < 0)
                        return r;
                step.n++;
                if (step.n > next)
                        next = wanted_in_array(s, wanted, step.n, &inner);
        } while (scan_take(s, ','));
        return scan_take(s, ']') ? 0 : scan_unexpected(s, outer, "not JSON: unterminated array");
}

static int scan_value(Scan *s, const JsonStep *step, size_t depth, Wanted wanted) {
        const char *string;
        size_t n;

        if (depth == JSON_TEXT_DEPTH_MAX)
                return scan_refuse(s, step, "nested too deeply");
        if (++s->n_values > JSON_TEXT_VALUES_MAX)
                return scan_refuse(s, step, "the text has more than 500000 values");

        char c = peek(s);
        note_lines(s, wanted);
        if (c == '"')
                return scan_string(s, step, &string, &n);
        if (c == '{' || c == '[') {
                s->at++;
                return c == '{' ? scan_object(s, step, depth + 1, wanted) : scan_array(s, step, depth + 1, wanted);
        }
        return scan_scalar(s, step);
}

int json_text_for_each(const char *text, size_t length, const char *key, json_element_fn fn, void *userdata,
                       FaultList *faults) {
        Scan s = {
                .text = text, .end = text + length, .at = text, .refused = faults, .key = key, .fn = fn, .userdata = userdata,
        };

        assert(text);
        assert(key);
        assert(fn);
        assert(faults);

        int r = scan_value(&s, NULL, 0, (Wanted) {});
        if (r < 0)
                return r;
        return peek(&s) == '\0' && s.at == s.end ? 0 : scan_refuse(&s, NULL, "not JSON: trailing text after the value");
}

size_t json_text_locate(const char *text, size_t length, Fault *faults, size_t n) {
        Scan s = { .text = text, .end = text + length, .at = text, .faults = faults, .counted = text, .line = 1 };
        Wanted wanted = { .n = 1 }; /* the "$" */

        assert(text);
        assert(faults || n == 0);
        assert(n <= FAULTS_MAX);

        for (size_t i = 0; i < n; i++) {
                if (faults[i].line > 0)
                        continue;
                faults[i].line = 1;
                if (faults[i].item[0] == '$')
                        wanted.set |= 1ULL << i;
        }
        (void) scan_value(&s, NULL, 0, wanted);
        return (size_t) (s.at - s.text) + (size_t) (s.counted - s.text);
}
