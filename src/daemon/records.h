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
void records_put_job(const Context *c, const Job *job);
void records_put_sequence(const Context *c);
/* Writes all live state, for handover_snapshot_fn. */
void records_put_all(const Context *c, const JobTable *jobs);

/* Restores into the engine what layers of the same names had learnt. What is not restored is looked up again by
 * name. */
int records_restore_leases(const Context *c, uint64_t now_nsec);
