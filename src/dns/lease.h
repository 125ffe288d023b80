/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Leases: an address may be reached, until a certain time, because a name resolved to it. One table per layer. Pure:
 * the caller writes changes to the kernel before it answers the client.
 *
 * An address has one binding per distinct name verdict. Names with the same verdict share it, so that a flood of
 * unique names under one wildcard rule cannot grow it. The binding remembers the latest of these names, for reports
 * and PTR. A binding without rules opens and closes nothing and only names the address: if there is no room, one with
 * rules takes the place of one without.
 *
 * The kernel's entry: the caller writes it whenever a function says so, with all bindings and the current
 * expires_nsec of the lease. Renewals in between are recorded in the table only, so the kernel's entry may expire
 * earlier than the lease by up to a quarter of its life, but, as far as the cap allows, never before the TTL of an
 * answer has passed. */

#include "basic/in-addr.h"
#include "basic/macro.h"
#include "dns/dns-name.h"
#include "policy/policy.h"

#define LEASE_BINDINGS_MAX 250 /* verdicts: names with a rule of their own may share an address, as of a content network */
#define LEASE_CHAIN_TEXT_MAX 1024 /* the caller refuses longer ones: a policy swap evaluates the whole chain again */

typedef struct LeaseTable LeaseTable;

typedef struct LeaseBinding {
        NameVerdict verdict;
        uint64_t expires_nsec;            /* CLOCK_BOOTTIME */
        char *name;                       /* that the client asked for */
        char *chain;                      /* CNAME targets joined by ' ', in order; NULL if none */
} LeaseBinding;

typedef struct Lease {
        InAddr addr;
        uint64_t expires_nsec;            /* end of the binding that lives longest */
        LeaseBinding *bindings;
        size_t n_bindings;                /* at most LEASE_BINDINGS_MAX */
        size_t latest;                    /* index of the binding renewed last */
} Lease;

static inline bool lease_has_rules(const Lease *l) {
        for (size_t i = 0; i < l->n_bindings; i++)
                if (name_verdict_has_rules(&l->bindings[i].verdict))
                        return true;
        return false;
}

typedef struct LeaseTimes {
        uint64_t floor_nsec; /* minimum life, whatever the TTL */
        uint64_t grace_nsec; /* added to the TTL or the minimum */
        uint64_t cap_nsec;   /* maximum life; the client must not be given a longer TTL */
} LeaseTimes;

/* Holds at most max_leases (at least 1). key seeds the hash. -EINVAL: a life could be 0; -ENOMEM. */
int lease_table_new(size_t max_leases, const LeaseTimes *times, const uint8_t key[static 16], LeaseTable **ret);
LeaseTable *lease_table_free(LeaseTable *t);
DEFINE_CLEANUP_FUNC(LeaseTable *, lease_table_free)

/* The group to which the leases belong that are bound from now on. shared: of a resolver for others, which takes over no
 * lease that another group has. If the table is full, a group with less than a quarter of it displaces a lease of the group with the
 * most. */
void lease_table_set_group(LeaseTable *t, uint32_t group, bool shared);

/* Binds name to addr for max(ttl, floor) + grace, at most cap. A chain longer than LEASE_CHAIN_TEXT_MAX - 1 is cut
 * after a whole name. *ret_lease is the updated lease (owned by the table, valid until the next call). Returns 1 if
 * the kernel's entry must be written (new lease, another verdict, an expiry later by more than a quarter of its
 * life, or an entry that would end before the TTL), 0 if not; -ENOSPC if there is no room: the table is full of live
 * leases, or the address has too many distinct live verdicts; -EINVAL for a name longer than DNS allows; -ENOMEM. On
 * error nothing has changed. */
int lease_table_bind(LeaseTable *t, const InAddr *addr, const char *name, const char *chain, const NameVerdict *verdict,
                     uint32_t ttl_seconds, uint64_t now_nsec, const Lease **ret_lease);

/* Restores a binding made by a predecessor, matched with the policy, with its original end (at most the cap from
 * now). The kernel's entry must be written. -ESTALE: it has expired; otherwise as lease_table_bind(). */
int lease_table_restore(LeaseTable *t, const InAddr *addr, const char *name, const char *chain, const Policy *policy,
                        uint64_t expires_nsec, uint64_t now_nsec, const Lease **ret_lease);

/* The lease that the last bind evicted from a full table: expired, without rules, or of another group, which is in
 * *ret_displaced then (otherwise 0). The caller must delete its kernel entry; it is not reported otherwise. False if there
 * was none. */
bool lease_table_evicted(const LeaseTable *t, InAddr *ret, uint32_t *ret_displaced);

/* The caller could not write this lease: the next bind returns 1 again. May be called from the callbacks below. */
void lease_table_write_failed(LeaseTable *t, const InAddr *addr);

/* NULL if none is live. The result of this and the next function is valid until the next call. */
const Lease *lease_table_get(LeaseTable *t, const InAddr *addr, uint64_t now_nsec);
/* Also finds expired leases that have not been collected yet, to name the destination of a flow that outlives its
 * lease. */
const Lease *lease_table_find(LeaseTable *t, const InAddr *addr);

/* Drops expired bindings and leases; fn is called with each lease that changed (n_bindings 0: removed) and may not
 * change the table. Examines at most max_steps leases per call, so that a large table never blocks the event loop.
 * Returns the time of the next expiry (in the past if max_steps was reached), UINT64_MAX if none. */
typedef void (*lease_changed_fn)(const Lease *lease, void *userdata);
uint64_t lease_table_expire(LeaseTable *t, uint64_t now_nsec, size_t max_steps, lease_changed_fn fn, void *userdata);
/* After a policy swap: matches the name of each binding again and merges bindings that became equal. Bindings that
 * match no rule are kept, to name the address. fn is called with each lease, including expired ones not yet
 * collected, and may not change the table. Without memory, a lease whose verdict changed is dropped and passed as
 * removed. */
void lease_table_rematch(LeaseTable *t, const Policy *policy, lease_changed_fn fn, void *userdata);
size_t lease_table_n(const LeaseTable *t);
size_t lease_table_n_of(const LeaseTable *t, uint32_t group);
/* Calls fn with each lease, including expired ones not yet collected; fn may not change the table. */
void lease_table_for_each(const LeaseTable *t, lease_changed_fn fn, void *userdata);
