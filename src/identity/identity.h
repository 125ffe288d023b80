/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Who acts on this machine: its cgroups, followed as they come and go, and the numbers by which the kernel names them. What is
 * nested deeper than is followed belongs to the nearest cgroup that is. One that was removed keeps its path and its number for
 * a while, since its sockets may still have bytes to send and records of them are still to be read. */

#include <systemd/sd-event.h>

#include "basic/macro.h"
#include "identity/actor-table.h"
#include "identity/cgroup-tree.h"

typedef struct Identity Identity;

/* path: below the root, "/system.slice/a.service"; valid during the call. */
typedef void (*identity_fn)(const char *path, uint64_t cgroup_id, bool is_slice, void *userdata);

typedef struct IdentityObserver {
        identity_fn appeared;
        identity_fn gone;      /* it was removed; those that it had are released */
        identity_fn forgotten; /* nothing is to be expected of it any more */
        cgroup_tree_fault_fn fault;
        void *userdata;
} IdentityObserver;

/* What the kernel says of who acts. */
typedef struct IdentityFacts {
        uint32_t actor;     /* by whose entry it was judged; ACTOR_NONE: unknown */
        uint64_t cgroup_id; /* of the process, or of the socket; 0: unknown */
        uint32_t pid;       /* that is thought to live in the cgroup; 0: unknown */
} IdentityFacts;

int identity_new(const IdentityObserver *observer, Identity **ret); /* -ENOMEM, -EIO */
Identity *identity_free(Identity *i); /* calls nothing */
DEFINE_CLEANUP_FUNC(Identity *, identity_free)

/* Reports all there are before it returns, then changes. root_fd and root_path: as cgroup_tree_new(). */
int identity_follow(Identity *i, sd_event *event, int root_fd, const char *root_path);

void identity_for_each(const Identity *i, identity_fn fn, void *userdata);
/* Those that are gone and not forgotten; none of them is a slice. */
void identity_for_each_released(const Identity *i, identity_fn fn, void *userdata);
/* -ENOENT: not followed, or gone. */
int identity_find(const Identity *i, const char *path, uint64_t *ret_cgroup_id);

/* The number of a cgroup that is followed or released, from when it appears until it is forgotten. kernel_number: what the
 * kernel's entry says, of a predecessor perhaps; ACTOR_NONE: none. ACTOR_NONE: no room. */
uint32_t identity_actor(Identity *i, uint64_t cgroup_id, uint32_t kernel_number);
/* The path of whoever acted. Where the kernel names an actor it is in it, whatever became of the process; nested cgroups are
 * looked up, from the actor's own share, and where they cannot be found it is the path of the actor. NULL: unknown. Valid
 * until the next call. */
const char *identity_path_of(Identity *i, const IdentityFacts *facts);

/* A look-up that costs as much as one of a path, from the share of those whom no number names. */
bool identity_may_look_up(Identity *i);
/* Time passes: shares are full again, and what was released long ago is forgotten. */
void identity_tick(Identity *i);
