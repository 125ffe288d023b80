/* SPDX-License-Identifier: Apache-2.0 */

#include "daemon/document-files.h"

#include <stdio.h>
#include <string.h>

static int from_file(PolicyFile *f, Document *ret) {
        ret->origin = f->is_outline ? DOCUMENT_OUTLINE : DOCUMENT_FILE;
        memcpy(ret->digest, f->digest, sizeof(ret->digest));
        int r = document_fill(ret, &f->document, f->size);
        if (r == -E2BIG)
                return r; /* path and text stay with the file */
        ret->source = TAKE_PTR(f->path);
        ret->text = TAKE_PTR(f->text);
        return r;
}

static int outline_from_file(PolicyFile *f, Mode configured, Document *ret) {
        int r = policy_file_outline(f, configured);

        document_done(ret);
        return r > 0 ? from_file(f, ret) : r < 0 ? r : -E2BIG;
}

/* ret_left_out NULL: one fault is a fault of all. */
static int add_file(Documents *d, PolicyFile *f, Mode configured, size_t *ret_left_out, FaultList *faults) {
        Document *item = &d->items[d->n++];

        int r = from_file(f, item);
        if (r != -E2BIG)
                return r;
        faults->file = f->path;
        document_fault_too_dense(faults);
        faults->file = NULL; /* it was borrowed */
        if (!ret_left_out)
                return -EINVAL;
        r = outline_from_file(f, configured, item);
        if (r == -E2BIG) {
                document_done(item);
                d->n--;
                (*ret_left_out)++;
                r = 0;
        }
        return r;
}

static int add_files(Documents *d, PolicyFiles *files, Mode configured, size_t *ret_left_out, FaultList *faults) {
        int r = 0;

        d->items = calloc(files->n + 1, sizeof(*d->items));
        if (!d->items)
                return -ENOMEM;
        if (!files->has_host) {
                r = document_init_none(&d->items[0]);
                if (r < 0)
                        return r;
                d->n = 1;
        }
        for (size_t i = 0; i < files->n && r >= 0; i++)
                r = add_file(d, &files->files[i], configured, ret_left_out, faults);
        return r;
}

/* Those of files that were read without faults. */
static int from_files(PolicyFiles *files, Documents *ret, FaultList *faults) {
        _cleanup_(documents_done) Documents d = {};
        int r;

        if (files->n == 0)
                return -ENOENT;
        r = add_files(&d, files, MODE_ENFORCE, NULL, faults);
        if (r < 0)
                return r;
        *ret = d;
        d = (Documents) {};
        return 0;
}

int documents_load(const char *root, Documents *ret, FaultList *faults) {
        _cleanup_(policy_files_done) PolicyFiles files = {};
        int r = policy_files_load(root, &files, faults);

        return r < 0 ? r : from_files(&files, ret, faults);
}

int documents_load_outlines(const char *root, Mode configured, Documents *ret, size_t *ret_left_out, FaultList *faults) {
        _cleanup_(policy_files_done) PolicyFiles files = {};
        _cleanup_(documents_done) Documents d = {};
        int r;

        r = policy_files_load_outlines(root, configured, &files, faults);
        if (r < 0)
                return r;
        if (files.n == 0 && files.n_left_out == 0 && fault_list_count(faults) == 0)
                return -ENOENT;
        *ret_left_out = files.n_left_out;
        r = add_files(&d, &files, configured, ret_left_out, faults);
        if (r < 0)
                return r;
        if (d.n == 0 || !document_is_host(&d.items[0])) { /* left out after all: its place is free */
                memmove(&d.items[1], d.items, d.n++ * sizeof(*d.items));
                d.items[0] = (Document) {};
                r = document_init_none(&d.items[0]);
                if (r < 0)
                        return r;
        }
        *ret = d;
        d = (Documents) {};
        return 0;
}

int documents_from_bundle(const DocumentBundle *bundle, Documents *ret, FaultList *faults) {
        _cleanup_(policy_files_done) PolicyFiles files = {};
        PolicyText texts[POLICY_DOCUMENTS_MAX];
        int r;

        for (size_t i = 0; i < bundle->n; i++)
                texts[i] = (PolicyText) { bundle->entries[i].path, bundle->entries[i].text, bundle->entries[i].size };
        r = policy_files_from_texts(texts, bundle->n, &files, faults);
        return r < 0 ? r : from_files(&files, ret, faults);
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
