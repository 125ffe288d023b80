/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The last denials and changes, in memory, for those who ask over the bus. Lines of the event log. */

#include <stdint.h>

#include "basic/macro.h"

typedef struct RecentEvents RecentEvents;

#define RECENT_EVENTS_MAX 1000U
#define RECENT_BYTES_MAX (1024U * 1024)

int recent_events_new(RecentEvents **ret); /* -ENOMEM */
RecentEvents *recent_events_free(RecentEvents *r);
/* Copies the line. The oldest go; without memory it is left out. */
void recent_events_add(RecentEvents *r, uint64_t time_usec, const char *line, size_t size);
typedef void (*recent_event_fn)(const char *line, size_t size, void *userdata);
/* The last max of those since the time (CLOCK_REALTIME), oldest first. */
void recent_events_for_each(const RecentEvents *r, uint64_t since_usec, size_t max, recent_event_fn fn, void *userdata);

DEFINE_CLEANUP_FUNC(RecentEvents *, recent_events_free)
