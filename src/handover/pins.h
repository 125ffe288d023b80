/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Links that a directory of a bpf file system holds as well (bpf(2), BPF_OBJ_PIN), so that enforcement outlives a stop
 * of the service. */

#include "kernel/programs.h"

/* Each attached link under its hook's name; what is there already stays. -ENOENT: no such directory; -EINVAL, -EPERM: it
 * is on no bpf file system, or not ours to write. */
int pins_add(const char *directory, const Programs *p);
/* The link pinned under "link-HOOK", the caller's from here on. -ENOENT. */
int pins_open(const char *directory, const char *name);
/* All of them. Returns how many there were, or a negative errno. */
int pins_remove(const char *directory);
