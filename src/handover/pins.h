/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Links also pinned in a directory of a bpf file system (bpf(2), BPF_OBJ_PIN), so that enforcement outlives a stop
 * of the service. */

#include "kernel/programs.h"

/* Pins each attached link under the name of its hook; existing pins stay. -ENOENT: no such directory; -EINVAL,
 * -EPERM: not on a bpf file system, or not writable. */
int pins_add(const char *directory, Programs *p);
/* The link pinned as "link-HOOK", owned by the caller. -ENOENT. */
int pins_open(const char *directory, const char *name);
/* Removes all pins. Returns how many there were, or a negative errno. */
int pins_remove(const char *directory);
