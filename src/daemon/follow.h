/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Follows the users of units whose documents want that: finds them among the processes of the units, and writes them to the kernel. */

#include "daemon/actors.h"
#include "daemon/policies.h"

typedef struct Follow Follow;

/* changed: the users are others now, and so may be the chains of their service managers. All arguments are borrowed. */
int follow_new(const Context *c, const Policies *policies, const Actors *actors, void (*changed)(void *userdata), void *userdata,
               Follow **ret);
Follow *follow_free(Follow *f);
DEFINE_CLEANUP_FUNC(Follow *, follow_free)

/* Takes over the users that a predecessor followed. Call when there are layers, before anything is attached, and before
 * actors are followed. */
void follow_restore(Follow *f);
/* A cgroup appeared; its process is about to be started. */
void follow_appeared(Follow *f, const char *path);
/* Call when documents have changed: drops who is not followed any more, looks for others, and writes the chains to the
 * kernel. Returns whether the users are others now. */
bool follow_update(Follow *f);
/* The chain of a process of this user (0: any) in a cgroup, which has this chain. */
uint32_t follow_chain(const Follow *f, const char *path, uint32_t uid, uint32_t chain);
/* Does a document judge this cgroup because it is that of the service manager of a user who is followed? */
bool follow_judges(const Follow *f, const char *path, const char *scope);
