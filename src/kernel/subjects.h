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

/* A user whose processes are judged by this chain wherever no other policy than the host's is for them. */
typedef struct FollowedUser {
        uint32_t uid; /* in the initial user namespace; never 0, which has no effect */
        uint32_t chain;
} FollowedUser;

/* Replaces the users that are followed. n: at most CW_FOLLOWED_USERS_MAX. Those that are in both sets are followed all the time. */
int subjects_follow_users(Programs *p, const FollowedUser *users, size_t n);
/* Those of the map, which a predecessor may have left. Returns the number. */
size_t subjects_followed_users(const Programs *p, FollowedUser ret[static CW_FOLLOWED_USERS_MAX]);

/* The indices of all layers in the chains of subjects and followed users. */
int subjects_layers(const Programs *p, bool ret_used[static CW_LAYERS_MAX]);
