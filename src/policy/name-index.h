/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Which hostname rules can speak of a name: an index by the literal end of each rule, so that a look-up costs as many
 * probes as the name has labels, whatever the number of rules. */

#include "policy/rule.h"

typedef struct NameIndexEntry NameIndexEntry;

typedef struct NameIndex {
        NameIndexEntry *entries; /* sorted by hash */
        size_t n;
} NameIndex;

typedef enum NameMatchLevel {
        NAME_MATCH_EXACT, /* the strongest first */
        NAME_MATCH_DENY_PATTERN,
        NAME_MATCH_PARENT,
        NAME_MATCH_ALLOW_PATTERN,
} NameMatchLevel;

typedef struct NameMatch {
        const Rule *rule;
        uint32_t index;
        NameMatchLevel level;
} NameMatch;

/* Borrows the list, which must stay where it is. -ENOMEM. */
int name_index_init(NameIndex *x, const RuleList *rules);
void name_index_done(NameIndex *x);

/* The first `length` bytes of name are the name: canonical. Puts at most max matches into ret, in no order, and returns
 * how many there are. */
size_t name_index_find(const NameIndex *x, const RuleList *rules, const char *name, size_t length, NameMatch *ret,
                       size_t max);
