/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Writes to the kernel which layers judge a cgroup. */

#include <stdbool.h>

#include "kernel/programs.h"

/* chain: CW_CHAIN(); actor below CW_ACTOR_MAX; flags: enum cw_subject_flags. -ENOSPC: full. */
int subjects_set(Programs *p, uint64_t cgroup_id, uint32_t chain, uint32_t actor, uint32_t flags);
int subjects_remove(Programs *p, uint64_t cgroup_id);
/* Without an entry: CW_CHAIN_UNASSIGNED, actor 0. */
struct cw_subject subjects_get(const Programs *p, uint64_t cgroup_id);

/* The indices of all layers in the chains of subjects. */
int subjects_layers(const Programs *p, bool ret_used[static CW_LAYERS_MAX]);
