/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Hands out places for lists in the port_rules array. Equal lists share one; a place that nobody uses is given out again as
 * late as possible, because a program may still be walking it. Pure bookkeeping: the caller's
 * array is the map's own memory. */

#include "basic/macro.h"
#include "policy/port.h"

typedef struct PortLists PortLists;

int port_lists_new(struct cw_port_rule *array, uint32_t n_array, PortLists **ret);
PortLists *port_lists_free(PortLists *s);
/* Writes the list if it is new, and takes a reference. -ENOSPC: no place is left. */
int port_lists_get(PortLists *s, const PortSet *set, struct cw_port_list *ret);
void port_lists_put(PortLists *s, const struct cw_port_list *list);
uint32_t port_lists_n_used(const PortLists *s); /* places with a reference */

DEFINE_CLEANUP_FUNC(PortLists *, port_lists_free)
