/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The service in the eyes of the service manager: ready once the self-test has passed, with a line for people, alive as
 * long as the self-test passes again and again. */

#include "daemon/context.h"
#include "host/service-manager.h"

typedef struct Supervision Supervision;

typedef struct SupervisionObserver {
        /* Before each self-test: negative where somebody shares a socket of the DNS proxy. */
        int (*check)(void *userdata);
        /* The machine is judged: the last moment before READY=1. */
        void (*prepare)(void *userdata);
        void (*ready)(const char *status, void *userdata);
        /* Every few seconds; ready or not. */
        void (*tick)(void *userdata);
        /* SIGHUP, SIGUSR1, SIGUSR2. SIGTERM and SIGINT end the loop. */
        void (*reload)(void *userdata);
        void (*reopen)(void *userdata);
        /* The coming end is that of the service, and nobody continues. */
        void (*last)(void *userdata);
        /* The line for people. */
        void (*describe)(char ret[static SERVICE_STATUS_SIZE], void *userdata);
        void *userdata;
} SupervisionObserver;

int supervision_new(const Context *c, const SupervisionObserver *observer, Supervision **ret);
Supervision *supervision_free(Supervision *s);
DEFINE_CLEANUP_FUNC(Supervision *, supervision_free)

/* With the engine there: takes signals, which the caller has blocked, and begins to test. refuses: our own cgroup
 * reaches nothing, so that a connection can be tried. */
int supervision_start(Supervision *s, bool refuses);
bool supervision_is_ready(const Supervision *s);
/* The packets of new sockets are not judged by their unit's policy: see host/socket-cgroup.h. As of the last self-test. */
bool supervision_lost_sockets(const Supervision *s);

int supervision_exit_status(const Supervision *s);
