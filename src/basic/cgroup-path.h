/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Which cgroups of a path only group others: slices, and the folders of container engines that make cgroups themselves
 * ("cgroupfs"). Pure. */

#include <stdbool.h>
#include <stddef.h>

/* The length of the leading part of an absolute path that consists of such cgroups: of "/system.slice/a.service" that of
 * "/system.slice", of "/docker/ID/x" that of "/docker". Folders of engines count only below the root, where nobody else than root
 * makes cgroups. *ret_engine, unless NULL: whether it ends in such a folder. */
size_t cgroup_path_groups(const char *path, bool *ret_engine);
