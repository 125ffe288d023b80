/* SPDX-License-Identifier: Apache-2.0 */
#include "bus/bus-event.h"

#include <assert.h>
#include <json-c/json.h>
#include <string.h>

#include "event/event-json.h"

#define DEPTH_MAX 8

typedef json_object JsonObject;
typedef json_tokener JsonTokener;
DEFINE_CLEANUP_FUNC(JsonObject *, json_object_put)
DEFINE_CLEANUP_FUNC(JsonTokener *, json_tokener_free)

static int parse_line(const char *line, size_t size, JsonObject **ret) {
        _cleanup_(json_tokener_freep) JsonTokener *tokener = NULL;
        _cleanup_(json_object_putp) JsonObject *o = NULL;

        if (size > EVENT_LINE_MAX)
                return -EBADMSG;
        tokener = json_tokener_new_ex(DEPTH_MAX);
        if (!tokener)
                return -ENOMEM;
        json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
        o = json_tokener_parse_ex(tokener, line, (int) size);
        if (json_tokener_get_error(tokener) != json_tokener_success || !json_object_is_type(o, json_type_object))
                return -EBADMSG;
        *ret = TAKE_PTR(o);
        return 0;
}

/* D-Bus strings end at the first NUL. */
static bool is_plain_string(JsonObject *o) {
        return json_object_is_type(o, json_type_string) &&
               strlen(json_object_get_string(o)) == (size_t) json_object_get_string_len(o);
}

static bool is_string_array(JsonObject *o) {
        if (!json_object_is_type(o, json_type_array))
                return false;
        for (size_t i = 0; i < json_object_array_length(o); i++)
                if (!is_plain_string(json_object_array_get_idx(o, i)))
                        return false;
        return true;
}

static int append_strings(sd_bus_message *m, JsonObject *array) {
        int r = sd_bus_message_open_container(m, SD_BUS_TYPE_VARIANT, "as");
        if (r >= 0)
                r = sd_bus_message_open_container(m, SD_BUS_TYPE_ARRAY, "s");
        for (size_t i = 0; r >= 0 && i < json_object_array_length(array); i++)
                r = sd_bus_message_append(m, "s", json_object_get_string(json_object_array_get_idx(array, i)));
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_value(sd_bus_message *m, JsonObject *o) {
        const char *text;

        if (is_plain_string(o))
                return sd_bus_message_append(m, "v", "s", json_object_get_string(o));
        if (json_object_is_type(o, json_type_int))
                return sd_bus_message_append(m, "v", "x", json_object_get_int64(o));
        if (json_object_is_type(o, json_type_boolean))
                return sd_bus_message_append(m, "v", "b", json_object_get_boolean(o));
        if (json_object_is_type(o, json_type_double))
                return sd_bus_message_append(m, "v", "d", json_object_get_double(o));
        if (is_string_array(o))
                return append_strings(m, o);

        text = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
        return text ? sd_bus_message_append(m, "v", "s", text) : -ENOMEM;
}

static int append_entry(sd_bus_message *m, const char *key, JsonObject *value) {
        int r = sd_bus_message_open_container(m, SD_BUS_TYPE_DICT_ENTRY, "sv");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", key);
        if (r >= 0)
                r = append_value(m, value);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

int bus_event_append(sd_bus_message *m, const char *line, size_t size, uint64_t n_dropped) {
        _cleanup_(json_object_putp) JsonObject *o = NULL;
        int r;

        assert(m);
        assert(line || size == 0);

        r = parse_line(line ?: "", size, &o);
        if (r < 0)
                return r;
        r = sd_bus_message_open_container(m, SD_BUS_TYPE_ARRAY, "{sv}");
        if (r < 0)
                return r;
        json_object_object_foreach(o, key, value) {
                if (!value)
                        continue;
                r = append_entry(m, key, value);
                if (r < 0)
                        return r;
        }
        if (n_dropped > 0) {
                r = sd_bus_message_append(m, "{sv}", "bus_events_dropped", "x", (int64_t) n_dropped);
                if (r < 0)
                        return r;
        }
        return sd_bus_message_close_container(m);
}
