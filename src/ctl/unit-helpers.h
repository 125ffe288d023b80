/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Services outside of a unit that act for its user, and that no policy document matches: what they are asked to do is not judged
 * by the unit's document. Reads the files of a machine. */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "policy/unit-match.h"

enum unit_helper {
        UNIT_HELPER_ROOT = 1 << 0,    /* root can leave its control group */
        UNIT_HELPER_SUDO = 1 << 1,    /* likewise, by sudo(8) */
        UNIT_HELPER_DOCKER = 1 << 2,  /* its socket */
        UNIT_HELPER_MANAGER = 1 << 3, /* the user's service manager, with lingering or running */
        UNIT_HELPER_AT = 1 << 4,
        UNIT_HELPER_CRON = 1 << 5,
};

typedef struct HelperUser {
        uid_t uid;
        const char *name;           /* NULL: not known */
        const gid_t *groups;
        const char *const *group_names; /* of the same groups; NULL: not known */
        size_t n_groups;
} HelperUser;

/* lists: of all documents that match units. judged_elsewhere: the host's document is enforced, so that all helpers but root are
 * judged by it. followed: the unit's document follows its users, so that what they start by others is judged by it. root: "", or the directory to use as "/". Returns a mask. */
unsigned unit_helpers_find(const char *root, const MatchList *const *lists, size_t n_lists, bool judged_elsewhere,
                           bool followed, const HelperUser *user);
/* "docker, sudo"; returns buf. */
const char *unit_helpers_format(unsigned mask, char *buf, size_t size);

/* Pure. Does the list of users at the begin of a line of sudoers(5) have the user, one of the groups ("%sudo"), or ALL? Aliases and
 * includes are not resolved. */
bool unit_helpers_sudoers_has(const char *text, const HelperUser *user);
