/* SPDX-License-Identifier: Apache-2.0 */
#include "dns/lease.h"

#include <assert.h>
#include <string.h>

#include "basic/expiry-heap.h"
#include "basic/hash-index.h"

typedef struct LeaseEntry {
        HashItem item; /* first: found by casting */
        Lease lease;
        ExpiryItem change;     /* when the binding with the shortest life ends */
        ExpiryItem end;        /* when the one with the longest does */
        uint64_t written_nsec; /* expiry of the kernel's entry, as last told to the caller; 0: there is none */
} LeaseEntry;

struct LeaseTable {
        HashIndex index;
        ExpiryHeap changes; /* LeaseEntry.change: what to collect next */
        ExpiryHeap ends;    /* LeaseEntry.end: what may give way when the table is full */
        LeaseTimes times;
        size_t max_leases;
        InAddr evicted;
        bool has_evicted;
};

static LeaseEntry *entry_from_change(ExpiryItem *i) {
        return (LeaseEntry *) ((char *) i - offsetof(LeaseEntry, change));
}

static LeaseEntry *entry_from_end(ExpiryItem *i) {
        return (LeaseEntry *) ((char *) i - offsetof(LeaseEntry, end));
}

static uint64_t add_saturating(uint64_t a, uint64_t b) {
        return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static void entry_free(LeaseEntry *e) {
        for (size_t i = 0; i < e->lease.n_bindings; i++)
                free(e->lease.bindings[i].name);
        free(e->lease.bindings);
        free(e);
}
DEFINE_CLEANUP_FUNC(LeaseEntry *, entry_free)

int lease_table_new(size_t max_leases, const LeaseTimes *times, const uint8_t key[static 16], LeaseTable **ret) {
        assert(max_leases > 0);
        assert(times);
        assert(ret);

        if (times->cap_nsec == 0 || (times->floor_nsec == 0 && times->grace_nsec == 0))
                return -EINVAL;

        _cleanup_(lease_table_freep) LeaseTable *t = calloc(1, sizeof(LeaseTable));
        if (!t)
                return -ENOMEM;
        t->max_leases = max_leases;
        t->times = *times;

        int r = hash_index_init(&t->index, max_leases, key);
        if (r < 0)
                return r;
        r = expiry_heap_init(&t->changes, max_leases);
        if (r < 0)
                return r;
        r = expiry_heap_init(&t->ends, max_leases);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(t);
        return 0;
}

LeaseTable *lease_table_free(LeaseTable *t) {
        if (!t)
                return NULL;

        for (size_t i = 0; i < t->ends.n; i++)
                entry_free(entry_from_end(t->ends.items[i]));
        expiry_heap_done(&t->ends);
        expiry_heap_done(&t->changes);
        hash_index_done(&t->index);
        free(t);
        return NULL;
}

static LeaseEntry *table_find(const LeaseTable *t, const InAddr *addr) {
        uint64_t hash = hash_index_hash(&t->index, addr->b, sizeof(addr->b));

        for (HashItem *i = hash_index_next(&t->index, hash, NULL); i; i = hash_index_next(&t->index, hash, i)) {
                LeaseEntry *e = (LeaseEntry *) i;

                if (in_addr_equal(&e->lease.addr, addr))
                        return e;
        }
        return NULL;
}

static void table_insert(LeaseTable *t, LeaseEntry *e) {
        hash_index_insert(&t->index, &e->item, hash_index_hash(&t->index, e->lease.addr.b, sizeof(e->lease.addr.b)));
        expiry_heap_insert(&t->changes, &e->change, 0);
        expiry_heap_insert(&t->ends, &e->end, 0);
}

static void table_remove(LeaseTable *t, LeaseEntry *e) {
        hash_index_remove(&t->index, &e->item);
        expiry_heap_remove(&t->changes, &e->change);
        expiry_heap_remove(&t->ends, &e->end);
}

/* To be called whenever bindings changed and some are left. */
static void table_reorder(LeaseTable *t, LeaseEntry *e) {
        uint64_t first = UINT64_MAX, last = 0;

        assert(e->lease.n_bindings > 0);
        for (size_t i = 0; i < e->lease.n_bindings; i++) {
                first = MIN(first, e->lease.bindings[i].expires_nsec);
                last = MAX(last, e->lease.bindings[i].expires_nsec);
        }

        e->lease.expires_nsec = last;
        expiry_heap_move(&t->changes, &e->change, first);
        expiry_heap_move(&t->ends, &e->end, last);
}

/* The lease that ended first, if it has. */
static LeaseEntry *table_ended(const LeaseTable *t, uint64_t now_nsec) {
        ExpiryItem *i = expiry_heap_first(&t->ends);

        return i && i->time_nsec <= now_nsec ? entry_from_end(i) : NULL;
}

static void lease_remove_binding(Lease *l, size_t i) {
        free(l->bindings[i].name);
        l->n_bindings--;
        memmove(l->bindings + i, l->bindings + i + 1, (l->n_bindings - i) * sizeof(LeaseBinding));
        if (l->latest > i)
                l->latest--;
}

/* True when there was one. If the latest is among them, the one that lives longest takes its place. */
static bool lease_drop_ended(Lease *l, uint64_t now_nsec) {
        size_t n_before = l->n_bindings;
        bool latest_ended = n_before > 0 && l->bindings[l->latest].expires_nsec <= now_nsec;

        for (size_t i = l->n_bindings; i-- > 0;)
                if (l->bindings[i].expires_nsec <= now_nsec)
                        lease_remove_binding(l, i);

        if (latest_ended) {
                l->latest = 0;
                for (size_t i = 1; i < l->n_bindings; i++)
                        if (l->bindings[i].expires_nsec > l->bindings[l->latest].expires_nsec)
                                l->latest = i;
        }
        return l->n_bindings < n_before;
}

static LeaseBinding *lease_find_binding(const Lease *l, const NameVerdict *verdict) {
        for (size_t i = 0; i < l->n_bindings; i++)
                if (memcmp(&l->bindings[i].verdict, verdict, sizeof(NameVerdict)) == 0)
                        return &l->bindings[i];
        return NULL;
}

static size_t lease_n_live(const Lease *l, uint64_t now_nsec) {
        size_t n = 0;

        for (size_t i = 0; i < l->n_bindings; i++)
                n += l->bindings[i].expires_nsec > now_nsec;
        return n;
}

/* Length of the chain's text up to the last whole name that fits; 0 for none. */
static size_t chain_length(const char *chain) {
        size_t length = chain ? strnlen(chain, LEASE_CHAIN_TEXT_MAX) : 0;

        if (length < LEASE_CHAIN_TEXT_MAX)
                return length;
        do
                length--;
        while (length > 0 && chain[length] != ' ');
        return length;
}

/* name and chain of the result share one allocation, which is name's. */
static int binding_text_new(const char *name, const char *chain, LeaseBinding *ret) {
        size_t name_size = strlen(name) + 1, length = chain_length(chain);

        char *text = malloc(name_size + length + 1);
        if (!text)
                return -ENOMEM;

        memcpy(text, name, name_size);
        if (length > 0)
                memcpy(text + name_size, chain, length);
        text[name_size + length] = '\0';

        ret->name = text;
        ret->chain = length > 0 ? text + name_size : NULL;
        return 0;
}

static bool binding_text_equal(const LeaseBinding *b, const char *name, const char *chain) {
        size_t length = chain_length(chain);

        if (strcmp(b->name, name) != 0)
                return false;
        if (!b->chain)
                return length == 0;
        return strlen(b->chain) == length && memcmp(b->chain, chain, length) == 0;
}

static int lease_renew(Lease *l, LeaseBinding *b, const char *name, const char *chain, uint64_t now_nsec,
                       uint64_t expires_nsec) {
        if (!binding_text_equal(b, name, chain)) {
                char *old = b->name;
                int r = binding_text_new(name, chain, b);
                if (r < 0)
                        return r;
                free(old);
        }

        b->expires_nsec = MAX(b->expires_nsec, expires_nsec);
        l->latest = (size_t) (b - l->bindings);
        return lease_drop_ended(l, now_nsec);
}

static int lease_append(Lease *l, const char *name, const char *chain, const NameVerdict *verdict, uint64_t now_nsec,
                        uint64_t expires_nsec) {
        size_t n_live = lease_n_live(l, now_nsec);
        if (n_live >= LEASE_BINDINGS_MAX)
                return -ENOSPC;

        /* The array has room for n_bindings at least; ended ones leave theirs. */
        if (n_live == l->n_bindings) {
                LeaseBinding *p = reallocarray(l->bindings, n_live + 1, sizeof(LeaseBinding));
                if (!p)
                        return -ENOMEM;
                l->bindings = p;
        }

        LeaseBinding b = { .verdict = *verdict, .expires_nsec = expires_nsec };
        int r = binding_text_new(name, chain, &b);
        if (r < 0)
                return r;

        (void) lease_drop_ended(l, now_nsec);
        l->latest = l->n_bindings;
        l->bindings[l->n_bindings++] = b;
        return 1;
}

/* 1 when the set of verdicts changed, 0 when only times and names did. */
static int lease_bind(Lease *l, const char *name, const char *chain, const NameVerdict *verdict, uint64_t now_nsec,
                      uint64_t expires_nsec) {
        LeaseBinding *b = lease_find_binding(l, verdict);

        if (b)
                return lease_renew(l, b, name, chain, now_nsec, expires_nsec);
        return lease_append(l, name, chain, verdict, now_nsec, expires_nsec);
}

static int table_bind_new(LeaseTable *t, const InAddr *addr, const char *name, const char *chain,
                          const NameVerdict *verdict, uint64_t now_nsec, uint64_t expires_nsec, LeaseEntry **ret) {
        LeaseEntry *ended = NULL;
        if (t->index.n >= t->max_leases) {
                ended = table_ended(t, now_nsec);
                if (!ended)
                        return -ENOSPC;
        }

        _cleanup_(entry_freep) LeaseEntry *e = calloc(1, sizeof(LeaseEntry));
        if (!e)
                return -ENOMEM;
        e->lease.addr = *addr;

        int r = lease_bind(&e->lease, name, chain, verdict, now_nsec, expires_nsec);
        if (r < 0)
                return r;

        if (ended) {
                t->evicted = ended->lease.addr;
                t->has_evicted = true;
                table_remove(t, ended);
                entry_free(ended);
        }
        table_insert(t, e);
        *ret = TAKE_PTR(e);
        return r;
}

static int table_bind(LeaseTable *t, const InAddr *addr, const char *name, const char *chain,
                      const NameVerdict *verdict, uint64_t now_nsec, uint64_t expires_nsec, LeaseEntry **ret) {
        t->has_evicted = false;
        if (strlen(name) > DNS_NAME_MAX)
                return -EINVAL;

        LeaseEntry *e = table_find(t, addr);
        int r;
        if (e)
                r = lease_bind(&e->lease, name, chain, verdict, now_nsec, expires_nsec);
        else
                r = table_bind_new(t, addr, name, chain, verdict, now_nsec, expires_nsec, &e);
        if (r < 0)
                return r;
        table_reorder(t, e);
        *ret = e;
        return r;
}

int lease_table_bind(LeaseTable *t, const InAddr *addr, const char *name, const char *chain, const NameVerdict *verdict,
                     uint32_t ttl_seconds, uint64_t now_nsec, const Lease **ret_lease) {
        assert(t);
        assert(addr);
        assert(name);
        assert(verdict);
        assert(ret_lease);

        uint64_t ttl = ttl_seconds * NSEC_PER_SEC;
        uint64_t life = MIN(add_saturating(MAX(ttl, t->times.floor_nsec), t->times.grace_nsec), t->times.cap_nsec);
        uint64_t expires = add_saturating(now_nsec, life);
        assert(expires > now_nsec);

        LeaseEntry *e;
        int r = table_bind(t, addr, name, chain, verdict, now_nsec, expires, &e);
        if (r < 0)
                return r;
        *ret_lease = &e->lease;

        /* A client keeps using the address until its TTL has passed: the kernel's entry must not end before. Beyond
         * that a write is worth its cost only when it moves the end by much. */
        bool too_short = e->written_nsec < add_saturating(now_nsec, MIN(ttl, life));
        if (r == 0 && !too_short && e->lease.expires_nsec - e->written_nsec <= life / 4)
                return 0;
        e->written_nsec = e->lease.expires_nsec;
        return 1;
}

bool lease_table_evicted(const LeaseTable *t, InAddr *ret) {
        assert(t);
        assert(ret);

        if (!t->has_evicted)
                return false;
        *ret = t->evicted;
        return true;
}

void lease_table_write_failed(LeaseTable *t, const InAddr *addr) {
        assert(t);
        assert(addr);

        LeaseEntry *e = table_find(t, addr);
        if (e)
                e->written_nsec = 0;
}

const Lease *lease_table_find(LeaseTable *t, const InAddr *addr) {
        assert(t);
        assert(addr);

        LeaseEntry *e = table_find(t, addr);
        return e ? &e->lease : NULL;
}

const Lease *lease_table_get(LeaseTable *t, const InAddr *addr, uint64_t now_nsec) {
        const Lease *l = lease_table_find(t, addr);

        return l && l->expires_nsec > now_nsec ? l : NULL;
}

uint64_t lease_table_expire(LeaseTable *t, uint64_t now_nsec, size_t max_steps, lease_changed_fn fn, void *userdata) {
        assert(t);
        assert(fn);

        ExpiryItem *i = expiry_heap_first(&t->changes);

        for (size_t step = 0; step < max_steps && i && i->time_nsec <= now_nsec; step++) {
                _cleanup_(entry_freep) LeaseEntry *ended = NULL;
                LeaseEntry *e = entry_from_change(i);

                (void) lease_drop_ended(&e->lease, now_nsec);
                if (e->lease.n_bindings > 0) {
                        table_reorder(t, e);
                        e->written_nsec = e->lease.expires_nsec;
                } else {
                        table_remove(t, e);
                        ended = e;
                }
                fn(&e->lease, userdata);
                i = expiry_heap_first(&t->changes);
        }
        return i ? i->time_nsec : UINT64_MAX;
}

/* Takes binding j's life into i, and its name when that is the newer one. */
static void lease_merge(Lease *l, size_t i, size_t j) {
        LeaseBinding *a = &l->bindings[i], *b = &l->bindings[j];
        bool b_is_newer = l->latest == j || (l->latest != i && b->expires_nsec > a->expires_nsec);
        uint64_t expires = MAX(a->expires_nsec, b->expires_nsec);

        if (b_is_newer) {
                LeaseBinding older = *a;
                *a = *b;
                *b = older;
        }
        a->expires_nsec = expires;
        if (l->latest == j)
                l->latest = i;
        lease_remove_binding(l, j);
}

static void match_chain(const Policy *policy, const char *name, const char *chain, NameVerdict *ret) {
        policy_match_name(policy, name, ret);
        for (const char *target = chain; target && *target;) {
                char alias[DNS_NAME_SIZE];
                size_t n = strcspn(target, " ");

                if (n < sizeof(alias)) {
                        memcpy(alias, target, n);
                        alias[n] = '\0';
                        policy_follow_alias(policy, alias, ret);
                }
                target += n + (target[n] == ' ');
        }
}

static void lease_rematch(Lease *l, const Policy *policy) {
        for (size_t i = 0; i < l->n_bindings; i++)
                match_chain(policy, l->bindings[i].name, l->bindings[i].chain, &l->bindings[i].verdict);

        for (size_t i = 0; i < l->n_bindings; i++)
                for (size_t j = l->n_bindings; j-- > i + 1;)
                        if (memcmp(&l->bindings[i].verdict, &l->bindings[j].verdict, sizeof(NameVerdict)) == 0)
                                lease_merge(l, i, j);
}

void lease_table_rematch(LeaseTable *t, const Policy *policy, lease_changed_fn fn, void *userdata) {
        assert(t);
        assert(policy);
        assert(fn);

        for (size_t i = 0; i < t->ends.n; i++) {
                LeaseEntry *e = entry_from_end(t->ends.items[i]);

                /* Merging keeps the longest life: the order of ends, and with it this loop, stands. */
                lease_rematch(&e->lease, policy);
                table_reorder(t, e);
                e->written_nsec = e->lease.expires_nsec;
                fn(&e->lease, userdata);
        }
}

int lease_table_restore(LeaseTable *t, const InAddr *addr, const char *name, const char *chain, const Policy *policy,
                        uint64_t expires_nsec, uint64_t now_nsec, const Lease **ret_lease) {
        assert(t);
        assert(addr);
        assert(name);
        assert(policy);
        assert(ret_lease);

        NameVerdict verdict;
        LeaseEntry *e;
        if (expires_nsec <= now_nsec)
                return -ESTALE;
        if (strlen(name) > DNS_NAME_MAX)
                return -EINVAL;
        match_chain(policy, name, chain, &verdict);
        int r = table_bind(t, addr, name, chain, &verdict, now_nsec,
                           MIN(expires_nsec, add_saturating(now_nsec, t->times.cap_nsec)), &e);
        if (r < 0)
                return r;
        e->written_nsec = e->lease.expires_nsec;
        *ret_lease = &e->lease;
        return 0;
}

void lease_table_for_each(const LeaseTable *t, lease_changed_fn fn, void *userdata) {
        assert(t);
        assert(fn);

        for (size_t i = 0; i < t->ends.n; i++)
                fn(&entry_from_end(t->ends.items[i])->lease, userdata);
}

size_t lease_table_n(const LeaseTable *t) {
        assert(t);

        return t->index.n;
}
