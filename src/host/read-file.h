/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Reads a small text file at once: for /proc and configuration, where stat() does not give the size or cannot be
 * trusted. */

#include <stddef.h>

/* path is relative to dir_fd (or AT_FDCWD). *ret is terminated, the caller frees it; ret_size may be NULL. -EFBIG:
 * more than max bytes. */
int read_file_at(int dir_fd, const char *path, size_t max, char **ret, size_t *ret_size);
