/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/journal.h"

#include <assert.h>
#include <string.h>

#include "basic/rate-table.h"
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
        RateTable *units; /* traffic of each */
        Bucket traffic, firsts, calls;
        uint64_t now_nsec;       /* of the current call, or the last */
        uint64_t n_sent, n_lost; /* records sent or queued; events */
        uint64_t n_refused;      /* part of n_sent that the journal then refused */
        uint64_t retry_at_nsec;  /* while there is a queue */
        uint64_t retry_nsec;     /* the interval; 0: no queue */
        uint64_t n_unreported;     /* part of n_lost not reported yet, besides that of units */
        bool report_due;
        uint64_t report_at_nsec;   /* if one is due */
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

static void plan_report(JournalSink *s) {
        if (!s->report_due) {
                s->report_due = true;
                s->report_at_nsec = add_saturated(s->now_nsec, LOSS_DELAY_NSEC);
                if (s->reported_at_nsec > 0)
                        s->report_at_nsec = MAX(s->report_at_nsec, add_saturated(s->reported_at_nsec, LOSS_INTERVAL_NSEC));
        }
}

static void lose(JournalSink *s, uint64_t n) {
        plan_report(s);
        s->n_unreported = add_saturated(s->n_unreported, n);
        s->n_lost = add_saturated(s->n_lost, n);
}

static void lose_of_unit(JournalSink *s, const char *unit, uint64_t n) {
        plan_report(s);
        rate_table_count(s->units, unit, strlen(unit), 0, n);
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

static bool is_limited_by_unit(const Event *e) {
        return event_is_traffic(e) || event_n_denied(e) > 0;
}

static void send_traffic(JournalSink *s, const Event *e) {
        const char *unit = e->unit ?: "";
        uint64_t n = MAX(e->count, UINT64_C(1));

        RateVerdict v = rate_table_take(s->units, unit, strlen(unit), s->now_nsec);
        if (v == RATE_OVER)
                lose_of_unit(s, unit, n);
        else if ((!bucket_take(&s->traffic, s->now_nsec) &&
                  (v != RATE_FIRST || !bucket_take(&s->firsts, s->now_nsec))) ||
                 send_record(s, e, false) < 0)
                lose(s, n);
}

static void journal_on_event(const Event *e, void *userdata) {
        JournalSink *s = userdata;
        bool call = e->type == EVENT_JOB_BEGUN || e->type == EVENT_JOB_ENDED || e->type == EVENT_PRIVILEGED_CALL;

        if (is_limited_by_unit(e))
                send_traffic(s, e);
        else if ((call && !bucket_take(&s->calls, s->now_nsec)) || send_record(s, e, !call) < 0)
                lose(s, MAX(e->count, UINT64_C(1)));
}

int journal_sink_new(JournalFilter which, const char *path, const uint8_t key[static 16], JournalSink **ret) {
        assert(ret);

        _cleanup_(journal_sink_freep) JournalSink *s = calloc(1, sizeof(*s));
        if (!s)
                return -ENOMEM;
        s->which = which;
        s->traffic = s->firsts = bucket(JOURNAL_TRAFFIC_RATE, JOURNAL_TRAFFIC_BURST);
        s->calls = bucket(JOURNAL_CALL_RATE, JOURNAL_CALL_BURST);

        DenialWindowOptions window = { .length_nsec = JOURNAL_WINDOW_NSEC, .fn = journal_on_event, .userdata = s };
        RateTableOptions units = { .max = JOURNAL_UNITS_MAX, .rate = JOURNAL_UNIT_RATE, .burst = JOURNAL_UNIT_BURST };
        memcpy(window.key, key, sizeof(window.key));
        memcpy(units.hash_key, key, sizeof(units.hash_key));
        int r = journal_socket_new(path, &s->socket);
        if (r >= 0)
                r = denial_window_new(&window, &s->window);
        if (r >= 0)
                r = rate_table_new(&units, &s->units);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(s);
        return 0;
}

static int send_losses(JournalSink *s, const char *unit, uint64_t n, const char *detail) {
        const Event e = { .type = EVENT_EVENTS_LOST, .count = n, .rule = RULE_NONE, .unit = unit, .detail = detail };

        return n > 0 ? send_record(s, &e, true) : 0;
}

static void journal_on_unit_losses(const void *key, size_t size, const uint64_t n_over[static 2], void *userdata) {
        char unit[RATE_KEY_MAX + 1];
        JournalSink *s = userdata;

        *(char *) mempcpy(unit, key, size) = '\0';
        if (send_losses(s, *unit ? unit : NULL, n_over[0], "over the limit of one unit in the journal") < 0)
                s->n_unreported = add_saturated(s->n_unreported, n_over[0]); /* reported without its unit */
}

static void report_losses(JournalSink *s) {
        if (!s->report_due)
                return;
        rate_table_report(s->units, journal_on_unit_losses, s);
        s->reported_at_nsec = s->now_nsec;
        s->report_due = send_losses(s, NULL, s->n_unreported, "the journal took no more") < 0;
        if (s->report_due)
                s->report_at_nsec = add_saturated(s->now_nsec, LOSS_INTERVAL_NSEC);
        else
                s->n_unreported = 0;
}

JournalSink *journal_sink_free(JournalSink *s) {
        if (!s)
                return NULL;

        if (s->units) {
                denial_window_flush_all(s->window);
                report_losses(s);
        }
        denial_window_free(s->window);
        rate_table_free(s->units);
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
        if (s->report_due && s->report_at_nsec <= now_nsec)
                report_losses(s);
}

uint64_t journal_sink_next(const JournalSink *s) {
        assert(s);

        uint64_t next = denial_window_next(s->window);
        if (s->report_due)
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
