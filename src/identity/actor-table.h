/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The numbers by which the kernel identifies actors: one for each followed cgroup. Pure: time is counted in periods. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "basic/macro.h"

typedef struct ActorTable ActorTable;

#define ACTOR_NONE 0U

/* max: the most actors, a power of two. last: the number before the first one to be assigned. n_lookups: budget of
 * each actor per period. */
int actor_table_new(size_t max, uint32_t last, unsigned n_lookups, const uint8_t key[static 16], ActorTable **ret);
ActorTable *actor_table_free(ActorTable *t);

/* Assigns a number to a cgroup, or returns the one it has. A new one is the wanted number if that is free, otherwise
 * the next free one; wanted ACTOR_NONE: any. Returns ACTOR_NONE if the table is full. */
uint32_t actor_table_add(ActorTable *t, uint64_t cgroup_id, uint32_t wanted);
void actor_table_remove(ActorTable *t, uint64_t cgroup_id);
/* -ENOENT: no actor has this number. */
int actor_table_find(const ActorTable *t, uint32_t number, uint64_t *ret_cgroup_id);

/* Takes one lookup in the system's tables from the actor's budget for this period; false: it is used up. Actors
 * without a number share one budget. */
bool actor_table_may_look_up(ActorTable *t, uint32_t number);
void actor_table_next_period(ActorTable *t);

DEFINE_CLEANUP_FUNC(ActorTable *, actor_table_free)
