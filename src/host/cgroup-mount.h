/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Finds where the cgroup2 hierarchy can be reached: cgroups(7), "/proc files"; proc(5), mountinfo. */

#include <stdbool.h>

/* Pure: the cgroup2 path in the text of /proc/self/cgroup, the line "0::/a/b". It is relative to the reader's cgroup
 * namespace and may begin with "/..". -ENOSYS: no such line, so no cgroup2. The caller frees *ret. */
int cgroup_own_path_parse(const char *text, char **ret);
/* Pure: the next cgroup2 mount in the text of mountinfo. *cursor starts at the text and advances. Returns 1, 0 at
 * the end, or -ENOMEM. The caller frees both strings. */
int cgroup_mount_next(const char **cursor, char **ret_root, char **ret_point);
/* Pure: the cgroup's path as seen below a mount of the cgroup root, "/" for the mount itself. -ENOTSUP: outside of
 * the mount. The caller frees *ret. */
int cgroup_path_below(const char *root, const char *path, char **ret);

/* Pure: from the text of /proc/cgroups, whether one of the controllers of cgroup v1 that mark sockets, net_cls and net_prio, is
 * mounted. */
bool cgroup_marks_sockets(const char *text);

/* A detached mount whose root is the caller's own cgroup; it has no mount point and exists as long as its fd. Works
 * if no cgroup2 mount is visible; needs CAP_SYS_ADMIN. */
int cgroup_mount_private(int *ret_fd);
