/* SPDX-License-Identifier: Apache-2.0 */

#include "policy/document-outline.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define DEPTH_MAX 64

typedef enum Key {
        KEY_NAME,
        KEY_MODE,
        KEY_MATCH,
        KEY_INBOUND,
        _KEY_MAX,
} Key;

static const char *const keys[_KEY_MAX] = {
        [KEY_NAME] = "name",
        [KEY_MODE] = "mode",
        [KEY_MATCH] = "match",
        [KEY_INBOUND] = "inbound",
};

typedef struct Slice {
        const char *at; /* NULL: the text has no such key */
        size_t n;
} Slice;

typedef struct Outline {
        Slice values[_KEY_MAX];
        bool contradictory; /* a key was there twice */
        const char *end;    /* nothing after this could be read */
        bool complete;      /* the object ends there */
} Outline;

static bool is_space(char c) {
        return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static const char *skip_space(const char *s, const char *end) {
        while (s < end && is_space(*s))
                s++;
        return s;
}

/* s is at the opening quote. Returns what follows the closing one; NULL: there is none on this line, so that a forgotten
 * quote does not make strings of all that lies between others. */
static const char *skip_string(const char *s, const char *end) {
        for (s++; s < end && (unsigned char) *s >= ' '; s++) {
                if (*s == '"')
                        return s + 1;
                if (*s == '\\' && ++s == end)
                        return NULL;
        }
        return NULL;
}

/* Returns the comma or the brace that ends the member whose value begins at s; NULL: brackets or strings are not
 * balanced. Faults inside of balanced brackets do not matter. */
static const char *skip_value(const char *s, const char *end) {
        char stack[DEPTH_MAX];
        size_t depth = 0;

        while (s < end) {
                if (*s == '"') {
                        s = skip_string(s, end);
                        if (!s)
                                return NULL;
                        continue;
                }
                if (depth == 0 && (*s == ',' || *s == '}'))
                        return s;
                if (*s == '{' || *s == '[') {
                        if (depth == DEPTH_MAX)
                                return NULL;
                        stack[depth++] = *s == '{' ? '}' : ']';
                } else if ((*s == '}' || *s == ']') && (depth == 0 || stack[--depth] != *s))
                        return NULL;
                s++;
        }
        return NULL;
}

static void note_member(Outline *o, const char *key, size_t n_key, const char *value, size_t n_value) {
        while (n_value > 0 && is_space(value[n_value - 1]))
                n_value--;
        for (size_t i = 0; i < _KEY_MAX; i++) {
                if (strlen(keys[i]) != n_key || memcmp(keys[i], key, n_key) != 0)
                        continue;
                o->contradictory = o->contradictory || o->values[i].at;
                o->values[i] = (Slice) { value, n_value };
        }
}

static void read_members(const char *text, size_t size, Outline *o) {
        const char *end = text + size, *s = skip_space(text, end);

        o->end = s;
        if (s == end || *s != '{')
                return;
        for (s++;;) {
                const char *key = skip_space(s, end), *key_end, *value, *next;

                o->end = key;
                if (key < end && *key == '}') {
                        o->complete = true;
                        return;
                }
                if (key == end || *key != '"' || !(key_end = skip_string(key, end)))
                        return;
                value = skip_space(key_end, end);
                if (value == end || *value != ':')
                        return;
                value = skip_space(value + 1, end);
                next = skip_value(value, end);
                if (!next)
                        return;
                note_member(o, key + 1, (size_t) (key_end - key) - 2, value, (size_t) (next - value));
                s = next + (*next == ',');
        }
}

static bool slice_is(const Slice *s, const char *text) {
        return s->at && s->n == strlen(text) && memcmp(s->at, text, s->n) == 0;
}

/* A mode that is there but cannot be read is not known to be enforce, which would take its connections from a scope that
 * its administrator only observes. */
static int find_mode(const Outline *o, const char *text, size_t size, Mode configured, Mode *ret) {
        const Slice *mode = &o->values[KEY_MODE];

        if (!mode->at) {
                if (!o->complete && memmem(o->end, size - (size_t) (o->end - text), "\"mode\"", strlen("\"mode\"")))
                        return -ENOENT;
                *ret = configured;
                return 0;
        }
        if (slice_is(mode, "\"enforce\""))
                *ret = MODE_ENFORCE;
        else if (slice_is(mode, "\"audit\""))
                *ret = MODE_AUDIT;
        else if (slice_is(mode, "\"off\""))
                *ret = MODE_OFF;
        else
                return -ENOENT;
        return 0;
}

static void print_slice(FILE *f, Key key, const Slice *s) {
        if (!s->at)
                return;
        (void) fprintf(f, "  \"%s\": ", keys[key]);
        (void) fwrite(s->at, 1, s->n, f);
        (void) fputs(",\n", f);
}

static int print(const Outline *o, Mode mode, const char *name, char **ret) {
        _cleanup_free_ char *text = NULL;
        size_t size;

        FILE *f = open_memstream(&text, &size);
        if (!f)
                return -ENOMEM;
        (void) fputs("{\n", f);
        print_slice(f, KEY_MATCH, &o->values[KEY_MATCH]);
        if (name)
                (void) fprintf(f, "  \"name\": \"%s\",\n", name);
        else {
                print_slice(f, KEY_NAME, &o->values[KEY_NAME]);
                print_slice(f, KEY_INBOUND, &o->values[KEY_INBOUND]);
        }
        if (o->values[KEY_MODE].at) /* "off" is what a document may not say; audit without rules does the same */
                (void) fprintf(f, "  \"mode\": \"%s\",\n", mode == MODE_ENFORCE ? "enforce" : "audit");
        (void) fprintf(f, "  \"defaultAction\": \"%s\",\n  \"rules\": []\n}\n", mode == MODE_ENFORCE ? "deny" : "allow");
        bool failed = ferror(f) != 0;
        if (fclose(f) != 0 || failed)
                return -ENOMEM;
        *ret = TAKE_PTR(text);
        return 1;
}

int document_outline(const char *text, size_t size, bool is_host, Mode configured, const char *name, char **ret) {
        Outline o = {};
        Mode mode;

        assert(text || size == 0);
        assert(ret);

        read_members(text, size, &o);
        /* For the host, a match says that the document is not meant for all other traffic. */
        if (o.contradictory || is_host == (o.values[KEY_MATCH].at != NULL))
                return 0;
        if (is_host && !o.values[KEY_MODE].at && !o.complete)
                return 0;
        if (find_mode(&o, text, size, configured, &mode) < 0)
                return 0;
        return print(&o, mode, name, ret);
}
