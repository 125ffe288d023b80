/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Layers: a policy each, with what was learnt for it, and their places in the kernel. The one owner of them; proxy and
 * pipeline read. */

#include "dns/derived-name.h"
#include "dns/lease.h"
#include "kernel/policy-maps.h"
#include "policy/chain.h"
#include "policy/policy.h"

typedef struct Layer {
        uint32_t id;           /* never used again while the table lives */
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

/* A layer as it is to be. Everything is borrowed but the policy, which is taken, also on failure. */
typedef struct LayerSpec {
        const char *name;
        const char *digest;      /* may be NULL */
        Policy *policy;          /* NULL: it does not judge */
        LayerKind kind;
        Mode mode;
        bool inbound;            /* answers to what others opened pass */
        bool system;             /* what a machine needs to be on a network passes */
        uint32_t previous_id;    /* a predecessor's policy id for this layer, whose place it takes; 0: none */
        bool is_same;            /* the policy is the predecessor's too: what was judged under it stays so */
        size_t max_leases;       /* 0: as many as its kind has */
} LayerSpec;

typedef struct LayerTable {
        PolicyMaps *maps;        /* borrowed */
        Layer **layers;          /* the host's first */
        size_t n;
        uint32_t next_id;
} LayerTable;

static inline bool layer_is_judged(const Layer *l) {
        return l->policy && l->mode != MODE_OFF;
}

/* Addresses that a layer of this kind may know: the host's the most, a grant, which is for a few names, the fewest. */
size_t layer_max_leases(LayerKind kind, bool is_host);

void layer_table_done(LayerTable *t);
Layer *layer_table_find(const LayerTable *t, const char *name); /* NULL */
Layer *layer_table_by_id(const LayerTable *t, uint32_t id);     /* NULL */
Layer *layer_table_by_index(const LayerTable *t, uint32_t index); /* NULL */
/* The layers of a chain, in its order. 0: it is unassigned, or one of them went. */
size_t layer_table_chain(const LayerTable *t, uint32_t chain, Layer *ret[static CW_CHAIN_MAX]);
/* The chain of layers, base first. -E2BIG: more than CW_CHAIN_MAX. */
int layer_chain(Layer *const *layers, size_t n, uint32_t *ret);

/* All layers as they are to be, whole or not at all; those of the same name keep what they learnt. The first is the host's. What is
 * left over is handed out, to be closed with layers_close() when nobody answers to it any more. *ret_bad: which spec failed. */
int layer_table_set(LayerTable *t, LayerSpec *specs, size_t n, uint64_t now_nsec, Layer ***ret_left, size_t *ret_n_left,
                    size_t *ret_bad);
void layers_close(Layer **layers, size_t n); /* frees them, and the array */
/* Another policy for one that there is. */
int layer_table_change(LayerTable *t, Layer *l, LayerSpec *spec, uint64_t now_nsec);
/* One more, at the end. -ENOSPC: there is no place, or the maps are full. */
int layer_table_add(LayerTable *t, LayerSpec *spec, uint64_t now_nsec, Layer **ret);
/* Not the host's. Nobody may answer to it any more. */
void layer_table_remove(LayerTable *t, const Layer *l);
/* Puts back what somebody else wrote into the kernel's table. Returns how many had been changed. */
unsigned layer_table_repair(LayerTable *t);

void layer_set_mode(Layer *l, Mode mode);
uint32_t layer_policy_id(const Layer *l);
/* A lease as it now is, into the kernel. Errors as policy_slot_set_lease(); the next bind asks for it again. */
int layer_write_lease(Layer *l, const Lease *lease);
/* Binds a name that led to an address, and writes what is to be written. *ret_lease (NULL: nothing was written) is valid until
 * the next call. Negative: the address is not open; the caller refuses. */
int layer_bind(Layer *l, const InAddr *addr, const char *name, const char *chain, const NameVerdict *verdict,
               uint32_t ttl_seconds, uint64_t now_nsec, const Lease **ret_lease);
/* The same for what a predecessor or another layer knew. */
int layer_restore(Layer *l, const InAddr *addr, const char *name, const char *chain, uint64_t expires_nsec,
                  uint64_t now_nsec, const Lease **ret_lease);
/* Removes what ended, of at most max_steps leases. Returns when the next one ends; UINT64_MAX: there is none. */
uint64_t layer_expire(Layer *l, uint64_t now_nsec, size_t max_steps);
