/* SPDX-License-Identifier: Apache-2.0 */

#include "kernel/event-ring.h"

#include <bpf/libbpf.h>

#include "basic/macro.h"

#define DRAIN_USEC (250 * USEC_PER_MSEC)
#define DRAIN_ACCURACY_USEC (250 * USEC_PER_MSEC)

struct EventRing {
        struct ring_buffer *ring;
        sd_event_source *io, *timer;
        event_ring_fn fn;
        void *userdata;
        uint64_t n_read;
};

/* A sender that never stops must not keep the loop from its other work: a share at a time, and the rest right after. */
#define SHARE 1024
#define DRAIN_SHARES_MAX 16

static int on_record(void *userdata, void *data, size_t size) {
        EventRing *r = userdata;

        r->fn(data, size, r->userdata);
        return ++r->n_read % SHARE == 0 ? -EAGAIN : 0; /* libbpf stops there and keeps its place */
}

static void read_share(EventRing *r, uint64_t then_usec) {
        if (ring_buffer__consume(r->ring) == -EAGAIN)
                then_usec = 0;
        (void) sd_event_source_set_time_relative(r->timer, then_usec);
        (void) sd_event_source_set_enabled(r->timer, SD_EVENT_ONESHOT);
}

static int on_wake(_unused_ sd_event_source *s, _unused_ int fd, _unused_ uint32_t revents, void *userdata) {
        read_share(userdata, DRAIN_USEC);
        return 0;
}

static int on_timer(_unused_ sd_event_source *s, _unused_ uint64_t usec, void *userdata) {
        read_share(userdata, DRAIN_USEC);
        return 0;
}

int event_ring_new(sd_event *event, Programs *programs, event_ring_fn fn, void *userdata, EventRing **ret) {
        _cleanup_(event_ring_freep) EventRing *r = calloc(1, sizeof(*r));
        int k;

        if (!r)
                return -ENOMEM;
        r->fn = fn;
        r->userdata = userdata;
        r->ring = ring_buffer__new(programs_map_fd(programs, "ring"), on_record, r, NULL);
        if (!r->ring)
                return -errno;

        k = sd_event_add_io(event, &r->io, ring_buffer__epoll_fd(r->ring), EPOLLIN, on_wake, r);
        if (k >= 0)
                k = sd_event_add_time_relative(event, &r->timer, CLOCK_MONOTONIC, DRAIN_USEC, DRAIN_ACCURACY_USEC,
                                               on_timer, r);
        if (k < 0)
                return k;
        (void) sd_event_source_set_description(r->io, "event-ring");
        (void) sd_event_source_set_description(r->timer, "event-ring-timer");
        *ret = TAKE_PTR(r);
        return 0;
}

EventRing *event_ring_free(EventRing *r) {
        if (!r)
                return NULL;
        sd_event_source_disable_unref(r->io);
        sd_event_source_disable_unref(r->timer);
        ring_buffer__free(r->ring);
        free(r);
        return NULL;
}

int event_ring_drain(EventRing *r) {
        int k = -EAGAIN;

        /* Bounded all the same: a ring holds no more than so many records. */
        for (unsigned i = 0; i < DRAIN_SHARES_MAX && k == -EAGAIN; i++)
                k = ring_buffer__consume(r->ring);
        return k;
}
