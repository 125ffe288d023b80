/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The parts of the service, each of which owns its own fields. Only for the files that combine them: service.c wires
 * them, engine-start.c starts the engine, requests.c and status.c are the interface to callers. */

#include "daemon/assign.h"
#include "daemon/backstop.h"
#include "daemon/dns-sockets.h"
#include "daemon/events.h"
#include "daemon/hooks.h"
#include "daemon/records.h"
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
        Follow *follow;
        Assign *assign;
        Backstop *backstop;
        bool restoring;   /* leases that layers report now are on record already */
        bool keeping_failed; /* what a successor needs could not all be stored; logged, to be tried again */
        bool trim_is_due; /* return free memory to the system with the next tick, so that nobody waits for it */
        bool stopped;
        bool is_last;     /* enforcement ends with this process */
        RecordsWarned records_warned;
        uint64_t start_realtime_usec, start_monotonic_usec;
        const char *required_hooks[HOOKS_MAX]; /* as last returned */
        const char *achieved_hooks[HOOKS_MAX];
};
