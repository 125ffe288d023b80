/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/replay-table.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "basic/macro.h"

_Static_assert(offsetof(ReplayEntry, item) == 0, "an item's address is its entry's");

int replay_table_init(ReplayTable *t, const Policy *policy, size_t n_max, const uint8_t key[static 16]) {
        assert(t);
        assert(policy);
        assert(n_max > 0 && n_max <= REPLAY_DESTINATIONS_MAX);

        *t = (ReplayTable) { .policy = policy, .n_max = n_max };
        int r = hash_index_init(&t->index, n_max * _REPLAY_CHANGE_MAX, key);
        for (size_t i = 0; i < _REPLAY_CHANGE_MAX && r >= 0; i++) {
                t->entries[i] = calloc(n_max, sizeof(ReplayEntry *));
                if (!t->entries[i])
                        r = -ENOMEM;
        }
        if (r < 0)
                replay_table_done(t);
        return r;
}

void replay_table_done(ReplayTable *t) {
        assert(t);

        for (size_t i = 0; i < _REPLAY_CHANGE_MAX; i++) {
                for (size_t k = 0; k < t->n[i]; k++)
                        free(t->entries[i][k]);
                free(t->entries[i]);
        }
        hash_index_done(&t->index);
        *t = (ReplayTable) {};
}

static void count(uint64_t *n, uint64_t more) {
        if (__builtin_add_overflow(*n, more, n))
                *n = UINT64_MAX;
}

/* ------------------------------------------------------------------ the policy */

static int judge(const Policy *p, const RecordedEvent *e, Explanation *ret) {
        const char *names[RECORDED_NAMES_MAX];

        if (e->kind == RECORDED_QUERY)
                return policy_explain_query(p, MODE_ENFORCE, e->names[0], e->for_addresses, ret);
        for (size_t i = 0; i < e->n_names; i++)
                names[i] = e->names[i];
        return policy_explain_aliases(p, MODE_ENFORCE, &e->destination, names, e->n_names, ret);
}

/* The rules that the firewall adds are not in the policy, but would be in force with it: only its rules precede them. */
static bool is_kept_by_automatic_rule(const RecordedEvent *e, const Explanation *x) {
        return e->automatic && x->reason != CW_REASON_RULE;
}

/* ------------------------------------------------------------------ entries */

/* Hashed and compared as bytes. */
typedef struct Key {
        uint8_t bytes[6 + HOST_NAME_TEXT_MAX];
        size_t length;
} Key;

static Key make_key(ReplayChange change, RecordedKind kind, const Destination *d) {
        Key k = {
                .bytes = { (uint8_t) change, (uint8_t) kind, d->name[0] != '\0', d->protocol, (uint8_t) (d->port >> 8),
                           (uint8_t) d->port },
        };
        size_t n = d->name[0] != '\0' ? strnlen(d->name, sizeof(d->name)) : sizeof(d->addr.b);

        memcpy(k.bytes + 6, d->name[0] != '\0' ? (const void *) d->name : d->addr.b, n);
        k.length = 6 + n;
        return k;
}

static ReplayEntry *find(const ReplayTable *t, const Key *key, uint64_t hash) {
        for (HashItem *i = hash_index_next(&t->index, hash, NULL); i; i = hash_index_next(&t->index, hash, i)) {
                ReplayEntry *entry = (ReplayEntry *) i;
                Key k = make_key(entry->change, entry->kind, &entry->destination);

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
static int find_or_add(ReplayTable *t, ReplayChange change, const RecordedEvent *e, const Explanation *x,
                       ReplayEntry **ret) {
        Destination d = shown_destination(e);
        Key key = make_key(change, e->kind, &d);
        uint64_t hash = hash_index_hash(&t->index, key.bytes, key.length);

        ReplayEntry *entry = find(t, &key, hash);
        if (!entry && t->n[change] < t->n_max) {
                entry = calloc(1, sizeof(*entry));
                if (!entry)
                        return -ENOMEM;

                entry->change = change;
                entry->kind = e->kind;
                entry->destination = d;
                entry->explanation = *x;
                memcpy(entry->first, e->time, sizeof(entry->first));
                memcpy(entry->last, e->time, sizeof(entry->last));
                memcpy(entry->process, e->process, sizeof(entry->process));
                hash_index_insert(&t->index, &entry->item, hash);
                t->entries[change][t->n[change]++] = entry;
        }
        *ret = entry;
        return 0;
}

static int add_changed(ReplayTable *t, ReplayChange change, const RecordedEvent *e, const Explanation *x) {
        ReplayEntry *entry;

        int r = find_or_add(t, change, e, x, &entry);
        if (r < 0)
                return r;
        if (!entry) {
                count(&t->n_unlisted[change], e->count);
                return 0;
        }
        count(&entry->count, e->count);
        if (strcmp(e->time, entry->first) < 0)
                memcpy(entry->first, e->time, sizeof(entry->first));
        if (strcmp(e->time, entry->last) > 0)
                memcpy(entry->last, e->time, sizeof(entry->last));
        entry->other_processes |= strcmp(e->process, entry->process) != 0;
        return 0;
}

static int add_event(ReplayTable *t, const RecordedEvent *e) {
        bool allowed = e->verdict == RECORDED_ALLOWED;
        Explanation x;

        int r = judge(t->policy, e, &x);
        if (r < 0)
                return r;
        Action action = is_kept_by_automatic_rule(e, &x) ? (allowed ? ACTION_ALLOW : ACTION_DENY) : x.verdict;
        count(&t->n_events[e->verdict][action], e->count);
        if (allowed == (action == ACTION_ALLOW))
                return 0;
        return add_changed(t, allowed ? REPLAY_WOULD_BE_DENIED : REPLAY_WOULD_BE_ALLOWED, e, &x);
}

int replay_table_add(ReplayTable *t, RecordedLine line, const RecordedEvent *e) {
        assert(t);
        assert(line >= 0 && line < _RECORDED_LINE_MAX);
        assert(e || line > RECORDED_LINE_FIXED);

        count(&t->n_lines[line], 1);
        switch (line) {
        case RECORDED_LINE_EVENT:
                return add_event(t, e);
        case RECORDED_LINE_LOST:
                count(&t->n_lost, e->count);
                return 0;
        case RECORDED_LINE_SUPPRESSED:
                count(&t->n_suppressed, e->count);
                return 0;
        case RECORDED_LINE_FIXED:
                count(&t->n_fixed[e->verdict], e->count);
                return 0;
        default:
                return 0;
        }
}

/* ------------------------------------------------------------------ results */

static int compare(const void *a, const void *b) {
        const ReplayEntry *x = *(ReplayEntry *const *) a, *y = *(ReplayEntry *const *) b;

        if (x->count != y->count)
                return x->count > y->count ? -1 : 1;
        int r = strcmp(x->destination.name, y->destination.name);
        if (r == 0 && x->destination.name[0] == '\0')
                r = memcmp(&x->destination.addr, &y->destination.addr, sizeof(InAddr));
        if (r == 0)
                r = (int) x->kind - (int) y->kind;
        if (r == 0)
                r = (int) x->destination.port - (int) y->destination.port;
        return r != 0 ? r : (int) x->destination.protocol - (int) y->destination.protocol;
}

void replay_table_sort(ReplayTable *t) {
        assert(t);

        for (size_t i = 0; i < _REPLAY_CHANGE_MAX; i++)
                if (t->n[i] > 1)
                        qsort(t->entries[i], t->n[i], sizeof(ReplayEntry *), compare);
}

uint64_t replay_table_n_changed(const ReplayTable *t, ReplayChange change) {
        assert(t);

        if (change == REPLAY_WOULD_BE_DENIED)
                return t->n_events[RECORDED_ALLOWED][ACTION_DENY];
        uint64_t n = t->n_events[RECORDED_DENIED][ACTION_ALLOW];
        count(&n, t->n_events[RECORDED_WOULD_DENY][ACTION_ALLOW]);
        return n;
}
