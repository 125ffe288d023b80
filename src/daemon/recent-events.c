/* SPDX-License-Identifier: Apache-2.0 */

#include "daemon/recent-events.h"

#include <string.h>

typedef struct Entry {
        uint64_t time_usec;
        char *line;
        size_t size;
} Entry;

struct RecentEvents {
        Entry entries[RECENT_EVENTS_MAX]; /* a ring */
        size_t first, n;
        size_t n_bytes;
};

int recent_events_new(RecentEvents **ret) {
        RecentEvents *r = calloc(1, sizeof(*r));

        if (!r)
                return -ENOMEM;
        *ret = r;
        return 0;
}

static const Entry *entry(const RecentEvents *r, size_t i) {
        return &r->entries[(r->first + i) % RECENT_EVENTS_MAX];
}

static void drop_first(RecentEvents *r) {
        Entry *e = &r->entries[r->first];

        r->n_bytes -= e->size;
        free(e->line);
        *e = (Entry) {};
        r->first = (r->first + 1) % RECENT_EVENTS_MAX;
        r->n--;
}

RecentEvents *recent_events_free(RecentEvents *r) {
        if (!r)
                return NULL;
        while (r->n > 0)
                drop_first(r);
        free(r);
        return NULL;
}

void recent_events_add(RecentEvents *r, uint64_t time_usec, const char *line, size_t size) {
        char *copy = malloc(size);

        if (!copy)
                return;
        memcpy(copy, line, size);
        while (r->n == RECENT_EVENTS_MAX || (r->n > 0 && r->n_bytes + size > RECENT_BYTES_MAX))
                drop_first(r);
        r->entries[(r->first + r->n++) % RECENT_EVENTS_MAX] =
                (Entry) { .time_usec = time_usec, .line = copy, .size = size };
        r->n_bytes += size;
}

void recent_events_for_each(const RecentEvents *r, uint64_t since_usec, size_t max, recent_event_fn fn,
                            void *userdata) {
        size_t begin = r->n;

        for (size_t n = 0; begin > 0 && n < max && entry(r, begin - 1)->time_usec >= since_usec; n++)
                begin--;
        for (size_t i = begin; i < r->n; i++)
                fn(entry(r, i)->line, entry(r, i)->size, userdata);
}
