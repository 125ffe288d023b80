/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Writes policies and leases to the maps, and is the only writer of them. Port lists are shared: equal lists are
 * stored once.
 *
 * A policy is changed in three steps, so that several layers can change together and a failure leaves everything as
 * it was: stage() writes the new policy under a new id, not in use yet; commit() switches the layer to it with a
 * single store; the entries of the old policy are collected later, a few at a time. */

#include "basic/macro.h"
#include "dns/lease.h"
#include "kernel/programs.h"
#include "policy/chain.h"
#include "policy/policy.h"

typedef struct PolicyMaps PolicyMaps;
typedef struct PolicySlot PolicySlot; /* the slot of one layer in the maps */

int policy_maps_new(Programs *programs, PolicyMaps **ret);
PolicyMaps *policy_maps_free(PolicyMaps *m); /* free its slots first */
int policy_maps_set_local(PolicyMaps *m, const InAddr *addr, bool present);
bool policy_maps_is_local(const PolicyMaps *m, const InAddr *addr);
/* Removes about n_steps unused entries. Returns whether some are left, including those that a running program may
 * still look up: call again. SIZE_MAX: removes all, and waits for these programs. */
bool policy_maps_collect(PolicyMaps *m, size_t n_steps);

/* New ids will be above last, the highest of a predecessor: flows judged by it carry its ids. */
void policy_maps_skip_ids(PolicyMaps *m, uint32_t last);

/* The layer denies everything until the first commit. */
int policy_slot_new(PolicyMaps *m, uint32_t layer, PolicySlot **ret);
/* Leaves the kernel's entries: another process may hold the links. */
PolicySlot *policy_slot_free(PolicySlot *s);
/* From now on the layer denies everything, and its entries are removed. */
void policy_slot_close(PolicySlot *s);

/* leases may be NULL; they are matched with the new policy. policy_id: the id to use, 0 for the next one; a
 * successor continues with its predecessor's id, so that verdicts of flows stay valid. policy NULL: a layer that
 * does not judge. On failure nothing has changed, except that leases are matched with the new policy: the caller
 * must match them again. -ENOSPC: a map is full. */
int policy_slot_stage(PolicySlot *s, const Policy *policy, LeaseTable *leases, uint32_t policy_id);
void policy_slot_unstage(PolicySlot *s);
void policy_slot_commit(PolicySlot *s, LayerKind kind, Mode mode, uint8_t flags);
/* Sets the mode of the committed policy with a single store. */
void policy_slot_set_mode(PolicySlot *s, Mode mode);
/* Writes the committed entry again if the kernel's differs. Returns whether it did. */
bool policy_slot_repair(PolicySlot *s);
uint32_t policy_slot_policy_id(const PolicySlot *s); /* 0: none yet */

/* Writes one address, or removes it if it has no bindings left. -ENOSPC: full, nothing was written; -E2BIG: more
 * rules than a list holds, the address is denied. The caller refuses the name. */
int policy_slot_set_lease(PolicySlot *s, const Policy *policy, const Lease *lease);
void policy_slot_remove_lease(PolicySlot *s, const InAddr *addr);

DEFINE_CLEANUP_FUNC(PolicyMaps *, policy_maps_free)
DEFINE_CLEANUP_FUNC(PolicySlot *, policy_slot_free)
