/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Rate limit of calls per user: a token bucket for each. Pure. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CALL_BUDGET_USERS 64 /* tracked at a time; a further one replaces the user who called least */
#define CALL_BUDGET_BURST 2000
#define CALL_BUDGET_PER_SECOND 100

typedef struct CallBudget {
        struct {
                uint32_t uid;
                uint64_t usec; /* when tokens was updated */
                double tokens;
        } users[CALL_BUDGET_USERS];
        size_t n;
} CallBudget;

bool call_budget_has(const CallBudget *b, uint32_t uid, unsigned cost, uint64_t now_usec);
/* Takes cost tokens of uid's, all or none. now_usec: from a clock that never goes backwards. */
bool call_budget_take(CallBudget *b, uint32_t uid, unsigned cost, uint64_t now_usec);
