/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a policy would have decided about recorded events: counts, and one entry for each destination whose verdict
 * changes. Bounded: further destinations are counted, but have no entry. Pure. */

#include "basic/hash-index.h"
#include "cli/recorded-event.h"

#define REPLAY_DESTINATIONS_MAX 4096 /* of each change */

typedef enum ReplayChange {
        REPLAY_WOULD_BE_DENIED,  /* allowed in the log */
        REPLAY_WOULD_BE_ALLOWED, /* denied in the log, or would be */
        _REPLAY_CHANGE_MAX,
} ReplayChange;

/* What is not from all its events is from the first that was read. */
typedef struct ReplayEntry {
        HashItem item; /* first, so that a HashItem can be cast to its ReplayEntry */
        ReplayChange change;
        RecordedKind kind;
        Destination destination; /* the name if there is one; of a query only this */
        Explanation explanation;
        uint64_t count;
        char first[RECORDED_TIME_SIZE], last[RECORDED_TIME_SIZE];
        char process[RECORDED_PROCESS_SIZE]; /* not escaped; empty if unknown */
        bool other_processes;
} ReplayEntry;

typedef struct ReplayTable {
        const Policy *policy; /* borrowed */
        HashIndex index;
        size_t n_max;         /* entries of each change */
        ReplayEntry **entries[_REPLAY_CHANGE_MAX];
        size_t n[_REPLAY_CHANGE_MAX];
        uint64_t n_unlisted[_REPLAY_CHANGE_MAX];           /* events of destinations beyond the limit */
        uint64_t n_events[_RECORDED_VERDICT_MAX][2];       /* by what was recorded, and the Action of the policy */
        uint64_t n_lines[_RECORDED_LINE_MAX];              /* EVENT, and what is not counted in events: lines */
        uint64_t n_fixed[_RECORDED_VERDICT_MAX];           /* events, here and below */
        uint64_t n_lost, n_suppressed;
} ReplayTable;

/* key: random bytes, for the hash. n_max: REPLAY_DESTINATIONS_MAX, or less. -ENOMEM. */
int replay_table_init(ReplayTable *t, const Policy *policy, size_t n_max, const uint8_t key[static 16]);
void replay_table_done(ReplayTable *t);
/* What recorded_event_read() returned, and e if that wrote it. -ENOMEM. */
int replay_table_add(ReplayTable *t, RecordedLine line, const RecordedEvent *e);
/* Entries by count, then by destination. */
void replay_table_sort(ReplayTable *t);
/* Events whose verdict changes, listed or not. */
uint64_t replay_table_n_changed(const ReplayTable *t, ReplayChange change);
