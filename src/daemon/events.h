/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Events from the engine to all sinks: attributed to unit and job, and counted. */

#include "daemon/actors.h"
#include "daemon/jobs.h"

typedef struct Events Events;

/* Opens the configured sinks. Fails if a file cannot be opened, which is logged. */
int events_new(const Context *c, Events **ret);
Events *events_free(Events *e);
DEFINE_CLEANUP_FUNC(Events *, events_free)

/* Sets the sources of units and jobs from now on; both borrowed. NULL: none are known any more. */
void events_attribute(Events *e, Actors *actors, Jobs *jobs);

/* For engine_event_fn; userdata: the Events. */
void events_on_event(const Event *event, void *userdata);

void events_flush(Events *e);
void events_sync(Events *e);   /* syncs the file to disk */
void events_reopen(Events *e); /* reopens the file after rotation */

/* Counts since the start, without the kernel's own. */
void events_counters(const Events *e, ServiceCounters *ret);
void events_recent(const Events *e, uint64_t since_usec, size_t max, event_fn fn, void *userdata);
