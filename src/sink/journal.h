/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Writes events to the journal: equal denials are aggregated, the rate is bounded, and nothing blocks. Records that
 * the journal does not accept at once are queued; events that could not be sent are counted, and one record in the
 * journal reports how many. */

#include <stdint.h>

#include "basic/macro.h"
#include "event/event.h"
#include "sink/sink.h"

typedef struct JournalSink JournalSink;

typedef enum JournalFilter {
        JOURNAL_FILTER_NONE,
        JOURNAL_FILTER_DENIED, /* denials, and everything that is not traffic: changes, jobs, losses */
        JOURNAL_FILTER_ALL,    /* also allowed connections and ends of flows */
} JournalFilter;

/* Records per second, and in a burst. Traffic has its own rate, so that a flood of denials cannot hide a mode
 * change; so do jobs and calls, which unprivileged users can cause. Everything else is rare and always sent. */
#define JOURNAL_TRAFFIC_RATE 200
#define JOURNAL_TRAFFIC_BURST 1000
/* Of these, for one unit: its flood leaves tokens, and space in the queue, to the others. The first record of a unit that
 * had none for a while has tokens of its own. */
#define JOURNAL_UNIT_RATE 10
#define JOURNAL_UNIT_BURST 50
#define JOURNAL_UNITS_MAX 512
#define JOURNAL_CALL_RATE 20
#define JOURNAL_CALL_BURST 100
#define JOURNAL_WINDOW_NSEC (10 * NSEC_PER_SEC) /* repeats of a denial are one record */

/* path: the journal's socket, NULL for its own; borrowed for the call. key: random bytes, for the hash. Negative
 * errno; a missing journal is not an error. */
int journal_sink_new(JournalFilter which, const char *path, const uint8_t key[static 16], JournalSink **ret);
/* Reports what is still counted; waits at most a tenth of a second for a busy journal. */
JournalSink *journal_sink_free(JournalSink *s);
DEFINE_CLEANUP_FUNC(JournalSink *, journal_sink_free)

/* now_nsec: CLOCK_MONOTONIC or CLOCK_BOOTTIME, always the same one. */
void journal_sink_write(JournalSink *s, const Event *e, uint64_t now_nsec);
/* Sends the queue, and reports what was counted in windows that have ended, and losses. Call at journal_sink_next(),
 * which each call of these two functions may change. */
void journal_sink_flush(JournalSink *s, uint64_t now_nsec);
uint64_t journal_sink_next(const JournalSink *s); /* UINT64_MAX: nothing to do */

Sink journal_sink_as_sink(JournalSink *s);             /* borrows s */
uint64_t journal_sink_n_written(const JournalSink *s); /* records */
uint64_t journal_sink_n_lost(const JournalSink *s);    /* events: over the rate, or the queue was full */
