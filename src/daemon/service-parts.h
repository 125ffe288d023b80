/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The parts of the service, each of which owns its own fields. For the files that put them together alone: service.c
 * wires them, engine-start.c starts the engine, requests.c and status.c are what callers see of them. */

#include "daemon/assign.h"
#include "daemon/dns-sockets.h"
#include "daemon/events.h"
#include "daemon/hooks.h"
#include "daemon/resolvers.h"
#include "daemon/supervision.h"

struct Service {
        Context context;
        ServiceConfig config;
        Supervision *supervision;
        Policies *policies;
        Resolvers *resolvers;
        Events *events;
        Actors *actors;
        DnsSockets *sockets;
        Jobs *jobs;
        Grants *grants;
        Assign *assign;
        bool restoring;   /* what layers learn now is on record already */
        bool trim_is_due; /* memory goes back to the system with the next tick: nobody need wait for that */
        bool stopped;
        uint64_t start_realtime_usec, start_monotonic_usec;
        const char *required_hooks[HOOKS_MAX]; /* what was handed out last */
        const char *achieved_hooks[HOOKS_MAX];
};
