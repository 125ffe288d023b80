/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The rules that a suggested policy needs to deny what it leaves out, where a rule for something else would allow it: a name
 * below one that is kept, a metadata service behind a name that is kept. Pure. */

#include <stdio.h>

#include "cli/suggest-table.h"
#include "policy/policy.h"

typedef struct SuggestDenials {
        SuggestEntry **entries; /* borrowed; in the order of their rules */
        size_t n;
} SuggestDenials;

void suggest_denials_done(SuggestDenials *d);
/* t: with allowed_by as policy decides. Of what a rule cannot deny without denying what is kept, there is none. -ENOMEM. */
int suggest_denials_make(const SuggestTable *t, const Policy *policy, SuggestDenials *ret);
/* first: no rule precedes them. -ENOMEM. */
int suggest_denials_write(FILE *out, const SuggestDenials *d, bool first, size_t *ret_n_rules);
/* Sets is_denied of their entries: allowed_by is now as the policy with these rules decides. */
void suggest_denials_mark(const SuggestDenials *d);
