/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Names reached by a CNAME of an allowed name: they may be looked up too, for as long as the chain is known, with the
 * verdict of the name at its start. Bounded, keyed hash. Pure. */

#include "basic/macro.h"
#include "policy/policy.h"

typedef struct DerivedNames DerivedNames;

#define DERIVED_TTL_FLOOR 30 /* seconds */

/* Seconds a CNAME target stays known: the running maximum of the hop TTLs up to it, each at least DERIVED_TTL_FLOOR.
 * previous: of the hop before, 0 for the first. */
uint32_t derived_chain_ttl(uint32_t previous, uint32_t record_ttl);

/* max (at least 1) bounds it; key seeds the hash. -ENOMEM. */
int derived_names_new(size_t max, const uint8_t key[static 16], DerivedNames **ret);
DerivedNames *derived_names_free(DerivedNames *d);
DEFINE_CLEANUP_FUNC(DerivedNames *, derived_names_free)
/* ttl_seconds: from derived_chain_ttl(). A target known under the same verdict lives on to the later of both ends;
 * under another verdict the new origin takes its place. When full the one longest not added again goes. -EINVAL: a name
 * longer than DNS allows; -ENOMEM. On an error nothing changed. */
int derived_names_add(DerivedNames *d, const char *target, const char *origin, const NameVerdict *origin_verdict,
                      uint32_t ttl_seconds, uint64_t now_nsec);
/* 1 and the origin's verdict when known and live, else 0. A deny rule on the name itself is the caller's to heed.
 * *ret_origin is valid until the next call. */
int derived_names_get(DerivedNames *d, const char *name, uint64_t now_nsec, NameVerdict *ret, const char **ret_origin);
void derived_names_flush(DerivedNames *d);
size_t derived_names_n(const DerivedNames *d);
