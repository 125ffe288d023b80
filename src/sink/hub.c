/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/hub.h"

#include <assert.h>

#include "basic/clock.h"

#define ACCURACY_USEC (10 * USEC_PER_MSEC)
#define NSEC_PER_USEC 1000ULL

struct SinkHub {
        Sink sinks[SINK_HUB_MAX];
        size_t n;
        sd_event_source *timer;
        uint64_t armed_nsec; /* UINT64_MAX: the timer is off */
};

/* Sets the timer only if its time has changed, which most events do not cause. */
static void hub_arm(SinkHub *h) {
        uint64_t next = UINT64_MAX;

        for (size_t i = 0; i < h->n; i++)
                if (h->sinks[i].next)
                        next = MIN(next, h->sinks[i].next(h->sinks[i].object));
        if (next == h->armed_nsec)
                return;

        h->armed_nsec = next;
        if (next == UINT64_MAX) {
                (void) sd_event_source_set_enabled(h->timer, SD_EVENT_OFF);
                return;
        }
        if (sd_event_source_set_time(h->timer, next / NSEC_PER_USEC + 1) < 0 ||
            sd_event_source_set_enabled(h->timer, SD_EVENT_ONESHOT) < 0)
                h->armed_nsec = UINT64_MAX; /* retried with the next event */
}

static int hub_on_timer(_unused_ sd_event_source *s, _unused_ uint64_t usec, void *userdata) {
        SinkHub *h = userdata;

        h->armed_nsec = UINT64_MAX; /* a timer that fired is off */
        sink_hub_flush(h);
        return 0;
}

int sink_hub_new(sd_event *event, SinkHub **ret) {
        assert(event);
        assert(ret);

        _cleanup_(sink_hub_freep) SinkHub *h = calloc(1, sizeof(*h));
        if (!h)
                return -ENOMEM;
        h->armed_nsec = UINT64_MAX;

        int r = sd_event_add_time(event, &h->timer, CLOCK_MONOTONIC, 0, ACCURACY_USEC, hub_on_timer, h);
        if (r >= 0)
                r = sd_event_source_set_enabled(h->timer, SD_EVENT_OFF);
        if (r < 0)
                return r;
        (void) sd_event_source_set_description(h->timer, "sinks");

        *ret = TAKE_PTR(h);
        return 0;
}

SinkHub *sink_hub_free(SinkHub *h) {
        if (!h)
                return NULL;

        sd_event_source_disable_unref(h->timer);
        free(h);
        return NULL;
}

int sink_hub_add(SinkHub *h, const Sink *sink) {
        assert(h);
        assert(sink);
        assert(sink->write);
        assert(sink->n_lost);
        assert(!sink->flush == !sink->next);

        if (h->n == SINK_HUB_MAX)
                return -ENOSPC;
        h->sinks[h->n++] = *sink;
        return 0;
}

void sink_hub_write(SinkHub *h, const Event *e) {
        assert(h);
        assert(e);

        uint64_t now_nsec = clock_nsec(CLOCK_MONOTONIC);
        for (size_t i = 0; i < h->n; i++)
                h->sinks[i].write(h->sinks[i].object, e, now_nsec);
        hub_arm(h);
}

void sink_hub_flush(SinkHub *h) {
        assert(h);

        uint64_t now_nsec = clock_nsec(CLOCK_MONOTONIC);
        for (size_t i = 0; i < h->n; i++)
                if (h->sinks[i].flush && h->sinks[i].next(h->sinks[i].object) <= now_nsec)
                        h->sinks[i].flush(h->sinks[i].object, now_nsec);
        hub_arm(h);
}

uint64_t sink_hub_n_lost(const SinkHub *h) {
        uint64_t n = 0;

        assert(h);

        for (size_t i = 0; i < h->n; i++)
                if (__builtin_add_overflow(n, h->sinks[i].n_lost(h->sinks[i].object), &n))
                        return UINT64_MAX;
        return n;
}
