/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/json-value.h"

#include <assert.h>
#include <string.h>

#include "event/escape.h"

static JsonObject *get(JsonObject *o, const char *key, enum json_type type) {
        JsonObject *value;

        if (!json_object_is_type(o, json_type_object) || !json_object_object_get_ex(o, key, &value) ||
            !json_object_is_type(value, type))
                return NULL;
        return value;
}

const char *json_value_text(JsonObject *o, const char *key) {
        JsonObject *value = get(o, key, json_type_string);
        return value ? json_object_get_string(value) : "";
}

uint64_t json_value_u64(JsonObject *o, const char *key) {
        JsonObject *value = get(o, key, json_type_int);
        return value ? json_object_get_uint64(value) : 0; /* 0 also for negative ones */
}

bool json_value_bool(JsonObject *o, const char *key) {
        return json_object_get_boolean(get(o, key, json_type_boolean));
}

JsonObject *json_value_array(JsonObject *o, const char *key) {
        return get(o, key, json_type_array);
}

JsonObject *json_value_object(JsonObject *o, const char *key) {
        return get(o, key, json_type_object);
}

size_t json_value_length(JsonObject *array) {
        return array ? json_object_array_length(array) : 0;
}

const char *json_value_element(JsonObject *array, size_t i) {
        JsonObject *value = i < json_value_length(array) ? json_object_array_get_idx(array, i) : NULL;
        return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";
}

bool json_value_contains(JsonObject *array, const char *text) {
        for (size_t i = 0; i < json_value_length(array); i++)
                if (strcmp(json_value_element(array, i), text) == 0)
                        return true;
        return false;
}

int json_value_add(JsonObject *o, const char *key, JsonObject *value) {
        if (!o || !value || json_object_object_add(o, key, value) < 0) {
                json_object_put(value);
                return -ENOMEM;
        }
        return 0;
}

int json_value_add_null(JsonObject *o, const char *key) {
        return o && json_object_object_add(o, key, NULL) == 0 ? 0 : -ENOMEM;
}

/* ------------------------------------------------------------------ printing */

static int print_text(FILE *f, const char *s, size_t n) {
        _cleanup_free_ char *buf = NULL;

        if (n > SIZE_MAX / ESCAPE_JSON_MAX - 1)
                return -ENOMEM;
        buf = malloc(n * ESCAPE_JSON_MAX + 1);
        if (!buf)
                return -ENOMEM;
        size_t length = escape_json(s, n, buf, n * ESCAPE_JSON_MAX);
        (void) putc('"', f);
        (void) fwrite(buf, 1, length, f);
        (void) putc('"', f);
        return 0;
}

static void new_line(FILE *f, bool pretty, unsigned depth) {
        if (pretty)
                (void) fprintf(f, "\n%*s", (int) (2 * depth), "");
}

static int print_value(FILE *f, JsonObject *o, bool pretty, unsigned depth);

static int print_array(FILE *f, JsonObject *o, bool pretty, unsigned depth) {
        size_t n = json_object_array_length(o);

        (void) putc('[', f);
        for (size_t i = 0; i < n; i++) {
                if (i > 0)
                        (void) putc(',', f);
                new_line(f, pretty, depth + 1);
                int r = print_value(f, json_object_array_get_idx(o, i), pretty, depth + 1);
                if (r < 0)
                        return r;
        }
        if (n > 0)
                new_line(f, pretty, depth);
        (void) putc(']', f);
        return 0;
}

static int print_object(FILE *f, JsonObject *o, bool pretty, unsigned depth) {
        bool first = true;

        (void) putc('{', f);
        json_object_object_foreach(o, key, value) {
                if (!first)
                        (void) putc(',', f);
                first = false;
                new_line(f, pretty, depth + 1);
                int r = print_text(f, key, strlen(key));
                if (r < 0)
                        return r;
                (void) fputs(pretty ? ": " : ":", f);
                r = print_value(f, value, pretty, depth + 1);
                if (r < 0)
                        return r;
        }
        if (!first)
                new_line(f, pretty, depth);
        (void) putc('}', f);
        return 0;
}

/* Values come from variant_to_json() and from json-c's parser, which both bound the depth. */
static int print_value(FILE *f, JsonObject *o, bool pretty, unsigned depth) {
        switch (json_object_get_type(o)) {
        case json_type_array:
                return print_array(f, o, pretty, depth);
        case json_type_object:
                return print_object(f, o, pretty, depth);
        case json_type_string:
                return print_text(f, json_object_get_string(o), (size_t) json_object_get_string_len(o));
        default:
                (void) fputs(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN) ?: "null", f);
                return 0;
        }
}

int json_value_print(FILE *f, JsonObject *o, JsonFormat format) {
        assert(f && format != JSON_OFF);

        int r = print_value(f, o, format == JSON_PRETTY, 0);
        (void) putc('\n', f);
        return r;
}
