/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Configuration text: sections of KEY=VALUE, as systemd.syntax(7) has them. Comments are lines of their own that begin
 * with # or ;. A backslash at the end of a line joins the next one to it, with a blank between. No quotes, no comments
 * behind a value. What is anything else is a fault, never ignored. */

#include "basic/fault.h"

#define CONF_TEXT_MAX (1024U * 1024)
#define CONF_LINE_MAX 4096U  /* bytes, with the lines joined to it */

/* One statement: section, key and value, trimmed of blanks. key and value are NULL at a section's head. -EINVAL, with a
 * constant sentence in *ret_reason, is a fault, and reading goes on; another negative value stops it. */
typedef int (*conf_file_fn)(const char *section, const char *key, const char *value, const char **ret_reason,
                            void *userdata);

/* Calls fn for each statement, in order. Returns 0, -EINVAL with one fault or more, or what fn returned. Items of faults
 * are "[Service] Mode" or "[Service]", ASCII and cut to size; lines are where statements begin. text need not be
 * terminated. */
int conf_file_parse(const char *text, size_t size, conf_file_fn fn, void *userdata, FaultList *faults);
