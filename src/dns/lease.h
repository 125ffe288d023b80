/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Leases: which address may be reached because which name resolved to it, until when. One table per scope. Pure: the
 * caller writes what changed to the kernel before it answers the client.
 *
 * An address has one binding per distinct name verdict; names with the same verdict share it, so that a flood of
 * unique names under one wildcard rule cannot grow it. The binding remembers the latest such name, for reports and
 * PTR.
 *
 * What the kernel holds: its entry is to be written whenever a function says so, with every binding and expires_nsec
 * of the lease as it then is. Renewals in between only count in the table, so the kernel's entry may end up to a
 * quarter of a life before the lease, but never before a TTL that was bound has passed, as far as the cap allows. */

#include "basic/in-addr.h"
#include "basic/macro.h"
#include "dns/dns-name.h"
#include "policy/policy.h"

#define LEASE_BINDINGS_MAX 8
#define LEASE_CHAIN_TEXT_MAX 1024 /* a caller refuses longer ones: a policy swap judges the whole chain anew */

typedef struct LeaseTable LeaseTable;

typedef struct LeaseBinding {
        NameVerdict verdict;
        uint64_t expires_nsec;            /* CLOCK_BOOTTIME */
        char *name;                       /* that the client asked for */
        char *chain;                      /* CNAME targets joined by ' ', in order; NULL for none */
} LeaseBinding;

typedef struct Lease {
        InAddr addr;
        uint64_t expires_nsec;            /* of the binding that lives longest */
        LeaseBinding *bindings;
        size_t n_bindings;                /* at most LEASE_BINDINGS_MAX */
        size_t latest;                    /* index of the binding renewed last */
} Lease;

typedef struct LeaseTimes {
        uint64_t floor_nsec; /* shortest life, whatever the TTL says */
        uint64_t grace_nsec; /* added to it */
        uint64_t cap_nsec;   /* longest life; the client must not see a longer TTL either */
} LeaseTimes;

/* max_leases (at least 1) bounds it. key seeds the hash. -EINVAL: a life could be 0; -ENOMEM. */
int lease_table_new(size_t max_leases, const LeaseTimes *times, const uint8_t key[static 16], LeaseTable **ret);
LeaseTable *lease_table_free(LeaseTable *t);
DEFINE_CLEANUP_FUNC(LeaseTable *, lease_table_free)

/* Binds name to addr for max(ttl, floor) + grace, at most cap. A chain longer than LEASE_CHAIN_TEXT_MAX - 1 is cut
 * after a whole name. *ret_lease is the lease as it now is (owned by the table, valid until the next call). Returns 1
 * when the kernel's entry must be written (new, another verdict, its expiry moved by more than a quarter of its life,
 * or the kernel's entry would end before the TTL), 0 when not, -ENOSPC when the table is full of live leases or the
 * address has too many distinct live verdicts, -EINVAL for a name longer than DNS allows, -ENOMEM. On an error nothing
 * changed. */
int lease_table_bind(LeaseTable *t, const InAddr *addr, const char *name, const char *chain, const NameVerdict *verdict,
                     uint32_t ttl_seconds, uint64_t now_nsec, const Lease **ret_lease);

/* A binding that a predecessor made, matched with the policy, until the end it was given (at most the cap from now). The
 * kernel's entry must be written. -ESTALE: it has ended; the rest as lease_table_bind(). */
int lease_table_restore(LeaseTable *t, const InAddr *addr, const char *name, const char *chain, const Policy *policy,
                        uint64_t expires_nsec, uint64_t now_nsec, const Lease **ret_lease);

/* The ended lease that the last bind dropped to make room in a full table: its entry in the kernel must go, nothing
 * else will tell. False when there was none. */
bool lease_table_evicted(const LeaseTable *t, InAddr *ret);

/* The caller could not write this lease: the next bind asks for it again. The callbacks below may call it too. */
void lease_table_write_failed(LeaseTable *t, const InAddr *addr);

/* NULL when none is live. What these two return is valid until the next call. */
const Lease *lease_table_get(LeaseTable *t, const InAddr *addr, uint64_t now_nsec);
/* Also finds leases that have expired but are not yet collected: to name the destination of a flow that lives on. */
const Lease *lease_table_find(LeaseTable *t, const InAddr *addr);

/* Drops bindings and leases that ended; fn is told each lease that changed (n_bindings 0: it is gone) and may not
 * change the table. At most max_steps leases are looked at per call, so that a big table never stalls the loop.
 * Returns the time of the next expiry known (past when steps ran out), UINT64_MAX for none. */
typedef void (*lease_changed_fn)(const Lease *lease, void *userdata);
uint64_t lease_table_expire(LeaseTable *t, uint64_t now_nsec, size_t max_steps, lease_changed_fn fn, void *userdata);
/* For a policy swap: matches the name of every binding anew and merges bindings that became equal; those that no rule
 * speaks of stay, to name the address. fn is told every lease, ended ones not yet collected included, and may not
 * change the table. Out of memory, a lease whose verdict changed is dropped, and told as gone. */
void lease_table_rematch(LeaseTable *t, const Policy *policy, lease_changed_fn fn, void *userdata);
size_t lease_table_n(const LeaseTable *t);
/* Every lease, ended ones not yet collected included; fn may not change the table. */
void lease_table_for_each(const LeaseTable *t, lease_changed_fn fn, void *userdata);
