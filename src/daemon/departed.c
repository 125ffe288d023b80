/* SPDX-License-Identifier: Apache-2.0 */

#include "daemon/departed.h"

#include <string.h>
#include <sys/queue.h>

#include "basic/hash-index.h"

typedef struct Entry {
        HashItem item; /* first member */
        STAILQ_ENTRY(Entry) entries; /* by time */
        uint64_t id;
        uint64_t end_nsec;
        char path[];
} Entry;

struct Departed {
        HashIndex index;
        STAILQ_HEAD(, Entry) entries;
        departed_fn fn;
        void *userdata;
};

int departed_new(const uint8_t key[static 16], departed_fn fn, void *userdata, Departed **ret) {
        _cleanup_(departed_freep) Departed *d = calloc(1, sizeof(*d));

        if (!d)
                return -ENOMEM;
        STAILQ_INIT(&d->entries);
        d->fn = fn;
        d->userdata = userdata;
        int r = hash_index_init(&d->index, DEPARTED_MAX, key);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(d);
        return 0;
}

static Entry *take_first(Departed *d) {
        Entry *e = STAILQ_FIRST(&d->entries);

        STAILQ_REMOVE_HEAD(&d->entries, entries);
        hash_index_remove(&d->index, &e->item);
        return e;
}

static void end_first(Departed *d) {
        Entry *e = take_first(d);

        d->fn(e->path, e->id, d->userdata);
        free(e);
}

Departed *departed_free(Departed *d) {
        if (!d)
                return NULL;
        while (!STAILQ_EMPTY(&d->entries))
                free(take_first(d));
        hash_index_done(&d->index);
        free(d);
        return NULL;
}

static uint64_t hash_of(const Departed *d, uint64_t id) {
        return hash_index_hash(&d->index, &id, sizeof(id));
}

int departed_add(Departed *d, const char *path, uint64_t id, uint64_t now_nsec) {
        size_t size = strlen(path) + 1;
        Entry *e = malloc(sizeof(*e) + size);

        if (!e) {
                d->fn(path, id, d->userdata);
                return -ENOMEM;
        }
        *e = (Entry) { .id = id, .end_nsec = now_nsec + DEPARTED_NSEC };
        memcpy(e->path, path, size);
        if (d->index.n == DEPARTED_MAX)
                end_first(d);
        hash_index_insert(&d->index, &e->item, hash_of(d, id));
        STAILQ_INSERT_TAIL(&d->entries, e, entries);
        return 0;
}

const char *departed_path(const Departed *d, uint64_t id) {
        uint64_t hash = hash_of(d, id);

        for (HashItem *i = hash_index_next(&d->index, hash, NULL); i; i = hash_index_next(&d->index, hash, i))
                if (((Entry *) i)->id == id)
                        return ((Entry *) i)->path;
        return NULL;
}

void departed_expire(Departed *d, uint64_t now_nsec) {
        while (!STAILQ_EMPTY(&d->entries) && STAILQ_FIRST(&d->entries)->end_nsec <= now_nsec)
                end_first(d);
}

void departed_for_each(const Departed *d, departed_fn fn, void *userdata) {
        const Entry *e;

        STAILQ_FOREACH(e, &d->entries, entries)
                fn(e->path, e->id, userdata);
}
