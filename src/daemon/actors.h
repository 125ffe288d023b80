/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The actors of this machine, for the service: the followed hierarchy, the service's own unit, and the units that
 * resolve names for others. What is known about a cgroup is in src/identity. */

#include "daemon/context.h"
#include "identity/identity.h"

typedef struct Actors Actors;

typedef struct ActorsObserver {
        identity_fn appeared; /* also for one that cannot be followed further down: it stands for all below it */
        identity_fn gone;     /* removed and released; keeps its path for a while, since it may still send */
        identity_fn forgotten; /* the released cgroup is forgotten */
        void *userdata;
} ActorsObserver;

/* Finds the hierarchy and our own unit. *ret_what is set on error only, and says what to do. */
int actors_new(const Context *c, const ActorsObserver *observer, Actors **ret, const char **ret_what);
Actors *actors_free(Actors *a);
DEFINE_CLEANUP_FUNC(Actors *, actors_free)

int actors_root_fd(const Actors *a); /* borrowed */
uint64_t actors_root_id(const Actors *a);
/* The path of our own unit; NULL if there is none, for example when started from a shell. */
const char *actors_own_path(const Actors *a);

/* Reports all existing actors before it returns, then changes. */
int actors_follow(Actors *a);
/* Stops and forgets everything; does not call the observer. */
void actors_unfollow(Actors *a);

/* As in identity.h; empty before actors_follow(). */
void actors_for_each(const Actors *a, identity_fn fn, void *userdata);
void actors_for_each_released(const Actors *a, identity_fn fn, void *userdata);
int actors_find(const Actors *a, const char *path, uint64_t *ret_cgroup_id);
uint32_t actors_number(Actors *a, uint64_t cgroup_id, uint32_t kernel_number);
const char *actors_path_of(Actors *a, const IdentityFacts *facts);
bool actors_may_look_up(Actors *a);
void actors_tick(Actors *a);

/* Does the unit at path resolve names for others, by the configuration? */
bool actors_path_forwards(const Actors *a, const char *path);
/* Is it that of a service that configures the network, by its name? */
bool actors_path_configures_network(const char *path);
/* Is the cgroup one that resolves names for others? */
bool actors_forwards(const Actors *a, uint64_t cgroup_id);
