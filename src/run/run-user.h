/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The user that runs COMMAND: the one named, otherwise the one who called sudo, otherwise our own. Everything is
 * looked up before the fork, so that no name service runs in COMMAND's cgroup. */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

typedef struct RunUser {
        bool change;    /* false: COMMAND keeps our user, and the rest is unset */
        uid_t uid;
        gid_t gid;
        gid_t *groups;  /* supplementary, including gid */
        size_t n_groups;
        char *name;
        char *home;
        char *shell;
} RunUser;

#define RUN_USER_ERROR_MAX 256

/* name: from --user, or NULL. -EINVAL with one sentence in error, which may contain text from the environment;
 * -ENOMEM. */
int run_user_select(const char *name, RunUser *ret, char error[static RUN_USER_ERROR_MAX]);
void run_user_done(RunUser *u);
/* Changes to that user: ids, groups and environment (sets HOME, USER, LOGNAME, SHELL; unsets SUDO_*). For a child. */
int run_user_become(const RunUser *u);
