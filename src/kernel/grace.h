/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Waits until every program that was running has ended, without blocking the caller. */

#include <pthread.h>
#include <stdbool.h>

typedef struct Grace {
        pthread_t thread;
        bool running;
        int over; /* atomic: the thread's last store */
} Grace;

/* A wait for the programs that run now; there is none going on. Where no thread can be had it is over when this returns. */
void grace_begin(Grace *g);
/* false: it goes on. True as well where none was begun. */
bool grace_is_over(Grace *g);
void grace_wait(Grace *g); /* blocks, for some milliseconds */
