/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A pager between stdout and the terminal. */

#include <stdbool.h>
#include <sys/types.h>

typedef struct Pager {
        pid_t pid; /* 0: none */
} Pager;

/* Starts $SYSTEMD_PAGER, otherwise $PAGER, otherwise less, and redirects stdout to it; SIGPIPE is ignored from here on.
 * Does nothing if stdout is not a terminal, if the variable is empty or "cat", or if no pager can be started.
 * A program that runs with other rights than its caller (sudo) ignores the pager in the caller's environment, and
 * prevents less from starting other programs (LESSSECURE, less(1)). */
void pager_open(Pager *p);
/* Closes the pipe to the pager, and waits until the user quits it. */
void pager_close(Pager *p);
