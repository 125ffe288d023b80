/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Reads one line of an event log (docs/events.md), or of `journalctl -o json`: what a policy decided. Pure. */

#include "policy/explain.h"

#define RECORDED_LINE_MAX 65536      /* bytes; the encoder's limit is a quarter of it */
#define RECORDED_NAMES_MAX 17        /* the name and its aliases; the DNS proxy follows 16 */
#define RECORDED_TIME_SIZE 28        /* "2023-11-14T22:13:20.123456Z" */
#define RECORDED_PROCESS_SIZE 64
#define RECORDED_SCOPE_SIZE 128
#define RECORDED_UNIT_SIZE 256
#define RECORDED_REASON_SIZE 32
#define RECORDED_LABELS_MAX 16       /* those of a job; docs/events.md has this limit and those of their sizes */
#define RECORDED_LABEL_KEY_SIZE 49
#define RECORDED_LABEL_VALUE_SIZE 257

typedef enum RecordedKind {
        RECORDED_CONNECTION,
        RECORDED_QUERY,
} RecordedKind;

typedef enum RecordedVerdict {
        RECORDED_ALLOWED,
        RECORDED_DENIED,
        RECORDED_WOULD_DENY, /* denied, and let pass: audit mode */
        _RECORDED_VERDICT_MAX,
} RecordedVerdict;

/* What a line is. */
typedef enum RecordedLine {
        RECORDED_LINE_EVENT,      /* a decision of a policy */
        RECORDED_LINE_LOST,       /* count events are not in the log */
        RECORDED_LINE_SUPPRESSED, /* count denials have no event of their own */
        RECORDED_LINE_FIXED,      /* count connections or queries, for which it is the same with every policy */
        /* Others, to be counted by line: */
        RECORDED_LINE_OTHER,      /* an event without a decision, or the end of a connection */
        RECORDED_LINE_CUT,        /* ends within its JSON text */
        RECORDED_LINE_NOT_JSON,
        RECORDED_LINE_LONG,       /* more than RECORDED_LINE_MAX */
        RECORDED_LINE_NEWER,      /* of a later schema version */
        RECORDED_LINE_INVALID,    /* a field is missing or wrong */
        _RECORDED_LINE_MAX,
} RecordedLine;

typedef struct RecordedLabel {
        char key[RECORDED_LABEL_KEY_SIZE];
        char value[RECORDED_LABEL_VALUE_SIZE];
} RecordedLabel;

/* Texts are from outside, and not escaped; empty if they are unknown. */
typedef struct RecordedEvent {
        RecordedKind kind;
        RecordedVerdict verdict;
        Destination destination; /* RECORDED_CONNECTION: an address */
        /* Canonical: of a connection the name that led to the address, if it is known, and its aliases. Of a query the
         * name that was queried. */
        char names[RECORDED_NAMES_MAX][HOST_NAME_TEXT_MAX];
        size_t n_names;
        bool for_addresses; /* RECORDED_QUERY: of type A or AAAA */
        bool by_rule;       /* decided by a rule, not by the default action */
        bool automatic;     /* decided by a rule that the firewall adds to every policy */
        uint64_t count;     /* of events for which the line stands, > 0 */
        char time[RECORDED_TIME_SIZE];
        char process[RECORDED_PROCESS_SIZE];
        char reason[RECORDED_REASON_SIZE]; /* a word of docs/events.md; of a query its dns_reason */
        char scope[RECORDED_SCOPE_SIZE];
        char unit[RECORDED_UNIT_SIZE];
        RecordedLabel labels[RECORDED_LABELS_MAX]; /* of the job in this unit */
        size_t n_labels;
} RecordedEvent;

/* line: of at most RECORDED_LINE_MAX bytes, without its line feed. Writes *ret for RECORDED_LINE_EVENT; for FIXED, where
 * what the destination consists of may be missing; and of LOST and SUPPRESSED the count, scope, unit and labels, and
 * the time if there is one. Returns a RecordedLine, or -ENOMEM. */
int recorded_event_read(const char *line, size_t length, RecordedEvent *ret);
