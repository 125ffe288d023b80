/* SPDX-License-Identifier: Apache-2.0 */
#include "event/json-print.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "basic/macro.h"
#include "event/escape.h"

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

static int print_value(FILE *f, json_object *o, bool pretty, unsigned depth);

static int print_array(FILE *f, json_object *o, bool pretty, unsigned depth) {
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

static int print_object(FILE *f, json_object *o, bool pretty, unsigned depth) {
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

static int print_value(FILE *f, json_object *o, bool pretty, unsigned depth) {
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

int json_print(FILE *f, json_object *o, bool pretty) {
        assert(f);

        return print_value(f, o, pretty, 0);
}
