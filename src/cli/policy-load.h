/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Policies from a file and from the environment, for the commands. What is wrong goes to stderr, one line per fault:
 * "cargowall: FILE:LINE: $.rules[3].ports[0]: reason". */

#include "policy/policy.h"

/* 0, or negative once the faults are printed. On success the caller owns what is in *ret. */
int policy_load_file(const char *path, PolicySource *ret);
/* The same of an open file, borrowed, which was found by that path. */
int policy_load_fd(int fd, const char *path, PolicySource *ret);
/* 1 when a CARGOWALL_* variable of the policy was set, 0 when none was, negative once the fault is printed. */
int policy_load_environment(PolicySource *ret);
/* policy_new() with its errors printed; origin: the file, or "environment". */
int policy_load_finish(PolicySource *source, const char *origin, Policy **ret);
