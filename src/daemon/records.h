/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the daemon leaves to its successor: the engine's layers and leases, and jobs, as records of the handover. */

#include "daemon/context.h"
#include "identity/job-table.h"

/* Before they judge: whoever finds flows with their ids must know that these were used. */
void records_put_layers(const Context *c);
/* A layer has learnt an address, or learnt it again. */
void records_put_lease(const Context *c, const Layer *layer, const Lease *lease);
void records_put_job(const Context *c, const Job *job);
void records_put_sequence(const Context *c);
/* All that is live, for handover_snapshot_fn. */
void records_put_all(const Context *c, const JobTable *jobs);

/* What layers of the same names had learnt, into the engine. One that is not restored is looked up again by its name.
 */
int records_restore_leases(const Context *c, uint64_t now_nsec);
