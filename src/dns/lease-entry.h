/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* How a lease is kept: one block of memory, whose parts of variable size stand behind one another. There are ten
 * thousands of them, so each byte counts. For lease.c alone. */

#include "basic/expiry-heap.h"
#include "basic/hash-index.h"
#include "dns/lease.h"

typedef struct LeaseEntry {
        HashItem item;         /* first: found by casting */
        ExpiryItem end;        /* when the binding with the longest life ends */
        uint64_t written_nsec; /* expiry of the kernel's entry, as last told to the caller; 0: there is none */
        uint8_t n_bindings : 4, latest : 4; /* latest: index of a binding */
        bool is_v4 : 1;
        bool is_many : 1;      /* it is in a LeaseManyEntry, and stays there when all bindings but one have ended */
        uint8_t blob[];        /* see lease-entry.c */
} LeaseEntry;

/* With more than one binding there is this in front of it. */
typedef struct LeaseManyEntry {
        ExpiryItem change;     /* when the binding with the shortest life ends */
        LeaseEntry entry;
} LeaseManyEntry;

/* A lease as others see it, with room for its bindings. The text is the entry's, or what is to be stored. */
typedef struct LeaseView {
        Lease lease;
        LeaseBinding bindings[LEASE_BINDINGS_MAX];
} LeaseView;

/* With all but the ends: a single binding's is the heap's, so the caller has to put it there. NULL: out of memory. */
LeaseEntry *lease_entry_new(const Lease *l);
LeaseEntry *lease_entry_free(LeaseEntry *e);
void lease_entry_addr(const LeaseEntry *e, InAddr *ret);
void lease_entry_read(const LeaseEntry *e, LeaseView *ret);
/* In place: what was read, less some bindings, with other ends. */
void lease_entry_write(LeaseEntry *e, const Lease *l);
/* Length of the chain's text up to the last whole name that fits; 0 for none. */
size_t lease_chain_length(const char *chain);

static inline LeaseManyEntry *lease_entry_many(LeaseEntry *e) {
        return (LeaseManyEntry *) ((char *) e - offsetof(LeaseManyEntry, entry));
}

static inline LeaseEntry *lease_entry_from_change(ExpiryItem *i) {
        return &((LeaseManyEntry *) ((char *) i - offsetof(LeaseManyEntry, change)))->entry;
}

static inline LeaseEntry *lease_entry_from_end(ExpiryItem *i) {
        return (LeaseEntry *) ((char *) i - offsetof(LeaseEntry, end));
}
