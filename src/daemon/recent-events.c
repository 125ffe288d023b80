/* SPDX-License-Identifier: Apache-2.0 */

#include "daemon/recent-events.h"

#include <assert.h>

#include "event/event-copy.h"

typedef struct Entry {
        Event *event;
        size_t size; /* of its allocation */
} Entry;

struct RecentEvents {
        Entry entries[RECENT_EVENTS_MAX]; /* a ring */
        size_t first, n;
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

static const Entry *entry(const RecentEvents *r, size_t i) {
        return &r->entries[(r->first + i) % RECENT_EVENTS_MAX];
}

static void drop_first(RecentEvents *r) {
        Entry *e = &r->entries[r->first];

        r->n_bytes -= e->size;
        free(e->event);
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
                drop_first(r);
        r->entries[(r->first + r->n++) % RECENT_EVENTS_MAX] = (Entry) { .event = copy, .size = size };
        r->n_bytes += size;
}

void recent_events_for_each(const RecentEvents *r, uint64_t since_usec, size_t max, event_fn fn, void *userdata) {
        size_t begin = r->n;

        for (size_t n = 0; begin > 0 && n < max && entry(r, begin - 1)->event->time_usec >= since_usec; n++)
                begin--;
        for (size_t i = begin; i < r->n; i++)
                fn(entry(r, i)->event, userdata);
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
