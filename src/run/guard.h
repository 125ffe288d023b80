/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Enforcement must not end before the last process of the run. BPF links are detached with their last fd, so a
 * second process outside the cgroup holds them too: if cargowall ends without having ended the guard, the guard
 * kills the processes in the cgroup, removes the cgroup, and only then exits. */

#include <stdbool.h>
#include <sys/types.h>

#include "host/cgroup.h"

typedef struct Guard {
        pid_t pid;   /* 0: none */
        int life_fd; /* we are alive as long as this is open */
} Guard;

#define GUARD_INIT { .life_fd = -EBADF }

/* Call after creating the links, which the guard inherits. cgroup is borrowed and must stay open. */
int guard_new(const Cgroup *cgroup, Guard *ret);
/* Ends and reaps the guard. Only when the cgroup is empty. */
void guard_done(Guard *g);
/* Leaves it to the guard to end the run: it continues after we exit. Returns false if there is no guard, or it has
 * ended. */
bool guard_leave(Guard *g);
