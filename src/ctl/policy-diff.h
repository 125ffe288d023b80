/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Semantic difference of two policies: the order of rules and ports and the formatting of the text are ignored.
 * Pure. */

#include "policy/policy.h"

typedef struct PolicyChange {
        char sign;  /* '-' removed, '+' added; a rule whose ports differ is one of each, next to each other */
        char *text; /* "allow github.com:443", "mode: audit" */
} PolicyChange;

typedef struct PolicyDiff {
        PolicyChange *changes; /* settings first, then rules in the order of the old policy, then the new ones */
        size_t n, n_allocated;
} PolicyDiff;

void policy_diff_done(PolicyDiff *d);
/* Default action, mode, search domains, rules. Appends to *d. -ENOMEM. */
int policy_diff(PolicyDiff *d, const PolicySource *old, const PolicySource *new);
/* What a PolicySource does not contain: the keys name, match, inbound and sudoLockdown of the documents, compared as
 * JSON. Both texts have passed policy_source_from_json(). */
int policy_diff_keys(PolicyDiff *d, const char *old, const char *new);
