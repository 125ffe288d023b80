/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The domains at and above the names that a policy allows: whoever validates an answer asks for the keys of each. They
 * are written in the policy and hence a finite set, so that asking for them carries nothing out. */

#include "policy/rule.h"

typedef struct ZoneIndex {
        const char **names; /* borrowed; in the order of their last bytes first */
        size_t n;
} ZoneIndex;

/* Borrows the list and the search domains, which must not change while the index is in use. -ENOMEM. */
int zone_index_init(ZoneIndex *x, const RuleList *rules, char *const *search_domains, size_t n_search_domains);
void zone_index_done(ZoneIndex *x);
/* Is name, canonical or "" for the root, one of them? Of a pattern, what follows its last wildcard counts as a name. */
bool zone_index_has(const ZoneIndex *x, const char *name);
