/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A look at JSON text beside its parser: what json-c does not tell. It keeps the last of two equal keys, which would
 * let a rule look like one thing to a reader and be another, and it has no positions. For text that json-c has
 * accepted; refuses what it does not understand. */

#include <stddef.h>

#define JSON_TEXT_DEPTH_MAX 8

typedef struct JsonTextFault {
        char path[160];     /* "$.rules[3].ports" */
        const char *reason; /* constant sentence */
        unsigned line;
} JsonTextFault;

/* -EINVAL: an object has two equal keys, a key with an escape, or more keys than any object here can have. */
int json_text_check(const char *text, size_t length, JsonTextFault *ret);
/* Line of the value at path, or of the nearest one around it. */
unsigned json_text_locate(const char *text, size_t length, const char *path);
unsigned json_text_line(const char *text, size_t length, size_t offset);
