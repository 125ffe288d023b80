/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/query-throttle.h"

#include <assert.h>
#include <sys/random.h>

#include "basic/rate-table.h"
#include "kernel/denial-counts.h"

#define RENEWALS_PER_SEC 4
#define ACTORS_MAX 1024

struct QueryThrottle {
        const Programs *programs;
        RateTable *refusals;
        RateTable *floods;   /* queries while others are lost */
        RateTable *renewals; /* limits how often the kernel's entry is renewed */
};

int query_throttle_new(const Programs *programs, QueryThrottle **ret) {
        RateTableOptions o = { .max = ACTORS_MAX, .rate = QUERY_THROTTLE_RATE, .burst = QUERY_THROTTLE_RATE };

        assert(programs);
        assert(ret);

        _cleanup_(query_throttle_freep) QueryThrottle *t = calloc(1, sizeof(*t));
        if (!t)
                return -ENOMEM;
        t->programs = programs;
        if (getrandom(o.hash_key, sizeof(o.hash_key), 0) != sizeof(o.hash_key))
                return -EIO;
        int r = rate_table_new(&o, &t->refusals);
        o.rate = o.burst = QUERY_THROTTLE_FLOOD_RATE;
        if (r >= 0)
                r = rate_table_new(&o, &t->floods);
        o.rate = RENEWALS_PER_SEC;
        o.burst = 1;
        if (r >= 0)
                r = rate_table_new(&o, &t->renewals);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(t);
        return 0;
}

QueryThrottle *query_throttle_free(QueryThrottle *t) {
        if (!t)
                return NULL;
        rate_table_free(t->refusals);
        rate_table_free(t->floods);
        rate_table_free(t->renewals);
        free(t);
        return NULL;
}

static void take(const QueryThrottle *t, RateTable *table, uint32_t actor, uint64_t now_nsec) {
        if (rate_table_take(table, &actor, sizeof(actor), now_nsec) == RATE_OVER &&
            rate_table_take(t->renewals, &actor, sizeof(actor), now_nsec) != RATE_OVER)
                denial_counts_throttle(t->programs, actor);
}

void query_throttle_refused(QueryThrottle *t, uint32_t actor, uint64_t now_nsec) {
        assert(t);

        take(t, t->refusals, actor, now_nsec);
}

void query_throttle_flooded(QueryThrottle *t, uint32_t actor, uint64_t now_nsec) {
        assert(t);

        if (actor != 0)
                take(t, t->floods, actor, now_nsec);
}
