/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Reads the kernel's ring buffer of records in the event loop. Denials are read within 10 ms: the first one wakes
 * the reader, which looks again for those that followed. Allowed flows do not wake it, except for the first one of a
 * process: a timer finds them, at intervals that grow to seconds while nothing is expected. */

#include <systemd/sd-event.h>

#include "basic/macro.h"
#include "kernel/programs.h"

typedef struct EventRing EventRing;

typedef void (*event_ring_fn)(const void *data, size_t size, void *userdata);

int event_ring_new(sd_event *event, Programs *programs, event_ring_fn fn, void *userdata, EventRing **ret);
EventRing *event_ring_free(EventRing *r);
/* Records are expected soon, or have just arrived: speeds the timer up. Cheap if it already is fast. */
void event_ring_expect(EventRing *r);
/* Reads the available records, at most one ring full. Returns the number of records in the last batch, or a negative
 * errno. */
int event_ring_drain(EventRing *r);

DEFINE_CLEANUP_FUNC(EventRing *, event_ring_free)
