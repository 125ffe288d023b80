/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A look at JSON text before and after json-c parses it, for what json-c does not do: it keeps the last of two equal
 * keys, which would let a rule look like one thing to a reader and be another; it makes 800 bytes of tree from the two of
 * "{}"; and it has no positions. Nothing is read here: each value is what json-c makes of it. */

#include "basic/fault.h"

#define JSON_TEXT_DEPTH_MAX 8
/* Five objects and 25 values for each rule of the longest document. A tree of all would take 120 MB. */
#define JSON_TEXT_OBJECTS_MAX 100000U
#define JSON_TEXT_VALUES_MAX 500000U

/* The way from the root to a value, innermost last: one on the stack of each function that reads a value, so that a
 * path is put into text only where somebody has to be told. NULL is the root. */
typedef struct JsonStep {
        const struct JsonStep *outer; /* borrowed */
        const char *key;              /* borrowed, need not be terminated; NULL for an element of an array */
        size_t n;                     /* length of key, or index */
} JsonStep;

/* "$.rules[3].ports", cut to size. Returns its length, or at least size when it was cut. */
size_t json_step_format(const JsonStep *step, char *buf, size_t size);

/* An element of an array: offset and length of its text. A negative return ends the walk. */
typedef int (*json_element_fn)(size_t index, size_t offset, size_t length, void *userdata);

/* Looks at all of the text, and calls fn for each element of the array at the root's key, in order. -EBADMSG and a fault:
 * an object has two equal keys, a key with an escape, or more keys than any object here can have; a string has a control
 * character; the text has more values than are allowed, or is no JSON. What is JSON in the end is for json-c to say.
 * Otherwise what fn returned. */
int json_text_for_each(const char *text, size_t length, const char *key, json_element_fn fn, void *userdata,
                       FaultList *faults);

/* Fills in the line of each fault that has none: that of the value at its path, or of the nearest one around it. Reads the
 * text once, whatever their number (up to FAULTS_MAX), and returns how many bytes it looked at: at most twice the length,
 * since lines are counted apart. */
size_t json_text_locate(const char *text, size_t length, Fault *faults, size_t n);
unsigned json_text_line(const char *text, size_t length, size_t offset);
