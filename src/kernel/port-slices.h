/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Hands out runs of the port_rules array. Equal lists share one run; a run that nobody uses waits for as long as
 * possible before it is given out again, because a program may still be walking it. Pure bookkeeping: the caller's
 * array is the map's own memory. */

#include "basic/macro.h"
#include "policy/port.h"

typedef struct PortSlices PortSlices;

int port_slices_new(struct cw_port_rule *array, uint32_t n_array, PortSlices **ret);
PortSlices *port_slices_free(PortSlices *s);
/* Writes the list if it is new, and takes a reference. -ENOSPC: no run is left. */
int port_slices_get(PortSlices *s, const PortSet *set, struct cw_port_slice *ret);
void port_slices_put(PortSlices *s, const struct cw_port_slice *slice);
uint32_t port_slices_n_used(const PortSlices *s); /* runs with a reference */

DEFINE_CLEANUP_FUNC(PortSlices *, port_slices_free)
