/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The kernel's ring of records in the event loop. Denials are read within 10 ms: one of them wakes the reader, which looks
 * once more for those that followed. Allowed flows wake nobody, except for the first of a process: a slow timer finds them,
 * and slows down, to seconds, while nothing is expected. */

#include <systemd/sd-event.h>

#include "basic/macro.h"
#include "kernel/programs.h"

typedef struct EventRing EventRing;

typedef void (*event_ring_fn)(const void *data, size_t size, void *userdata);

int event_ring_new(sd_event *event, Programs *programs, event_ring_fn fn, void *userdata, EventRing **ret);
EventRing *event_ring_free(EventRing *r);
/* Records are likely to come soon, or came: the timer is fast again. Cheap when it is. */
void event_ring_expect(EventRing *r);
/* Reads what is there, at most what fits in a ring. Returns the number of records of the last share or a negative errno. */
int event_ring_drain(EventRing *r);

DEFINE_CLEANUP_FUNC(EventRing *, event_ring_free)
