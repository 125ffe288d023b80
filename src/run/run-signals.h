/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Signals between a terminal, cargowall and COMMAND. Signals from the terminal reach COMMAND directly, since it is
 * in the same process group; those that another process sends to cargowall are meant for COMMAND and are forwarded. */

#include <signal.h>
#include <stdbool.h>
#include <systemd/sd-event.h>

/* What we changed for ourselves, and restore for COMMAND. */
typedef struct SignalState {
        sigset_t mask;
        struct sigaction pipe, chld;
} SignalState;

/* Blocks the signals that are forwarded, and ignores SIGPIPE. */
int signals_take(SignalState *ret);
/* Restores the state; signals that arrived meanwhile are delivered at once. For the child. */
int signals_restore(const SignalState *s);
typedef struct SignalTarget {
        const pid_t *pid;  /* borrowed; 0: no process */
        bool end_is_asked; /* without a process, a signal arrived that usually ends one */
} SignalTarget;

/* target: borrowed while event lives. */
int signals_forward(sd_event *event, SignalTarget *target);
