/* SPDX-License-Identifier: Apache-2.0 */
#include "host/policy-files.h"

#include <assert.h>
#include <sha256.h>
#include <stdio.h>
#include <string.h>

#include "basic/macro.h"
#include "host/config-dir.h"
#include "policy/json-text.h"

#define HOST_FILE "/etc/cargowall/policy.json"
#define POLICY_DIR "/etc/cargowall/policy.d"
#define ENDING ".json"

typedef struct Loader {
        const char *root;
        PolicyFiles files;
        size_t text_size; /* sum over all files */
        FaultList *faults;
} Loader;

void policy_digest(const void *text, size_t size, char ret[static POLICY_DIGEST_SIZE]) {
        static const char prefix[] = "sha256:";

        assert(text || size == 0);

        _Static_assert(sizeof(prefix) - 1 + SHA256_DIGEST_STRING_LENGTH == POLICY_DIGEST_SIZE, "room for all");
        memcpy(ret, prefix, sizeof(prefix));
        (void) SHA256Data(text, size, ret + sizeof(prefix) - 1);
}

static void file_done(PolicyFile *f) {
        free(f->path);
        free(f->text);
        policy_document_done(&f->document);
        *f = (PolicyFile) {};
}

void policy_files_done(PolicyFiles *f) {
        assert(f);

        for (size_t i = 0; i < f->n; i++)
                file_done(&f->files[i]);
        free(f->files);
        *f = (PolicyFiles) {};
}

/* ------------------------------------------------------------------ faults */

/* f NULL: applies to the file as a whole. */
static void loader_fault(Loader *l, const char *file, const PolicyFile *f, const char *path, const char *reason) {
        l->faults->file = file;
        Fault *added = fault_list_add(l->faults, path, 0, reason);
        if (f && added)
                (void) json_text_locate(f->text, f->size, added, 1);
}

/* ------------------------------------------------------------------ one document */

static void check_host(Loader *l, const PolicyFile *f) {
        if (f->document.match.n > 0 || f->document.jobs.n > 0)
                loader_fault(l, f->path, f, "$.match",
                             "the host's document cannot have match: it applies to all other traffic");
        if (strcmp(f->document.name, POLICY_HOST_NAME) != 0)
                loader_fault(l, f->path, f, "$.name", "the host's document must have the name host");
}

static void check_other(Loader *l, const PolicyFile *f) {
        char reason[sizeof(((Fault *) NULL)->reason)];

        if (f->document.match.n == 0 && f->document.jobs.n == 0)
                loader_fault(l, f->path, f, "$", "match is missing: name the units, slices, containers or jobs");
        if (strcmp(f->document.name, POLICY_HOST_NAME) == 0) {
                loader_fault(l, f->path, f, "$.name", "the name host is reserved for " HOST_FILE);
                return;
        }
        for (size_t i = 0; i < l->files.n; i++)
                if (strcmp(l->files.files[i].document.name, f->document.name) == 0) {
                        const char *other = strrchr(l->files.files[i].path, '/') + 1;

                        (void) snprintf(reason, sizeof(reason), "%.128s has the same name", other);
                        loader_fault(l, f->path, f, "$.name", reason);
                }
}

/* Reads and parses a document; *ret is complete if there was no fault. */
static int read_document(Loader *l, const char *name, PolicyFile *f) {
        _cleanup_free_ char *path = config_path(l->root, f->path, NULL);
        const char *reason = NULL;

        if (!path)
                return -ENOMEM;
        int r = config_file_read(path, POLICY_TEXT_MAX, false, &f->text, &f->size, &reason);
        if (r == -ENOENT || r == -ENOMEM)
                return r;
        if (r < 0) {
                loader_fault(l, f->path, NULL, "$", reason);
                return 0;
        }
        l->text_size += f->size;
        if (l->text_size > POLICY_FILES_TEXT_MAX) {
                loader_fault(l, f->path, NULL, "$", "the documents are larger than 64 MiB in all");
                return 0;
        }

        policy_digest(f->text, f->size, f->digest);
        l->faults->file = f->path;
        r = policy_document_from_json(&f->document, f->text, f->size, name, l->faults);
        return r == -EINVAL || r == -E2BIG ? 0 : r;
}

static int loader_keep(Loader *l, PolicyFile *f) {
        PolicyFile *files = realloc(l->files.files, (l->files.n + 1) * sizeof(PolicyFile));

        if (!files)
                return -ENOMEM;
        l->files.files = files;
        files[l->files.n++] = *f;
        *f = (PolicyFile) {};
        return 0;
}

/* Takes ownership of path; NULL: -ENOMEM. -ENOENT: no such file. */
static int load_document(Loader *l, char *path, const char *name, bool is_host) {
        _cleanup_(file_done) PolicyFile f = { .path = path };
        size_t before = fault_list_count(l->faults);

        if (!path)
                return -ENOMEM;
        int r = read_document(l, name, &f);
        if (r < 0 || fault_list_count(l->faults) > before)
                return r;
        if (is_host)
                check_host(l, &f);
        else
                check_other(l, &f);
        if (fault_list_count(l->faults) > before)
                return 0;

        if (!f.document.has_inbound)
                f.document.inbound = is_host || f.document.jobs.n > 0;
        l->files.has_host = l->files.has_host || is_host;
        return loader_keep(l, &f);
}

/* ------------------------------------------------------------------ all documents */

static int load_host(Loader *l) {
        int r = load_document(l, strdup(HOST_FILE), POLICY_HOST_NAME, true);
        return r == -ENOENT ? 0 : r;
}

static int load_other(Loader *l, const char *file_name) {
        _cleanup_free_ char *stem = strndup(file_name, strlen(file_name) - strlen(ENDING));

        if (!stem)
                return -ENOMEM;
        int r = load_document(l, config_path("", POLICY_DIR, file_name), stem, false);
        if (r == -ENOENT)
                loader_fault(l, POLICY_DIR, NULL, "$", "a document disappeared while the documents were being read");
        return r == -ENOENT ? 0 : r;
}

static int load_others(Loader *l) {
        _cleanup_(config_names_done) ConfigNames names = {};
        _cleanup_free_ char *path = config_path(l->root, POLICY_DIR, NULL);
        const char *reason = NULL;

        if (!path)
                return -ENOMEM;
        int r = config_dir_list(path, ENDING, POLICY_DIR_MAX, &names, &reason);
        if (r == -ENOMEM)
                return r;
        if (r < 0) {
                loader_fault(l, POLICY_DIR, NULL, "$", r == -E2BIG ? "more than 253 documents" : reason);
                return 0;
        }
        for (size_t i = 0; i < names.n && r >= 0; i++)
                r = load_other(l, names.names[i]);
        return r;
}

int policy_files_load(const char *root, PolicyFiles *ret, FaultList *faults) {
        assert(root && ret && faults);

        Loader l = { .root = root, .faults = faults };
        int r = load_host(&l);
        if (r >= 0)
                r = load_others(&l);
        faults->file = NULL; /* borrowed for this call only */
        if (r < 0 || fault_list_count(faults) > 0) {
                policy_files_done(&l.files);
                return r < 0 ? r : -EINVAL;
        }
        *ret = l.files;
        return 0;
}
