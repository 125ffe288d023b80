/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Do queries come faster than they can be read, so that some are lost? */

#include <stdbool.h>
#include <stdint.h>

typedef struct FloodWatch {
        uint64_t n_lost;     /* at the last look */
        uint64_t until_nsec; /* CLOCK_MONOTONIC; 0: none was lost lately */
} FloodWatch;

/* n_lost: so far. True for a second after the last loss. */
bool flood_watch_look(FloodWatch *w, uint64_t n_lost);
