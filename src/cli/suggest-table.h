/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a policy that is made of recorded events keeps, and what it leaves out and why. Bounded: further destinations are
 * counted, but have no entry. Pure. */

#include "cli/destination-table.h"
#include "cli/name-set.h"

typedef enum SuggestGroup {
        SUGGEST_KEPT,
        /* Left out: */
        SUGGEST_REFUSED,   /* denied when it was recorded */
        SUGGEST_RULE,      /* a rule denies it, in whatever mode */
        SUGGEST_ELSEWHERE, /* denied in another scope, or later */
        SUGGEST_AUTOMATIC, /* allowed by the firewall whatever the policy */
        SUGGEST_METADATA,
        SUGGEST_REGISTRY,  /* the name is a public suffix */
        SUGGEST_SHARED,    /* the name is below a domain that is shared with others */
        SUGGEST_RARE,      /* seen less often than asked for */
        SUGGEST_LOOKUP,    /* a query without a connection */
        SUGGEST_NO_PORT,
        SUGGEST_MULTICAST,
        SUGGEST_SPECIAL,   /* the name has an address that only a rule for the address permits */
        SUGGEST_NO_RULE,   /* no rule can name it */
        SUGGEST_TOO_DEEP,  /* below more names of the policy than can be judged */
        _SUGGEST_GROUP_MAX,
} SuggestGroup;

typedef enum SuggestAddr {
        SUGGEST_ADDR_GLOBAL,
        SUGGEST_ADDR_PRIVATE,
        _SUGGEST_ADDR_MAX,
} SuggestAddr;

typedef struct SuggestEntry {
        DestinationEntry base; /* first, so that it can be cast to its SuggestEntry; its group is the SuggestGroup */
        /* SUGGEST_KEPT with a name: the first address of each kind. */
        InAddr addresses[_SUGGEST_ADDR_MAX];
        bool has_address[_SUGGEST_ADDR_MAX];
        bool has_verdict[_RECORDED_VERDICT_MAX]; /* of some of its events */
        bool for_addresses;                /* a query for them */
        char reason[RECORDED_REASON_SIZE]; /* SUGGEST_NO_RULE: what decided */
        char scope[RECORDED_SCOPE_SIZE];
        bool other_scopes;
        uint32_t allowed_by; /* left out, but a rule of the policy allows it; otherwise RULE_NONE */
        bool is_wrong;       /* kept, but the policy would not allow it */
        bool is_denied;      /* left out, and the policy has a rule for this, since others would allow it */
} SuggestEntry;

typedef struct SuggestOptions {
        uint64_t at_least;   /* events of a destination; at least 1 */
        bool denied;         /* keep what was denied */
        bool shared_domains; /* keep names below them */
} SuggestOptions;

typedef struct SuggestTable {
        SuggestOptions options;
        DestinationTable destinations; /* of SuggestEntry; a group for each SuggestGroup */
        LineCounts lines;              /* RECORDED_LINE_EVENT and FIXED: judged */
        NameSet aliases;      /* of names that may be kept: a denial of one is a denial of the name */
        uint64_t n_looked_up; /* queries for names that are kept for their connections */
        bool finished;
} SuggestTable;

/* key, n_max: as of destination_table_init(). -ENOMEM. */
int suggest_table_init(SuggestTable *t, const SuggestOptions *options, size_t n_max, const uint8_t key[static 16]);
void suggest_table_done(SuggestTable *t);
/* What recorded_event_read() returned, and e if that wrote it. -ENOMEM. */
int suggest_table_add(SuggestTable *t, RecordedLine line, const RecordedEvent *e);
/* After the last event: sorts, and leaves out what was seen too rarely, or denied elsewhere. */
void suggest_table_finish(SuggestTable *t);
/* After suggest_table_finish(): moves kept entries with is_wrong to SUGGEST_TOO_DEEP. */
void suggest_table_leave_out_wrong(SuggestTable *t);
/* The entry of a finished table, or NULL. */
const SuggestEntry *suggest_table_find(const SuggestTable *t, SuggestGroup group, RecordedKind kind, const Destination *d);
/* Of a finished table: is something kept that has this name? */
bool suggest_table_keeps_name(const SuggestTable *t, const char *name);
SuggestEntry *suggest_table_entry(const SuggestTable *t, SuggestGroup group, size_t i);
/* Names before addresses, then by protocol and port. As strcmp(). */
int suggest_entry_compare(const SuggestEntry *a, const SuggestEntry *b);
