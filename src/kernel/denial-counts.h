/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Denials that the programs counted without a record of their own: repeats of a recent one, and those over the rate of
 * their actor. */

#include "kernel/programs.h"

typedef struct DenialCountsReader {
        /* count > 0; borrowed for the call. */
        void (*repeats)(const struct cw_repeat *repeat, void *userdata);
        /* n: since the last call. */
        void (*over)(uint32_t actor, const uint64_t n[static CW_OVER_MAX], void *userdata);
        void *userdata;
} DenialCountsReader;

/* Reports and removes the repeats that are complete; all: every one, when no program runs any more. Reports what was
 * over the rate, each denial once, even across restarts. Returns whether entries are left that will be complete soon. */
bool denial_counts_read(const Programs *programs, bool all, const DenialCountsReader *reader);
/* For the next second, most of the actor's queries are dropped. */
void denial_counts_throttle(const Programs *programs, uint32_t actor);
/* Removes the budgets of actors that used none for a minute. */
void denial_counts_forget(const Programs *programs);
