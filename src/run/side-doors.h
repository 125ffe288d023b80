/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Unix sockets of services outside that would act for COMMAND, unseen by the policy. Name services resolve for their clients:
 * with their sockets hidden, the C library falls back to DNS, which is judged. Container engines and the service manager of a user
 * start processes outside of COMMAND's cgroup. */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "basic/macro.h"

#define SIDE_DOORS_MAX 512

typedef struct SideDoor {
        char *path;     /* owned */
        bool is_engine; /* otherwise a name service */
        int decoy_fd;   /* owned; listens in its place. -EBADF: nobody does */
} SideDoor;

typedef struct SideDoors {
        SideDoor doors[SIDE_DOORS_MAX];
        size_t n;
        char *decoys; /* owned; the directory of their sockets, until they are mounted. NULL: none */
} SideDoors;

/* Those that exist. Then COMMAND gets its own mount namespace. engines: also those of engines and service managers, of all users
 * and as DOCKER_HOST, CONTAINER_HOST, BUILDKIT_HOST and DBUS_SESSION_BUS_ADDRESS name them. -ENOMEM, -E2BIG. */
int side_doors_find(bool engines, SideDoors *ret);
void side_doors_done(SideDoors *d);
/* Engines stay visible. */
void side_doors_forget_engines(SideDoors *d);
/* The first engine that this user may connect to; NULL: none. groups: besides the user's own. */
const char *side_doors_first_engine(const SideDoors *d, uid_t uid, const gid_t *groups, size_t n_groups);

/* Puts a listening socket in the place of each engine's, so that it is noticed if COMMAND uses one: before the child is created.
 * Without it they are still hidden. Negative errno. */
int side_doors_watch(SideDoors *d);
/* Gives the calling process its own mount namespace, with all of them hidden. Negative errno: one cannot be hidden. */
int side_doors_close(const SideDoors *d);
/* They are mounted: removes what the mounts were made of. */
void side_doors_closed(SideDoors *d);

