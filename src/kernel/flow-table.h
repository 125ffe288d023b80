/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The kernel's flows, seen from user space: TCP and connected UDP end by themselves; what is left idle is ended here. */

#include "kernel/event-ring.h"

/* Calls fn with a CW_RECORD_CLOSE for each flow that ends, and removes it. That are datagram flows without a packet for
 * idle_ns and TCP flows whose socket was closed that long ago without a FIN; flows that never sent a packet, or whose
 * end was reported, go silently. all: every flow ends. Returns how many flows are left or a negative errno. */
int flow_table_sweep(const Programs *programs, uint64_t idle_ns, bool all, event_ring_fn fn, void *userdata);
