/* SPDX-License-Identifier: Apache-2.0 */

#include "host/hosts-file.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/pattern.h"

#define BLANKS " \t\r"

void hosts_file_done(HostsFile *h) {
        assert(h);

        for (size_t i = 0; i < h->n; i++)
                free(h->entries[i].name);
        free(h->entries);
        *h = (HostsFile) {};
}

/* A field of a line. Returns its length; 0: the line has no more. */
static size_t next_field(const char **p, const char *end) {
        while (*p < end && strchr(BLANKS, **p))
                (*p)++;
        size_t n = 0;
        while (*p + n < end && !strchr(BLANKS "#", (*p)[n]))
                n++;
        return n;
}

static int add_name(HostsFile *h, size_t *n_allocated, const InAddr *addr, const char *text, size_t n, bool is_first) {
        char name[256], canonical[254];
        const char *why;

        if (n >= sizeof(name) || h->n == HOSTS_ENTRIES_MAX)
                return 0;
        memcpy(name, text, n);
        name[n] = '\0';
        if (hostname_canonical(name, false, canonical, &why) < 0)
                return 0;
        if (h->n == *n_allocated) {
                size_t more = MAX(*n_allocated * 2, (size_t) 16);
                HostsEntry *entries = realloc(h->entries, more * sizeof(*entries));
                if (!entries)
                        return -ENOMEM;
                h->entries = entries;
                *n_allocated = more;
        }
        char *copy = strdup(canonical);
        if (!copy)
                return -ENOMEM;
        h->entries[h->n++] = (HostsEntry) { .addr = *addr, .is_first = is_first, .name = copy };
        return 0;
}

static int read_line(HostsFile *h, size_t *n_allocated, const char *p, const char *end) {
        char text[IN_ADDR_TEXT_MAX];
        bool is_first = true;
        InAddr addr;

        size_t n = next_field(&p, end);
        if (n == 0 || n >= sizeof(text))
                return 0;
        memcpy(text, p, n);
        text[n] = '\0';
        if (in_addr_parse(text, &addr) < 0)
                return 0;
        p += n;
        while ((n = next_field(&p, end)) > 0) {
                int r = add_name(h, n_allocated, &addr, p, n, is_first);
                if (r < 0)
                        return r;
                p += n;
                is_first = false;
        }
        return 0;
}

int hosts_file_parse(const char *text, HostsFile *ret) {
        HostsFile h = {};
        size_t n_allocated = 0;

        assert(text);
        assert(ret);

        for (const char *line = text; *line;) {
                size_t length = strcspn(line, "\n");
                int r = read_line(&h, &n_allocated, line, line + length);

                if (r < 0) {
                        hosts_file_done(&h);
                        return r;
                }
                line += length + (line[length] == '\n');
        }
        *ret = h;
        return 0;
}

const HostsEntry *hosts_file_next(const HostsFile *h, const char *name, size_t *i) {
        assert(h);
        assert(name);
        assert(i);

        while (*i < h->n) {
                const HostsEntry *e = &h->entries[(*i)++];

                if (strcmp(e->name, name) == 0)
                        return e;
        }
        return NULL;
}

const char *hosts_file_reverse(const HostsFile *h, const InAddr *addr) {
        assert(h);
        assert(addr);

        for (size_t i = 0; i < h->n; i++)
                if (h->entries[i].is_first && in_addr_equal(&h->entries[i].addr, addr))
                        return h->entries[i].name;
        return NULL;
}
