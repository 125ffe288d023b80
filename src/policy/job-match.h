/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Which policy document a job belongs to, by the labels that were given when it was announced. Labels are claims of whoever
 * announces the job, so such a document narrows what the job's unit may and never widens it.
 *
 * A pattern has a glob for each of some labels, and matches a job that has all of them. Precedence: more labels; then the
 * longer text before the first wildcards, all together; then the order of the documents. */

#include <stdbool.h>
#include <stddef.h>

#include "basic/macro.h"

#define JOB_LABEL_KEYS 9U
#define JOB_LABEL_VALUE_MAX 256U /* bytes */
#define JOB_PATTERNS_MAX 64U     /* of one document */

/* "job", "ref", … in the order of the alphabet. */
extern const char *const job_label_keys[JOB_LABEL_KEYS];

typedef struct JobPattern {
        char *globs[JOB_LABEL_KEYS]; /* in the place of its label; NULL: whatever the job says, or nothing */
        size_t n;                    /* globs */
        size_t literal;              /* bytes before the first wildcards of all globs */
} JobPattern;

typedef struct JobMatchList {
        JobPattern *patterns;
        size_t n;
} JobMatchList;

void job_pattern_done(JobPattern *p);
void job_match_list_done(JobMatchList *l);
/* -EINVAL with a constant sentence: no such label, one that is there already, or a bad glob: "*", "?", "[a-z]", "[!a-z]"
 * and printable text; -ENOMEM. */
int job_pattern_add(JobPattern *p, const char *key, const char *glob, const char **ret_reason);
/* Takes what is in *p. -EINVAL: a pattern without a label, or too many; then, and with -ENOMEM, *p stays as it is. */
int job_match_list_add(JobMatchList *l, JobPattern *p, const char **ret_reason);
int job_match_list_copy(const JobMatchList *from, JobMatchList *to); /* *to: empty. -ENOMEM */

/* labels: "key=value", borrowed. Returns the index of the list that wins, -ENOENT when none matches. */
int job_match_documents(const JobMatchList *const *lists, size_t n, const char *const *labels, size_t n_labels);
