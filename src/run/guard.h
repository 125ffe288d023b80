/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Enforcement must not end before the last process of the run does. The BPF links go away with their last fd, so a
 * second process outside the cgroup holds them too: when cargowall is gone without having ended it, it kills what lives
 * in the cgroup, removes the cgroup, and only then exits. */

#include <sys/types.h>

#include "host/cgroup.h"

typedef struct Guard {
        pid_t pid;   /* 0: none */
        int life_fd; /* as long as this is open, we live */
} Guard;

#define GUARD_INIT { .life_fd = -EBADF }

/* After the links were made, which it inherits. cgroup is borrowed and must not be closed meanwhile. */
int guard_new(const Cgroup *cgroup, Guard *ret);
/* Ends and reaps it. Only when nothing lives in the cgroup any more. */
void guard_done(Guard *g);
/* Leaves it to the guard to end the run: it goes on when we are gone. */
void guard_leave(Guard *g);
