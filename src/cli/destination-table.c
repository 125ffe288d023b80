/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/destination-table.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "basic/macro.h"

_Static_assert(offsetof(DestinationEntry, item) == 0, "an item's address is its entry's");

void count_add(uint64_t *n, uint64_t more) {
        assert(n);

        if (__builtin_add_overflow(*n, more, n))
                *n = UINT64_MAX;
}

void line_counts_add(LineCounts *c, RecordedLine line, const RecordedEvent *e) {
        assert(c);
        assert(line >= 0 && line < _RECORDED_LINE_MAX);
        assert(e || line > RECORDED_LINE_FIXED);

        count_add(&c->n_lines[line], 1);
        if (line == RECORDED_LINE_LOST)
                count_add(&c->n_lost, e->count);
        else if (line == RECORDED_LINE_SUPPRESSED)
                count_add(&c->n_suppressed, e->count);
}

int destination_table_init(DestinationTable *t, size_t n_groups, size_t n_max, size_t entry_size,
                           const uint8_t key[static 16]) {
        assert(t);
        assert(n_groups > 0 && n_groups <= DESTINATION_GROUPS_MAX);
        assert(n_max > 0 && n_max <= DESTINATIONS_MAX);
        assert(entry_size >= sizeof(DestinationEntry));

        *t = (DestinationTable) { .n_groups = n_groups, .n_max = n_max, .entry_size = entry_size };
        int r = hash_index_init(&t->index, n_max * n_groups, key);
        for (size_t i = 0; i < n_groups && r >= 0; i++) {
                t->entries[i] = calloc(n_max, sizeof(DestinationEntry *));
                if (!t->entries[i])
                        r = -ENOMEM;
        }
        if (r < 0)
                destination_table_done(t);
        return r;
}

void destination_table_done(DestinationTable *t) {
        assert(t);

        for (size_t i = 0; i < t->n_groups; i++) {
                for (size_t k = 0; k < t->n[i]; k++)
                        free(t->entries[i][k]);
                free(t->entries[i]);
        }
        hash_index_done(&t->index);
        *t = (DestinationTable) {};
}

/* ------------------------------------------------------------------ entries */

/* Hashed and compared as bytes. */
typedef struct Key {
        uint8_t bytes[6 + sizeof(InAddr) + HOST_NAME_TEXT_MAX];
        size_t length;
} Key;

static Key make_key(const DestinationTable *t, unsigned group, RecordedKind kind, const Destination *d) {
        Key k = {
                .bytes = { (uint8_t) group, (uint8_t) kind, d->name[0] != '\0', d->protocol, (uint8_t) (d->port >> 8),
                           (uint8_t) d->port },
        };
        size_t n = strnlen(d->name, sizeof(d->name));

        k.length = 6;
        if (n == 0 || (t->by_address & 1U << group)) {
                memcpy(k.bytes + k.length, d->addr.b, sizeof(d->addr.b));
                k.length += sizeof(d->addr.b);
        }
        memcpy(k.bytes + k.length, d->name, n);
        k.length += n;
        return k;
}

static DestinationEntry *find(const DestinationTable *t, const Key *key, uint64_t hash) {
        for (HashItem *i = hash_index_next(&t->index, hash, NULL); i; i = hash_index_next(&t->index, hash, i)) {
                DestinationEntry *entry = (DestinationEntry *) i;
                Key k = make_key(t, entry->group, entry->kind, &entry->destination);

                if (k.length == key->length && memcmp(k.bytes, key->bytes, k.length) == 0)
                        return entry;
        }
        return NULL;
}

static Destination shown_destination(const RecordedEvent *e) {
        Destination d = e->destination;

        if (e->n_names > 0)
                memcpy(d.name, e->names[0], sizeof(d.name));
        return d;
}

/* NULL in *ret: the limit is reached. */
static int find_or_add(DestinationTable *t, unsigned group, const RecordedEvent *e, DestinationEntry **ret, bool *ret_new) {
        Destination d = shown_destination(e);
        Key key = make_key(t, group, e->kind, &d);
        uint64_t hash = hash_index_hash(&t->index, key.bytes, key.length);

        DestinationEntry *entry = find(t, &key, hash);
        *ret_new = !entry && t->n[group] < t->n_max;
        if (*ret_new) {
                entry = calloc(1, t->entry_size);
                if (!entry)
                        return -ENOMEM;

                entry->group = group;
                entry->kind = e->kind;
                entry->destination = d;
                memcpy(entry->first, e->time, sizeof(entry->first));
                memcpy(entry->last, e->time, sizeof(entry->last));
                memcpy(entry->process, e->process, sizeof(entry->process));
                hash_index_insert(&t->index, &entry->item, hash);
                t->entries[group][t->n[group]++] = entry;
        }
        *ret = entry;
        return 0;
}

int destination_table_add(DestinationTable *t, unsigned group, const RecordedEvent *e, DestinationEntry **ret,
                          bool *ret_new) {
        DestinationEntry *entry;

        assert(t);
        assert(group < t->n_groups);
        assert(e);
        assert(ret);
        assert(ret_new);

        int r = find_or_add(t, group, e, &entry, ret_new);
        if (r < 0)
                return r;
        *ret = entry;
        if (!entry) {
                count_add(&t->n_unlisted[group], e->count);
                return 0;
        }
        count_add(&entry->count, e->count);
        if (strcmp(e->time, entry->first) < 0)
                memcpy(entry->first, e->time, sizeof(entry->first));
        if (strcmp(e->time, entry->last) > 0)
                memcpy(entry->last, e->time, sizeof(entry->last));
        entry->other_processes |= strcmp(e->process, entry->process) != 0;
        return 0;
}

/* ------------------------------------------------------------------ order */

int destination_entry_compare(const DestinationEntry *a, const DestinationEntry *b) {
        assert(a);
        assert(b);

        int r = strcmp(a->destination.name, b->destination.name);
        if (r == 0 && a->destination.name[0] == '\0')
                r = memcmp(&a->destination.addr, &b->destination.addr, sizeof(InAddr));
        if (r == 0)
                r = (int) a->kind - (int) b->kind;
        if (r == 0)
                r = (int) a->destination.port - (int) b->destination.port;
        return r != 0 ? r : (int) a->destination.protocol - (int) b->destination.protocol;
}

static int compare_counts(const void *a, const void *b) {
        const DestinationEntry *x = *(DestinationEntry *const *) a, *y = *(DestinationEntry *const *) b;

        if (x->count != y->count)
                return x->count > y->count ? -1 : 1;
        return destination_entry_compare(x, y);
}

void destination_table_sort(DestinationTable *t) {
        assert(t);

        for (size_t i = 0; i < t->n_groups; i++)
                if (t->n[i] > 1)
                        qsort(t->entries[i], t->n[i], sizeof(DestinationEntry *), compare_counts);
}
