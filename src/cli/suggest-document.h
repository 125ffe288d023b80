/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Makes the policy document of a finished SuggestTable, and proves that it allows what the table keeps, and nothing of
 * what it leaves out but what has a rule because of others. Pure. */

#include "cli/suggest-table.h"
#include "policy/policy.h"

typedef struct SuggestDocument {
        char *text;
        size_t length;
        size_t n_rules;
        size_t n_denials; /* of these rules, at the end: what they deny would be allowed without them */
        Policy *policy;   /* what the parser makes of text */
} SuggestDocument;

void suggest_document_done(SuggestDocument *d);
/* Sets allowed_by of what is left out. -EBADMSG: the document is not what it should be, an error of ours; *ret_entry is then
 * the destination with the wrong verdict, or NULL. -ENOMEM. */
int suggest_document_make(SuggestTable *t, SuggestDocument *ret, const SuggestEntry **ret_entry);
/* Does a rule of it have ranges with ports that were not seen? It has more ports than a rule can list. */
bool suggest_rule_is_widened(const SuggestTable *t, const Rule *rule);
