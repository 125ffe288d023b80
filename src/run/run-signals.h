/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Signals between a terminal, cargowall and COMMAND. What the terminal sends reaches COMMAND by itself, since it is in
 * the same process group; what another process sends to cargowall is meant for COMMAND and handed on. */

#include <signal.h>
#include <systemd/sd-event.h>

/* What we changed in ourselves and COMMAND gets back as it was. */
typedef struct SignalState {
        sigset_t mask;
        struct sigaction pipe, chld;
} SignalState;

/* Blocks the signals that are handed on, and ignores SIGPIPE. */
int signals_take(SignalState *ret);
/* Undoes it; what came meanwhile takes effect at once. For the child. */
int signals_restore(const SignalState *s);
/* *pid: borrowed while event lives; 0 stands for nobody. */
int signals_forward(sd_event *event, const pid_t *pid);
