/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A pager between stdout and the terminal. */

#include <stdbool.h>
#include <sys/types.h>

typedef struct Pager {
        pid_t pid; /* 0: none */
} Pager;

/* Starts $SYSTEMD_PAGER, else $PAGER, else less, and makes its pipe our stdout; SIGPIPE is ignored from here on.
 * Nothing happens when stdout is no terminal, when the variable is empty or "cat", or when no pager can be started.
 * A program that runs with other rights than its caller (sudo) ignores the pager in the caller's environment, and
 * prevents less from starting other programs (LESSSECURE, less(1)). */
void pager_open(Pager *p);
/* Gives the pager the end of the text and waits until the user leaves it. */
void pager_close(Pager *p);
