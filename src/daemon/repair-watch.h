/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Notices that documents with faults have been changed. They are looked at regularly, because neither the directory nor the
 * file of a document needs to change when the target of a symbolic link does. */

#include "daemon/context.h"

typedef struct RepairWatch RepairWatch;

/* Calls changed each time the documents differ from how they were before, and are no longer being written. */
int repair_watch_new(const Context *c, void (*changed)(void *userdata), void *userdata, RepairWatch **ret);
RepairWatch *repair_watch_free(RepairWatch *w);
DEFINE_CLEANUP_FUNC(RepairWatch *, repair_watch_free)
