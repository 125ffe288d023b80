/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Reads a json-c tree key by key and collects its faults: unknown keys, wrong types, and whatever the readers of the
 * values find. */

#include <json-c/json.h>

#include "basic/fault.h"
#include "policy/json-text.h"

/* at: the path of o. Returns 0 to continue, with or without faults, or a negative errno to stop. o, and strings
 * borrowed from it, live until the whole tree is read. */
typedef int (*json_read_fn)(FaultList *faults, const JsonStep *at, json_object *o, void *into);

enum {
        IS_BOOL = 1U << json_type_boolean,
        IS_INT = 1U << json_type_int,
        IS_OBJECT = 1U << json_type_object,
        IS_ARRAY = 1U << json_type_array,
        IS_STRING = 1U << json_type_string,
};

typedef struct JsonKey {
        const char *name;
        unsigned types;         /* IS_… */
        const char *wrong_type; /* a constant sentence */
        json_read_fn read;
} JsonKey;

typedef json_object JsonObject;
DEFINE_CLEANUP_FUNC(JsonObject *, json_object_put)

/* A string without an embedded NUL. */
bool json_is_text(json_object *o);
/* The line number is filled in later, by json_text_locate(). */
void json_fault(FaultList *faults, const JsonStep *at, const char *reason);
/* Calls the reader of each key present, in the order of the text. */
int json_read_object(FaultList *faults, const JsonStep *at, json_object *o, const JsonKey *keys, size_t n_keys, void *into);
/* Calls read for each element, all of which must have one of the types. */
int json_read_array(FaultList *faults, const JsonStep *at, json_object *o, unsigned types, const char *wrong_type,
                    json_read_fn read, void *into);
