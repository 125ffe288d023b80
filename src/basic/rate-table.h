/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A token bucket for each key, in a bounded table. A key whose bucket is full again is forgotten; one that is in use is
 * never displaced by another. Keys that find no place share one bucket. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "basic/macro.h"

typedef struct RateTable RateTable;

#define RATE_KEY_MAX 255 /* bytes; only these of a longer key count */

typedef struct RateTableOptions {
        size_t max;        /* keys */
        unsigned rate;     /* tokens per second */
        unsigned burst;
        uint8_t hash_key[16]; /* random bytes */
} RateTableOptions;

typedef enum RateVerdict {
        RATE_OVER,  /* no token left */
        RATE_TAKEN,
        RATE_FIRST, /* taken, and the bucket was full: the key took none for a while */
} RateVerdict;

/* -ENOMEM */
int rate_table_new(const RateTableOptions *o, RateTable **ret);
RateTable *rate_table_free(RateTable *t);
DEFINE_CLEANUP_FUNC(RateTable *, rate_table_free)

/* now_nsec: from one clock that never goes backwards. */
RateVerdict rate_table_take(RateTable *t, const void *key, size_t size, uint64_t now_nsec);
/* Counts n events of the key that were over its rate, of a kind: 0 or 1. Call after rate_table_take(). */
void rate_table_count(RateTable *t, const void *key, size_t size, unsigned kind, uint64_t n);

/* key: borrowed for the call. size 0: of the keys without a place, or of an empty key. Must not call back. */
typedef void (*rate_table_fn)(const void *key, size_t size, const uint64_t n_over[static 2], void *userdata);
/* Calls fn for each key with a count, and resets it. */
void rate_table_report(RateTable *t, rate_table_fn fn, void *userdata);
bool rate_table_has_counts(const RateTable *t);
