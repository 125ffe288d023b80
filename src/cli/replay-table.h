/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a policy would have decided about recorded events: counts, and one entry for each destination whose verdict
 * changes. Bounded: further destinations are counted, but have no entry. Pure. */

#include "cli/destination-table.h"

typedef enum ReplayChange {
        REPLAY_WOULD_BE_DENIED,  /* allowed in the log */
        REPLAY_WOULD_BE_ALLOWED, /* denied in the log, or would be */
        _REPLAY_CHANGE_MAX,
} ReplayChange;

typedef struct ReplayEntry {
        DestinationEntry base; /* first, so that it can be cast to its ReplayEntry; its group is the ReplayChange */
        Explanation explanation; /* of the first event that was read */
} ReplayEntry;

typedef struct ReplayTable {
        const Policy *policy; /* borrowed */
        DestinationTable destinations;               /* of ReplayEntry; a group for each ReplayChange */
        uint64_t n_events[_RECORDED_VERDICT_MAX][2]; /* by what was recorded, and the Action of the policy */
        uint64_t n_fixed[_RECORDED_VERDICT_MAX];
        LineCounts lines; /* RECORDED_LINE_EVENT: judged */
} ReplayTable;

/* key: random bytes, for the hash. n_max: DESTINATIONS_MAX, or less. -ENOMEM. */
int replay_table_init(ReplayTable *t, const Policy *policy, size_t n_max, const uint8_t key[static 16]);
void replay_table_done(ReplayTable *t);
/* What recorded_event_read() returned, and e if that wrote it. -ENOMEM. */
int replay_table_add(ReplayTable *t, RecordedLine line, const RecordedEvent *e);
/* Entries by count, then by destination. */
void replay_table_sort(ReplayTable *t);
/* Events whose verdict changes, listed or not. */
uint64_t replay_table_n_changed(const ReplayTable *t, ReplayChange change);
