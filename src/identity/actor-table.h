/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The numbers by which the kernel names who acts: one for each cgroup that is followed. Pure: time is counted in periods. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "basic/macro.h"

typedef struct ActorTable ActorTable;

#define ACTOR_NONE 0U

/* max: the most actors, a power of two. last: the number before the first one to be given. n_lookups: what each may cost in
 * a period. */
int actor_table_new(size_t max, uint32_t last, unsigned n_lookups, const uint8_t key[static 16], ActorTable **ret);
ActorTable *actor_table_free(ActorTable *t);

/* The number of a cgroup. One that has none yet gets the wanted one if that is free, otherwise the next free one; wanted
 * ACTOR_NONE: any. ACTOR_NONE: no room. */
uint32_t actor_table_add(ActorTable *t, uint64_t cgroup_id, uint32_t wanted);
void actor_table_remove(ActorTable *t, uint64_t cgroup_id);
/* -ENOENT: nobody has this number. */
int actor_table_find(const ActorTable *t, uint32_t number, uint64_t *ret_cgroup_id);

/* Takes one look-up in the system's tables from the actor's share of this period; false: it is used up. Those whom no number
 * names have one share together. */
bool actor_table_may_look_up(ActorTable *t, uint32_t number);
void actor_table_next_period(ActorTable *t);

DEFINE_CLEANUP_FUNC(ActorTable *, actor_table_free)
