/* SPDX-License-Identifier: Apache-2.0 */

#include "basic/fair-share.h"

#include <assert.h>
#include <stdlib.h>

#include "basic/macro.h"

/* Exists while it has a place. */
struct FairGroup {
        int64_t id;
        size_t n;
        TAILQ_HEAD(, FairItem) items; /* oldest first */
        LIST_ENTRY(FairGroup) groups;
};

static FairGroup *find(const FairShare *f, int64_t id) {
        FairGroup *g;

        LIST_FOREACH(g, &f->groups, groups)
                if (g->id == id)
                        return g;
        return NULL;
}

/* NULL: no memory. */
static FairGroup *find_or_add(FairShare *f, int64_t id) {
        FairGroup *g = find(f, id);

        if (!g) {
                g = calloc(1, sizeof(*g));
                if (!g)
                        return NULL;
                g->id = id;
                TAILQ_INIT(&g->items);
        } else
                LIST_REMOVE(g, groups);
        LIST_INSERT_HEAD(&f->groups, g, groups); /* whoever asks often is found at once */
        return g;
}

static void enter(FairGroup *g, FairItem *item) {
        item->group = g;
        TAILQ_INSERT_TAIL(&g->items, item, items);
        g->n++;
}

static void leave(FairItem *item) {
        FairGroup *g = item->group;

        TAILQ_REMOVE(&g->items, item, items);
        item->group = NULL;
        if (--g->n > 0)
                return;
        LIST_REMOVE(g, groups);
        free(g);
}

static size_t quarter(const FairShare *f) {
        return MAX(f->max / 4, (size_t) 1);
}

static bool only_kept_are_left(const FairShare *f) {
        return f->n >= f->max - f->kept;
}

static bool has_place_for(const FairShare *f, size_t n_of_group) {
        return n_of_group < quarter(f) ? f->n < f->max : !only_kept_are_left(f);
}

bool fair_share_has_place(const FairShare *f, int64_t group) {
        assert(f);

        return has_place_for(f, fair_share_n(f, group));
}

bool fair_share_take(FairShare *f, int64_t group, uint64_t now_nsec, FairItem *item) {
        assert(f);
        assert(f->kept <= f->max);
        assert(item && !item->group);

        if (!fair_share_has_place(f, group))
                return false;
        FairGroup *g = find_or_add(f, group);
        if (!g)
                return false;
        item->since_nsec = now_nsec;
        enter(g, item);
        f->n++;
        return true;
}

void fair_share_put(FairShare *f, FairItem *item) {
        assert(f);
        assert(item);

        if (!item->group)
                return;
        leave(item);
        f->n--;
}

void fair_share_move(FairShare *f, FairItem *item, int64_t group) {
        assert(f);
        assert(item && item->group);

        FairGroup *g = find_or_add(f, group);
        if (!g || g == item->group)
                return;
        leave(item);
        enter(g, item);
}

void fair_share_pass(FairItem *item, uint64_t now_nsec, FairItem *to) {
        assert(item && item->group);
        assert(to && !to->group);

        to->since_nsec = now_nsec;
        enter(item->group, to);
        leave(item);
}

/* The oldest of those that groups above their quarter have had for too long. */
static FairItem *find_overdue(const FairShare *f, uint64_t now_nsec) {
        FairItem *found = NULL;
        const FairGroup *g;

        if (f->patience_nsec == 0)
                return NULL;
        LIST_FOREACH(g, &f->groups, groups) {
                FairItem *oldest = TAILQ_FIRST(&g->items);

                if (g->n <= quarter(f) || now_nsec < oldest->since_nsec ||
                    now_nsec - oldest->since_nsec < f->patience_nsec)
                        continue;
                if (!found || oldest->since_nsec < found->since_nsec)
                        found = oldest;
        }
        return found;
}

static FairItem *find_greediest(const FairShare *f, size_t more_than) {
        const FairGroup *g, *found = NULL;

        LIST_FOREACH(g, &f->groups, groups)
                if (g->n > more_than) {
                        more_than = g->n;
                        found = g;
                }
        return found ? TAILQ_FIRST(&found->items) : NULL;
}

FairItem *fair_share_displaced(const FairShare *f, int64_t group, uint64_t now_nsec) {
        assert(f);

        size_t n = fair_share_n(f, group);
        if (f->max == 0 || has_place_for(f, n))
                return NULL;
        /* One of them must be enough. */
        FairItem *overdue = n < quarter(f) || f->n == f->max - f->kept ? find_overdue(f, now_nsec) : NULL;
        if (overdue || n >= quarter(f))
                return overdue;
        return find_greediest(f, n + 1);
}

bool fair_share_is_used_up(const FairShare *f, int64_t group) {
        assert(f);

        return fair_share_n(f, group) >= quarter(f);
}

size_t fair_share_n(const FairShare *f, int64_t group) {
        assert(f);

        const FairGroup *g = find(f, group);
        return g ? g->n : 0;
}

int64_t fair_share_group(const FairItem *item) {
        assert(item && item->group);

        return item->group->id;
}
