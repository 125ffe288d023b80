/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Files that the user names on the command line, opened with no more than the user's rights where those are enough, so that a
 * directory which the user can change leads root nowhere. With root's rights only where the user has none, and then by
 * host/guarded-open. Each returns an fd or a negative errno, for guarded_open_error(). */

#include "run/run-user.h"

/* To append to. What is created belongs to the user, mode 0640 less the umask. */
int run_open_log(const char *path, const RunUser *user);
int run_open_policy(const char *path, const RunUser *user);
