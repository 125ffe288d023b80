/* SPDX-License-Identifier: Apache-2.0 */

#include "policy/mode-table.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define FIRST_LINE "cargowall modes 1"
#define LAST_LINE "end"
#define LINE_MAX_SIZE (POLICY_NAME_MAX + 32)

void mode_table_done(ModeTable *t) {
        assert(t);

        free(t->entries);
        *t = (ModeTable) MODE_TABLE_EMPTY;
}

int mode_table_copy(const ModeTable *from, ModeTable *ret) {
        ModeTable t = { .all = from->all, .n = from->n };

        if (t.n > 0) {
                t.entries = calloc(t.n, sizeof(*t.entries));
                if (!t.entries)
                        return -ENOMEM;
                memcpy(t.entries, from->entries, t.n * sizeof(*t.entries));
        }
        *ret = t;
        return 0;
}

bool mode_table_is_empty(const ModeTable *t) {
        assert(t);

        return t->all == MODE_SETTING_CONFIGURED && t->n == 0;
}

static ModeEntry *find(const ModeTable *t, const char *name) {
        for (size_t i = 0; i < t->n; i++)
                if (strcmp(t->entries[i].name, name) == 0)
                        return &t->entries[i];
        return NULL;
}

bool mode_table_equals(const ModeTable *a, const ModeTable *b) {
        assert(a && b);

        if (a->all != b->all || a->n != b->n)
                return false;
        for (size_t i = 0; i < a->n; i++) {
                const ModeEntry *e = find(b, a->entries[i].name);
                if (!e || e->mode != a->entries[i].mode)
                        return false;
        }
        return true;
}

ModeSetting mode_table_get(const ModeTable *t, const char *name) {
        assert(t);
        assert(name);

        const ModeEntry *e = find(t, name);
        return e ? (ModeSetting) e->mode : MODE_SETTING_CONFIGURED;
}

static void set_all(ModeTable *t, ModeSetting mode) {
        if (mode != MODE_SETTING_ENFORCE)
                mode_table_done(t);
        t->all = mode;
}

int mode_table_set(ModeTable *t, const char *name, ModeSetting mode) {
        assert(t);

        if (!name) {
                set_all(t, mode);
                return 0;
        }
        if (!policy_document_name_is_valid(name))
                return -EINVAL;
        ModeEntry *e = find(t, name);
        if (mode == MODE_SETTING_CONFIGURED) {
                if (e)
                        *e = t->entries[--t->n];
                return 0;
        }
        if (!e) {
                if (t->n == MODE_TABLE_MAX)
                        return -ENOSPC;
                ModeEntry *entries = reallocarray(t->entries, t->n + 1, sizeof(*entries));
                if (!entries)
                        return -ENOMEM;
                t->entries = entries;
                e = &entries[t->n++];
                (void) snprintf(e->name, sizeof(e->name), "%s", name);
        }
        e->mode = (Mode) mode;
        return 0;
}

/* ------------------------------------------------------------------ text */

int mode_table_format(const ModeTable *t, char **ret, size_t *ret_size) {
        char *text = NULL;
        size_t size;

        assert(t);
        assert(ret && ret_size);

        FILE *f = open_memstream(&text, &size);
        if (!f)
                return -ENOMEM;
        (void) fputs(FIRST_LINE "\n", f);
        if (t->all != MODE_SETTING_CONFIGURED)
                (void) fprintf(f, "all %s\n", mode_to_string((Mode) t->all));
        for (size_t i = 0; i < t->n; i++)
                (void) fprintf(f, "scope %s %s\n", t->entries[i].name, mode_to_string(t->entries[i].mode));
        (void) fputs(LAST_LINE "\n", f);
        bool failed = ferror(f) != 0;
        if (fclose(f) != 0 || failed) {
                free(text);
                return -ENOMEM;
        }
        *ret = text;
        *ret_size = size;
        return 0;
}

/* The next line without its newline; *text is what follows it. */
static int next_line(const char **text, size_t *size, char ret[static LINE_MAX_SIZE]) {
        const char *end = memchr(*text, '\n', MIN(*size, (size_t) LINE_MAX_SIZE - 1));

        if (!end)
                return -EBADMSG;
        size_t n = (size_t) (end - *text);
        memcpy(ret, *text, n);
        ret[n] = '\0';
        *text = end + 1;
        *size -= n + 1;
        return strlen(ret) == n ? 0 : -EBADMSG;
}

static int read_mode(const char *s, Mode *ret) {
        static const Mode modes[] = { MODE_ENFORCE, MODE_AUDIT, MODE_OFF };

        for (size_t i = 0; i < ELEMENTSOF(modes); i++)
                if (strcmp(s, mode_to_string(modes[i])) == 0) {
                        *ret = modes[i];
                        return 0;
                }
        return -EBADMSG;
}

static int read_scope(ModeTable *t, char *words) {
        char *space = strchr(words, ' ');
        Mode mode;
        int r;

        if (!space)
                return -EBADMSG;
        *space = '\0';
        r = read_mode(space + 1, &mode);
        if (r >= 0 && find(t, words))
                r = -EBADMSG;
        if (r >= 0)
                r = mode_table_set(t, words, (ModeSetting) mode);
        return r == -EINVAL || r == -ENOSPC ? -EBADMSG : r;
}

static int read_line(ModeTable *t, char *line) {
        Mode mode;

        if (strncmp(line, "scope ", strlen("scope ")) == 0)
                return read_scope(t, line + strlen("scope "));
        if (strncmp(line, "all ", strlen("all ")) != 0 || !mode_table_is_empty(t) ||
            read_mode(line + strlen("all "), &mode) < 0)
                return -EBADMSG;
        t->all = (ModeSetting) mode;
        return 0;
}

int mode_table_parse(const char *text, size_t size, ModeTable *ret) {
        _cleanup_(mode_table_done) ModeTable t = MODE_TABLE_EMPTY;
        char line[LINE_MAX_SIZE];
        int r;

        assert(text || size == 0);
        assert(ret);

        if (size > MODE_TABLE_TEXT_MAX)
                return -EBADMSG;
        r = next_line(&text, &size, line);
        if (r >= 0 && strcmp(line, FIRST_LINE) != 0)
                r = -EBADMSG;
        while (r >= 0) {
                r = next_line(&text, &size, line);
                if (r >= 0 && strcmp(line, LAST_LINE) == 0)
                        break;
                if (r >= 0)
                        r = read_line(&t, line);
        }
        if (r >= 0 && size > 0)
                r = -EBADMSG;
        if (r < 0)
                return r;
        *ret = t;
        t = (ModeTable) MODE_TABLE_EMPTY;
        return 0;
}
