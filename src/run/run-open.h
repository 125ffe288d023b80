/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Opens files named on the command line, with the user's rights if those suffice, so that root cannot be misdirected
 * by a directory that the user can change. With root's rights only if the user has none, and then through
 * host/guarded-open. Each returns an fd or a negative errno, for guarded_open_error(). */

#include "run/run-user.h"

/* What fn returns in a process with the user's rights: 0, a negative errno, or an open descriptor. */
typedef int (*run_as_user_fn)(const char *path, const void *userdata);
int run_as_user(const char *path, const RunUser *user, run_as_user_fn fn, const void *userdata);

/* Opens for appending. A new file belongs to the user, with mode 0640 less the umask. */
int run_open_log(const char *path, const RunUser *user);
int run_open_policy(const char *path, const RunUser *user);
