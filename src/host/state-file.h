/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Files that this service writes for itself, and reads again in a later run or boot. What another user may have written,
 * or could have changed, is not read. */

#include <stddef.h>

#define STATE_DIRECTORY "/var/lib/cargowall"
#define RUNTIME_DIRECTORY "/run/cargowall"

/* Returns the size of the text, which is terminated and freed by the caller. -ENOENT: there is no such file; another
 * negative errno with *ret_reason, a constant sentence; -ENOMEM. */
int state_file_read(const char *dir, const char *name, size_t max, char **ret, size_t *ret_size, const char **ret_reason);
/* Writes it as a whole or not at all, also if the machine crashes. */
int state_file_write(const char *dir, const char *name, const char *text, size_t size);
/* -ENOENT: there is none. */
int state_file_remove(const char *dir, const char *name);
