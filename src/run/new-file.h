/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Writes a file that does not exist yet, as a whole or not at all: with the rights of the user that runs COMMAND if those
 * suffice, otherwise with ours, as run/run-open.h does. */

#include <stddef.h>

#include "run/run-user.h"

/* Could it be written now? -EEXIST: there is something of that name. Other negative errno, for guarded_open_error(). */
int new_file_check(const char *path, const RunUser *user);
/* The file belongs to the user, with mode 0640 less the umask. Never replaces anything: -EEXIST. */
int new_file_write(const char *path, const RunUser *user, const char *text, size_t length);
