/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Grants, which extend what single jobs may reach for a limited time: a layer for each job with grants, and the
 * timer that ends them. */

#include "identity/job-table.h"
#include "daemon/policies.h"
#include "policy/grant-table.h"

typedef struct Grants Grants;

typedef struct GrantsObserver {
        /* Decides again which layers judge this job. -ENXIO: its cgroup is not followed. */
        int (*assign)(uint64_t job, void *userdata);
        void *userdata;
} GrantsObserver;

int grants_new(const Context *c, const Policies *policies, const GrantsObserver *observer, Grants **ret);
Grants *grants_free(Grants *g);
DEFINE_CLEANUP_FUNC(Grants *, grants_free)

/* The name of a job's layer, "job:7". Returns buf. */
#define GRANTS_NAME_SIZE sizeof("job:18446744073709551615")
const char *grants_format_name(uint64_t job, char buf[static GRANTS_NAME_SIZE]);

const GrantTable *grants_table(const Grants *g);
/* The layer with this job's grants; NULL if it has none. */
Layer *grants_layer(const Grants *g, uint64_t job);

/* As in service.h; the caller has checked that a policy judges the job. After an error the job may have
 * lost its earlier grants. */
int grants_allow(Grants *g, uint64_t job, const char *host, uint64_t usec);
/* Revokes all grants of a job, possibly after it has ended. Each end of a grant is an event, like its beginning. */
void grants_revoke(Grants *g, uint64_t job);
void grants_revoke_all(Grants *g);
/* Call when the mode was changed. */
void grants_update_modes(Grants *g);
