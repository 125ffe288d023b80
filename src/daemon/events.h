/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Events on their way from the engine to whoever wants them: attributed to unit and job, counted, and handed to every
 * sink. */

#include "daemon/actors.h"
#include "daemon/jobs.h"

typedef struct Events Events;

/* Opens the sinks that the configuration asks for. A file that cannot be opened fails, which is logged. */
int events_new(const Context *c, Events **ret);
Events *events_free(Events *e);
DEFINE_CLEANUP_FUNC(Events *, events_free)

/* Who acts and what they run, from here on; both borrowed. NULL: nobody is known any more. */
void events_attribute(Events *e, Actors *actors, Jobs *jobs);

/* For engine_event_fn; userdata: the Events. */
void events_on_event(const Event *event, void *userdata);

void events_flush(Events *e);
void events_sync(Events *e);   /* the file is on its disk */
void events_reopen(Events *e); /* the file, which was moved away */

/* Since the start; the kernel's own counts are not among them. */
void events_counters(const Events *e, ServiceCounters *ret);
void events_recent(const Events *e, uint64_t since_usec, size_t max, event_fn fn, void *userdata);
