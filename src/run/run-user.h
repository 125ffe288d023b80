/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Who COMMAND runs as: the user named, else the user who called sudo, else whoever called us. Everything is looked up
 * before the fork, so that no name service runs in COMMAND's cgroup. */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

typedef struct RunUser {
        bool change;    /* false: COMMAND stays who we are, and the rest is unset */
        uid_t uid;
        gid_t gid;
        gid_t *groups;  /* supplementary, gid among them */
        size_t n_groups;
        char *name;
        char *home;
        char *shell;
} RunUser;

#define RUN_USER_ERROR_MAX 256

/* name: of --user, or NULL. -EINVAL with one sentence in error, which may hold text of the environment; -ENOMEM. */
int run_user_select(const char *name, RunUser *ret, char error[static RUN_USER_ERROR_MAX]);
void run_user_done(RunUser *u);
/* Becomes that user: ids, groups and environment (HOME, USER, LOGNAME, SHELL set, SUDO_* unset). For a child. */
int run_user_become(const RunUser *u);
