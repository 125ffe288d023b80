/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Who acts on this machine, for the service: the hierarchy it follows, its own unit, and the units that resolve names
 * for others. What is known of a cgroup is src/identity's. */

#include "daemon/context.h"
#include "identity/identity.h"

typedef struct Actors Actors;

typedef struct ActorsObserver {
        identity_fn appeared; /* also one that cannot be followed further down: it is judged for all that is below it */
        identity_fn gone;     /* it was removed; it keeps its path for a while, since it may still send */
        identity_fn forgotten; /* nothing is to be expected of it any more */
        void *userdata;
} ActorsObserver;

/* Finds the hierarchy and our own unit. *ret_what, set on error only: what to do. */
int actors_new(const Context *c, const ActorsObserver *observer, Actors **ret, const char **ret_what);
Actors *actors_free(Actors *a);
DEFINE_CLEANUP_FUNC(Actors *, actors_free)

int actors_root_fd(const Actors *a); /* borrowed */
uint64_t actors_root_id(const Actors *a);
/* Of our own unit; NULL: we have none, as when started from a shell. */
const char *actors_own_path(const Actors *a);

/* Reports all there are before it returns, then changes. */
int actors_follow(Actors *a);
/* Stops, and forgets what it knows; calls nothing. */
void actors_unfollow(Actors *a);

/* As identity.h has them; before actors_follow() there is nobody. */
void actors_for_each(const Actors *a, identity_fn fn, void *userdata);
void actors_for_each_released(const Actors *a, identity_fn fn, void *userdata);
int actors_find(const Actors *a, const char *path, uint64_t *ret_cgroup_id);
uint32_t actors_number(Actors *a, uint64_t cgroup_id, uint32_t kernel_number);
const char *actors_path_of(Actors *a, const IdentityFacts *facts);
bool actors_may_look_up(Actors *a);
void actors_tick(Actors *a);

/* The unit at path resolves names for others, by the configuration; the cgroup is one of those. */
bool actors_path_forwards(const Actors *a, const char *path);
bool actors_forwards(const Actors *a, uint64_t cgroup_id);
