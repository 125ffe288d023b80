/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* COMMAND: a process that waits inside its cgroup until it may start, then becomes the user and the program asked for.
 * It stays in our session and process group, so that the terminal works as it does with env(1). */

#include <sys/types.h>

#include "engine/engine.h"
#include "host/cgroup.h"
#include "run/run-signals.h"
#include "run/run-user.h"

typedef struct ChildOptions {
        char **command;              /* all borrowed */
        const RunUser *user;
        const Cgroup *cgroup;
        const SignalState *signals;
} ChildOptions;

typedef enum ChildStage {
        CHILD_WAITING,       /* no failure: it is inside its cgroup */
        CHILD_CGROUP,
        CHILD_PROBE,
        CHILD_SIDE_DOORS,
        CHILD_CAPABILITIES,
        CHILD_USER,
        CHILD_SIGNALS,
        CHILD_EXEC,
        _CHILD_STAGE_MAX,
} ChildStage;

/* How far it came and what stopped it: negative errno. */
typedef struct ChildFault {
        ChildStage stage;
        int error;
} ChildFault;

typedef struct Child {
        pid_t pid;      /* 0: none, or reaped */
        int release_fd; /* a byte here lets it go; closed, it exits */
        int status_fd;  /* ChildFault comes from here; its end: the program runs */
} Child;

#define CHILD_INIT { .release_fd = -EBADF, .status_fd = -EBADF }

/* Forks and waits until it is inside its cgroup. Negative errno with *ret_fault. */
int child_new(const ChildOptions *o, Child *ret, ChildFault *ret_fault);
/* One step of the engine's self-test, made by the waiting process. */
int child_probe(Child *c, EngineProbe step);
/* Lets it start the program, and waits until that runs. Negative errno with *ret_fault; it has ended then. */
int child_release(Child *c, ChildFault *ret_fault);
/* Kills and reaps it where it has not been reaped. */
void child_done(Child *c);

const char *child_stage_to_string(ChildStage s); /* "enter its cgroup" … */
