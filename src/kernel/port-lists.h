/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Allocates ranges for lists in the port_rules array. Equal lists share a range; a freed range is reused as late as
 * possible, because a program may still be reading it. Pure bookkeeping: the caller's array is the map's memory. */

#include "basic/macro.h"
#include "policy/port.h"

typedef struct PortLists PortLists;

int port_lists_new(struct cw_port_rule *array, uint32_t n_array, PortLists **ret);
PortLists *port_lists_free(PortLists *s);
/* Writes the list if it is new, and takes a reference. -ENOSPC: no range is left. */
int port_lists_get(PortLists *s, const PortSet *set, struct cw_port_list *ret);
void port_lists_put(PortLists *s, const struct cw_port_list *list);
uint32_t port_lists_n_used(const PortLists *s); /* ranges with a reference */

DEFINE_CLEANUP_FUNC(PortLists *, port_lists_free)
