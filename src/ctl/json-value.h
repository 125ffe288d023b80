/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* JSON values: getters with defaults, and printing that is safe for a terminal. */

#include <json-c/json.h>
#include <stdio.h>

#include "basic/macro.h"

typedef json_object JsonObject;
DEFINE_CLEANUP_FUNC(JsonObject *, json_object_put)

typedef enum JsonFormat {
        JSON_OFF,
        JSON_SHORT,  /* one line */
        JSON_PRETTY,
} JsonFormat;

/* Each takes NULL for o, and gives the default ("", 0, false, NULL) when there is no such key or it is of another type.
 * What is handed out is borrowed from o. */
const char *json_value_text(JsonObject *o, const char *key);
uint64_t json_value_u64(JsonObject *o, const char *key);
bool json_value_bool(JsonObject *o, const char *key);
JsonObject *json_value_array(JsonObject *o, const char *key);
JsonObject *json_value_object(JsonObject *o, const char *key);
/* Of an array; 0 for NULL. */
size_t json_value_length(JsonObject *array);
/* Text of the element; "" when it is none. */
const char *json_value_element(JsonObject *array, size_t i);
bool json_value_contains(JsonObject *array, const char *text);

/* Adds value under key. Takes value, also on failure. -ENOMEM, also when value is NULL: that is an allocation that
 * failed; json_value_add_null() is for a null. */
int json_value_add(JsonObject *o, const char *key, JsonObject *value);
int json_value_add_null(JsonObject *o, const char *key);

/* Writes o and a newline, as event/json-print.h says. -ENOMEM. */
int json_value_print(FILE *f, JsonObject *o, JsonFormat format);
