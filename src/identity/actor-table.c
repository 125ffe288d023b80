/* SPDX-License-Identifier: Apache-2.0 */

#include "identity/actor-table.h"

#include <assert.h>
#include <string.h>

#include "basic/hash-index.h"
#include "bpf/api.h"

#define BUCKETS 4096U /* a few pages for the usual hundred cgroups; chains of about ten at the maximum */

typedef struct Share {
        uint64_t period;
        unsigned n_used;
} Share;

typedef struct Actor {
        HashItem by_id; /* first, so that a HashItem can be cast to its Actor */
        uint64_t cgroup_id;
        uint32_t number;
        Share share;
} Actor;

struct ActorTable {
        Actor **slots; /* by number: consecutive, so they rarely collide; a number whose slot is taken is skipped */
        size_t max;
        HashIndex by_id;
        uint32_t last;
        unsigned n_lookups;
        uint64_t period;
        Share unknown;
};

int actor_table_new(size_t max, uint32_t last, unsigned n_lookups, const uint8_t key[static 16], ActorTable **ret) {
        _cleanup_(actor_table_freep) ActorTable *t = NULL;
        int r;

        assert(max > 0 && (max & (max - 1)) == 0);
        assert(n_lookups > 0);
        assert(ret);

        t = calloc(1, sizeof(*t));
        if (!t)
                return -ENOMEM;
        t->max = max;
        t->last = last % CW_ACTOR_MAX;
        t->n_lookups = n_lookups;
        t->slots = calloc(max, sizeof(*t->slots));
        if (!t->slots)
                return -ENOMEM;
        r = hash_index_init(&t->by_id, BUCKETS, key);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(t);
        return 0;
}

ActorTable *actor_table_free(ActorTable *t) {
        if (!t)
                return NULL;
        for (size_t i = 0; t->slots && i < t->max; i++)
                free(t->slots[i]);
        free(t->slots);
        hash_index_done(&t->by_id);
        free(t);
        return NULL;
}

static Actor **slot_of(const ActorTable *t, uint32_t number) {
        return &t->slots[number & (t->max - 1)];
}

static uint64_t hash_of(const ActorTable *t, uint64_t id) {
        return hash_index_hash(&t->by_id, &id, sizeof(id));
}

static Actor *find_id(const ActorTable *t, uint64_t id) {
        uint64_t hash = hash_of(t, id);

        for (HashItem *i = hash_index_next(&t->by_id, hash, NULL); i; i = hash_index_next(&t->by_id, hash, i))
                if (((Actor *) i)->cgroup_id == id)
                        return (Actor *) i;
        return NULL;
}

static Actor *find_number(const ActorTable *t, uint32_t number) {
        Actor *a = *slot_of(t, number);

        return a && a->number == number ? a : NULL;
}

/* There is one: the caller has checked. */
static uint32_t next_free(ActorTable *t) {
        do
                t->last = t->last + 1 < CW_ACTOR_MAX ? t->last + 1 : 1;
        while (*slot_of(t, t->last));
        return t->last;
}

uint32_t actor_table_add(ActorTable *t, uint64_t cgroup_id, uint32_t wanted) {
        Actor *a;

        assert(t);
        assert(wanted < CW_ACTOR_MAX);

        a = find_id(t, cgroup_id);
        if (a)
                return a->number;
        if (t->by_id.n >= t->max)
                return ACTOR_NONE;
        a = malloc(sizeof(*a));
        if (!a)
                return ACTOR_NONE;
        *a = (Actor) {
                .cgroup_id = cgroup_id,
                .number = wanted != ACTOR_NONE && !*slot_of(t, wanted) ? wanted : next_free(t),
        };
        *slot_of(t, a->number) = a;
        hash_index_insert(&t->by_id, &a->by_id, hash_of(t, cgroup_id));
        return a->number;
}

void actor_table_remove(ActorTable *t, uint64_t cgroup_id) {
        Actor *a;

        assert(t);

        a = find_id(t, cgroup_id);
        if (!a)
                return;
        hash_index_remove(&t->by_id, &a->by_id);
        *slot_of(t, a->number) = NULL;
        free(a);
}

int actor_table_find(const ActorTable *t, uint32_t number, uint64_t *ret_cgroup_id) {
        const Actor *a;

        assert(t);
        assert(ret_cgroup_id);

        a = number == ACTOR_NONE ? NULL : find_number(t, number);
        if (!a)
                return -ENOENT;
        *ret_cgroup_id = a->cgroup_id;
        return 0;
}

bool actor_table_may_look_up(ActorTable *t, uint32_t number) {
        Actor *a;
        Share *s;

        assert(t);

        a = number == ACTOR_NONE ? NULL : find_number(t, number);
        s = a ? &a->share : &t->unknown;
        if (s->period != t->period)
                *s = (Share) { .period = t->period };
        if (s->n_used >= t->n_lookups)
                return false;
        s->n_used++;
        return true;
}

void actor_table_next_period(ActorTable *t) {
        assert(t);

        t->period++;
}
