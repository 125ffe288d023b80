/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What summary.c collects and the formats print. */

#include <stdio.h>

#include "basic/hash-index.h"
#include "basic/macro.h"
#include "event/summary.h"

#define SUMMARY_NAME_MAX 253 /* RFC 1035 2.3.4, as text */
#define SUMMARY_LOSSES_MAX 8
#define SUMMARY_FAILURES_MAX 8 /* further ones are counted */

/* In output order. */
typedef enum SummaryClass {
        SUMMARY_ALLOWED,
        SUMMARY_DENIED,
        SUMMARY_WOULD_DENY,
        _SUMMARY_CLASS_MAX,
} SummaryClass;

typedef enum SummaryKind {
        SUMMARY_CONNECTION,
        SUMMARY_DNS,
        SUMMARY_PROTOCOL, /* a protocol that is not supported, or a raw socket */
        _SUMMARY_KIND_MAX,
} SummaryKind;

/* One destination. Everything but the counters comes from its first event. */
typedef struct SummaryEntry {
        HashItem item; /* first, so that a HashItem can be cast to its SummaryEntry */
        SummaryClass class;
        SummaryKind kind;
        char *hostname; /* NULL: unknown */
        bool has_addr;
        InAddr addr;
        uint16_t port;
        uint8_t protocol;
        Reason reason;
        uint32_t pid;
        char process[CW_COMM_MAX];
        char query_type[12];
        char dns_reason[20];
        char detail[128]; /* of dns_reason */
        char *rule; /* NULL: none */
        uint64_t n_opened, n_closed;
        uint64_t bytes_out, bytes_in;
        uint64_t first_usec, last_usec; /* CLOCK_REALTIME, of the events; 0: unknown */
} SummaryEntry;

typedef struct SummaryLoss {
        const char *where; /* borrowed, constant */
        uint64_t n;
} SummaryLoss;

struct Summary {
        Mode mode;
        HashIndex index;
        SummaryEntry *entries[SUMMARY_DESTINATIONS_MAX];
        size_t n_entries;
        size_t n_listed[2];                     /* allowed, denied */
        uint64_t n_unlisted[_SUMMARY_CLASS_MAX]; /* events of destinations beyond the limit */
        uint64_t n_events[_SUMMARY_CLASS_MAX];
        uint64_t n_automatic;
        SummaryLoss losses[SUMMARY_LOSSES_MAX];
        size_t n_losses;
        char *failures[SUMMARY_FAILURES_MAX]; /* of resolvers, as "NAME: what"; not escaped */
        size_t n_failures;
        uint64_t n_more_failures;
};

/* The entries in output order. */
typedef struct SummaryView {
        SummaryEntry *entries[SUMMARY_DESTINATIONS_MAX];
        size_t n;
        size_t n_class[_SUMMARY_CLASS_MAX];
        size_t n_hostnames;
} SummaryView;

uint64_t add_saturated(uint64_t a, uint64_t b);

/* summary-format.c */
uint64_t summary_entry_count(const SummaryEntry *e);
int summary_entry_suggest(const SummaryEntry *e, char buf[static SUMMARY_SUGGESTION_MAX]);
/* In the place of the destination of an entry that has none. */
const char *summary_entry_subject(const SummaryEntry *e);
/* Why a rule would not help, or "". Returns unescaped text: rule and reason may hold any byte. */
#define SUMMARY_WHY_MAX 600
const char *summary_entry_why(const SummaryEntry *e, char buf[static SUMMARY_WHY_MAX]);
/* What would end the waiting of clients that repeat refused requests, in words, each sentence once; constant strings. Returns
 * how many. summary-advice.c */
#define SUMMARY_ADVICE_MAX 2
size_t summary_advice(const SummaryView *v, const char *ret[static SUMMARY_ADVICE_MAX]);
/* "1.2 MB", decimal units */
const char *summary_bytes(uint64_t n, char buf[static 16]);
const char *summary_class_to_string(SummaryClass c); /* "allowed", "denied", "would deny" */
const char *summary_plural(SummaryKind kind, uint64_t n); /* "connections", "query", "attempt" … */

void summary_write_text(FILE *out, const Summary *s, const SummaryView *v);
void summary_write_json(FILE *out, const Summary *s, const SummaryView *v);
void summary_write_markdown(FILE *out, const Summary *s, const SummaryView *v);
