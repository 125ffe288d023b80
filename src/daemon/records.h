/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the daemon leaves to its successor, as records of the handover: layers, leases and jobs. */

#include "daemon/context.h"
#include "identity/job-table.h"

/* Call before policies change: a successor that finds flows with their ids must know that these were used. */
void records_reserve_ids(const Context *c);
/* Call when they have changed. */
void records_put_layers(const Context *c);
/* A layer has learnt or renewed an address. */
void records_put_lease(const Context *c, const Layer *layer, const Lease *lease);
int records_put_job(const Context *c, const Job *job); /* negative errno: a successor would not know it */
void records_put_sequence(const Context *c);
/* What was logged about records that were lost. */
typedef struct RecordsWarned {
        bool is_incomplete;
        uint64_t n_leases;
} RecordsWarned;
/* Call from time to time: repairs what could not be recorded, and warns if that fails or leases were lost. */
void records_check(const Context *c, RecordsWarned *warned);
/* Writes all live state, for handover_snapshot_fn. */
void records_put_all(const Context *c, const JobTable *jobs);

/* Restores into the engine what layers of the same names had learnt. What is not restored is looked up again by
 * name. */
int records_restore_leases(const Context *c, uint64_t now_nsec);
