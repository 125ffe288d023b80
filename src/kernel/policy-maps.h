/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Policies and leases -> maps. The only writer of them. Port lists are shared: equal lists are stored once.
 *
 * A policy is changed in three steps, so that several layers can change together and a failure leaves everything as it
 * was: stage() writes the new one under an id of its own, unseen; commit() flips the layer with one store; what the old
 * one leaves behind is collected later, in shares. */

#include "basic/macro.h"
#include "dns/lease.h"
#include "kernel/programs.h"
#include "policy/chain.h"
#include "policy/policy.h"

typedef struct PolicyMaps PolicyMaps;
typedef struct PolicySlot PolicySlot; /* one layer's place in the maps */

int policy_maps_new(Programs *programs, PolicyMaps **ret);
PolicyMaps *policy_maps_free(PolicyMaps *m); /* after its slots */
int policy_maps_set_local(PolicyMaps *m, const InAddr *addr, bool present);
/* Removes about n_steps entries that nobody uses any more. Returns whether some are left, also those that a running program may
 * still look for: to be called again. SIZE_MAX: all of them, which waits for these programs. */
bool policy_maps_collect(PolicyMaps *m, size_t n_steps);

/* New ids are above this one, a predecessor's: flows that it judged carry them. */
void policy_maps_skip_ids(PolicyMaps *m, uint32_t last);

/* The layer stays closed until the first commit. */
int policy_slot_new(PolicyMaps *m, uint32_t layer, PolicySlot **ret);
/* The kernel keeps what it has: somebody else may be holding the links. */
PolicySlot *policy_slot_free(PolicySlot *s);
/* From here on nothing passes by this layer, and its entries go. */
void policy_slot_close(PolicySlot *s);

/* leases may be NULL; they are matched anew. policy_id: under which id, 0 for the next one; a successor continues with its
 * predecessor's, so that flows stay judged. policy NULL: a layer that does not judge. On failure nothing changed, but
 * leases are matched with the new policy: the caller matches them again. -ENOSPC: a map is full. */
int policy_slot_stage(PolicySlot *s, const Policy *policy, LeaseTable *leases, uint32_t policy_id);
void policy_slot_unstage(PolicySlot *s);
void policy_slot_commit(PolicySlot *s, LayerKind kind, Mode mode, uint8_t flags);
/* The same policy in another mode: one store. */
void policy_slot_set_mode(PolicySlot *s, Mode mode);
/* What was committed is written again if the kernel has anything else. Returns whether it had. */
bool policy_slot_repair(PolicySlot *s);
uint32_t policy_slot_policy_id(const PolicySlot *s); /* 0: none yet */

/* Writes or (no bindings left) removes one address. -ENOSPC: full, nothing was written; -E2BIG: more rules than a list
 * holds, the address is closed. The caller refuses the name. */
int policy_slot_set_lease(PolicySlot *s, const Policy *policy, const Lease *lease);
void policy_slot_remove_lease(PolicySlot *s, const InAddr *addr);

DEFINE_CLEANUP_FUNC(PolicyMaps *, policy_maps_free)
DEFINE_CLEANUP_FUNC(PolicySlot *, policy_slot_free)
