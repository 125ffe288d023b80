/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Which events to show. Pure. Patterns are those of fnmatch(3). Events are JSON objects with the keys of docs/events.md,
 * in which nested values may be JSON text, as the bus carries them. */

#include "ctl/json-value.h"

/* All borrowed; NULL: any. An event must have all that is given. */
typedef struct EventFilter {
        const char *scope;
        const char *unit;        /* pattern for the unit, or for the path of the cgroup if it has a "/" */
        const char *process;     /* pattern for the name */
        const char *destination; /* an address, a network, or a name, which includes those below it, or a pattern for one */
        const char *job;         /* "key=pattern": a label of the job */
        bool denied;             /* denials only, also those of audit mode */
} EventFilter;

/* NULL, or what is wrong with it: a constant sentence. */
const char *event_filter_fault(const EventFilter *f);
bool event_filter_matches(const EventFilter *f, JsonObject *event);
