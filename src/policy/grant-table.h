/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Grants: hosts that single jobs may reach for a limited time, in addition to what the documents allow. The grants
 * of one job make one policy, which allows its hosts on all ports and has no other rules. */

#include "policy/policy.h"

#define GRANTS_PER_JOB_MAX 16U

typedef struct Grant {
        uint64_t job;        /* not 0 */
        uint64_t until_nsec; /* CLOCK_BOOTTIME */
        char *host;          /* a name or an address */
} Grant;

typedef struct GrantTable {
        Grant *grants; /* grouped by job */
        size_t n;
} GrantTable;

void grant_table_done(GrantTable *t);

/* Adds a grant; if the job has it already, the later end counts. -EINVAL: host is neither a name nor an address;
 * -ENOSPC: the job has GRANTS_PER_JOB_MAX; -ENOMEM. */
int grant_table_add(GrantTable *t, uint64_t job, const char *host, uint64_t until_nsec);
size_t grant_table_count(const GrantTable *t, uint64_t job);
/* The i-th job with grants, from 0; 0: there are no more. */
uint64_t grant_table_job(const GrantTable *t, size_t i);
/* Removes all grants of a job. Returns how many there were. */
size_t grant_table_revoke(GrantTable *t, uint64_t job);
/* Removes the expired grants of one job, and returns the job; 0: nothing has expired. Call until it returns 0. */
uint64_t grant_table_expire(GrantTable *t, uint64_t now_nsec);
/* When the next grant expires; UINT64_MAX: none. */
uint64_t grant_table_next_end(const GrantTable *t);
/* The policy of a job's grants, owned by the caller. -ENOENT: it has none; -ENOMEM. */
int grant_table_policy(const GrantTable *t, uint64_t job, Policy **ret);
