/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Names reached through a CNAME of an allowed name: they may be looked up too, for as long as the chain is known,
 * with the verdict of the name at its start. Bounded, keyed hash. Pure. */

#include "basic/macro.h"
#include "policy/policy.h"

typedef struct DerivedNames DerivedNames;

#define DERIVED_TTL_FLOOR 30 /* seconds */

/* Seconds for which a CNAME target stays known: the maximum of the TTLs of the hops up to it, each at least
 * DERIVED_TTL_FLOOR. previous: the result for the hop before, 0 for the first. */
uint32_t derived_chain_ttl(uint32_t previous, uint32_t record_ttl);

/* Holds at most max names (at least 1); key seeds the hash. -ENOMEM. */
int derived_names_new(size_t max, const uint8_t key[static 16], DerivedNames **ret);
DerivedNames *derived_names_free(DerivedNames *d);
DEFINE_CLEANUP_FUNC(DerivedNames *, derived_names_free)
/* ttl_seconds: from derived_chain_ttl(). A target already known under the same verdict is kept until the later of
 * the two ends; under another verdict the new origin replaces it. A full table drops the name that was added longest
 * ago. -EINVAL: a name longer than DNS allows; -ENOMEM. On error nothing has changed. */
int derived_names_add(DerivedNames *d, const char *target, const char *origin, const NameVerdict *origin_verdict,
                      uint32_t ttl_seconds, uint64_t now_nsec);
/* Returns 1 and the origin's verdict if the name is known and has not expired, otherwise 0. The caller must still
 * apply deny rules for the name itself. *ret_origin is valid until the next call. */
int derived_names_get(DerivedNames *d, const char *name, uint64_t now_nsec, NameVerdict *ret, const char **ret_origin);
/* Is a name that is known below this domain, which is not the root? */
bool derived_names_have_zone(const DerivedNames *d, const char *zone, uint64_t now_nsec);
void derived_names_flush(DerivedNames *d);
size_t derived_names_n(const DerivedNames *d);
