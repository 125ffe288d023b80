/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Which policy document applies to a job, by the labels given when it was announced. Labels are claims of whoever
 * announces the job: such a document can only restrict what the job's unit may reach, never extend it.
 *
 * A pattern has globs for some labels and matches a job whose labels match all of them. Precedence: more labels;
 * then more text before the first wildcards, added up; then the order of the documents. */

#include <stdbool.h>
#include <stddef.h>

#include "basic/macro.h"

#define JOB_LABEL_KEYS 9U
#define JOB_LABEL_VALUE_MAX 256U /* bytes */
#define JOB_PATTERNS_MAX 64U     /* per document */

/* "job", "ref", … in alphabetical order. */
extern const char *const job_label_keys[JOB_LABEL_KEYS];

typedef struct JobPattern {
        char *globs[JOB_LABEL_KEYS]; /* indexed like job_label_keys; NULL: any value, or none */
        size_t n;                    /* globs */
        size_t literal;              /* bytes before the first wildcard, summed over all globs */
} JobPattern;

typedef struct JobMatchList {
        JobPattern *patterns;
        size_t n;
} JobMatchList;

void job_pattern_done(JobPattern *p);
void job_match_list_done(JobMatchList *l);
/* Globs have printable text, "*", "?", "[a-z]" and "[!a-z]". -EINVAL with a constant sentence: unknown label, label
 * already present, or bad glob; -ENOMEM. */
int job_pattern_add(JobPattern *p, const char *key, const char *glob, const char **ret_reason);
/* Moves the contents of *p into the list. -EINVAL: no labels, or too many patterns; then, and with -ENOMEM, *p is
 * unchanged. */
int job_match_list_add(JobMatchList *l, JobPattern *p, const char **ret_reason);
int job_match_list_copy(const JobMatchList *from, JobMatchList *to); /* *to must be empty. -ENOMEM */

/* labels: "key=value", borrowed. Returns the index of the winning list, or -ENOENT if none matches. */
int job_match_documents(const JobMatchList *const *lists, size_t n, const char *const *labels, size_t n_labels);
