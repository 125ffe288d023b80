/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Opens files for a privileged process by paths that other users may influence. Symbolic links are followed only
 * where root or this process's user must have made them: in directories that nobody else may write to, or links with
 * our owner in a sticky directory. */

#include <stdbool.h>
#include <sys/types.h>

/* Like open(2), one component at a time, with O_CLOEXEC and O_NOCTTY. flags may hold O_NOFOLLOW, which applies to
 * the last component as usual: -ELOOP. *ret_exposed (may be NULL): another user may write to one of the directories
 * on the way, so the file may be of their choice. -ELOOP: a symbolic link in such a directory. */
int guarded_open(const char *path, int flags, mode_t mode, bool *ret_exposed);

/* Opens a file for appending and reading: a new one with mode (less the umask), or an existing regular file. Never
 * waits for, or writes to, anything else, such as a FIFO. On an exposed path an existing file must belong to owner
 * (-1: our effective user) and have no other name (hard link): -EPERM. -EINVAL, -ENXIO: not a regular file. */
int guarded_open_append(const char *path, mode_t mode, uid_t owner, bool *ret_created);

/* What an error of these two functions means, in words for the user. */
const char *guarded_open_error(int error);
