/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Events by what they have in common: verdicts are counted for each destination, process or rule. Pure. */

#include "ctl/event-line.h"

typedef struct EventGroup {
        char *text;          /* owned; of event_line_part() */
        const char *verdict; /* of event_line_verdict(); constant */
        Color color;
        uint64_t count;
        uint64_t first_usec, last_usec; /* CLOCK_REALTIME; 0: unknown */
} EventGroup;

typedef struct EventGroups {
        EventGroup *groups; /* owned */
        size_t n;
} EventGroups;

/* events: an array; those without a verdict are left out. Groups are ordered by count, then by text. -ENOMEM. */
int event_groups_make(JsonObject *events, EventPart part, EventGroups *ret);
void event_groups_done(EventGroups *g);
