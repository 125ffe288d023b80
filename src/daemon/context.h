/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What every part of the daemon may use: loop, log, configuration, engine, the state that outlives the process, and
 * the observer. All borrowed from the service, which outlives its parts. */

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
        Engine *engine; /* NULL before it is started */
        ServiceObserver observer;
} Context;

/* Calls a callback of the observer that has no other arguments. */
#define context_notify(c, callback)                                                                                    \
        do {                                                                                                           \
                if ((c)->observer.callback)                                                                            \
                        (c)->observer.callback((c)->observer.userdata);                                                \
        } while (0)

/* Emits an event of the service through the engine's pipeline, which sets its number and time. Does nothing before
 * there is an engine. */
void context_emit(const Context *c, Event *e);
/* Emits an event about a layer, with its mode and document digest; NULL: about the service, with those of the host.
 * detail may be NULL. */
void context_emit_type(const Context *c, EventType type, const char *layer, const char *detail);
/* Logs one line per fault, and how many more there are. */
void context_log_faults(const Context *c, const FaultList *faults);
