/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The policy documents in force, one per scope: what was read of them, apart from the compiled policy, which the engine
 * has. */

#include "host/policy-files.h"

#define DOCUMENT_SOURCE_BUS "bus"
#define DOCUMENT_SOURCE_JOB "job"

typedef struct Document {
        char *name;    /* of the scope */
        char *base;    /* the name of the one it was made of for a single job; NULL: of none. Such a one has no text and no match */
        char *source;  /* path, or DOCUMENT_SOURCE_…; NULL: there is no document for this scope, it is the host's */
        char *text;    /* as it was read; NULL like source */
        size_t size;
        char digest[POLICY_DIGEST_SIZE]; /* "" like source */
        MatchList match;
        JobMatchList jobs; /* not empty: it narrows what the units of these jobs may */
        Mode mode;     /* where the text says one */
        bool has_mode;
        bool inbound;
        bool narrows;  /* it is for jobs */
        uint32_t n_rules;
        Policy *policy; /* until the engine takes it */
} Document;

typedef struct Documents {
        Document *items; /* the host's first, always there */
        size_t n;
} Documents;

void document_done(Document *d);
void documents_done(Documents *d);

/* Whole or not at all. -ENOENT: there is not one document; the rest as policy_files_load(). */
int documents_load(const char *root, Documents *ret, PolicyFileFault *faults, size_t n_faults, size_t *ret_n_faults);
/* A text that takes the place of d's: same name and, if it has none of its own, same match. d stays as it is. -EINVAL,
 * -E2BIG with faults; -ENOMEM. */
int document_replace(const Document *d, const char *text, size_t size, Document *ret, PolicyFault *faults,
                     size_t n_faults, size_t *ret_n_faults);
/* The same as base for a single job, which may reach these names and addresses as well. -ENOENT: base has no document;
 * -EINVAL: what is no name and no address; -E2BIG, -ENOMEM. */
int document_derive(const Document *base, const char *name, const char *const *hosts, size_t n_hosts, Document *ret);
/* 0, or as document_replace(). */
int document_validate(const char *text, size_t size, PolicyFault *faults, size_t n_faults, size_t *ret_n_faults);
/* Of all of them: the one document's, or that of the list that sha256sum(1) would print for the scopes' names. */
void documents_digest(const Documents *d, char ret[static POLICY_DIGEST_SIZE]);
