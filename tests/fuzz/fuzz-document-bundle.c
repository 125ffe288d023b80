/* SPDX-License-Identifier: Apache-2.0 */

/* Documents that were kept: what is read lies within the text, and is the same when it is written again. */

#include <assert.h>
#include <string.h>

#include "policy/document-bundle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(document_bundle_done) DocumentBundle b = {};
        const char *text = (const char *) data;
        _cleanup_free_ Document *items = NULL;
        _cleanup_free_ char *again = NULL;
        size_t n_again;

        int r = document_bundle_parse(text, size, &b);
        assert(r == 0 || r == -EBADMSG || r == -ENOMEM);
        if (r < 0)
                return 0;
        assert(b.n > 0 && b.n <= POLICY_DOCUMENTS_MAX && b.covered < size);
        items = calloc(b.n, sizeof(*items));
        if (!items)
                return 0;
        for (size_t i = 0; i < b.n; i++) {
                const BundleEntry *e = &b.entries[i];

                assert(e->path[0] == '/' && e->text >= text && e->size <= b.covered);
                assert(e->text + e->size <= text + b.covered);
                items[i] = (Document) { .origin = DOCUMENT_FILE, .source = e->path, .text = (char *) e->text, .size = e->size };
        }
        Documents documents = { items, b.n };
        assert(document_bundle_equals(&b, &documents));
        if (document_bundle_format(&documents, b.time_usec, &again, &n_again) < 0)
                return 0;
        assert(n_again == b.covered && memcmp(again, text, n_again) == 0);
        assert(document_bundle_seal(&again, &n_again, b.digest) < 0 ||
               (n_again == size && memcmp(again, text, size) == 0));
        return 0;
}
