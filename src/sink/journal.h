/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Events in the journal: equal denials told once, a bounded rate, never waiting. What the journal does not take at once
 * is queued; what could not be sent is counted, and the journal gets one record that says how much. */

#include <stdint.h>

#include "basic/macro.h"
#include "event/event.h"
#include "sink/sink.h"

typedef struct JournalSink JournalSink;

typedef enum JournalFilter {
        JOURNAL_FILTER_NONE,
        JOURNAL_FILTER_DENIED, /* denials, and all that is not traffic: changes, jobs, losses */
        JOURNAL_FILTER_ALL,    /* allowed connections and ends of flows as well */
} JournalFilter;

/* Records in a second, and at once. Traffic has a rate of its own, so that a flood of denials cannot hide that the mode
 * was changed; so have jobs and calls, which unprivileged users can make. Everything else is rare and always sent. */
#define JOURNAL_TRAFFIC_RATE 200
#define JOURNAL_TRAFFIC_BURST 1000
#define JOURNAL_CALL_RATE 20
#define JOURNAL_CALL_BURST 100

/* path: of the journal's socket, NULL for its own; borrowed for the call. key: random bytes, for the hash. Negative
 * errno; that no journal is there is none. */
int journal_sink_new(JournalFilter which, const char *path, const uint8_t key[static 16], JournalSink **ret);
/* Tells first what is still counted; waits a tenth of a second at most for a journal that is busy. */
JournalSink *journal_sink_free(JournalSink *s);
DEFINE_CLEANUP_FUNC(JournalSink *, journal_sink_free)

/* now_nsec: CLOCK_MONOTONIC or CLOCK_BOOTTIME, always the same. */
void journal_sink_write(JournalSink *s, const Event *e, uint64_t now_nsec);
/* Sends what is queued, tells what was counted in windows that have ended, and losses. To be called at
 * journal_sink_next(), which every call of the two may change. */
void journal_sink_flush(JournalSink *s, uint64_t now_nsec);
uint64_t journal_sink_next(const JournalSink *s); /* UINT64_MAX: nothing to do */

Sink journal_sink_as_sink(JournalSink *s);             /* borrows it */
uint64_t journal_sink_n_written(const JournalSink *s); /* records */
uint64_t journal_sink_n_lost(const JournalSink *s);    /* events: over the rate, or the queue was full */
