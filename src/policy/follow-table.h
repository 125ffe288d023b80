/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The users of units whose documents follow them: which documents judge what a user has others start. A user is followed for as long
 * as the document wants it, also after the unit has ended: what it left behind still runs. But a dynamic user's number
 * (DynamicUser=) goes to another unit when its own has ended. Pure. */

#include "policy/policy-set.h"

#define FOLLOW_USERS_MAX CW_FOLLOWED_USERS_MAX

typedef struct FollowEntry {
        uint32_t uid;
        char scope[POLICY_NAME_MAX + 1];
        bool seen; /* since the last sweep */
} FollowEntry;

typedef struct FollowTable {
        FollowEntry *entries; /* owned; sorted by uid, then by scope */
        size_t n;
} FollowTable;

void follow_table_done(FollowTable *t);

/* Can this user be followed? Not root, which can leave any policy, and not "nobody", who stands for users that are not known. */
bool follow_user_is_valid(uint32_t uid);
/* The document that applies to the cgroup, if it follows the users of its units; otherwise NULL. */
const Document *follow_document_of(const PolicySet *s, const char *cgroup);
/* A process of a unit that the scope is for has this user. Returns 1 if that is new, otherwise 0. -EINVAL: it cannot be followed;
 * -ENOSPC: FOLLOW_USERS_MAX are; -ENOMEM. */
int follow_table_add(FollowTable *t, uint32_t uid, const char *scope);
/* Removes what no document of the set wants to follow. Returns whether there was anything. */
bool follow_table_retain(FollowTable *t, const PolicySet *s);
/* Removes the dynamic users that were not added since the last call. Returns whether there were any. */
bool follow_table_sweep(FollowTable *t);
/* The documents of a user, all of which judge: what one of them denies is denied. -E2BIG: more than fit in a chain. */
int follow_table_documents(const FollowTable *t, const PolicySet *s, uint32_t uid, const Document *ret[static CW_CHAIN_MAX]);
/* The next user after this one; -ENOENT. UINT32_MAX: the first one. */
int follow_table_next(const FollowTable *t, uint32_t uid, uint32_t *ret);

/* Whose service manager runs in this cgroup ("/user.slice/user-1000.slice/user@1000.service")? -ENOENT: it is another one. */
int follow_manager_of(const char *cgroup, uint32_t *ret_uid);
/* The real user of a process, from the text of /proc/PID/status, if the service manager (pid 1) has started it, or inherited it:
 * what sudo(8) or a package manager runs as other users in a unit does not make them users of the unit. -ENOENT: it has not;
 * -EBADMSG. */
int follow_user_of_status(const char *text, uint32_t *ret_uid);
