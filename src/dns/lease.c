/* SPDX-License-Identifier: Apache-2.0 */
#include "dns/lease.h"

#include <assert.h>
#include <string.h>

#include "dns/lease-entry.h"
#include "dns/lease-groups.h"

struct LeaseTable {
        HashIndex index;
        ExpiryHeap changes; /* LeaseManyEntry.change */
        ExpiryHeap ends;    /* LeaseEntry.end of all leases: the order of eviction when the table is full */
        LeaseTimes times;
        size_t max_leases;
        size_t n_without_rules; /* leases */
        LeaseGroups groups;
        uint32_t group;     /* of the leases that are bound */
        bool group_is_shared;
        InAddr evicted;
        uint32_t displaced; /* the group of evicted, if that is why */
        bool has_evicted;
        LeaseView *view;    /* the lease returned last; allocated for the first */
};

static uint64_t add_saturating(uint64_t a, uint64_t b) {
        return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

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
                lease_entry_free(lease_entry_from_end(t->ends.items[i]));
        expiry_heap_done(&t->ends);
        expiry_heap_done(&t->changes);
        hash_index_done(&t->index);
        lease_groups_done(&t->groups);
        free(t->view);
        free(t);
        return NULL;
}

/* ------------------------------------------------------------------ the table's order */

static uint64_t hash_of(const LeaseTable *t, const InAddr *addr) {
        return hash_index_hash(&t->index, addr->b, sizeof(addr->b));
}

static LeaseEntry *table_find(const LeaseTable *t, const InAddr *addr) {
        uint64_t hash = hash_of(t, addr);

        for (HashItem *i = hash_index_next(&t->index, hash, NULL); i; i = hash_index_next(&t->index, hash, i)) {
                InAddr found;

                lease_entry_addr((LeaseEntry *) i, &found);
                if (in_addr_equal(&found, addr))
                        return (LeaseEntry *) i;
        }
        return NULL;
}

static uint64_t lease_first_end(const Lease *l) {
        uint64_t first = UINT64_MAX;

        for (size_t i = 0; i < l->n_bindings; i++)
                first = MIN(first, l->bindings[i].expires_nsec);
        return first;
}

static uint64_t lease_last_end(const Lease *l) {
        uint64_t last = 0;

        for (size_t i = 0; i < l->n_bindings; i++)
                last = MAX(last, l->bindings[i].expires_nsec);
        return last;
}

static void table_insert(LeaseTable *t, LeaseEntry *e, const Lease *l) {
        t->n_without_rules += !e->has_rules;
        hash_index_insert(&t->index, &e->item, hash_of(t, &l->addr));
        expiry_heap_insert(&t->ends, &e->end, lease_last_end(l));
        if (e->is_many)
                expiry_heap_insert(&t->changes, &lease_entry_many(e)->change, lease_first_end(l));
}

static void table_drop(LeaseTable *t, LeaseEntry *e) {
        t->n_without_rules -= !e->has_rules;
        lease_groups_remove(&t->groups, e->group);
        hash_index_remove(&t->index, &e->item);
        expiry_heap_remove(&t->ends, &e->end);
        if (e->is_many)
                expiry_heap_remove(&t->changes, &lease_entry_many(e)->change);
        lease_entry_free(e);
}

/* Call after the ends of bindings changed, or after bindings were removed in place. */
static void table_update(LeaseTable *t, LeaseEntry *e, const Lease *l) {
        expiry_heap_move(&t->ends, &e->end, lease_last_end(l));
        if (!e->is_many)
                return; /* no other bindings */
        t->n_without_rules -= !e->has_rules;
        lease_entry_write(e, l);
        t->n_without_rules += !e->has_rules;
        expiry_heap_move(&t->changes, &lease_entry_many(e)->change, lease_first_end(l));
}

/* Moves e to a new block when its new content does not fit; the new block takes e's place in the table and in the
 * order of ends. */
static int table_replace(LeaseTable *t, LeaseEntry *e, const Lease *l, LeaseEntry **ret) {
        LeaseEntry *new = lease_entry_new(l);

        if (!new)
                return -ENOMEM;
        new->written_nsec = e->written_nsec;
        new->group = e->group;
        t->n_without_rules += !new->has_rules;
        t->n_without_rules -= !e->has_rules;
        hash_index_remove(&t->index, &e->item);
        hash_index_insert(&t->index, &new->item, hash_of(t, &l->addr));
        expiry_heap_replace(&t->ends, &e->end, &new->end);
        expiry_heap_move(&t->ends, &new->end, lease_last_end(l));
        if (e->is_many)
                expiry_heap_remove(&t->changes, &lease_entry_many(e)->change);
        if (new->is_many)
                expiry_heap_insert(&t->changes, &lease_entry_many(new)->change, lease_first_end(l));
        lease_entry_free(e);
        *ret = new;
        return 0;
}

/* The lease that changes next, or NULL. A lease with a single binding changes when that ends. */
static LeaseEntry *table_next(const LeaseTable *t, uint64_t *ret_nsec) {
        ExpiryItem *change = expiry_heap_first(&t->changes), *end = expiry_heap_first(&t->ends);

        if (change && change->time_nsec <= end->time_nsec) {
                *ret_nsec = change->time_nsec;
                return lease_entry_from_change(change);
        }
        *ret_nsec = end ? end->time_nsec : UINT64_MAX;
        return end ? lease_entry_from_end(end) : NULL;
}

/* The lease that expired first, or NULL if none has. */
static LeaseEntry *table_ended(const LeaseTable *t, uint64_t now_nsec) {
        ExpiryItem *i = expiry_heap_first(&t->ends);

        return i && i->time_nsec <= now_nsec ? lease_entry_from_end(i) : NULL;
}

/* A live lease that only names its address. Looks at all leases only if few are of this kind, and each search removes
 * one. NULL: there is none. */
static LeaseEntry *table_without_rules(const LeaseTable *t) {
        for (size_t i = 0; i < t->ends.n && t->n_without_rules > 0; i++) {
                LeaseEntry *e = lease_entry_from_end(t->ends.items[i]);

                if (!e->has_rules)
                        return e;
        }
        return NULL;
}

/* The lease that ends first, or nearly so, of the group that has to give up one. NULL: none has to. */
static LeaseEntry *table_displaced(const LeaseTable *t) {
        uint32_t group;

        if (!lease_groups_displaced(&t->groups, t->group, t->max_leases, &group))
                return NULL;
        for (size_t i = 0; i < t->ends.n; i++) {
                LeaseEntry *e = lease_entry_from_end(t->ends.items[i]);

                if (e->group == group)
                        return e;
        }
        return NULL;
}

/* It belongs to the group that bound it last. Without memory it stays where it is. */
static void table_move(LeaseTable *t, LeaseEntry *e) {
        if (e->group == t->group || t->group_is_shared || lease_groups_add(&t->groups, t->group) < 0)
                return;
        lease_groups_remove(&t->groups, e->group);
        e->group = t->group;
}

/* ------------------------------------------------------------------ bindings, in a view */

static void lease_remove_binding(Lease *l, size_t i) {
        l->n_bindings--;
        memmove(l->bindings + i, l->bindings + i + 1, (l->n_bindings - i) * sizeof(LeaseBinding));
        if (l->latest > i)
                l->latest--;
}

/* Returns true if a binding was dropped. If the latest is among them, the one that lives longest becomes the latest. */
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

static bool binding_text_equal(const LeaseBinding *b, const char *name, const char *chain) {
        size_t length = lease_chain_length(chain);

        if (strcmp(b->name, name) != 0)
                return false;
        if (!b->chain)
                return length == 0;
        return strlen(b->chain) == length && memcmp(b->chain, chain, length) == 0;
}

/* Returns 1 if a binding was removed. */
static int lease_renew(Lease *l, LeaseBinding *b, const char *name, const char *chain, uint64_t now_nsec,
                       uint64_t expires_nsec, bool *ret_text) {
        *ret_text = !binding_text_equal(b, name, chain);
        if (*ret_text) {
                b->name = (char *) name;
                b->chain = (char *) chain;
        }
        b->expires_nsec = MAX(b->expires_nsec, expires_nsec);
        l->latest = (size_t) (b - l->bindings);
        return lease_drop_ended(l, now_nsec);
}

/* Returns whether there was one. */
static bool lease_drop_without_rules(Lease *l) {
        for (size_t i = 0; i < l->n_bindings; i++)
                if (!name_verdict_has_rules(&l->bindings[i].verdict)) {
                        lease_remove_binding(l, i);
                        return true;
                }
        return false;
}

static int lease_append(Lease *l, const char *name, const char *chain, const NameVerdict *verdict, uint64_t now_nsec,
                        uint64_t expires_nsec) {
        if (lease_n_live(l, now_nsec) >= LEASE_BINDINGS_MAX &&
            (!name_verdict_has_rules(verdict) || !lease_drop_without_rules(l)))
                return -ENOSPC;

        (void) lease_drop_ended(l, now_nsec);
        l->latest = l->n_bindings;
        l->bindings[l->n_bindings++] = (LeaseBinding) {
                .verdict = *verdict, .expires_nsec = expires_nsec, .name = (char *) name, .chain = (char *) chain,
        };
        return 1;
}

/* Returns 1 if the set of verdicts changed, 0 if only times and names did. *ret_text: the content no longer fits. */
static int lease_bind(Lease *l, const char *name, const char *chain, const NameVerdict *verdict, uint64_t now_nsec,
                      uint64_t expires_nsec, bool *ret_text) {
        LeaseBinding *b = lease_find_binding(l, verdict);

        if (b)
                return lease_renew(l, b, name, chain, now_nsec, expires_nsec, ret_text);
        *ret_text = true;
        return lease_append(l, name, chain, verdict, now_nsec, expires_nsec);
}

static int table_add(LeaseTable *t, const Lease *l, uint64_t now_nsec, LeaseEntry **ret) {
        LeaseEntry *evicted = NULL, *e;
        bool displaces = false;

        if (t->index.n >= t->max_leases) {
                evicted = table_ended(t, now_nsec);
                if (!evicted && lease_has_rules(l))
                        evicted = table_without_rules(t);
                displaces = !evicted && lease_has_rules(l);
                if (displaces)
                        evicted = table_displaced(t);
                if (!evicted)
                        return -ENOSPC;
        }
        e = lease_entry_new(l);
        if (!e)
                return -ENOMEM;
        if (lease_groups_add(&t->groups, t->group) < 0) {
                lease_entry_free(e);
                return -ENOMEM;
        }
        e->group = t->group;
        if (evicted) {
                lease_entry_addr(evicted, &t->evicted);
                t->has_evicted = true;
                t->displaced = displaces ? evicted->group : 0;
                table_drop(t, evicted);
        }
        table_insert(t, e, l);
        *ret = e;
        return 0;
}

/* The result is in the table's view, which the arguments may point into. */
static int table_bind(LeaseTable *t, const InAddr *addr, const char *name, const char *chain,
                      const NameVerdict *verdict, uint64_t now_nsec, uint64_t expires_nsec, LeaseEntry **ret) {
        LeaseEntry *e = table_find(t, addr);
        NameVerdict wanted = *verdict;
        bool text = true;

        t->has_evicted = false;
        if (strlen(name) > DNS_NAME_MAX)
                return -EINVAL;
        if (!t->view)
                t->view = malloc(sizeof(*t->view));
        if (!t->view)
                return -ENOMEM;

        Lease *l = &t->view->lease;
        if (e)
                lease_entry_read(e, t->view);
        else
                *l = (Lease) { .addr = *addr, .bindings = t->view->bindings };
        int changed = lease_bind(l, name, chain, &wanted, now_nsec, expires_nsec, &text), r = 0;
        if (changed < 0)
                return changed;
        if (!e)
                r = table_add(t, l, now_nsec, &e);
        else if (text)
                r = table_replace(t, e, l, &e);
        else
                table_update(t, e, l);
        if (r < 0)
                return r;
        table_move(t, e);
        if (text || changed > 0)
                lease_entry_read(e, t->view); /* the text has moved */
        l->expires_nsec = e->end.time_nsec;
        *ret = e;
        return changed;
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
        *ret_lease = &t->view->lease;

        /* A client uses the address until its TTL has passed, so the kernel's entry must not end earlier. A later
         * end is written only if it is later by a good part of the lease's life. */
        bool too_short = e->written_nsec < add_saturating(now_nsec, MIN(ttl, life));
        if (r == 0 && !too_short && e->end.time_nsec - e->written_nsec <= life / 4)
                return 0;
        e->written_nsec = e->end.time_nsec;
        return 1;
}

void lease_table_set_group(LeaseTable *t, uint32_t group, bool shared) {
        assert(t);

        t->group = group;
        t->group_is_shared = shared;
}

bool lease_table_evicted(const LeaseTable *t, InAddr *ret, uint32_t *ret_displaced) {
        assert(t);
        assert(ret);
        assert(ret_displaced);

        if (!t->has_evicted)
                return false;
        *ret = t->evicted;
        *ret_displaced = t->displaced;
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
        if (!e)
                return NULL;
        lease_entry_read(e, t->view);
        return &t->view->lease;
}

const Lease *lease_table_get(LeaseTable *t, const InAddr *addr, uint64_t now_nsec) {
        const Lease *l = lease_table_find(t, addr);

        return l && l->expires_nsec > now_nsec ? l : NULL;
}

uint64_t lease_table_expire(LeaseTable *t, uint64_t now_nsec, size_t max_steps, lease_changed_fn fn, void *userdata) {
        assert(t);
        assert(fn);

        uint64_t next;
        LeaseEntry *e = table_next(t, &next);

        for (size_t step = 0; step < max_steps && e && next <= now_nsec; step++) {
                LeaseView v;

                lease_entry_read(e, &v);
                (void) lease_drop_ended(&v.lease, now_nsec);
                if (v.lease.n_bindings > 0) {
                        table_update(t, e, &v.lease);
                        e->written_nsec = e->end.time_nsec;
                        lease_entry_read(e, &v); /* the remaining text may have moved */
                } else
                        table_drop(t, e);
                fn(&v.lease, userdata);
                e = table_next(t, &next);
        }
        return next;
}

/* Gives binding i the life of binding j, and its name if that is newer. */
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

static bool lease_rematch(Lease *l, const Policy *policy) {
        bool changed = false;

        for (size_t i = 0; i < l->n_bindings; i++) {
                NameVerdict v = {};

                match_chain(policy, l->bindings[i].name, l->bindings[i].chain, &v);
                changed = changed || memcmp(&v, &l->bindings[i].verdict, sizeof(v)) != 0;
                l->bindings[i].verdict = v;
        }

        for (size_t i = 0; i < l->n_bindings; i++)
                for (size_t j = l->n_bindings; j-- > i + 1;)
                        if (memcmp(&l->bindings[i].verdict, &l->bindings[j].verdict, sizeof(NameVerdict)) == 0)
                                lease_merge(l, i, j);
        return changed;
}

void lease_table_rematch(LeaseTable *t, const Policy *policy, lease_changed_fn fn, void *userdata) {
        assert(t);
        assert(policy);
        assert(fn);

        for (size_t i = 0; i < t->ends.n; i++) {
                LeaseEntry *e = lease_entry_from_end(t->ends.items[i]);
                LeaseView v;

                lease_entry_read(e, &v);
                /* Merging keeps the longest life, so the order of ends, which this loop follows, does not change. */
                if (lease_rematch(&v.lease, policy) && table_replace(t, e, &v.lease, &e) < 0) {
                        v.lease.n_bindings = 0;
                        table_drop(t, e);
                        fn(&v.lease, userdata);
                        i = SIZE_MAX; /* other entries moved: start again */
                        continue;
                }
                e->written_nsec = e->end.time_nsec;
                lease_entry_read(e, &v);
                fn(&v.lease, userdata);
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
        e->written_nsec = e->end.time_nsec;
        *ret_lease = &t->view->lease;
        return 0;
}

void lease_table_for_each(const LeaseTable *t, lease_changed_fn fn, void *userdata) {
        assert(t);
        assert(fn);

        for (size_t i = 0; i < t->ends.n; i++) {
                LeaseView v;

                lease_entry_read(lease_entry_from_end(t->ends.items[i]), &v);
                fn(&v.lease, userdata);
        }
}

size_t lease_table_n(const LeaseTable *t) {
        assert(t);

        return t->index.n;
}

size_t lease_table_n_of(const LeaseTable *t, uint32_t group) {
        assert(t);

        return lease_groups_n(&t->groups, group);
}
