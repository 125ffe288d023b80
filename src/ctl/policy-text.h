/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The text of a policy, from a file or standard input. Errors are printed to stderr, one line each:
 * "cargowallctl: FILE:LINE: $.rules[3].ports[0]: reason". Functions return 0 or an exit status, unless they say
 * otherwise. */

#include "ctl/json-value.h"
#include "policy/policy.h"

/* file: a path, or "-" for standard input. *ret is terminated, the caller frees it. */
int policy_text_read(const char *file, char **ret, size_t *ret_size);
/* The name to print for file. */
const char *policy_text_origin(const char *file);
void policy_text_complain(const char *origin, const char *path, uint64_t line, const char *reason);

/* Parses and compiles. *faults (may be NULL): an array that gets an object {path, line, reason} for each error, instead
 * of printing it. The caller owns what is in *ret. */
int policy_text_parse(const char *origin, const char *text, size_t size, JsonObject *faults, PolicySource *ret);
/* A sealed memfd with the text, as LoadPolicy() requires; negative errno. */
int policy_text_memfd(const char *text, size_t size, int *ret_fd);
