/* SPDX-License-Identifier: Apache-2.0 */

#include "daemon/kept-documents.h"

#include <assert.h>
#include <string.h>

#include "handover/handover.h"

void kept_documents_done(KeptDocuments *k) {
        assert(k);

        for (size_t i = 0; i < k->n; i++)
                free(k->items[i].name);
        free(k->items);
        *k = (KeptDocuments) {};
}

static KeptDocument *find(const KeptDocuments *k, const char *name) {
        for (size_t i = 0; i < k->n; i++)
                if (strcmp(k->items[i].name, name) == 0)
                        return &k->items[i];
        return NULL;
}

/* An entry with room for the digest. */
static int add(KeptDocuments *k, const char *name, KeptDocument **ret) {
        _cleanup_free_ char *copy = strdup(name);
        KeptDocument *items = copy ? reallocarray(k->items, k->n + 1, sizeof(*items)) : NULL;

        if (!items)
                return -ENOMEM;
        k->items = items;
        items[k->n] = (KeptDocument) { .name = TAKE_PTR(copy) };
        *ret = &items[k->n++];
        return 0;
}

static void remove_entry(KeptDocuments *k, KeptDocument *entry) {
        free(entry->name);
        *entry = k->items[--k->n];
}

int kept_documents_note(KeptDocuments *k, const Document *document) {
        KeptDocument *entry;
        int r = 0;

        assert(k);
        assert(document);

        entry = find(k, document->name);
        if (!entry)
                r = add(k, document->name, &entry);
        if (r < 0)
                return r;
        memcpy(entry->digest, document->digest, sizeof(entry->digest));
        return 0;
}

int kept_documents_put(KeptDocuments *k, FdStore *store, const Document *document) {
        KeptDocument *entry;
        int r;

        assert(k);
        assert(document);
        assert(document->text);

        entry = find(k, document->name);
        if (entry && strcmp(entry->digest, document->digest) == 0)
                return 0;
        if (!entry && k->n >= KEPT_DOCUMENTS_MAX)
                return -ENOSPC;
        bool is_new = !entry;
        r = is_new ? add(k, document->name, &entry) : 0;
        if (r < 0)
                return r;
        r = handover_keep_document(store, document->name, document->text, document->size);
        if (r >= 0)
                memcpy(entry->digest, document->digest, sizeof(entry->digest));
        else if (is_new)
                remove_entry(k, entry);
        return r < 0 ? r : 0;
}

static bool is_from_bus(const Documents *documents, const char *name) {
        for (size_t i = 0; i < documents->n; i++)
                if (documents->items[i].origin == DOCUMENT_BUS && strcmp(documents->items[i].name, name) == 0)
                        return true;
        return false;
}

int kept_documents_update(KeptDocuments *k, FdStore *store, const Documents *documents) {
        int first = 0;

        assert(k);
        assert(documents);

        for (size_t i = k->n; i-- > 0;) {
                if (is_from_bus(documents, k->items[i].name))
                        continue;
                int r = handover_drop_document(store, k->items[i].name);
                if (r >= 0 || r == -ENOENT)
                        remove_entry(k, &k->items[i]);
                else if (first == 0)
                        first = r;
        }
        for (size_t i = 0; i < documents->n; i++) {
                const Document *d = &documents->items[i];
                int r = d->origin == DOCUMENT_BUS ? kept_documents_put(k, store, d) : 0;
                if (r < 0 && first == 0)
                        first = r;
        }
        return first;
}
