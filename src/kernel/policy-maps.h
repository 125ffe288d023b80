/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Policy and leases -> maps. The only writer of them. Port lists are shared: equal lists are stored once. */

#include "basic/macro.h"
#include "dns/lease.h"
#include "kernel/programs.h"
#include "policy/policy.h"

typedef struct PolicyMaps PolicyMaps;

int policy_maps_new(Programs *programs, PolicyMaps **ret);
PolicyMaps *policy_maps_free(PolicyMaps *m);
/* Writes the policy under a new id, and the live leases with it, flips the scope with one store, removes the old. On
 * failure the old policy stays whole. leases may be NULL. */
int policy_maps_swap(PolicyMaps *m, const Policy *policy, Mode mode, LeaseTable *leases);
/* Writes or (no bindings left) removes one address. -ENOSPC: full, nothing was written; -E2BIG: more rules than a list
 * holds, the address is closed. The caller refuses the name. */
int policy_maps_set_lease(PolicyMaps *m, const Policy *policy, const Lease *lease);
void policy_maps_remove_lease(PolicyMaps *m, const InAddr *addr);
int policy_maps_set_local(PolicyMaps *m, const InAddr *addr, bool present);
uint32_t policy_maps_policy_id(const PolicyMaps *m);

DEFINE_CLEANUP_FUNC(PolicyMaps *, policy_maps_free)
