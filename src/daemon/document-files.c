/* SPDX-License-Identifier: Apache-2.0 */

#include "daemon/document-files.h"

#include <stdio.h>
#include <string.h>

static int from_file(PolicyFile *f, Document *ret) {
        ret->origin = DOCUMENT_FILE;
        ret->source = TAKE_PTR(f->path);
        ret->text = TAKE_PTR(f->text);
        memcpy(ret->digest, f->digest, sizeof(ret->digest));
        return document_fill(ret, &f->document, f->size);
}

static int add_files(Documents *d, PolicyFiles *files, FaultList *faults) {
        int r;

        d->items = calloc(files->n + 1, sizeof(*d->items));
        if (!d->items)
                return -ENOMEM;
        if (!files->has_host) {
                r = document_init_none(&d->items[0]);
                if (r < 0)
                        return r;
                d->n = 1;
        }
        for (size_t i = 0; i < files->n; i++) {
                Document *item = &d->items[d->n++];

                r = from_file(&files->files[i], item);
                if (r == -E2BIG) {
                        faults->file = item->source;
                        document_fault_too_dense(faults);
                        faults->file = NULL; /* it was borrowed */
                        return -EINVAL;
                }
                if (r < 0)
                        return r;
        }
        return 0;
}

int documents_load(const char *root, Documents *ret, FaultList *faults) {
        _cleanup_(policy_files_done) PolicyFiles files = {};
        _cleanup_(documents_done) Documents d = {};
        int r;

        r = policy_files_load(root, &files, faults);
        if (r < 0)
                return r;
        if (files.n == 0)
                return -ENOENT;
        r = add_files(&d, &files, faults);
        if (r < 0)
                return r;
        *ret = d;
        d = (Documents) {};
        return 0;
}

int documents_replace(const Document *d, const char *text, size_t size, Document *ret, FaultList *faults) {
        char digest[POLICY_DIGEST_SIZE];

        policy_digest(text, size, digest);
        return document_replace(d, text, size, digest, ret, faults);
}

void documents_digest(const Documents *d, char ret[static POLICY_DIGEST_SIZE]) {
        _cleanup_free_ char *list = NULL;
        size_t size = 0, n = 0, last = 0;

        for (size_t i = 0; i < d->n; i++)
                if (d->items[i].source) {
                        n++;
                        last = i;
                }
        if (n == 1) {
                memcpy(ret, d->items[last].digest, POLICY_DIGEST_SIZE);
                return;
        }
        ret[0] = '\0';
        FILE *f = open_memstream(&list, &size);
        if (!f)
                return;
        for (size_t i = 0; i < d->n; i++)
                if (d->items[i].source)
                        (void) fprintf(f, "%s  %s\n", d->items[i].digest + strlen("sha256:"), d->items[i].name);
        if (fclose(f) == 0 && list)
                policy_digest(list, size, ret);
}
