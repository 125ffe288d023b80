/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A polkit agent on our terminal, so that polkit can ask for a password: pkttyagent(1). */

#include <stdbool.h>
#include <sys/types.h>

typedef struct AskPassword {
        pid_t pid; /* 0: none */
} AskPassword;

/* Starts the agent and waits until it is registered, at most some seconds. Nothing happens for root, without a terminal
 * and where there is no pkttyagent: polkit then decides without asking, or has another agent. */
void ask_password_open(AskPassword *a);
void ask_password_close(AskPassword *a);
