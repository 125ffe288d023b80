/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Enforcement must not end before the last process of the run, nor before its last socket. BPF links are detached with
 * their last fd, so a second process outside the cgroup holds them too: if cargowall ends without having ended the guard,
 * the guard kills the processes in the cgroup, removes the cgroup, ends its connections, and only then exits. */

#include <stdbool.h>
#include <sys/types.h>

#include "host/cgroup.h"

typedef struct Guard {
        pid_t pid;   /* 0: none */
        int life_fd; /* we are alive as long as this is open */
} Guard;

#define GUARD_INIT { .life_fd = -EBADF }

/* Call after creating the links, which the guard inherits. cgroup is borrowed; if it was removed, only sockets are left.
 * hold_fd: engine_hold_fd(), borrowed; -EBADF: nothing is enforced, sockets are left alone. */
int guard_new(const Cgroup *cgroup, int hold_fd, Guard *ret);
/* Ends and reaps the guard. Only when nothing of the run is left. */
void guard_done(Guard *g);
/* Leaves it to the guard to end the run: it continues after we exit. Returns false if there is no guard, or it has
 * ended. */
bool guard_leave(Guard *g);
/* The same if the processes have ended and the cgroup is removed: the guard silently holds the hooks for the sockets
 * that are left. */
bool guard_hold(Guard *g);
