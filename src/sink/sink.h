/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Destinations of events: a file, the journal, the service's memory, the bus; an exporter would be another. Each is
 * bounded and never blocks: what does not fit is counted as lost. sink/hub.h passes every event to all of them. */

#include <stdint.h>

#include "event/event.h"

/* object: the sink's implementation; borrowed. now_nsec: CLOCK_MONOTONIC. */
typedef struct Sink {
        const char *name; /* constant, for messages: "journal" */
        void *object;
        /* e and its strings are borrowed for the call. */
        void (*write)(void *object, const Event *e, uint64_t now_nsec);
        /* Does what is due. NULL: never needed. */
        void (*flush)(void *object, uint64_t now_nsec);
        /* When flush is due next, which write and flush may change; UINT64_MAX: not due. NULL together with flush. */
        uint64_t (*next)(const void *object);
        /* Events that were not written, since the start. */
        uint64_t (*n_lost)(const void *object);
} Sink;
