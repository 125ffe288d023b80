/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Checks JSON text before and after json-c parses it, for what json-c does not do: json-c keeps the last of two
 * equal keys, so a rule could look different to a reader; it allocates 800 bytes of tree for each "{}"; its strict
 * mode differs between versions (0.18 rejects every non-ASCII character); and it reports no positions. No values are
 * read here: their meaning is json-c's. */

#include "basic/fault.h"

#define JSON_TEXT_DEPTH_MAX 8
/* Five objects and 25 values per rule of the longest document. A tree of that many would take 120 MB. */
#define JSON_TEXT_OBJECTS_MAX 100000U
#define JSON_TEXT_VALUES_MAX 500000U

/* The path from the root to a value, innermost step last: one on the stack of each function that reads a value, so
 * that a path is formatted only for a fault. NULL is the root. */
typedef struct JsonStep {
        const struct JsonStep *outer; /* borrowed */
        const char *key;              /* borrowed, not necessarily terminated; NULL for an element of an array */
        size_t n;                     /* length of key, or index */
} JsonStep;

/* "$.rules[3].ports", truncated to fit. Returns the length, or at least size if it was truncated. */
size_t json_step_format(const JsonStep *step, char *buf, size_t size);

/* One element of an array: offset and length of its text. A negative return stops the walk. */
typedef int (*json_element_fn)(size_t index, size_t offset, size_t length, void *userdata);

/* Checks the whole text, and calls fn for each element of the array at the root's key, in order. Returns -EBADMSG
 * with a fault if an object has two equal keys, a key with an escape, or more keys than any object of a policy can
 * have; if there are more values than allowed; or if the text is not JSON (RFC 8259) in valid UTF-8, except for the
 * escapes in strings, which json-c checks. Otherwise returns what fn returned. */
int json_text_for_each(const char *text, size_t length, const char *key, json_element_fn fn, void *userdata,
                       FaultList *faults);

/* Fills in the line of each fault that has none: the line of the value at its path, or of the nearest enclosing
 * value. Reads the text once, however many faults there are (up to FAULTS_MAX), and returns the number of bytes
 * read: at most twice the length, since lines are counted separately. */
size_t json_text_locate(const char *text, size_t length, Fault *faults, size_t n);
unsigned json_text_line(const char *text, size_t length, size_t offset);
