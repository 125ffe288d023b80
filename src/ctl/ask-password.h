/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A polkit agent on our terminal, so that polkit can ask for a password: pkttyagent(1). */

#include <stdbool.h>
#include <sys/types.h>

typedef struct AskPassword {
        pid_t pid; /* 0: none */
} AskPassword;

/* Starts the agent and waits until it is registered, for a few seconds at most. Does nothing for root, without a
 * terminal or if pkttyagent is not installed: polkit then decides without asking, or uses another agent. */
void ask_password_open(AskPassword *a);
void ask_password_close(AskPassword *a);
