/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Configuration text: sections of KEY=VALUE, as in systemd.syntax(7). Comments are lines that begin with # or ;. A
 * backslash at the end of a line joins it to the next, with a space in between. No quotes, and no comments after a
 * value. Anything else is a fault, never ignored. */

#include "basic/fault.h"

#define CONF_TEXT_MAX (1024U * 1024)
#define CONF_LINE_MAX 4096U  /* bytes, including joined lines */

/* One statement: section, key and value, without surrounding blanks. key and value are NULL for a section header.
 * -EINVAL, with a constant sentence in *ret_reason, is recorded as a fault and parsing continues; any other negative
 * value stops it. */
typedef int (*conf_file_fn)(const char *section, const char *key, const char *value, const char **ret_reason,
                            void *userdata);

/* Calls fn for each statement, in order. Returns 0, -EINVAL with one or more faults, or what fn returned. Items of
 * faults are "[Service] Mode" or "[Service]", in ASCII and truncated to fit; their lines are those where statements
 * begin. text need not be terminated. */
int conf_file_parse(const char *text, size_t size, conf_file_fn fn, void *userdata, FaultList *faults);
