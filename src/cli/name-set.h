/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A bounded set of names. Pure. */

#include "basic/hash-index.h"

typedef struct NameSet {
        HashIndex index;
        size_t n_max;
        bool full; /* some are not in it */
} NameSet;

/* key: random bytes, for the hash. -ENOMEM. */
int name_set_init(NameSet *s, size_t n_max, const uint8_t key[static 16]);
void name_set_done(NameSet *s);
/* name: canonical. Adds it and the domains above it. -ENOMEM. */
int name_set_add(NameSet *s, const char *name);
/* Is it one of the names, or above one? If the set is full, it may be one although it is not found. */
bool name_set_has(const NameSet *s, const char *name);
