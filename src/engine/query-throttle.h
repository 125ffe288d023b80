/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Slows down who causes more refused names than the proxy should spend its time on (a refusal takes as long as an answer),
 * and who takes the most of it when queries of others are lost. The kernel then drops most of its queries where they are
 * sent. */

#include "kernel/programs.h"

typedef struct QueryThrottle QueryThrottle;

#define QUERY_THROTTLE_RATE 5000 /* refusals per second, for one actor */
#define QUERY_THROTTLE_FLOOD_RATE 500 /* queries per second, for one actor, while some are lost */

/* programs: borrowed. -ENOMEM, -EIO. */
int query_throttle_new(const Programs *programs, QueryThrottle **ret);
QueryThrottle *query_throttle_free(QueryThrottle *t);
/* A query of the actor was refused. */
void query_throttle_refused(QueryThrottle *t, uint32_t actor, uint64_t now_nsec);
/* A query of the actor arrived while others are lost. 0: unknown, nothing is done. */
void query_throttle_flooded(QueryThrottle *t, uint32_t actor, uint64_t now_nsec);

DEFINE_CLEANUP_FUNC(QueryThrottle *, query_throttle_free)
