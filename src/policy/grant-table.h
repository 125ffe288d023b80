/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What single jobs may reach for a limited time besides what the documents say: hosts, each until its end. The grants
 * of one job make one policy, which allows its hosts on all ports and knows nothing else. */

#include "policy/policy.h"

#define GRANTS_PER_JOB_MAX 16U

typedef struct Grant {
        uint64_t job;        /* not 0 */
        uint64_t until_nsec; /* CLOCK_BOOTTIME */
        char *host;          /* a name or an address */
} Grant;

typedef struct GrantTable {
        Grant *grants; /* those of one job side by side */
        size_t n;
} GrantTable;

void grant_table_done(GrantTable *t);

/* One more; the later end counts where the job has it. -EINVAL: host is no name and no address; -ENOSPC: the job has
 * GRANTS_PER_JOB_MAX; -ENOMEM. */
int grant_table_add(GrantTable *t, uint64_t job, const char *host, uint64_t until_nsec);
size_t grant_table_count(const GrantTable *t, uint64_t job);
/* The jobs that have grants: the i-th from 0; 0: there are no more. */
uint64_t grant_table_job(const GrantTable *t, size_t i);
/* All of a job. Returns how many there were. */
size_t grant_table_revoke(GrantTable *t, uint64_t job);
/* Removes what one job has that ended by now, and returns the job; 0: nothing ended. To be called until then. */
uint64_t grant_table_expire(GrantTable *t, uint64_t now_nsec);
/* When the next one ends; UINT64_MAX: there is none. */
uint64_t grant_table_next_end(const GrantTable *t);
/* The policy of a job's grants, which the caller owns. -ENOENT: it has none; -ENOMEM. */
int grant_table_policy(const GrantTable *t, uint64_t job, Policy **ret);
