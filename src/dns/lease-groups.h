/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* How many leases of a table each group of requesters has. Pure. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct LeaseGroup {
        uint32_t group;
        size_t n; /* never 0 */
} LeaseGroup;

typedef struct LeaseGroups {
        LeaseGroup *items; /* owned */
        size_t n, n_allocated;
} LeaseGroups;

void lease_groups_done(LeaseGroups *g);
/* One more. -ENOMEM: nothing has changed. */
int lease_groups_add(LeaseGroups *g, uint32_t group);
/* One less of what was added. */
void lease_groups_remove(LeaseGroups *g, uint32_t group);
size_t lease_groups_n(const LeaseGroups *g, uint32_t group);
/* Of max leases, a group with less than a quarter may have one of the group with the most, if that has more than a quarter.
 * True: *ret is that group. */
bool lease_groups_displaced(const LeaseGroups *g, uint32_t group, size_t max, uint32_t *ret);
