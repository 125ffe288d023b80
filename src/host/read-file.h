/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A small text file, whole: for /proc and configuration, whose size stat() does not tell or may lie about. */

#include <stddef.h>

/* Relative to dir_fd (AT_FDCWD too). *ret is terminated, the caller frees it; ret_size may be NULL. -EFBIG: more than
 * max bytes. */
int read_file_at(int dir_fd, const char *path, size_t max, char **ret, size_t *ret_size);
