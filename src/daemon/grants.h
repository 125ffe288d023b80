/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What single jobs may reach for a limited time: a layer for each job that has grants, and the timer that ends them. */

#include "identity/job-table.h"
#include "daemon/policies.h"
#include "policy/grant-table.h"

typedef struct Grants Grants;

typedef struct GrantsObserver {
        /* Which layers judge this job is to be decided again. -ENXIO: its cgroup is not followed. */
        int (*assign)(uint64_t job, void *userdata);
        void *userdata;
} GrantsObserver;

int grants_new(const Context *c, const Policies *policies, const GrantsObserver *observer, Grants **ret);
Grants *grants_free(Grants *g);
DEFINE_CLEANUP_FUNC(Grants *, grants_free)

const GrantTable *grants_table(const Grants *g);
/* Of this job's grants; NULL: it has none. */
Layer *grants_layer(const Grants *g, uint64_t job);

/* As service.h has it; the caller knows that some policy judges the job. After an error the job has none. */
int grants_allow(Grants *g, uint64_t job, const char *host, uint64_t usec);
/* A job's, all of them; after it ended as well. */
void grants_revoke(Grants *g, uint64_t job);
void grants_revoke_all(Grants *g);
/* The mode that was set is another one. */
void grants_update_modes(Grants *g);
