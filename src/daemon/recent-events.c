/* SPDX-License-Identifier: Apache-2.0 */

#include "daemon/recent-events.h"

#include <assert.h>
#include <string.h>

#include "event/event-copy.h"

/* The events of one unit, or those without one. */
typedef struct Group {
        char *unit;
        size_t n; /* entries */
} Group;

typedef struct Entry {
        Event *event;
        size_t size; /* of its allocation */
        Group *group;
} Entry;

struct RecentEvents {
        Entry entries[RECENT_EVENTS_MAX]; /* oldest first */
        size_t n;
        Group *groups[RECENT_EVENTS_MAX];
        size_t n_groups;
        size_t n_bytes;
        uint64_t n_lost;
};

int recent_events_new(RecentEvents **ret) {
        RecentEvents *r = calloc(1, sizeof(*r));

        if (!r)
                return -ENOMEM;
        *ret = r;
        return 0;
}

static Group *group_free(Group *g) {
        free(g->unit);
        free(g);
        return NULL;
}

static void group_leave(RecentEvents *r, Group *g) {
        if (--g->n > 0)
                return;
        for (size_t i = 0; i < r->n_groups; i++)
                if (r->groups[i] == g)
                        r->groups[i] = r->groups[--r->n_groups];
        group_free(g);
}

/* NULL: out of memory. */
static Group *group_join(RecentEvents *r, const char *unit) {
        for (size_t i = 0; i < r->n_groups; i++)
                if (strcmp(r->groups[i]->unit, unit) == 0) {
                        r->groups[i]->n++;
                        return r->groups[i];
                }

        Group *g = calloc(1, sizeof(*g));
        if (!g)
                return NULL;
        g->unit = strdup(unit);
        if (!g->unit)
                return group_free(g);
        g->n = 1;
        r->groups[r->n_groups++] = g;
        return g;
}

static void drop(RecentEvents *r, size_t i) {
        const Entry e = r->entries[i];

        r->n--;
        memmove(r->entries + i, r->entries + i + 1, (r->n - i) * sizeof(e));
        r->n_bytes -= e.size;
        free(e.event);
        group_leave(r, e.group);
}

/* The oldest of the unit that has most: no unit displaces another's. */
static void drop_one(RecentEvents *r) {
        const Group *largest = r->entries[0].group;
        size_t i = 0;

        for (size_t k = 0; k < r->n_groups; k++)
                if (r->groups[k]->n > largest->n)
                        largest = r->groups[k];
        while (r->entries[i].group != largest)
                i++;
        drop(r, i);
}

RecentEvents *recent_events_free(RecentEvents *r) {
        if (!r)
                return NULL;
        while (r->n > 0)
                drop(r, r->n - 1);
        free(r);
        return NULL;
}

void recent_events_add(RecentEvents *r, const Event *e) {
        Event *copy;
        size_t size;

        assert(r);
        assert(e);

        if (event_copy(e, &copy, &size) < 0) {
                r->n_lost++;
                return;
        }
        while (r->n == RECENT_EVENTS_MAX || (r->n > 0 && r->n_bytes + size > RECENT_BYTES_MAX))
                drop_one(r);
        Group *group = group_join(r, copy->unit ?: "");
        if (!group) {
                free(copy);
                r->n_lost++;
                return;
        }
        r->entries[r->n++] = (Entry) { .event = copy, .size = size, .group = group };
        r->n_bytes += size;
}

void recent_events_for_each(const RecentEvents *r, uint64_t since_usec, size_t max, event_fn fn, void *userdata) {
        size_t begin = r->n;

        for (size_t n = 0; begin > 0 && n < max && r->entries[begin - 1].event->time_usec >= since_usec; n++)
                begin--;
        for (size_t i = begin; i < r->n; i++)
                fn(r->entries[i].event, userdata);
}

uint64_t recent_events_n_lost(const RecentEvents *r) {
        assert(r);

        return r->n_lost;
}

static void sink_write(void *object, const Event *e, _unused_ uint64_t now_nsec) {
        if (e->type != EVENT_CONNECTION_ALLOWED && e->type != EVENT_CONNECTION_CLOSED)
                recent_events_add(object, e);
}

static uint64_t sink_n_lost(const void *object) {
        return recent_events_n_lost(object);
}

Sink recent_events_as_sink(RecentEvents *r) {
        assert(r);

        return (Sink) { .name = "recent events", .object = r, .write = sink_write, .n_lost = sink_n_lost };
}
