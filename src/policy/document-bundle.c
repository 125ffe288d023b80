/* SPDX-License-Identifier: Apache-2.0 */

#include "policy/document-bundle.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define FIRST_LINE "cargowall documents 1\n"
#define PATH_SIZE 512 /* with its NUL */
#define LINE_MAX_SIZE (PATH_SIZE + 64)

void document_bundle_done(DocumentBundle *b) {
        assert(b);

        for (size_t i = 0; i < b->n; i++)
                free(b->entries[i].path);
        free(b->entries);
        *b = (DocumentBundle) {};
}

static bool is_from_file(const Document *d) {
        return d->origin == DOCUMENT_FILE && d->source && d->text;
}

/* ------------------------------------------------------------------ write */

int document_bundle_format(const Documents *documents, uint64_t time_usec, char **ret, size_t *ret_size) {
        char *text = NULL;
        size_t n = 0, size;

        assert(documents);
        assert(ret && ret_size);

        FILE *f = open_memstream(&text, &size);
        if (!f)
                return -ENOMEM;
        (void) fprintf(f, FIRST_LINE "time %" PRIu64 "\n", time_usec);
        for (size_t i = 0; i < documents->n; i++) {
                const Document *d = &documents->items[i];

                if (!is_from_file(d))
                        continue;
                (void) fprintf(f, "file %zu %s\n", d->size, d->source);
                (void) fwrite(d->text, 1, d->size, f);
                (void) fputc('\n', f);
                n++;
        }
        bool failed = ferror(f) != 0;
        if (fclose(f) != 0 || failed || n == 0) {
                free(text);
                return n == 0 ? -ENOENT : -ENOMEM;
        }
        *ret = text;
        *ret_size = size;
        return 0;
}

int document_bundle_seal(char **text, size_t *size, const char *digest) {
        assert(text && *text && size);
        assert(digest);

        size_t n = strlen("end ") + strlen(digest) + strlen("\n");
        char *bigger = realloc(*text, *size + n + 1);
        if (!bigger)
                return -ENOMEM;
        (void) snprintf(bigger + *size, n + 1, "end %s\n", digest);
        *text = bigger;
        *size += n;
        return 0;
}

/* ------------------------------------------------------------------ read */

typedef struct Cursor {
        const char *at;
        size_t left;
} Cursor;

/* The next line, copied without its newline. */
static int next_line(Cursor *c, char ret[static LINE_MAX_SIZE]) {
        const char *end = memchr(c->at, '\n', MIN(c->left, (size_t) LINE_MAX_SIZE));

        if (!end)
                return -EBADMSG;
        size_t n = (size_t) (end - c->at);
        memcpy(ret, c->at, n);
        ret[n] = '\0';
        c->at = end + 1;
        c->left -= n + 1;
        return strlen(ret) == n ? 0 : -EBADMSG;
}

/* Decimal digits without a sign or leading zeros, as written above; *end is what follows. */
static int number(const char *s, uint64_t *ret, const char **end) {
        uint64_t n = 0;

        if (*s < '0' || *s > '9' || (*s == '0' && s[1] >= '0' && s[1] <= '9'))
                return -EBADMSG;
        for (; *s >= '0' && *s <= '9'; s++)
                if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, (uint64_t) (*s - '0'), &n))
                        return -EBADMSG;
        *ret = n;
        *end = s;
        return 0;
}

/* The rest of a line "file SIZE PATH", and the bytes after it. */
static int read_entry(Cursor *c, const char *rest, DocumentBundle *b) {
        uint64_t size;
        const char *path;

        int r = number(rest, &size, &path);
        if (r < 0)
                return r;
        if (path[0] != ' ' || path[1] != '/' || strlen(path + 1) >= PATH_SIZE || size > POLICY_TEXT_MAX ||
            size >= c->left || c->at[size] != '\n' || b->n == POLICY_DOCUMENTS_MAX)
                return -EBADMSG;
        BundleEntry *entries = reallocarray(b->entries, b->n + 1, sizeof(*entries));
        char *copy = strdup(path + 1);
        if (entries)
                b->entries = entries;
        if (!entries || !copy) {
                free(copy);
                return -ENOMEM;
        }
        entries[b->n++] = (BundleEntry) { .path = copy, .text = c->at, .size = (size_t) size };
        c->at += size + 1;
        c->left -= size + 1;
        return 0;
}

/* The rest of the line "end DIGEST". */
static int read_end(const Cursor *c, const char *digest, DocumentBundle *b) {
        static const char prefix[] = "sha256:";

        if (c->left != 0 || b->n == 0 || strlen(digest) != POLICY_DIGEST_SIZE - 1 ||
            strncmp(digest, prefix, strlen(prefix)) != 0 ||
            strspn(digest + strlen(prefix), "0123456789abcdef") != POLICY_DIGEST_SIZE - 1 - strlen(prefix))
                return -EBADMSG;
        memcpy(b->digest, digest, POLICY_DIGEST_SIZE);
        return 0;
}

static int read_entries(Cursor *c, const char *text, DocumentBundle *b) {
        char line[LINE_MAX_SIZE];
        int r;

        for (;;) {
                b->covered = (size_t) (c->at - text);
                r = next_line(c, line);
                if (r >= 0 && strncmp(line, "end ", strlen("end ")) == 0)
                        return read_end(c, line + strlen("end "), b);
                if (r >= 0)
                        r = strncmp(line, "file ", strlen("file ")) == 0 ? read_entry(c, line + strlen("file "), b) : -EBADMSG;
                if (r < 0)
                        return r;
        }
}

int document_bundle_parse(const char *text, size_t size, DocumentBundle *ret) {
        _cleanup_(document_bundle_done) DocumentBundle b = {};
        Cursor c = { text, size };
        char line[LINE_MAX_SIZE];
        const char *end;
        int r;

        assert(text || size == 0);
        assert(ret);

        if (size < strlen(FIRST_LINE) || memcmp(text, FIRST_LINE, strlen(FIRST_LINE)) != 0)
                return -EBADMSG;
        c.at += strlen(FIRST_LINE);
        c.left -= strlen(FIRST_LINE);
        r = next_line(&c, line);
        if (r >= 0 && strncmp(line, "time ", strlen("time ")) != 0)
                r = -EBADMSG;
        if (r >= 0)
                r = number(line + strlen("time "), &b.time_usec, &end);
        if (r >= 0 && *end != '\0')
                r = -EBADMSG;
        if (r >= 0)
                r = read_entries(&c, text, &b);
        if (r < 0)
                return r;
        *ret = b;
        b = (DocumentBundle) {};
        return 0;
}

bool document_bundle_equals(const DocumentBundle *b, const Documents *documents) {
        size_t k = 0;

        assert(b);
        assert(documents);

        for (size_t i = 0; i < documents->n; i++) {
                const Document *d = &documents->items[i];

                if (!is_from_file(d))
                        continue;
                if (k == b->n || strcmp(b->entries[k].path, d->source) != 0 || b->entries[k].size != d->size ||
                    memcmp(b->entries[k].text, d->text, d->size) != 0)
                        return false;
                k++;
        }
        return k == b->n;
}
