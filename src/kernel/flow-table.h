/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The kernel's flow table, seen from user space: the kernel ends TCP and connected UDP flows, idle ones are ended
 * here. */

#include "kernel/event-ring.h"

/* Calls fn with a CW_RECORD_CLOSE for each flow that ends, and removes it: datagram flows without a packet for
 * idle_ns, and TCP flows whose socket was closed that long ago without a FIN. Flows that never sent a packet, or
 * whose end was reported, are removed silently. all: ends every flow. Returns the number of flows left, or a
 * negative errno. */
int flow_table_sweep(const Programs *programs, uint64_t idle_ns, bool all, event_ring_fn fn, void *userdata);
