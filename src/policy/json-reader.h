/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Reads a tree of json-c key by key and collects what is wrong with it: unknown keys, wrong types, and whatever else
 * the readers of the values say. */

#include <json-c/json.h>

#include "basic/fault.h"
#include "policy/json-text.h"

/* Returns 0 when reading goes on, faults or not, and negative to stop. at: where o is. o, and the strings in it, live
 * until the whole tree is read. */
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
        const char *wrong_type; /* constant sentence */
        json_read_fn read;
} JsonKey;

typedef json_object JsonObject;
DEFINE_CLEANUP_FUNC(JsonObject *, json_object_put)

/* A string, without a NUL inside. */
bool json_is_text(json_object *o);
/* Its line is found later, by json_text_locate(). */
void json_fault(FaultList *faults, const JsonStep *at, const char *reason);
/* Calls the reader of each key that is there, in the order of the text. */
int json_read_object(FaultList *faults, const JsonStep *at, json_object *o, const JsonKey *keys, size_t n_keys, void *into);
/* Calls read for each element of one of the types. */
int json_read_array(FaultList *faults, const JsonStep *at, json_object *o, unsigned types, const char *wrong_type,
                    json_read_fn read, void *into);
