/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Opens files for a privileged process by paths that others may have a hand in. Symbolic links are followed only where root
 * or we ourselves made them: in directories that nobody else may write, or with our owner in a sticky one. */

#include <stdbool.h>
#include <sys/types.h>

/* As open(2), component by component, with O_CLOEXEC and O_NOCTTY. flags may hold O_NOFOLLOW for the last component, whose
 * meaning stays: -ELOOP. *ret_exposed (may be NULL): somebody else may write one of the directories on the way, so the file
 * may be of their choice. -ELOOP: a symbolic link in such a directory. */
int guarded_open(const char *path, int flags, mode_t mode, bool *ret_exposed);

/* For appending, and for reading what is there: created with mode (less the umask), or an existing regular file; nothing else
 * is waited for or written to, no link or FIFO. On an exposed path an existing file must belong to owner, -1 for whoever we
 * are, and must have no second name (hard link): -EPERM. -EINVAL, -ENXIO: no regular file. */
int guarded_open_append(const char *path, mode_t mode, uid_t owner, bool *ret_created);

/* What an error of these two means, in words for a user. */
const char *guarded_open_error(int error);
