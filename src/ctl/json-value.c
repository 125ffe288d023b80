/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/json-value.h"

#include <assert.h>
#include <string.h>

#include "event/json-print.h"

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

int json_value_print(FILE *f, JsonObject *o, JsonFormat format) {
        assert(f && format != JSON_OFF);

        int r = json_print(f, o, format == JSON_PRETTY);
        (void) putc('\n', f);
        return r;
}
