/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The distinct prefixes of the CIDR rules, sorted, each with the next shorter prefix that covers it: what covers an
 * address is a short chain. */

#include "policy/rule.h"

#define PREFIX_NONE UINT32_MAX

typedef struct PrefixNode {
        InPrefix prefix;
        uint32_t parent;   /* PREFIX_NONE at the top */
        uint32_t first;    /* run of rules[], denies before allows */
        uint32_t n;
} PrefixNode;

typedef struct PrefixIndex {
        PrefixNode *nodes;
        size_t n;
        uint32_t *rules;   /* indices into the rule list */
} PrefixIndex;

/* -ENOMEM. n log n in the number of rules. */
int prefix_index_init(PrefixIndex *x, const RuleList *rules);
void prefix_index_done(PrefixIndex *x);
/* The longest prefix that contains addr, or PREFIX_NONE. */
uint32_t prefix_index_find(const PrefixIndex *x, const InAddr *addr);
