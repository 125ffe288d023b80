/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/journal.h"

#include <assert.h>

#include "event/denial-window.h"
#include "event/event-journal.h"
#include "sink/journal-socket.h"

/* Losses are reported a moment after the first, so that a burst takes one record, and not often. */
#define LOSS_DELAY_NSEC NSEC_PER_SEC
#define LOSS_INTERVAL_NSEC (10 * NSEC_PER_SEC)

/* Retry interval for a journal that accepted nothing: doubles from the first to the second. */
#define RETRY_MIN_NSEC (10 * NSEC_PER_MSEC)
#define RETRY_MAX_NSEC NSEC_PER_SEC

/* Token bucket that holds time. One record costs interval_nsec; the bucket holds at most burst_nsec. */
typedef struct Bucket {
        uint64_t interval_nsec, burst_nsec;
        uint64_t held_nsec;
        uint64_t filled_at_nsec;
} Bucket;

struct JournalSink {
        JournalFilter which;
        JournalSocket *socket;
        DenialWindow *window;
        Bucket traffic, calls;
        uint64_t now_nsec;       /* of the current call, or the last */
        uint64_t n_sent, n_lost; /* records sent or queued; events */
        uint64_t n_refused;      /* part of n_sent that the journal then refused */
        uint64_t retry_at_nsec;  /* while there is a queue */
        uint64_t retry_nsec;     /* the interval; 0: no queue */
        uint64_t n_unreported;       /* part of n_lost not reported yet */
        uint64_t report_at_nsec;   /* set while n_unreported > 0 */
        uint64_t reported_at_nsec;   /* time of the last report; 0: none */
};

static Bucket bucket(unsigned rate, unsigned burst) {
        uint64_t interval = NSEC_PER_SEC / rate;

        return (Bucket) { .interval_nsec = interval, .burst_nsec = burst * interval, .held_nsec = burst * interval };
}

static bool bucket_take(Bucket *b, uint64_t now_nsec) {
        if (now_nsec > b->filled_at_nsec) {
                b->held_nsec += MIN(now_nsec - b->filled_at_nsec, b->burst_nsec - b->held_nsec);
                b->filled_at_nsec = now_nsec;
        }
        if (b->held_nsec < b->interval_nsec)
                return false;

        b->held_nsec -= b->interval_nsec;
        return true;
}

/* NULL: never limited. */
static Bucket *bucket_of(JournalSink *s, const Event *e) {
        if (event_is_traffic(e))
                return &s->traffic;

        switch (e->type) {
        case EVENT_JOB_BEGUN:
        case EVENT_JOB_ENDED:
        case EVENT_PRIVILEGED_CALL:
                return &s->calls;
        default:
                return NULL;
        }
}

static uint64_t add_saturated(uint64_t a, uint64_t b) {
        uint64_t sum;
        return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

/* Call after each use of the socket. */
static void plan_retry(JournalSink *s, bool took_some) {
        if (journal_socket_n_queued(s->socket) == 0) {
                s->retry_nsec = 0;
                return;
        }

        s->retry_nsec = took_some || s->retry_nsec == 0 ? RETRY_MIN_NSEC : MIN(2 * s->retry_nsec, RETRY_MAX_NSEC);
        s->retry_at_nsec = add_saturated(s->now_nsec, s->retry_nsec);
}

static void lose(JournalSink *s, uint64_t n) {
        if (s->n_unreported == 0) {
                s->report_at_nsec = add_saturated(s->now_nsec, LOSS_DELAY_NSEC);
                if (s->reported_at_nsec > 0)
                        s->report_at_nsec = MAX(s->report_at_nsec, add_saturated(s->reported_at_nsec, LOSS_INTERVAL_NSEC));
        }
        s->n_unreported = add_saturated(s->n_unreported, n);
        s->n_lost = add_saturated(s->n_lost, n);
}

/* Call after each use of the socket. */
static void count_refused(JournalSink *s) {
        uint64_t n = journal_socket_n_refused(s->socket) - s->n_refused;

        if (n == 0)
                return;
        s->n_refused += n;
        lose(s, n);
}

static int send_record(JournalSink *s, const Event *e, bool urgent) {
        char record[EVENT_JOURNAL_MAX];

        int r = journal_socket_send(s->socket, record, event_journal_write(e, record), urgent);
        if (r >= 0)
                s->n_sent++;
        count_refused(s);
        if (s->retry_nsec == 0)
                plan_retry(s, false);
        return r;
}

static void journal_on_event(const Event *e, void *userdata) {
        JournalSink *s = userdata;
        Bucket *b = bucket_of(s, e);

        if ((b && !bucket_take(b, s->now_nsec)) || send_record(s, e, b == NULL) < 0)
                lose(s, MAX(e->count, UINT64_C(1)));
}

int journal_sink_new(JournalFilter which, const char *path, const uint8_t key[static 16], JournalSink **ret) {
        assert(ret);

        _cleanup_(journal_sink_freep) JournalSink *s = calloc(1, sizeof(*s));
        if (!s)
                return -ENOMEM;
        s->which = which;
        s->traffic = bucket(JOURNAL_TRAFFIC_RATE, JOURNAL_TRAFFIC_BURST);
        s->calls = bucket(JOURNAL_CALL_RATE, JOURNAL_CALL_BURST);

        int r = journal_socket_new(path, &s->socket);
        if (r >= 0)
                r = denial_window_new(key, journal_on_event, s, &s->window);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(s);
        return 0;
}

static void report_losses(JournalSink *s) {
        const Event e = {
                .type = EVENT_EVENTS_LOST,
                .count = s->n_unreported,
                .rule = RULE_NONE,
                .detail = "the journal took no more",
        };

        if (s->n_unreported == 0)
                return;
        s->reported_at_nsec = s->now_nsec;
        if (send_record(s, &e, true) >= 0)
                s->n_unreported = 0;
        else
                s->report_at_nsec = add_saturated(s->now_nsec, LOSS_INTERVAL_NSEC);
}

JournalSink *journal_sink_free(JournalSink *s) {
        if (!s)
                return NULL;

        if (s->window) {
                denial_window_flush_all(s->window);
                report_losses(s);
        }
        denial_window_free(s->window);
        journal_socket_free(s->socket);
        free(s);
        return NULL;
}

static bool is_wanted(const JournalSink *s, const Event *e) {
        switch (s->which) {
        case JOURNAL_FILTER_ALL:
                return true;
        case JOURNAL_FILTER_DENIED:
                return event_is_denial(e) || !event_is_traffic(e);
        default:
                return false;
        }
}

/* Ends of flows have their own byte counts, and a job or a change happens once. */
static bool is_aggregated(const Event *e) {
        return event_is_traffic(e) && e->type != EVENT_CONNECTION_CLOSED;
}

void journal_sink_write(JournalSink *s, const Event *e, uint64_t now_nsec) {
        assert(s);
        assert(e);

        s->now_nsec = now_nsec;
        if (!is_wanted(s, e))
                return;
        if (is_aggregated(e))
                denial_window_add(s->window, e, now_nsec);
        else
                journal_on_event(e, s);
}

void journal_sink_flush(JournalSink *s, uint64_t now_nsec) {
        assert(s);

        s->now_nsec = now_nsec;
        if (s->retry_nsec > 0 && s->retry_at_nsec <= now_nsec) {
                size_t n = journal_socket_n_queued(s->socket);
                (void) journal_socket_flush(s->socket);
                count_refused(s);
                plan_retry(s, journal_socket_n_queued(s->socket) < n);
        }
        denial_window_flush(s->window, now_nsec);
        if (s->n_unreported > 0 && s->report_at_nsec <= now_nsec)
                report_losses(s);
}

uint64_t journal_sink_next(const JournalSink *s) {
        assert(s);

        uint64_t next = denial_window_next(s->window);
        if (s->n_unreported > 0)
                next = MIN(next, s->report_at_nsec);
        if (s->retry_nsec > 0)
                next = MIN(next, s->retry_at_nsec);
        return next;
}

uint64_t journal_sink_n_written(const JournalSink *s) {
        assert(s);

        return s->n_sent - s->n_refused - journal_socket_n_queued(s->socket);
}

uint64_t journal_sink_n_lost(const JournalSink *s) {
        assert(s);

        return s->n_lost;
}

static void journal_write(void *object, const Event *e, uint64_t now_nsec) {
        journal_sink_write(object, e, now_nsec);
}

static void journal_flush(void *object, uint64_t now_nsec) {
        journal_sink_flush(object, now_nsec);
}

static uint64_t journal_next(const void *object) {
        return journal_sink_next(object);
}

static uint64_t journal_n_lost(const void *object) {
        return journal_sink_n_lost(object);
}

Sink journal_sink_as_sink(JournalSink *s) {
        assert(s);

        return (Sink) {
                .name = "journal",
                .object = s,
                .write = journal_write,
                .flush = journal_flush,
                .next = journal_next,
                .n_lost = journal_n_lost,
        };
}
