/* SPDX-License-Identifier: Apache-2.0 */

#include "identity/path-table.h"

#include <assert.h>
#include <string.h>
#include <sys/queue.h>

#include "basic/hash-index.h"

typedef struct Entry {
        HashItem item; /* first, so that a HashItem can be cast to its Entry */
        STAILQ_ENTRY(Entry) entries; /* oldest first */
        uint64_t id;
        uint64_t end_nsec;
        char path[];
} Entry;

struct PathTable {
        HashIndex index;
        STAILQ_HEAD(, Entry) entries;
        size_t max;
        uint64_t keep_nsec;
        path_table_fn fn;
        void *userdata;
};

int path_table_new(size_t max, uint64_t keep_nsec, const uint8_t key[static 16], path_table_fn fn, void *userdata,
                   PathTable **ret) {
        _cleanup_(path_table_freep) PathTable *t = NULL;
        int r;

        assert(max > 0);
        assert(ret);

        t = calloc(1, sizeof(*t));
        if (!t)
                return -ENOMEM;
        STAILQ_INIT(&t->entries);
        t->max = max;
        t->keep_nsec = keep_nsec;
        t->fn = fn;
        t->userdata = userdata;
        r = hash_index_init(&t->index, max, key);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(t);
        return 0;
}

static Entry *take_first(PathTable *t) {
        Entry *e = STAILQ_FIRST(&t->entries);

        STAILQ_REMOVE_HEAD(&t->entries, entries);
        hash_index_remove(&t->index, &e->item);
        return e;
}

static void report_end(const PathTable *t, const char *path, uint64_t id) {
        if (t->fn)
                t->fn(path, id, t->userdata);
}

static void end_first(PathTable *t) {
        Entry *e = take_first(t);

        report_end(t, e->path, e->id);
        free(e);
}

PathTable *path_table_free(PathTable *t) {
        if (!t)
                return NULL;
        while (!STAILQ_EMPTY(&t->entries))
                free(take_first(t));
        hash_index_done(&t->index);
        free(t);
        return NULL;
}

static uint64_t hash_of(const PathTable *t, uint64_t id) {
        return hash_index_hash(&t->index, &id, sizeof(id));
}

int path_table_add(PathTable *t, const char *path, uint64_t id, uint64_t now_nsec) {
        size_t size;
        Entry *e;

        assert(t);
        assert(path);

        size = strlen(path) + 1;
        e = malloc(sizeof(*e) + size);
        if (!e) {
                report_end(t, path, id);
                return -ENOMEM;
        }
        *e = (Entry) { .id = id, .end_nsec = now_nsec + t->keep_nsec };
        memcpy(e->path, path, size);
        if (t->index.n == t->max)
                end_first(t);
        hash_index_insert(&t->index, &e->item, hash_of(t, id));
        STAILQ_INSERT_TAIL(&t->entries, e, entries);
        return 0;
}

const char *path_table_find(const PathTable *t, uint64_t id) {
        uint64_t hash;

        assert(t);

        hash = hash_of(t, id);
        for (HashItem *i = hash_index_next(&t->index, hash, NULL); i; i = hash_index_next(&t->index, hash, i))
                if (((Entry *) i)->id == id)
                        return ((Entry *) i)->path;
        return NULL;
}

void path_table_expire(PathTable *t, uint64_t now_nsec) {
        assert(t);

        while (!STAILQ_EMPTY(&t->entries) && STAILQ_FIRST(&t->entries)->end_nsec <= now_nsec)
                end_first(t);
}

void path_table_for_each(const PathTable *t, path_table_fn fn, void *userdata) {
        const Entry *e;

        assert(t);
        assert(fn);

        STAILQ_FOREACH(e, &t->entries, entries)
                fn(e->path, e->id, userdata);
}
