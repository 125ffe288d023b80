/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What every part of the daemon may use: the loop, the log, the configuration, the engine, what outlives the process,
 * and who observes the service. All borrowed from the service, which outlives its parts. */

#include "config/service-config.h"
#include "daemon/service.h"
#include "engine/engine.h"
#include "handover/handover.h"
#include "sink/service-log.h"

typedef struct Context {
        sd_event *event;
        ServiceLog *log;
        const ServiceConfig *config;
        FdStore *store;
        Handover *handover;
        Engine *engine; /* NULL until it is being started */
        ServiceObserver observer;
} Context;

/* Calls a callback of the observer that has no arguments of its own. */
#define context_notify(c, callback)                                                                                    \
        do {                                                                                                           \
                if ((c)->observer.callback)                                                                            \
                        (c)->observer.callback((c)->observer.userdata);                                                \
        } while (0)

/* An event of the service's own, through the engine's pipeline: numbered and dated. Nothing before there is an engine.
 */
void context_emit(const Context *c, Event *e);
/* About a layer, with its mode and the digest of its document; NULL: about the service, with the host's. detail may be
 * NULL. */
void context_emit_type(const Context *c, EventType type, const char *layer, const char *detail);
/* One line for each, and how many more there are. */
void context_log_faults(const Context *c, const FaultList *faults);
