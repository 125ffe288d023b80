/* SPDX-License-Identifier: Apache-2.0 */

#include "kernel/event-ring.h"

#include <bpf/libbpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include "basic/macro.h"

/* Poll interval for records submitted without a wakeup; doubles while the ring is idle. */
#define DRAIN_USEC (250 * USEC_PER_MSEC)
#define DRAIN_IDLE_USEC (5 * USEC_PER_SEC)
#define DRAIN_ACCURACY_USEC (250 * USEC_PER_MSEC)
/* After a wakeup the kernel does not wake the reader again for this long, so the reader looks again after it. */
#define WAKE_USEC (CW_RING_WAKE_NSEC / 1000)

struct EventRing {
        struct ring_buffer *ring;
        sd_event_source *io, *timer, *second_look;
        event_ring_fn fn;
        void *userdata;
        uint64_t n_read;
        uint64_t period_usec;
        int64_t n_left; /* bytes left of the current drain; <= 0: none is running, or it is at its end */
        const uint64_t *woken_ns; /* written by the kernel */
        uint64_t last_woken_ns;   /* value of *woken_ns for which a second look was planned */
        const unsigned long *consumer, *producer; /* in bytes, in pages written by the kernel (kernel/bpf/ringbuf.c) */
};

/* A busy producer must not starve the loop: read one batch at a time, and the rest right after. */
#define SHARE 1024
#define HEADER_BYTES 8 /* precedes each record, BPF_RINGBUF_HDR_SZ in linux/bpf.h */

static int ring_on_record(void *userdata, void *data, size_t size) {
        EventRing *r = userdata;

        r->fn(data, size, r->userdata);
        r->n_read++;
        if (r->n_left > 0) {
                r->n_left -= (int64_t) ((size + 7) / 8 * 8 + HEADER_BYTES);
                return r->n_left > 0 ? 0 : -EAGAIN;
        }
        return r->n_read % SHARE == 0 ? -EAGAIN : 0; /* libbpf stops and keeps its position */
}

static void look_again_in(EventRing *r, uint64_t usec) {
        (void) sd_event_source_set_time_relative(r->timer, usec);
        (void) sd_event_source_set_enabled(r->timer, SD_EVENT_ONESHOT);
}

static size_t n_unread(const EventRing *r) {
        return __atomic_load_n(r->producer, __ATOMIC_ACQUIRE) - *r->consumer;
}

/* Call after a read, which returned the records of all wakeups up to this time stamp: a record submitted without a
 * wakeup comes within WAKE_USEC of it. Records left unread follow one that another processor has not finished. */
static void plan_second_look(EventRing *r) {
        uint64_t woken_ns = __atomic_load_n(r->woken_ns, __ATOMIC_RELAXED);

        if (woken_ns != r->last_woken_ns)
                (void) sd_event_source_set_time(r->second_look, woken_ns / 1000 + WAKE_USEC + 1);
        else if (n_unread(r) > 0)
                (void) sd_event_source_set_time_relative(r->second_look, WAKE_USEC);
        else
                return;
        r->last_woken_ns = woken_ns;
        (void) sd_event_source_set_enabled(r->second_look, SD_EVENT_ONESHOT);
}

static void read_share(EventRing *r) {
        look_again_in(r, ring_buffer__consume(r->ring) == -EAGAIN ? 0 : r->period_usec);
        plan_second_look(r);
}

static int ring_on_wake(_unused_ sd_event_source *s, _unused_ int fd, _unused_ uint32_t revents, void *userdata) {
        read_share(userdata);
        return 0;
}

static int ring_on_second_look(_unused_ sd_event_source *s, _unused_ uint64_t usec, void *userdata) {
        read_share(userdata);
        return 0;
}

static int ring_on_timer(_unused_ sd_event_source *s, _unused_ uint64_t usec, void *userdata) {
        EventRing *r = userdata;

        r->period_usec = MIN(r->period_usec * 2, DRAIN_IDLE_USEC);
        read_share(r);
        return 0;
}

void event_ring_expect(EventRing *r) {
        if (r->period_usec == DRAIN_USEC)
                return; /* a look is due within that already */
        r->period_usec = DRAIN_USEC;
        look_again_in(r, DRAIN_USEC);
}

static int map_position(int fd, off_t page, const unsigned long **ret) {
        size_t size = sysconf(_SC_PAGESIZE);
        void *p = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, page * (off_t) size);

        if (p == MAP_FAILED)
                return -errno;
        *ret = p;
        return 0;
}

static void unmap_position(const unsigned long *p) {
        if (p)
                (void) munmap((void *) p, sysconf(_SC_PAGESIZE));
}

int event_ring_new(sd_event *event, Programs *programs, event_ring_fn fn, void *userdata, EventRing **ret) {
        _cleanup_(event_ring_freep) EventRing *r = calloc(1, sizeof(*r));
        int k;

        if (!r)
                return -ENOMEM;
        r->fn = fn;
        r->userdata = userdata;
        r->period_usec = DRAIN_USEC;
        r->woken_ns = programs_ring_woken(programs);
        r->ring = ring_buffer__new(programs_map_fd(programs, "ring"), ring_on_record, r, NULL);
        if (!r->ring)
                return -errno;
        k = map_position(programs_map_fd(programs, "ring"), 0, &r->consumer);
        if (k >= 0)
                k = map_position(programs_map_fd(programs, "ring"), 1, &r->producer);
        if (k < 0)
                return k;

        k = sd_event_add_io(event, &r->io, ring_buffer__epoll_fd(r->ring), EPOLLIN, ring_on_wake, r);
        if (k >= 0)
                k = sd_event_add_time_relative(event, &r->timer, CLOCK_MONOTONIC, DRAIN_USEC, DRAIN_ACCURACY_USEC,
                                               ring_on_timer, r);
        if (k >= 0)
                k = sd_event_add_time_relative(event, &r->second_look, CLOCK_MONOTONIC, WAKE_USEC, 1,
                                               ring_on_second_look, r);
        if (k < 0)
                return k;
        (void) sd_event_source_set_description(r->second_look, "event-ring-second-look");
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
        sd_event_source_disable_unref(r->second_look);
        ring_buffer__free(r->ring);
        unmap_position(r->consumer);
        unmap_position(r->producer);
        free(r);
        return NULL;
}

/* Reads what is there now, but not what a busy producer adds in the meantime. */
int event_ring_drain(EventRing *r) {
        int k;

        r->n_left = (int64_t) n_unread(r);
        k = r->n_left > 0 ? ring_buffer__consume(r->ring) : 0;
        r->n_left = 0;
        look_again_in(r, r->period_usec);
        plan_second_look(r);
        return k == -EAGAIN ? 0 : k;
}
