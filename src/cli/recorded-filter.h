/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Selects recorded events by scope, unit, job and time. Pure. */

#include "cli/recorded-event.h"

#define RECORDED_FILTER_MAX 64 /* of each kind */

/* Those of one kind are alternatives; each kind that is not empty must match. All borrowed. */
typedef struct RecordedFilter {
        const char *scopes[RECORDED_FILTER_MAX]; /* exact */
        const char *units[RECORDED_FILTER_MAX];  /* globs, as in policies */
        const char *jobs[RECORDED_FILTER_MAX];   /* "ID" or "LABEL=PATTERN" */
        size_t n_scopes, n_units, n_jobs;
        char since[RECORDED_TIME_SIZE];          /* in the form of events, or empty */
} RecordedFilter;

/* -E2BIG: too many. -EINVAL with a constant sentence: empty, or not a pattern. */
int recorded_filter_add_scope(RecordedFilter *f, const char *text, const char **ret_reason);
int recorded_filter_add_unit(RecordedFilter *f, const char *text, const char **ret_reason);
int recorded_filter_add_job(RecordedFilter *f, const char *text, const char **ret_reason);
/* line and e: as from recorded_event_read(); lines without an event always match. What the log does not have because it was
 * lost has no scope, unit or job: only the time counts. */
bool recorded_filter_matches(const RecordedFilter *f, RecordedLine line, const RecordedEvent *e);
