/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Signals between a terminal, cargowall and COMMAND. Signals from the terminal reach COMMAND directly, since it is
 * in the same process group; those that another process sends to cargowall are meant for COMMAND and are forwarded. */

#include <signal.h>
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
/* *pid: borrowed while event lives; 0: no process. */
int signals_forward(sd_event *event, const pid_t *pid);
