/* SPDX-License-Identifier: Apache-2.0 */
#include "bus/call-budget.h"

#include <assert.h>

#include "basic/macro.h"

static double tokens_at(const CallBudget *b, size_t i, uint64_t now_usec) {
        double usec = now_usec > b->users[i].usec ? (double) (now_usec - b->users[i].usec) : 0;

        return MIN(b->users[i].tokens + usec * CALL_BUDGET_PER_SECOND / (double) USEC_PER_SEC,
                   (double) CALL_BUDGET_BURST);
}

/* A new user replaces the one with the most tokens, who loses least. */
static size_t budget_find(CallBudget *b, uint32_t uid, uint64_t now_usec) {
        size_t best = 0;

        for (size_t i = 0; i < b->n; i++) {
                if (b->users[i].uid == uid)
                        return i;
                if (tokens_at(b, i, now_usec) > tokens_at(b, best, now_usec))
                        best = i;
        }
        if (b->n < CALL_BUDGET_USERS)
                best = b->n++;
        b->users[best].uid = uid;
        b->users[best].usec = now_usec;
        b->users[best].tokens = CALL_BUDGET_BURST;
        return best;
}

bool call_budget_has(const CallBudget *b, uint32_t uid, unsigned cost, uint64_t now_usec) {
        assert(b);

        for (size_t i = 0; i < b->n; i++)
                if (b->users[i].uid == uid)
                        return tokens_at(b, i, now_usec) >= cost;
        return cost <= CALL_BUDGET_BURST;
}

bool call_budget_take(CallBudget *b, uint32_t uid, unsigned cost, uint64_t now_usec) {
        assert(b);

        size_t i = budget_find(b, uid, now_usec);
        b->users[i].tokens = tokens_at(b, i, now_usec);
        b->users[i].usec = now_usec;
        if (b->users[i].tokens < cost)
                return false;
        b->users[i].tokens -= cost;
        return true;
}
