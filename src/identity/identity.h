/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Actors: the cgroups of this machine, followed as they come and go, and the numbers by which the kernel identifies
 * them. A cgroup nested deeper than is followed belongs to the nearest followed one. A removed cgroup is released:
 * it keeps its path and number for a while, since its sockets may still have data to send, and records about it may
 * still be unread. */

#include <systemd/sd-event.h>

#include "basic/macro.h"
#include "identity/actor-table.h"
#include "identity/cgroup-tree.h"

typedef struct Identity Identity;

/* path: below the root, "/system.slice/a.service"; valid during the call. */
typedef void (*identity_fn)(const char *path, uint64_t cgroup_id, bool is_slice, void *userdata);

typedef struct IdentityObserver {
        identity_fn appeared;
        identity_fn gone;      /* the cgroup was removed and is now released */
        identity_fn forgotten; /* the released cgroup is forgotten */
        cgroup_tree_fault_fn fault;
        void *userdata;
} IdentityObserver;

/* What the kernel reports about an actor. */
typedef struct IdentityFacts {
        uint32_t actor;     /* whose map entry decided; ACTOR_NONE: unknown */
        uint64_t cgroup_id; /* of the process or the socket; 0: unknown */
        uint32_t pid;       /* a process that may be in the cgroup; 0: unknown */
} IdentityFacts;

int identity_new(const IdentityObserver *observer, Identity **ret); /* -ENOMEM, -EIO */
Identity *identity_free(Identity *i); /* does not call the observer */
DEFINE_CLEANUP_FUNC(Identity *, identity_free)

/* Reports all existing cgroups before it returns, then changes. root_fd and root_path: as in cgroup_tree_new(). */
int identity_follow(Identity *i, sd_event *event, int root_fd, const char *root_path);

void identity_for_each(const Identity *i, identity_fn fn, void *userdata);
/* Released cgroups that are not forgotten yet; none of them is a slice. */
void identity_for_each_released(const Identity *i, identity_fn fn, void *userdata);
/* -ENOENT: not followed, or released. */
int identity_find(const Identity *i, const char *path, uint64_t *ret_cgroup_id);

/* The number of a followed or released cgroup, valid from its appearance until it is forgotten. kernel_number: the
 * number in the kernel's entry, possibly from a predecessor; ACTOR_NONE: none. Returns ACTOR_NONE if the table is
 * full. */
uint32_t identity_actor(Identity *i, uint64_t cgroup_id, uint32_t kernel_number);
/* The path of an actor. If the kernel reports an actor, the path is within its cgroup, even if the process has
 * ended; nested cgroups are looked up at the expense of the actor's own budget, and if they are not found, the path
 * is the actor's. NULL: unknown. Valid until the next call. */
const char *identity_path_of(Identity *i, const IdentityFacts *facts);

/* Charges a lookup that costs as much as one of a path to the budget that actors without a number share. */
bool identity_may_look_up(Identity *i);
/* A period has passed: refills the budgets, and forgets what was released long ago. */
void identity_tick(Identity *i);
