/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The domains above the names that derived-name knows: whoever validates their records asks for the keys of each. */

#include "basic/hash-index.h"

#define DERIVED_ZONE_LABELS_MAX 8 /* deeper domains are not known: it bounds the memory for one name */

typedef struct DerivedZones {
        HashIndex index;
} DerivedZones;

/* capacity, key: as for hash_index_init(). -ENOMEM. */
int derived_zones_init(DerivedZones *z, size_t capacity, const uint8_t key[static 16]);
/* All names must have been removed. */
void derived_zones_done(DerivedZones *z);
/* A name is removed as often as it was added. Without memory some of its domains are not known. */
void derived_zones_add(DerivedZones *z, const char *name, uint64_t expires_nsec);
void derived_zones_remove(DerivedZones *z, const char *name);
/* Is zone, which is not the root, above a name that was added and has not expired? */
bool derived_zones_has(const DerivedZones *z, const char *zone, uint64_t now_nsec);
