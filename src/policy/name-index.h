/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Which hostname rules can match a name: an index by the literal tail of each rule, so that a lookup takes one probe
 * per label of the name, however many rules there are. */

#include "policy/rule.h"

/* The value of a rule for names, or what follows the last wildcard of a pattern; "" if nothing does. Points into it. */
const char *name_literal_tail(const char *value);

typedef struct NameIndexEntry NameIndexEntry;

typedef struct NameIndex {
        NameIndexEntry *entries; /* sorted by hash */
        size_t n;
} NameIndex;

typedef enum NameMatchLevel {
        NAME_MATCH_EXACT, /* strongest first */
        NAME_MATCH_DENY_PATTERN,
        NAME_MATCH_PARENT,
        NAME_MATCH_ALLOW_PATTERN,
} NameMatchLevel;

typedef struct NameMatch {
        const Rule *rule;
        uint32_t index;
        NameMatchLevel level;
} NameMatch;

/* Borrows the list, which must not move while the index is in use. -ENOMEM. */
int name_index_init(NameIndex *x, const RuleList *rules);
void name_index_done(NameIndex *x);

/* The name is the first `length` bytes of name, canonical. Stores at most max matches in ret, in no particular
 * order, and returns how many there are. */
size_t name_index_find(const NameIndex *x, const RuleList *rules, const char *name, size_t length, NameMatch *ret,
                       size_t max);
