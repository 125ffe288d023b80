/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A policy document: a policy, and the units or jobs it applies to. See cargowall-policy(5). */

#include "policy/job-match.h"
#include "policy/policy.h"
#include "policy/unit-match.h"

#define POLICY_NAME_MAX 63

typedef struct PolicyDocument {
        char *name;       /* of the scope; NULL if neither the text nor the caller gives one */
        PolicySource source;
        MatchList match;  /* empty if the text has none */
        JobMatchList jobs; /* not empty: restricts what the units of these jobs may reach; match is empty */
        bool follow;      /* what users of matched units have others start is judged by the document as well */
        bool has_inbound; /* set by the text; otherwise the caller's default applies */
        bool inbound;     /* true ("allow"): replies to connections from outside pass; false ("judge"): no exception */
} PolicyDocument;

void policy_document_done(PolicyDocument *d);

/* 1 to 63 of a-z, 0-9 and "-", not beginning with "-". */
bool policy_document_name_is_valid(const char *s);

/* *d must be empty. default_name: used if the text gives no name, usually the file name without its suffix; if that
 * is not a valid name, it is reported as a fault. May be NULL. Returns and reports as policy_source_from_json()
 * does; after an error *d may only be passed to policy_document_done(). */
int policy_document_from_json(PolicyDocument *d, const char *text, size_t length, const char *default_name,
                              FaultList *faults);
