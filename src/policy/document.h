/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A policy document in force: what was read of it, and its compiled policy until the engine takes that. */

#include <string.h>

#include "policy/policy-document.h"

#define POLICY_HOST_NAME "host"
#define POLICY_DOCUMENTS_MAX (CW_LAYERS_MAX - 2) /* without two of the service itself */
#define DOCUMENT_SOURCE_BUS "bus"
#define DOCUMENT_SOURCE_JOB "job"
#define POLICY_DIGEST_SIZE 72 /* "sha256:", 64 digits, NUL */

typedef enum DocumentOrigin {
        DOCUMENT_NONE, /* nobody wrote one: the host, where only units have documents. Nothing is judged by it */
        DOCUMENT_FILE,
        DOCUMENT_BUS, /* in place of a file's, until the next reload */
        DOCUMENT_BUNDLE,
} DocumentOrigin;

typedef struct Document {
        char *name;   /* of the scope */
        char *source; /* path, or DOCUMENT_SOURCE_…; NULL with DOCUMENT_NONE */
        char *text;   /* as it was read; NULL like source */
        size_t size;
        char digest[POLICY_DIGEST_SIZE]; /* "" like source */
        DocumentOrigin origin;
        MatchList match;
        JobMatchList jobs; /* not empty: it restricts what the units of these jobs may reach */
        Mode mode;         /* where the text says one */
        bool has_mode;
        bool inbound;
        uint32_t n_rules;
        Policy *policy; /* until the engine takes it */
} Document;

typedef struct Documents {
        Document *items; /* the host's first, always there */
        size_t n;
} Documents;

void document_done(Document *d);
void documents_done(Documents *d);

static inline bool document_is_host(const Document *d) {
        return strcmp(d->name, POLICY_HOST_NAME) == 0;
}

/* The host's where there is none: it judges nothing. -ENOMEM. */
int document_init_none(Document *ret);
/* Compiles *parsed, whose contents are taken, as is its name; source, text and digest are set by the caller. After an
 * error *d is good for document_done() only. -E2BIG: more port rules cover one address than fit; -ENOMEM. */
int document_fill(Document *d, PolicyDocument *parsed, size_t size);
/* A text that takes the place of d's, with its digest: same name and, if it has none of its own, same match. d stays as
 * it is. -EINVAL, -E2BIG with faults; -ENOMEM. */
int document_replace(const Document *d, const char *text, size_t size, const char *digest, Document *ret,
                     FaultList *faults);
/* 0, or as document_replace(). */
int document_validate(const char *text, size_t size, FaultList *faults);
/* The fault of -E2BIG. */
void document_fault_too_dense(FaultList *faults);
