/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The documents that came over the bus, which the service manager keeps for a successor: what it has, so that only
 * changes are sent. */

#include "handover/fd-store.h"
#include "policy/document.h"

/* Leaves room in the store for links, maps and state, also while each is replaced. */
#define KEPT_DOCUMENTS_MAX 96U

typedef struct KeptDocument {
        char *name;
        char digest[POLICY_DIGEST_SIZE];
} KeptDocument;

typedef struct KeptDocuments {
        KeptDocument *items;
        size_t n;
} KeptDocuments;

void kept_documents_done(KeptDocuments *k);
/* The store has this document of a predecessor. -ENOMEM. */
int kept_documents_note(KeptDocuments *k, const Document *document);
/* Stores one document in place of that of the same name. -ENOSPC: too many. After an error the older one is kept. */
int kept_documents_put(KeptDocuments *k, FdStore *store, const Document *document);
/* Stores the documents that came over the bus, and no others: first removes, then stores what changed. An error does
 * not stop it; returns the first, and the next call tries again. */
int kept_documents_update(KeptDocuments *k, FdStore *store, const Documents *documents);
