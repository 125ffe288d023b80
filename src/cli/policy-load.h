/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Loads policies from a file and from the environment, for the commands. Errors go to stderr, one per line:
 * "cargowall: FILE:LINE: $.rules[3].ports[0]: reason". */

#include "policy/policy.h"

/* 0, or negative after printing the errors. On success the caller owns the contents of *ret. */
int policy_load_file(const char *path, PolicySource *ret);
/* Also its text, not terminated, which the caller frees. */
int policy_load_file_text(const char *path, PolicySource *ret, char **ret_text, size_t *ret_length);
/* The same for an open file, borrowed, that was opened by this path. */
int policy_load_fd(int fd, const char *path, PolicySource *ret);
/* 1 if a CARGOWALL_* variable of the policy was set, 0 if none was, negative after printing the error. */
int policy_load_environment(PolicySource *ret);
/* policy_new(), printing its errors; origin: the file, or "environment". */
int policy_load_finish(PolicySource *source, const char *origin, Policy **ret);
