/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* COMMAND: a process that waits inside its cgroup until it is released, then changes to the user and runs the
 * program. It stays in our session and process group, so that the terminal behaves as with env(1). */

#include <sys/types.h>

#include "engine/engine.h"
#include "host/cgroup.h"
#include "run/run-signals.h"
#include "run/run-user.h"
#include "run/side-doors.h"
#include "run/stdio-relay.h"

typedef struct ChildOptions {
        char **command;              /* all borrowed */
        const RunUser *user;
        const Cgroup *cgroup;
        const SignalState *signals;
        const SideDoors *doors;      /* to be hidden */
        const StdioRelay *relay;     /* NULL: the standard streams are passed as they are */
        int domain_abi;              /* 0: without a domain of its own */
        bool enforce, socketcall;    /* see SyscallFilterOptions */
} ChildOptions;

typedef enum ChildStage {
        CHILD_WAITING,       /* not a failure: it is inside its cgroup */
        CHILD_CGROUP,
        CHILD_PROBE,
        CHILD_STREAMS,
        CHILD_SIDE_DOORS,
        CHILD_DOMAIN,
        CHILD_FILTER,
        CHILD_CAPABILITIES,
        CHILD_USER,
        CHILD_SIGNALS,
        CHILD_EXEC,
        _CHILD_STAGE_MAX,
} ChildStage;

/* The stage it reached, and the error that stopped it: negative errno. */
typedef struct ChildFault {
        ChildStage stage;
        int error;
} ChildFault;

typedef struct Child {
        pid_t pid;      /* 0: none, or reaped */
        int release_fd; /* a byte written here releases it; it exits when this is closed */
        int status_fd;  /* delivers a ChildFault; end of file: the program runs */
        int listener_fd; /* once it runs: of its filter, see syscall_filter_load(). -EBADF: there is none */
} Child;

#define CHILD_INIT { .release_fd = -EBADF, .status_fd = -EBADF, .listener_fd = -EBADF }

/* Forks, and waits until the child is inside its cgroup. Negative errno with *ret_fault. */
int child_new(const ChildOptions *o, Child *ret, ChildFault *ret_fault);
/* Has the waiting process perform one step of the engine's self-test. */
int child_probe(Child *c, EngineProbe step);
/* Lets it run the program, and waits until it does. Negative errno with *ret_fault, and the child has ended. */
int child_release(Child *c, ChildFault *ret_fault);
/* Kills and reaps it if it has not been reaped. */
void child_done(Child *c);

const char *child_stage_to_string(ChildStage s); /* "enter its cgroup" … */
