/* SPDX-License-Identifier: Apache-2.0 */
#include "event/denial-window.h"

#include <assert.h>
#include <string.h>

#include "basic/expiry-heap.h"
#include "basic/hash-index.h"

/* Strings are compared and kept up to this length. */
#define STRING_MAX 512
#define PATH_MAX_KEPT 1024

enum {
        N_STRINGS = 8,
        FIXED_MAX = 64,
        KEY_MAX = FIXED_MAX + (N_STRINGS + EVENT_LABELS_MAX) * (STRING_MAX + 1),
};

/* Hashed and compared as bytes, so every byte is set: the fixed part, the strings in the order of event_strings(),
 * and the labels, each NUL-terminated. */
typedef struct Key {
        uint8_t bytes[KEY_MAX];
        size_t length;
        size_t strings; /* where the strings begin */
} Key;

typedef struct Entry {
        HashItem item;  /* first, so that a HashItem can be cast to its Entry */
        ExpiryItem end;
        Event event;    /* its strings are in this entry */
        const char *labels[EVENT_LABELS_MAX];
        uint64_t n_repeats;
        size_t key_length;
        unsigned share;
        char text[];    /* the key, executable, cgroup and digest */
} Entry;

_Static_assert(offsetof(Entry, item) == 0, "an item's address is its entry's");

/* Of actors, by their number. Those of two may be one: then they share what the others leave. */
#define SHARES 64U

struct DenialWindow {
        HashIndex index;
        ExpiryHeap ends;
        uint64_t length_nsec;
        bool by_process;
        size_t n_of[SHARES]; /* entries */
        denial_window_fn fn;
        void *userdata;
};

static Entry *entry_of_end(ExpiryItem *i) {
        return (Entry *) ((char *) i - offsetof(Entry, end));
}

int denial_window_new(const DenialWindowOptions *o, DenialWindow **ret) {
        assert(o);
        assert(o->fn);
        assert(o->length_nsec > 0);
        assert(ret);

        _cleanup_(denial_window_freep) DenialWindow *w = calloc(1, sizeof(*w));
        if (!w)
                return -ENOMEM;
        w->length_nsec = o->length_nsec;
        w->by_process = o->by_process;
        w->fn = o->fn;
        w->userdata = o->userdata;

        int r = hash_index_init(&w->index, DENIAL_WINDOW_MAX, o->key);
        if (r >= 0)
                r = expiry_heap_init(&w->ends, DENIAL_WINDOW_MAX);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(w);
        return 0;
}

static void window_drop(DenialWindow *w, Entry *entry) {
        expiry_heap_remove(&w->ends, &entry->end);
        hash_index_remove(&w->index, &entry->item);
        w->n_of[entry->share]--;
        free(entry);
}

DenialWindow *denial_window_free(DenialWindow *w) {
        if (!w)
                return NULL;

        for (ExpiryItem *i; w->ends.items && (i = expiry_heap_first(&w->ends));)
                window_drop(w, entry_of_end(i));
        expiry_heap_done(&w->ends);
        hash_index_done(&w->index);
        free(w);
        return NULL;
}

/* The strings that are part of the key. */
static void event_strings(Event *e, const char **ret[static N_STRINGS]) {
        size_t n = 0;

        ret[n++] = &e->scope;
        ret[n++] = &e->hostname;
        ret[n++] = &e->matched_rule;
        ret[n++] = &e->automatic;
        ret[n++] = &e->process;
        ret[n++] = &e->unit;
        ret[n++] = &e->query_type;
        ret[n++] = &e->dns_reason;
        assert(n == N_STRINGS);
}

static void key_add(Key *k, const void *data, size_t n) {
        assert(n <= sizeof(k->bytes) - k->length);
        memcpy(k->bytes + k->length, data, n);
        k->length += n;
}

static void key_add_string(Key *k, const char *s) {
        if (s)
                key_add(k, s, strnlen(s, STRING_MAX));
        key_add(k, "", 1);
}

static size_t n_labels(const Event *e) {
        return MIN(e->n_labels, (size_t) EVENT_LABELS_MAX);
}

static void window_key(const DenialWindow *w, const Event *e, Key *ret) {
        const uint8_t fixed[] = { (uint8_t) e->type, e->has_verdict, (uint8_t) e->verdict, (uint8_t) e->mode,
                                  (uint8_t) e->reason, e->protocol, e->has_dst, e->mid_stream, (uint8_t) n_labels(e),
                                  e->socket_family };
        const char **strings[N_STRINGS];
        Event copy = *e; /* event_strings() takes a writable event */

        ret->length = 0;
        key_add(ret, fixed, sizeof(fixed));
        key_add(ret, &e->dst_port, sizeof(e->dst_port));
        key_add(ret, &e->rule, sizeof(e->rule));
        if (e->has_dst)
                key_add(ret, e->dst.b, sizeof(e->dst.b));
        key_add(ret, &e->actor, sizeof(e->actor));
        if (w->by_process) {
                key_add(ret, &e->pid, sizeof(e->pid));
                key_add(ret, &e->uid, sizeof(e->uid));
        }
        ret->strings = ret->length;
        event_strings(&copy, strings);
        for (size_t i = 0; i < N_STRINGS; i++)
                key_add_string(ret, *strings[i]);
        for (size_t i = 0; i < n_labels(e); i++)
                key_add_string(ret, e->labels[i]);
}

static Entry *window_find(const DenialWindow *w, const Key *key, uint64_t hash) {
        for (HashItem *i = hash_index_next(&w->index, hash, NULL); i; i = hash_index_next(&w->index, hash, i)) {
                Entry *entry = (Entry *) i;
                if (entry->key_length == key->length && memcmp(entry->text, key->bytes, key->length) == 0)
                        return entry;
        }
        return NULL;
}

static size_t kept_length(const char *s) {
        return s ? strnlen(s, PATH_MAX_KEPT) : 0;
}

static const char *window_keep(char **p, const char *s) {
        char *begin = *p;

        *p = mempcpy(begin, s ? s : "", kept_length(s));
        *(*p)++ = '\0';
        return s ? begin : NULL;
}

/* The event that will be reported for the repeats, without the facts that only the first occurrence had. */
static Entry *window_entry_new(const Event *e, const Key *key) {
        Entry *n = malloc(sizeof(*n) + key->length + kept_length(e->executable) + kept_length(e->cgroup) +
                          kept_length(e->policy_digest) + 3);
        if (!n)
                return NULL;

        *n = (Entry) { .event = *e, .key_length = key->length };
        memcpy(n->text, key->bytes, key->length);

        const char **strings[N_STRINGS], *s = n->text + key->strings;
        event_strings(&n->event, strings);
        for (size_t i = 0; i < N_STRINGS; i++) {
                *strings[i] = *strings[i] ? s : NULL;
                s += strlen(s) + 1;
        }
        for (size_t i = 0; i < n_labels(e); i++) {
                n->labels[i] = s;
                s += strlen(s) + 1;
        }
        n->event.labels = n->labels;
        n->event.n_labels = n_labels(e);

        char *p = n->text + key->length;
        n->event.executable = window_keep(&p, e->executable);
        n->event.cgroup = window_keep(&p, e->cgroup);
        n->event.policy_digest = window_keep(&p, e->policy_digest);
        n->event.cname_chain = n->event.detail = NULL;
        n->event.n_parents = 0;
        n->event.has_src = false;
        n->event.src_port = 0;
        return n;
}

static bool same_text(const char *kept, const char *s) {
        return kept && s && strncmp(kept, s, PATH_MAX_KEPT) == 0;
}

static uint64_t add_saturated(uint64_t a, uint64_t b) {
        uint64_t sum;
        return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

static void add_repeat(Entry *entry, const Event *e) {
        Event *kept = &entry->event;

        entry->n_repeats = add_saturated(entry->n_repeats, MAX(e->count, UINT64_C(1)));
        kept->time_usec = e->time_usec;
        kept->sequence = e->sequence;
        if (kept->pid != e->pid || kept->uid != e->uid || kept->gid != e->gid)
                kept->pid = kept->tid = kept->uid = kept->gid = 0;
        if (kept->tid != e->tid)
                kept->tid = 0;
        if (kept->cgroup_id != e->cgroup_id)
                kept->cgroup_id = 0;
        if (!same_text(kept->executable, e->executable))
                kept->executable = NULL;
        if (!same_text(kept->cgroup, e->cgroup))
                kept->cgroup = NULL;
        if (!same_text(kept->policy_digest, e->policy_digest))
                kept->policy_digest = NULL;
}

static void window_report(DenialWindow *w, Entry *entry) {
        if (entry->n_repeats == 0)
                return;

        entry->event.count = entry->n_repeats;
        entry->n_repeats = 0;
        w->fn(&entry->event, w->userdata);
}

static void window_end(DenialWindow *w, Entry *entry) {
        window_report(w, entry);
        window_drop(w, entry);
}

/* Of the share that has most, the one that ends first: no actor ends the windows of another. */
static void make_room(DenialWindow *w) {
        Entry *oldest = NULL;
        unsigned largest = 0;

        for (unsigned i = 1; i < SHARES; i++)
                if (w->n_of[i] > w->n_of[largest])
                        largest = i;
        for (size_t i = 0; i < w->ends.n; i++) {
                Entry *entry = entry_of_end(w->ends.items[i]);
                if (entry->share == largest && (!oldest || entry->end.time_nsec < oldest->end.time_nsec))
                        oldest = entry;
        }
        window_end(w, oldest);
}

bool denial_window_repeat(DenialWindow *w, const Event *e, uint64_t now_nsec) {
        Key key;

        assert(w);
        assert(e);

        window_key(w, e, &key);
        Entry *entry = window_find(w, &key, hash_index_hash(&w->index, key.bytes, key.length));
        if (!entry || entry->end.time_nsec <= now_nsec)
                return false;
        add_repeat(entry, e);
        return true;
}

void denial_window_add(DenialWindow *w, const Event *e, uint64_t now_nsec) {
        Key key;

        assert(w);
        assert(e);

        window_key(w, e, &key);
        uint64_t hash = hash_index_hash(&w->index, key.bytes, key.length);
        Entry *entry = window_find(w, &key, hash);
        if (entry && entry->end.time_nsec > now_nsec) {
                add_repeat(entry, e);
                return;
        }
        if (entry) /* its window has ended, but there was no flush yet */
                window_end(w, entry);

        if (w->index.n == DENIAL_WINDOW_MAX)
                make_room(w);
        w->fn(e, w->userdata);
        entry = window_entry_new(e, &key);
        if (!entry)
                return;
        entry->share = e->actor % SHARES;
        w->n_of[entry->share]++;
        hash_index_insert(&w->index, &entry->item, hash);
        expiry_heap_insert(&w->ends, &entry->end, add_saturated(now_nsec, w->length_nsec));
}

void denial_window_flush(DenialWindow *w, uint64_t now_nsec) {
        assert(w);

        for (ExpiryItem *i; (i = expiry_heap_first(&w->ends)) && i->time_nsec <= now_nsec;) {
                Entry *entry = entry_of_end(i);

                if (entry->n_repeats == 0) {
                        window_drop(w, entry);
                        continue;
                }
                window_report(w, entry);
                if (now_nsec > UINT64_MAX - w->length_nsec)
                        window_drop(w, entry); /* a later end cannot be represented */
                else
                        expiry_heap_move(&w->ends, i, now_nsec + w->length_nsec);
        }
}

void denial_window_flush_all(DenialWindow *w) {
        assert(w);

        for (ExpiryItem *i; (i = expiry_heap_first(&w->ends));)
                window_end(w, entry_of_end(i));
}

uint64_t denial_window_next(const DenialWindow *w) {
        assert(w);

        const ExpiryItem *first = expiry_heap_first(&w->ends);
        return first ? first->time_nsec : UINT64_MAX;
}
