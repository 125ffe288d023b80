/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Waits until every program that was running has ended, without blocking the caller. */

#include <pthread.h>
#include <stdbool.h>

typedef struct Grace {
        pthread_t thread;
        bool running;
        int over; /* atomic: the last store of the thread */
} Grace;

/* Starts a wait for the programs running now; none may be in progress. If no thread can be created, the wait is over
 * when this returns. */
void grace_begin(Grace *g);
/* false: still waiting. Also true if no wait was started. */
bool grace_is_over(Grace *g);
void grace_wait(Grace *g); /* blocks, for some milliseconds */
