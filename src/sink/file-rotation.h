/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Moves a file that has reached its limit out of the way. Older files are PATH.old.1 (the latest), PATH.old.2 ...: not
 * the names that logrotate(8) uses. */

#define FILE_ROTATION_KEEP_MAX 99U

/* fd: the file, as opened by path. Keeps so many older files, at least 1, and removes the next one. -ESTALE: the path
 * is not this file any more, somebody else has rotated it: open it again. Other negative errno: nothing was moved, or
 * not the file itself; path is followed as by guarded_open(). */
int file_rotate(const char *path, int fd, unsigned keep);
