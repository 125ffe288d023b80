/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Values of json-c as text. Strings are complete; what could deceive a terminal is written as \uXXXX (event/escape.h), so the text
 * means the same to a program and is harmless to a reader. Pure but for the stream. */

#include <json-c/json.h>
#include <stdbool.h>
#include <stdio.h>

/* Without a line feed at the end. The depth of o is bounded, as that of json-c's parser is. -ENOMEM; what the stream cannot take is
 * the caller's to look for. */
int json_print(FILE *f, json_object *o, bool pretty);
