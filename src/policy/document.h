/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A loaded policy document: its contents, and its compiled policy until the engine takes it. */

#include <string.h>

#include "policy/policy-document.h"

#define POLICY_HOST_NAME "host"
#define POLICY_DOCUMENTS_MAX (CW_LAYERS_MAX - 2) /* two are reserved for the service itself */
#define DOCUMENT_SOURCE_BUS "bus"
#define DOCUMENT_SOURCE_JOB "job"
#define DOCUMENT_SOURCE_LAST_GOOD "last-good"
#define POLICY_DIGEST_SIZE 72 /* "sha256:", 64 digits, NUL */

typedef enum DocumentOrigin {
        DOCUMENT_NONE, /* the host, if there are only documents for units. Nothing is judged by it */
        DOCUMENT_FILE,
        DOCUMENT_BUS, /* replaces that of a file, until the next reload */
        DOCUMENT_LAST_GOOD, /* was read from a file by an earlier start */
        DOCUMENT_OUTLINE, /* stands in the place of a file with faults: document-outline.h */
} DocumentOrigin;

typedef struct Document {
        char *name;   /* of the scope */
        char *source; /* path, or DOCUMENT_SOURCE_…; NULL for DOCUMENT_NONE */
        char *text;   /* as read; NULL like source */
        size_t size;
        char digest[POLICY_DIGEST_SIZE]; /* "" like source */
        DocumentOrigin origin;
        MatchList match;
        JobMatchList jobs; /* not empty: it restricts what the units of these jobs may reach */
        bool follow;       /* the users of its units */
        Mode mode;         /* if the text sets one */
        bool has_mode;
        bool inbound;
        uint32_t n_rules;
        Policy *policy; /* until the engine takes it */
} Document;

typedef struct Documents {
        Document *items; /* the host's first, always present */
        size_t n;
} Documents;

void document_done(Document *d);
void documents_done(Documents *d);

static inline bool document_is_host(const Document *d) {
        return strcmp(d->name, POLICY_HOST_NAME) == 0;
}

/* The host's document if nobody wrote one: it judges nothing. -ENOMEM. */
int document_init_none(Document *ret);
/* Compiles *parsed, taking over its contents including the name; the caller sets source, text and digest. After an
 * error *d may only be passed to document_done(). -E2BIG: more port rules cover one address than fit; -ENOMEM. */
int document_fill(Document *d, PolicyDocument *parsed, size_t size);
/* Builds the document that replaces d from text and digest: same name and, if the text has none, the same match. d
 * is unchanged. -EINVAL, -E2BIG with faults; -ENOMEM. */
int document_replace(const Document *d, const char *text, size_t size, const char *digest, Document *ret,
                     FaultList *faults);
/* Returns 0, or an error as document_replace(). */
int document_validate(const char *text, size_t size, FaultList *faults);
/* Adds the fault for -E2BIG. */
void document_fault_too_dense(FaultList *faults);
