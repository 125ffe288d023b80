/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/variant-json.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/time-text.h"

/* The specification allows 32 arrays and 32 structures inside each other, and 64 in all with variants. */
#define DEPTH_MAX 64

static int read_value(sd_bus_message *m, unsigned depth, JsonObject **ret);

static int read_basic(sd_bus_message *m, char type, JsonObject **ret) {
        union {
                uint8_t u8;
                int16_t i16;
                uint16_t u16;
                int32_t i32;
                uint32_t u32;
                int64_t i64;
                uint64_t u64;
                int boolean, fd;
                double real;
                const char *text;
        } v;

        int r = sd_bus_message_read_basic(m, type, &v);
        if (r <= 0)
                return r < 0 ? r : -ENXIO;

        switch (type) {
        case SD_BUS_TYPE_BYTE:
                *ret = json_object_new_int64(v.u8);
                break;
        case SD_BUS_TYPE_INT16:
                *ret = json_object_new_int64(v.i16);
                break;
        case SD_BUS_TYPE_UINT16:
                *ret = json_object_new_int64(v.u16);
                break;
        case SD_BUS_TYPE_INT32:
                *ret = json_object_new_int64(v.i32);
                break;
        case SD_BUS_TYPE_UINT32:
                *ret = json_object_new_int64(v.u32);
                break;
        case SD_BUS_TYPE_INT64:
                *ret = json_object_new_int64(v.i64);
                break;
        case SD_BUS_TYPE_UINT64:
                *ret = json_object_new_uint64(v.u64);
                break;
        case SD_BUS_TYPE_BOOLEAN:
                *ret = json_object_new_boolean(v.boolean);
                break;
        case SD_BUS_TYPE_DOUBLE:
                *ret = json_object_new_double(v.real);
                break;
        case SD_BUS_TYPE_UNIX_FD:
                *ret = NULL; /* null in JSON; the message owns the descriptor */
                return 0;
        default:
                *ret = json_object_new_string(v.text);
        }
        return *ret ? 0 : -ENOMEM;
}

/* A key of any basic type as text. The caller frees. */
static int read_key(sd_bus_message *m, char type, char **ret) {
        _cleanup_(json_object_putp) JsonObject *key = NULL;

        int r = read_basic(m, type, &key);
        if (r < 0)
                return r;
        *ret = strdup(json_object_get_string(key) ?: "null");
        return *ret ? 0 : -ENOMEM;
}

static int read_entries(sd_bus_message *m, const char *contents, unsigned depth, JsonObject *into) {
        /* contents is "{kv…}": what stands between the braces. */
        size_t n = strlen(contents);
        _cleanup_free_ char *entry = n >= 2 ? strndup(contents + 1, n - 2) : NULL;
        int r;

        if (!entry)
                return -ENOMEM;
        while ((r = sd_bus_message_enter_container(m, SD_BUS_TYPE_DICT_ENTRY, entry)) > 0) {
                _cleanup_(json_object_putp) JsonObject *value = NULL;
                _cleanup_free_ char *key = NULL;

                r = read_key(m, entry[0], &key);
                if (r < 0)
                        return r;
                r = read_value(m, depth + 1, &value);
                if (r < 0)
                        return r;
                if (json_object_object_add(into, key, value) < 0)
                        return -ENOMEM;
                value = NULL; /* owned by the object now */
                r = sd_bus_message_exit_container(m);
                if (r < 0)
                        return r;
        }
        return r;
}

static int read_elements(sd_bus_message *m, unsigned depth, JsonObject *into) {
        int r;

        while ((r = sd_bus_message_at_end(m, false)) == 0) {
                JsonObject *value;

                r = read_value(m, depth + 1, &value);
                if (r < 0)
                        return r;
                if (json_object_array_add(into, value) < 0) {
                        json_object_put(value);
                        return -ENOMEM;
                }
        }
        return r < 0 ? r : 0;
}

static int read_container(sd_bus_message *m, char type, const char *contents, unsigned depth, JsonObject **ret) {
        bool dictionary = type == SD_BUS_TYPE_ARRAY && contents[0] == '{';
        _cleanup_(json_object_putp) JsonObject *o = NULL;
        /* Entering advances the message and invalidates contents. */
        _cleanup_free_ char *inner = strdup(contents);

        if (!inner || depth >= DEPTH_MAX)
                return !inner ? -ENOMEM : -EBADMSG;
        int r = sd_bus_message_enter_container(m, type, inner);
        if (r <= 0)
                return r < 0 ? r : -ENXIO;

        if (type == SD_BUS_TYPE_VARIANT)
                r = read_value(m, depth + 1, &o);
        else {
                o = dictionary ? json_object_new_object() : json_object_new_array();
                r = !o ? -ENOMEM : dictionary ? read_entries(m, inner, depth, o) : read_elements(m, depth, o);
        }
        if (r < 0)
                return r;
        r = sd_bus_message_exit_container(m);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(o);
        return 0;
}

static int read_value(sd_bus_message *m, unsigned depth, JsonObject **ret) {
        const char *contents;
        char type;

        int r = sd_bus_message_peek_type(m, &type, &contents);
        if (r <= 0)
                return r < 0 ? r : -ENXIO;
        if (type == SD_BUS_TYPE_ARRAY || type == SD_BUS_TYPE_STRUCT || type == SD_BUS_TYPE_VARIANT)
                return read_container(m, type, contents, depth, ret);
        return read_basic(m, type, ret);
}

int variant_to_json(sd_bus_message *m, JsonObject **ret) {
        assert(m && ret);

        return read_value(m, 0, ret);
}

/* ------------------------------------------------------------------ names of properties */

static bool is_upper(char c) {
        return c >= 'A' && c <= 'Z';
}

/* A word begins at a capital, except inside a run of them: "DNSWiring" is two words. */
const char *property_key(const char *name, char buf[static PROPERTY_KEY_MAX]) {
        size_t n = 0;

        assert(name);

        for (size_t i = 0; name[i] != '\0' && n + 2 < PROPERTY_KEY_MAX; i++) {
                bool after_word = i > 0 && !is_upper(name[i - 1]) && name[i - 1] != '_';
                bool before_word = i > 0 && is_upper(name[i - 1]) && name[i + 1] >= 'a' && name[i + 1] <= 'z';

                if (is_upper(name[i]) && (after_word || before_word))
                        buf[n++] = '_';
                buf[n++] = is_upper(name[i]) ? (char) (name[i] - 'A' + 'a') : name[i];
        }
        buf[n] = '\0';
        return buf;
}

static int add_time(JsonObject *o, const char *key, uint64_t usec) {
        char text[TIME_TEXT_MAX];

        if (usec == 0)
                return json_value_add_null(o, key);
        return json_value_add(o, key, json_object_new_string(time_format_rfc3339(usec, text)));
}

static bool ends_with(const char *s, const char *end) {
        size_t n = strlen(s), k = strlen(end);
        return n >= k && strcmp(s + n - k, end) == 0;
}

int json_rename_properties(JsonObject *in, JsonObject **ret) {
        assert(ret);

        _cleanup_(json_object_putp) JsonObject *o = json_object_new_object();
        if (!o)
                return -ENOMEM;
        if (!json_object_is_type(in, json_type_object))
                return -EBADMSG;
        json_object_object_foreach(in, name, value) {
                char key[PROPERTY_KEY_MAX];
                int r;

                (void) property_key(name, key);
                if (ends_with(name, "Timestamp") && json_object_is_type(value, json_type_int))
                        r = add_time(o, key, json_object_get_uint64(value));
                else if (!value)
                        r = json_value_add_null(o, key);
                else
                        r = json_value_add(o, key, json_object_get(value));
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(o);
        return 0;
}

int variant_to_json_properties(sd_bus_message *m, JsonObject **ret) {
        _cleanup_(json_object_putp) JsonObject *raw = NULL;

        int r = variant_to_json(m, &raw);
        return r < 0 ? r : json_rename_properties(raw, ret);
}
