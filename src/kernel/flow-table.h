/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The kernel's flow tables, seen from user space: the kernel ends TCP and connected UDP flows, idle ones are ended
 * here. Connections of open TCP sockets are in the kernel's storage of the socket, which nobody can walk. */

#include "kernel/event-ring.h"

typedef struct FlowTable FlowTable;

/* One walk through the table, in as many calls as it takes. */
typedef struct FlowSweep {
        uint64_t idle_nsec;
        bool all;                /* ends every flow */
        event_ring_fn on_record;
        void *userdata;
        struct cw_flow_key next; /* all that follows is 0 at first: where the next call continues, ... */
        uint32_t n_steps;        /* ... after so many flows, 0: at the first one, ... */
        uint32_t table;          /* ... of this table */
        uint32_t n_left;         /* flows that did not end */
} FlowSweep;

/* programs: borrowed. */
int flow_table_new(const Programs *programs, FlowTable **ret);
FlowTable *flow_table_free(FlowTable *t);

/* Calls on_record with a CW_RECORD_CLOSE for each flow that ends, and removes it: datagram flows without a packet for
 * idle_nsec, and TCP flows whose socket was closed that long ago without a FIN. Flows that never sent a packet, or
 * whose end was reported, are removed silently. Examines at most max_steps flows. Returns 1 if there are more: call
 * again; 0 at the end of the walk, or a negative errno. */
int flow_table_sweep(FlowTable *t, FlowSweep *s, size_t max_steps);

DEFINE_CLEANUP_FUNC(FlowTable *, flow_table_free)
