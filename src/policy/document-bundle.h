/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The text of one file that keeps several policy documents as they were read, and when they came into force: lines for
 * the time and for each document, its bytes after its line, and a last line with the digest of all that precedes it. */

#include "policy/document.h"

typedef struct BundleEntry {
        char *path;       /* owned: of the document's file */
        const char *text; /* borrowed from the bundle's text, not terminated */
        size_t size;
} BundleEntry;

typedef struct DocumentBundle {
        uint64_t time_usec; /* CLOCK_REALTIME */
        BundleEntry *entries;
        size_t n; /* 1 to POLICY_DOCUMENTS_MAX */
        size_t covered; /* so many bytes of the text have this digest, if nobody changed them */
        char digest[POLICY_DIGEST_SIZE];
} DocumentBundle;

void document_bundle_done(DocumentBundle *b);

/* Writes all but the last line, for the documents that came from files. The caller frees *ret. -ENOENT: there are none;
 * -ENOMEM. */
int document_bundle_format(const Documents *documents, uint64_t time_usec, char **ret, size_t *ret_size);
/* Appends the last line to what document_bundle_format() returned. -ENOMEM. */
int document_bundle_seal(char **text, size_t *size, const char *digest);

/* The caller verifies the digest before it uses anything else, and frees the bundle before the text. -EBADMSG: not such a
 * text, or cut; -ENOMEM. */
int document_bundle_parse(const char *text, size_t size, DocumentBundle *ret);

/* Has it the same documents from files, by path and text? */
bool document_bundle_equals(const DocumentBundle *b, const Documents *documents);
