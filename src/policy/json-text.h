/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A look at JSON text beside its parser: what json-c does not tell. It keeps the last of two equal keys, which would
 * let a rule look like one thing to a reader and be another, and it has no positions. For text that json-c has
 * accepted; refuses what it does not understand. */

#include <stddef.h>

#define JSON_TEXT_DEPTH_MAX 8

/* The way from the root to a value, innermost last: one on the stack of each function that reads a value, so that a
 * path is put into text only where somebody has to be told. NULL is the root. */
typedef struct JsonStep {
        const struct JsonStep *outer; /* borrowed */
        const char *key;              /* borrowed, need not be terminated; NULL for an element of an array */
        size_t n;                     /* length of key, or index */
} JsonStep;

/* "$.rules[3].ports", cut to size. Returns its length, or at least size when it was cut. */
size_t json_step_format(const JsonStep *step, char *buf, size_t size);

typedef struct JsonTextFault {
        char path[160];     /* "$.rules[3].ports" */
        const char *reason; /* constant sentence */
        unsigned line;
} JsonTextFault;

/* -EINVAL: an object has two equal keys, a key with an escape, or more keys than any object here can have. */
int json_text_check(const char *text, size_t length, JsonTextFault *ret);

/* Where an element of an array is, in offsets; each end is behind the last byte. */
typedef struct JsonElement {
        size_t begin, end;
        size_t string, string_end; /* between the quotes of the string that is asked for; both 0: there is none */
} JsonElement;

/* The same as json_text_check(), without the fault, and calls fn for each element of the array at the root's key, in
 * order, with the string that an element has at inner, if it is an object. Stops on fn's negative return and hands it
 * on. */
typedef int (*json_text_fn)(const JsonElement *e, void *userdata);
int json_text_for_each(const char *text, size_t length, const char *key, const char *inner, json_text_fn fn,
                       void *userdata);
/* Line of the value at path, or of the nearest one around it. */
unsigned json_text_locate(const char *text, size_t length, const char *path);
unsigned json_text_line(const char *text, size_t length, size_t offset);
