/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The open descriptors that COMMAND inherits from cargowall's caller. A socket is judged by the cgroup in which it was
 * created, so one that was created outside would bypass the policy. */

#include <stdbool.h>
#include <stddef.h>

/* What would lead past the policy through this descriptor, as a noun: "a network socket". NULL: nothing, or it is not
 * open. mounts: COMMAND gets mounts of its own, and directories of the old ones count. */
const char *inherited_leak(int fd, bool mounts);
/* One end of a stream connection over a network, usually TCP, which can be relayed. */
bool inherited_is_connection(int fd);

/* Finds the first open descriptor that leads past the policy, is not listed in keep, and is not relayed. Returns 1
 * with *ret_fd and *ret_what, or 0 if there is none; negative errno. */
int inherited_find_leak(const int *keep, size_t n_keep, bool mounts, int *ret_fd, const char **ret_what);
bool inherited_is_kept(const int *keep, size_t n_keep, int fd);
