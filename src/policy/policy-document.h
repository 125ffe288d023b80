/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A policy document: a policy, and for whom it is. cargowall-policy(5). */

#include "policy/job-match.h"
#include "policy/policy.h"
#include "policy/unit-match.h"

#define POLICY_NAME_MAX 63

typedef struct PolicyDocument {
        char *name;       /* of the scope; NULL where neither the text nor the caller says one */
        PolicySource source;
        MatchList match;  /* empty: the text has none */
        JobMatchList jobs; /* not empty: it narrows what the units of these jobs may; match is empty then */
        bool has_inbound; /* the text says so; else the caller's default stands */
        bool inbound;     /* true ("allow"): answers on what others opened pass; false ("judge"): like all else */
} PolicyDocument;

void policy_document_done(PolicyDocument *d);

/* 1 to 63 of a-z, 0-9 and "-", not beginning with "-". */
bool policy_document_name_is_valid(const char *s);

/* *d: empty. default_name: the name where the text says none, as a rule the file's without its ending; one that is no
 * valid name is a fault then. NULL: none. Errors and faults as of policy_source_from_json(); after an error *d is good
 * for policy_document_done() only. */
int policy_document_from_json(PolicyDocument *d, const char *text, size_t length, const char *default_name,
                              FaultList *faults);
