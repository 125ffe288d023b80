/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Links also pinned in a directory of a bpf file system (bpf(2), BPF_OBJ_PIN), so that enforcement outlives a stop
 * of the service. */

#include "basic/macro.h"

/* Pins a link under its name, "link-HOOK"; a pin that it already has stays. -ENOENT: no such directory; -EINVAL,
 * -EPERM: not on a bpf file system, or not writable. */
int pins_put(const char *directory, const char *name, int fd);
/* The link pinned as "link-HOOK", owned by the caller. -ENOENT. */
int pins_open(const char *directory, const char *name);
/* Removes all pins. Returns how many there were, or a negative errno. */
int pins_remove(const char *directory);
