/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The distinct prefixes of the CIDR rules, sorted, each linked to the next shorter prefix that covers it: the
 * prefixes that cover an address form a short chain. */

#include "policy/rule.h"

#define PREFIX_NONE UINT32_MAX

typedef struct PrefixNode {
        InPrefix prefix;
        uint32_t parent;   /* PREFIX_NONE at the top */
        uint32_t first;    /* first entry in rules[], denies before allows */
        uint32_t n;
} PrefixNode;

typedef struct PrefixIndex {
        PrefixNode *nodes;
        size_t n;
        uint32_t *rules;   /* indices into the rule list */
} PrefixIndex;

/* Takes O(n log n) for n rules. -ENOMEM. */
int prefix_index_init(PrefixIndex *x, const RuleList *rules);
void prefix_index_done(PrefixIndex *x);
/* The longest prefix that contains addr, or PREFIX_NONE. */
uint32_t prefix_index_find(const PrefixIndex *x, const InAddr *addr);
