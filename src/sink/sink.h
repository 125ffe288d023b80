/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Where events go to: a file, the journal, the memory of the service, the bus; an exporter is one more. Each is bounded
 * and never waits: what it has no room for it counts as lost. sink/hub.h gives all of them every event. */

#include <stdint.h>

#include "event/event.h"

/* object: what implements the sink; borrowed. now_nsec: CLOCK_MONOTONIC. */
typedef struct Sink {
        const char *name; /* constant, for messages: "journal" */
        void *object;
        /* e and its strings are borrowed for the call. */
        void (*write)(void *object, const Event *e, uint64_t now_nsec);
        /* Does what is due. NULL: nothing ever is. */
        void (*flush)(void *object, uint64_t now_nsec);
        /* When flush is due next, which write and flush may change; UINT64_MAX: it is not. NULL with flush. */
        uint64_t (*next)(const void *object);
        /* Events that did not get through, since it began. */
        uint64_t (*n_lost)(const void *object);
} Sink;
