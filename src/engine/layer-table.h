/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Layers: each with a policy, what was learnt for it, and its slot in the kernel. The table owns them; proxy and
 * pipeline only read. */

#include "dns/derived-name.h"
#include "dns/lease.h"
#include "kernel/policy-maps.h"
#include "policy/chain.h"
#include "policy/policy.h"

typedef struct Layer {
        uint32_t id;           /* never reused while the table exists */
        uint32_t index;        /* in the kernel's table */
        LayerKind kind;
        char *name;
        char *digest;          /* of the policy; NULL: unknown */
        Policy *policy;        /* NULL: it does not judge */
        Mode mode;             /* in force; MODE_OFF without a policy */
        LeaseTable *leases;
        DerivedNames *derived;
        PolicySlot *slot;
} Layer;

/* The desired state of a layer. All members are borrowed, except the policy, whose ownership is taken even on
 * failure. */
typedef struct LayerSpec {
        const char *name;
        const char *digest;      /* may be NULL */
        Policy *policy;          /* NULL: it does not judge */
        LayerKind kind;
        Mode mode;
        bool inbound;            /* replies to connections from outside pass */
        bool system;             /* traffic that a machine needs on a network passes */
        uint32_t previous_id;    /* the policy id of a predecessor's layer, whose slot it takes; 0: none */
        bool is_same;            /* the policy is also the predecessor's: existing verdicts stay valid */
        size_t max_leases;       /* 0: the default of its kind */
} LayerSpec;

typedef struct LayerTable {
        const Programs *programs; /* borrowed, like the maps */
        PolicyMaps *maps;
        Layer **layers;          /* the host's first */
        size_t n;
        uint32_t next_id;
} LayerTable;

static inline bool layer_is_judged(const Layer *l) {
        return l->policy && l->mode != MODE_OFF;
}

bool layer_has_rules_for(const Layer *l, const char *name); /* its policy must be set */
/* The most addresses for a layer of this kind: the host's has the most, a grant, which is for a few names, the
 * fewest. */
size_t layer_max_leases(LayerKind kind, bool is_host);

void layer_table_done(LayerTable *t);
Layer *layer_table_find(const LayerTable *t, const char *name); /* NULL: not found */
Layer *layer_table_by_id(const LayerTable *t, uint32_t id);     /* NULL: not found */
Layer *layer_table_by_index(const LayerTable *t, uint32_t index); /* NULL: not found */
/* The layers of a chain, in order. 0: it is unassigned, or one of them was removed. */
size_t layer_table_chain(const LayerTable *t, uint32_t chain, Layer *ret[static CW_CHAIN_MAX]);
/* The chain of these layers in the order base, restrictions, grants. -E2BIG: more than CW_CHAIN_MAX. */
int layer_chain(Layer *const *layers, size_t n, uint32_t *ret);

/* Replaces the set of layers, as a whole or not at all; those of the same name keep what they have learnt. The first
 * is the host's. Grants stay, since they come and go one by one. Other layers no longer listed are returned, to be
 * closed with layers_close() once nothing is assigned to them: what still is, is denied, and their slots are not
 * reused. *ret_bad: the spec that failed. */
int layer_table_set(LayerTable *t, LayerSpec *specs, size_t n, uint64_t now_nsec, Layer ***ret_left, size_t *ret_n_left,
                    size_t *ret_bad);
void layers_close(Layer **layers, size_t n); /* frees them, and the array */
/* Changes the policy of an existing layer. Takes ownership of the policy, even on failure. */
int layer_change(Layer *l, LayerSpec *spec, uint64_t now_nsec);
/* Appends a layer. -ENOSPC: no free slot, or the maps are full. */
int layer_table_add(LayerTable *t, LayerSpec *spec, uint64_t now_nsec, Layer **ret);
/* Not for the host's layer. What is still assigned to it is denied, and its slot is not reused. */
void layer_table_remove(LayerTable *t, const Layer *l);
/* Restores entries in the kernel's table that were modified externally. Returns their number. */
unsigned layer_table_repair(LayerTable *t);

/* A single store; nothing else changes. */
void layer_set_mode(Layer *l, Mode mode);
uint32_t layer_policy_id(const Layer *l);
/* Writes the lease in its current state to the kernel. Returns errors as policy_slot_set_lease(); the next bind
 * tries again. */
int layer_write_lease(Layer *l, const Lease *lease);
/* Binds a name to an address and writes the kernel's entry if needed. *ret_lease (NULL: nothing was written) is
 * valid until the next call. Negative: the address is not open; the caller must refuse the name. */
int layer_bind(Layer *l, const InAddr *addr, const char *name, const char *chain, const NameVerdict *verdict,
               uint32_t ttl_seconds, uint64_t now_nsec, const Lease **ret_lease);
/* The same for a lease of a predecessor or another layer. */
int layer_restore(Layer *l, const InAddr *addr, const char *name, const char *chain, uint64_t expires_nsec,
                  uint64_t now_nsec, const Lease **ret_lease);
/* Removes expired leases, examining at most max_steps. Returns when the next one expires; UINT64_MAX: none. */
uint64_t layer_expire(Layer *l, uint64_t now_nsec, size_t max_steps);
