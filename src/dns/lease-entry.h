/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Compact storage of a lease: one allocation with the variable parts one after another. There are tens of thousands
 * of them, so every byte counts. Used by lease.c only. */

#include "basic/expiry-heap.h"
#include "basic/hash-index.h"
#include "dns/lease.h"

typedef struct LeaseEntry {
        HashItem item;         /* first, so that a HashItem can be cast to its LeaseEntry */
        uint64_t written_nsec; /* expiry of the kernel's entry as last returned to the caller; 0: no entry */
        ExpiryItem end;        /* end of the binding that lives longest */
        uint32_t group;        /* see lease_table_set_group() */
        bool is_v4 : 1;
        bool is_many : 1;      /* part of a LeaseManyEntry, even after all bindings but one have ended */
        bool has_rules : 1;    /* of any of its bindings */
        uint8_t blob[];        /* see lease-entry.c */
} LeaseEntry;

/* Precedes an entry with more than one binding. */
typedef struct LeaseManyEntry {
        ExpiryItem change;     /* end of the binding that expires first */
        uint8_t n_bindings, latest; /* latest: index of a binding */
        LeaseEntry entry;
} LeaseManyEntry;

/* A lease as passed to callers, with space for its bindings. The text belongs to the entry, or is about to be
 * stored. */
typedef struct LeaseView {
        Lease lease;
        LeaseBinding bindings[LEASE_BINDINGS_MAX];
} LeaseView;

/* Stores everything but the end of a single binding, which the caller puts into the heap. NULL: out of memory. */
LeaseEntry *lease_entry_new(const Lease *l);
LeaseEntry *lease_entry_free(LeaseEntry *e);
void lease_entry_addr(const LeaseEntry *e, InAddr *ret);
void lease_entry_read(const LeaseEntry *e, LeaseView *ret);
/* Writes in place what was read from e, with fewer bindings or other ends. */
void lease_entry_write(LeaseEntry *e, const Lease *l);
/* Length of the chain's text up to the last name that fits as a whole; 0 if none does. */
size_t lease_chain_length(const char *chain);

static inline LeaseManyEntry *lease_entry_many(const LeaseEntry *e) {
        return (LeaseManyEntry *) ((char *) e - offsetof(LeaseManyEntry, entry));
}

static inline LeaseEntry *lease_entry_from_change(ExpiryItem *i) {
        return &((LeaseManyEntry *) ((char *) i - offsetof(LeaseManyEntry, change)))->entry;
}

static inline LeaseEntry *lease_entry_from_end(ExpiryItem *i) {
        return (LeaseEntry *) ((char *) i - offsetof(LeaseEntry, end));
}
