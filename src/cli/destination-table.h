/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Groups of destinations of recorded events: one entry for each destination of a group, with a count, the process and the
 * first and last time. Bounded: further destinations are counted, but have no entry. Pure. */

#include "basic/hash-index.h"
#include "cli/recorded-event.h"

#define DESTINATIONS_MAX 4096 /* of each group */
#define DESTINATION_GROUPS_MAX 16

/* What is not from all its events is from the first that was read. */
typedef struct DestinationEntry {
        HashItem item; /* first, so that a HashItem can be cast to its entry */
        unsigned group;
        RecordedKind kind;
        /* The name if there is one, then with an address that it led to; of a query only the name. */
        Destination destination;
        uint64_t count;
        char first[RECORDED_TIME_SIZE], last[RECORDED_TIME_SIZE];
        char process[RECORDED_PROCESS_SIZE]; /* not escaped; empty if unknown */
        bool other_processes;
} DestinationEntry;

typedef struct DestinationTable {
        HashIndex index;
        size_t entry_size; /* of what begins with a DestinationEntry */
        size_t n_groups;
        size_t n_max; /* entries of each group */
        uint32_t by_address; /* bit i: in group i, each address of a name has an entry */
        DestinationEntry **entries[DESTINATION_GROUPS_MAX];
        size_t n[DESTINATION_GROUPS_MAX];
        uint64_t n_unlisted[DESTINATION_GROUPS_MAX]; /* events of destinations beyond the limit */
} DestinationTable;

/* What becomes of the lines of logs: lines by kind, and events that have no line. */
typedef struct LineCounts {
        uint64_t n_lines[_RECORDED_LINE_MAX];
        uint64_t n_lost, n_suppressed;
} LineCounts;

/* Adds without overflow. */
void count_add(uint64_t *n, uint64_t more);
/* What recorded_event_read() returned, and e if that wrote it. */
void line_counts_add(LineCounts *c, RecordedLine line, const RecordedEvent *e);

/* entry_size: of the caller's type, which begins with a DestinationEntry and otherwise is zero at first. n_max:
 * DESTINATIONS_MAX, or less. key: random bytes, for the hash. -ENOMEM. */
int destination_table_init(DestinationTable *t, size_t n_groups, size_t n_max, size_t entry_size,
                           const uint8_t key[static 16]);
void destination_table_done(DestinationTable *t);
/* Counts the event. *ret: its entry, borrowed, or NULL if it is beyond the limit; *ret_new: there was none before.
 * -ENOMEM. */
int destination_table_add(DestinationTable *t, unsigned group, const RecordedEvent *e, DestinationEntry **ret,
                          bool *ret_new);
/* Entries by count, then by destination. */
void destination_table_sort(DestinationTable *t);
/* By name, or else address, then kind, port and protocol. As strcmp(). */
int destination_entry_compare(const DestinationEntry *a, const DestinationEntry *b);
