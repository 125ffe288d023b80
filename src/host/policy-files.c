/* SPDX-License-Identifier: Apache-2.0 */
#include "host/policy-files.h"

#include <assert.h>
#include <sha256.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "basic/macro.h"
#include "host/config-dir.h"
#include "policy/document-outline.h"
#include "policy/json-text.h"

#define HOST_FILE "/etc/cargowall/policy.json"
#define POLICY_DIR "/etc/cargowall/policy.d"
#define ENDING ".json"

typedef struct Loader {
        const char *root;
        PolicyFiles files;
        size_t text_size; /* sum over all files */
        FaultList *faults;
        bool outlines; /* in the place of documents with faults */
        Mode configured;
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

static int parse_document(Loader *l, const char *name, PolicyFile *f) {
        policy_digest(f->text, f->size, f->digest);
        l->faults->file = f->path;
        int r = policy_document_from_json(&f->document, f->text, f->size, name, l->faults);
        return r == -EINVAL || r == -E2BIG ? 0 : r;
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

        return parse_document(l, name, f);
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

static void check_document(Loader *l, PolicyFile *f) {
        bool is_host = strcmp(f->path, HOST_FILE) == 0;

        if (is_host)
                check_host(l, f);
        else
                check_other(l, f);
        if (!f->document.has_inbound)
                f->document.inbound = is_host || f->document.jobs.n > 0;
}

static int loader_accept(Loader *l, PolicyFile *f) {
        l->files.has_host = l->files.has_host || strcmp(f->path, HOST_FILE) == 0;
        return loader_keep(l, f);
}

/* ------------------------------------------------------------------ in the place of a document with faults */

/* name: NULL, or in place of the document's own; stem: its name if it says none. Returns as policy_file_outline(). */
static int make_outline(Loader *l, const PolicyFile *f, const char *name, const char *stem, PolicyFile *ret) {
        _cleanup_(fault_list_done) FaultList faults = {};
        _cleanup_(file_done) PolicyFile new = { .is_outline = true };
        Loader trial = { .faults = &faults, .files = l->files };
        bool is_host = strcmp(f->path, HOST_FILE) == 0;
        int r;

        r = document_outline(f->text, f->size, is_host, l->configured, name, &new.text);
        if (r <= 0)
                return r;
        new.size = strlen(new.text);
        new.path = strdup(f->path);
        if (!new.path)
                return -ENOMEM;
        r = parse_document(&trial, is_host ? POLICY_HOST_NAME : stem, &new);
        if (r >= 0 && fault_list_count(&faults) == 0)
                check_document(&trial, &new);
        if (r < 0 || fault_list_count(&faults) > 0)
                return r;
        *ret = new;
        new = (PolicyFile) {};
        return 1;
}

/* Tries its own name, that of its file, and one that no other document has. */
static int outline_of(Loader *l, const PolicyFile *f, PolicyFile *ret) {
        const char *file_name = strrchr(f->path, '/') + 1;
        _cleanup_free_ char *stem = strndup(file_name, strlen(file_name) - strlen(ENDING));
        char number[32];
        int r;

        if (!stem)
                return -ENOMEM;
        (void) snprintf(number, sizeof(number), "faulty-%zu", l->files.n);
        r = make_outline(l, f, NULL, stem, ret);
        if (r == 0 && policy_document_name_is_valid(stem))
                r = make_outline(l, f, stem, stem, ret);
        return r == 0 ? make_outline(l, f, number, stem, ret) : r;
}

int policy_file_outline(PolicyFile *f, Mode configured) {
        Loader l = { .configured = configured };
        PolicyFile new;

        assert(f);

        int r = outline_of(&l, f, &new);
        if (r > 0) {
                file_done(f);
                *f = new;
        }
        return r;
}

static int loader_outline(Loader *l, const PolicyFile *f) {
        _cleanup_(file_done) PolicyFile new = {};
        int r;

        if (!l->outlines)
                return 0;
        r = f->text ? outline_of(l, f, &new) : 0;
        if (r > 0)
                return loader_accept(l, &new);
        l->files.n_left_out++;
        return r;
}

/* ------------------------------------------------------------------ accept or not */

/* f is parsed, if it has no faults since there were so many. */
static int loader_finish(Loader *l, PolicyFile *f, size_t n_faults) {
        if (fault_list_count(l->faults) == n_faults)
                check_document(l, f);
        if (fault_list_count(l->faults) > n_faults)
                return loader_outline(l, f);
        return loader_accept(l, f);
}

/* Takes ownership of path; NULL: -ENOMEM. -ENOENT: no such file. */
static int load_document(Loader *l, char *path, const char *name) {
        _cleanup_(file_done) PolicyFile f = { .path = path };
        size_t before = fault_list_count(l->faults);

        if (!path)
                return -ENOMEM;
        int r = read_document(l, name, &f);
        return r < 0 ? r : loader_finish(l, &f, before);
}

/* ------------------------------------------------------------------ all documents */

static int load_host(Loader *l) {
        int r = load_document(l, strdup(HOST_FILE), POLICY_HOST_NAME);
        return r == -ENOENT ? 0 : r;
}

static int load_other(Loader *l, const char *file_name) {
        _cleanup_free_ char *stem = strndup(file_name, strlen(file_name) - strlen(ENDING));

        if (!stem)
                return -ENOMEM;
        int r = load_document(l, config_path("", POLICY_DIR, file_name), stem);
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

/* Takes the files of the loader. r: of reading them. */
static int loader_end(Loader *l, int r, PolicyFiles *ret) {
        l->faults->file = NULL; /* borrowed for this call only */
        if (r >= 0 && !l->outlines && fault_list_count(l->faults) > 0)
                r = -EINVAL;
        if (r < 0) {
                policy_files_done(&l->files);
                return r;
        }
        *ret = l->files;
        return 0;
}

static int load_all(Loader *l, PolicyFiles *ret) {
        int r = load_host(l);
        if (r >= 0)
                r = load_others(l);
        return loader_end(l, r, ret);
}

int policy_files_load(const char *root, PolicyFiles *ret, FaultList *faults) {
        assert(root && ret && faults);

        return load_all(&(Loader) { .root = root, .faults = faults }, ret);
}

int policy_files_load_outlines(const char *root, Mode configured, PolicyFiles *ret, FaultList *faults) {
        assert(root && ret && faults);

        return load_all(&(Loader) { .root = root, .faults = faults, .outlines = true, .configured = configured }, ret);
}

static int load_text(Loader *l, const PolicyText *t) {
        _cleanup_(file_done) PolicyFile f = { .path = strdup(t->path), .text = strndup(t->text, t->size), .size = t->size };
        size_t before = fault_list_count(l->faults);
        const char *file_name = strrchr(t->path, '/');
        _cleanup_free_ char *stem = file_name && strlen(file_name) > strlen("/" ENDING) ?
                strndup(file_name + 1, strlen(file_name + 1) - strlen(ENDING)) : strdup("");

        if (!f.path || !f.text || !stem)
                return -ENOMEM;
        int r = parse_document(l, strcmp(t->path, HOST_FILE) == 0 ? POLICY_HOST_NAME : stem, &f);
        return r < 0 ? r : loader_finish(l, &f, before);
}

int policy_files_from_texts(const PolicyText *texts, size_t n, PolicyFiles *ret, FaultList *faults) {
        int r = 0;

        assert(ret && faults);

        Loader l = { .root = "", .faults = faults };
        for (size_t i = 0; i < n && r >= 0; i++)
                r = load_text(&l, &texts[i]);
        return loader_end(&l, r, ret);
}

/* ------------------------------------------------------------------ changes */

static void print_stamp(FILE *f, const char *root, const char *path) {
        _cleanup_free_ char *full = config_path(root, path, NULL);
        struct stat st;

        if (!full || stat(full, &st) < 0)
                (void) fprintf(f, "%s: %d\n", path, full ? errno : ENOMEM);
        else
                (void) fprintf(f, "%s: %ju %ju %o %jd %jd.%09ld %jd.%09ld\n", path, (uintmax_t) st.st_dev,
                               (uintmax_t) st.st_ino, st.st_mode, (intmax_t) st.st_size, (intmax_t) st.st_mtim.tv_sec,
                               st.st_mtim.tv_nsec, (intmax_t) st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
}

void policy_files_stamp(const char *root, char ret[static POLICY_DIGEST_SIZE]) {
        _cleanup_free_ char *dir = config_path(root, POLICY_DIR, NULL), *list = NULL;
        _cleanup_(config_names_done) ConfigNames names = {};
        const char *reason;
        size_t size = 0;

        assert(root);

        ret[0] = '\0';
        FILE *f = open_memstream(&list, &size);
        if (!f)
                return;
        print_stamp(f, root, HOST_FILE);
        print_stamp(f, root, POLICY_DIR);
        if (dir && config_dir_list(dir, ENDING, POLICY_DIR_MAX, &names, &reason) >= 0)
                for (size_t i = 0; i < names.n; i++) {
                        _cleanup_free_ char *path = config_path("", POLICY_DIR, names.names[i]);

                        if (path)
                                print_stamp(f, root, path);
                }
        if (fclose(f) == 0 && list)
                policy_digest(list, size, ret);
}
