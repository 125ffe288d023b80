/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Shares of a bounded resource: no group of its users may hold more than is left for the others. One group alone gets
 * half of it, two get a third each, and something is always left for a group that has nothing yet. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FAIR_SHARES 64U /* a power of two */

typedef struct FairShare {
        size_t max; /* set by the owner */
        size_t n;   /* taken, by all */
        uint32_t n_of[FAIR_SHARES];
} FairShare;

/* share: below FAIR_SHARES. A share is one group's, or that of several with the same hash. */
bool fair_share_take(FairShare *f, unsigned share);
void fair_share_put(FairShare *f, unsigned share);
