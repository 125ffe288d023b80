/* SPDX-License-Identifier: Apache-2.0 */

#include "daemon/last-good.h"

#include <assert.h>
#include <string.h>

#include "host/state-file.h"

#define BUNDLE_MAX (POLICY_FILES_TEXT_MAX + POLICY_DOCUMENTS_MAX * 1024) /* bytes: texts, and the lines between them */

void last_good_done(LastGood *g) {
        assert(g);

        free(g->pending);
        *g = (LastGood) {};
}

/* ------------------------------------------------------------------ read */

typedef struct Kept {
        char *text;
        DocumentBundle bundle; /* borrows from text */
} Kept;

static void kept_done(Kept *k) {
        document_bundle_done(&k->bundle);
        free(k->text);
}

static int read_kept(const LastGood *g, Kept *k, const char **ret_reason) {
        char digest[POLICY_DIGEST_SIZE];
        size_t size;
        int r;

        r = state_file_read(g->directory, LAST_GOOD_FILE, BUNDLE_MAX, &k->text, &size, ret_reason);
        if (r < 0)
                return r;
        r = document_bundle_parse(k->text, size, &k->bundle);
        if (r < 0) {
                *ret_reason = "it was cut or changed";
                return r;
        }
        policy_digest(k->text, k->bundle.covered, digest);
        if (strcmp(digest, k->bundle.digest) != 0) {
                *ret_reason = "its digest is wrong: it was changed";
                return -EBADMSG;
        }
        return 0;
}

int last_good_load(const LastGood *g, Documents *ret, uint64_t *ret_time_usec, const char **ret_reason) {
        _cleanup_(fault_list_done) FaultList faults = {};
        _cleanup_(kept_done) Kept kept = {};
        int r;

        assert(g);
        assert(ret && ret_time_usec && ret_reason);

        r = read_kept(g, &kept, ret_reason);
        if (r < 0)
                return r;
        r = documents_from_bundle(&kept.bundle, ret, &faults);
        if (r < 0) {
                *ret_reason = "this version does not accept its documents";
                return r == -ENOMEM ? r : -EBADMSG;
        }
        for (size_t i = 0; i < ret->n; i++) {
                Document *d = &ret->items[i];

                if (d->origin != DOCUMENT_FILE)
                        continue;
                char *source = strdup(DOCUMENT_SOURCE_LAST_GOOD);
                if (!source) {
                        documents_done(ret);
                        return -ENOMEM;
                }
                free(d->source);
                d->source = source;
                d->origin = DOCUMENT_LAST_GOOD;
        }
        *ret_time_usec = kept.bundle.time_usec;
        return 0;
}

/* ------------------------------------------------------------------ write */

static bool has_already(const LastGood *g, const Documents *documents) {
        _cleanup_(kept_done) Kept kept = {};
        const char *reason;

        return read_kept(g, &kept, &reason) >= 0 && document_bundle_equals(&kept.bundle, documents);
}

int last_good_prepare(LastGood *g, const Documents *documents, uint64_t now_usec) {
        char digest[POLICY_DIGEST_SIZE];
        char *text;
        size_t size;
        int r;

        assert(g);
        assert(documents);

        free(g->pending);
        g->pending = NULL;
        if (has_already(g, documents))
                return 0;
        r = document_bundle_format(documents, now_usec, &text, &size);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        policy_digest(text, size, digest);
        r = document_bundle_seal(&text, &size, digest);
        if (r < 0) {
                free(text);
                return r;
        }
        g->pending = text;
        g->n_pending = size;
        return 0;
}

int last_good_write(LastGood *g) {
        assert(g);

        if (!g->pending)
                return 0;
        g->error = state_file_write(g->directory, LAST_GOOD_FILE, g->pending, g->n_pending);
        if (g->error < 0) {
                (void) state_file_remove(g->directory, LAST_GOOD_FILE);
                return g->error;
        }
        free(g->pending);
        g->pending = NULL;
        return 1;
}
