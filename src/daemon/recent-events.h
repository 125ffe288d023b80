/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The last denials and changes, in memory, for queries over the bus. */

#include "basic/macro.h"
#include "event/event.h"
#include "sink/sink.h"

typedef struct RecentEvents RecentEvents;

#define RECENT_EVENTS_MAX 1000U
#define RECENT_BYTES_MAX (1024U * 1024)

int recent_events_new(RecentEvents **ret); /* -ENOMEM */
RecentEvents *recent_events_free(RecentEvents *r);
/* Copies the event. Dropped is the oldest of the unit that has most; out of memory, the new one is dropped and counted. */
void recent_events_add(RecentEvents *r, const Event *e);
/* The last max events since the time (CLOCK_REALTIME), oldest first. */
void recent_events_for_each(const RecentEvents *r, uint64_t since_usec, size_t max, event_fn fn, void *userdata);
uint64_t recent_events_n_lost(const RecentEvents *r);
/* Borrows r. Only takes denials and changes: allowed connections and ends of flows would displace them. */
Sink recent_events_as_sink(RecentEvents *r);

DEFINE_CLEANUP_FUNC(RecentEvents *, recent_events_free)
