/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The sockets that a run leaves in the kernel when its last process has ended. TCP still sends what was queued, and what
 * the packet hook drops it sends again: if the hooks were detached then, data for a denied destination would get out.
 * So they stay while data for allowed destinations is delivered, then the connections are ended. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/cgroup.h"

typedef struct LastSockets {
        int hold_fd; /* borrowed: engine_hold_fd() */
        uint64_t *cgroups;
        size_t n_cgroups;
        uint64_t began_usec, changed_usec, ended_usec; /* of CLOCK_MONOTONIC; ended_usec 0: not yet */
        size_t n;          /* connections left in this network namespace */
        uint64_t n_queued; /* their bytes */
        size_t n_ended;    /* connections that were to be ended */
} LastSockets;

typedef enum LastSocketsState {
        LAST_SOCKETS_WAIT, /* call again after the returned time */
        LAST_SOCKETS_GONE, /* no socket is left: the hooks are not needed any more */
        LAST_SOCKETS_LEFT, /* some cannot be ended, or are in another network namespace: the hooks must stay */
} LastSocketsState;

/* Removes the cgroup, which must be empty, as far as possible. Sockets continue to be judged. */
int last_sockets_begin(Cgroup *cgroup, int hold_fd, LastSockets *ret);
/* at_once: ends the connections without waiting for their data. */
LastSocketsState last_sockets_step(LastSockets *l, bool at_once, uint64_t *ret_usec);
/* Waits until the hooks are not needed any more. Sleeps. end_is_asked: waits less for connections in other network
 * namespaces; may be NULL. */
void last_sockets_hold(LastSockets *l, bool (*end_is_asked)(void));
void last_sockets_done(LastSockets *l);
