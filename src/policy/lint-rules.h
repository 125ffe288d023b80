/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The rules of a document, one by one: not merged as those of a policy are. Pure. */

#include "policy/rule.h"

typedef struct LintRule {
        RuleList list; /* of one rule */
        unsigned line; /* from 1 */
} LintRule;

typedef struct LintRules {
        LintRule *rules; /* in the order of the document */
        size_t n;
        uint32_t *by_value; /* indices, sorted by type and value, then in order */
} LintRules;

/* text: a valid policy. -EINVAL: it is not; -ENOMEM. */
int lint_rules_read(const char *text, size_t length, LintRules *ret);
void lint_rules_done(LintRules *l);
const Rule *lint_rules_get(const LintRules *l, uint32_t index);

/* Rules with one value: positions in by_value from first up to, and without, end. */
typedef struct LintGroup {
        size_t first, end;
} LintGroup;

LintGroup lint_rules_with_name(const LintRules *l, const char *name);
LintGroup lint_rules_with_prefix(const LintRules *l, const InPrefix *prefix);

/* Has a all the ports of b? */
bool lint_ports_cover(const Rule *a, const Rule *b);
