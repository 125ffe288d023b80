/* SPDX-License-Identifier: Apache-2.0 */
#include "run/run-user.h"

#include <assert.h>
#include <ctype.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "basic/macro.h"

#define GROUPS_MAX NGROUPS_MAX /* setgroups(2) */

_printf_(2, 3) static int fail(char error[static RUN_USER_ERROR_MAX], const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(error, RUN_USER_ERROR_MAX, format, ap);
        va_end(ap);
        return -EINVAL;
}

/* Decimal digits only. -1 is not an id: setresuid(2) takes it for "no change". */
static int id_parse(const char *s, unsigned *ret) {
        unsigned long n;
        char *end;

        if (!s || !isdigit((unsigned char) s[0]))
                return -EINVAL;
        errno = 0;
        n = strtoul(s, &end, 10);
        if (errno != 0 || *end || n >= UINT_MAX)
                return -EINVAL;
        *ret = (unsigned) n;
        return 0;
}

static int groups_read(RunUser *u) {
        int n = 64;

        for (;;) {
                gid_t *groups = reallocarray(u->groups, (size_t) n, sizeof(*groups));
                int room = n;

                if (!groups)
                        return -ENOMEM;
                u->groups = groups;
                if (getgrouplist(u->name, u->gid, u->groups, &n) >= 0)
                        break;
                if (n <= room)
                        n = 2 * room;
                if (n > GROUPS_MAX)
                        return -E2BIG;
        }
        u->n_groups = (size_t) n;
        return 0;
}

static int user_from_passwd(const struct passwd *pw, RunUser *ret, char error[static RUN_USER_ERROR_MAX]) {
        RunUser u = { .change = true, .uid = pw->pw_uid, .gid = pw->pw_gid };
        int r;

        u.name = strdup(pw->pw_name);
        u.home = strdup(pw->pw_dir);
        u.shell = strdup(pw->pw_shell && *pw->pw_shell ? pw->pw_shell : "/bin/sh"); /* passwd(5) */
        r = u.name && u.home && u.shell ? groups_read(&u) : -ENOMEM;
        if (r == -E2BIG)
                r = fail(error, "user %s is in too many groups", pw->pw_name);
        if (r < 0) {
                run_user_done(&u);
                return r;
        }
        *ret = u;
        return 0;
}

/* The group with which sudo was called (newgrp(1)), if the user is a member of it. */
static void apply_sudo_gid(RunUser *u) {
        unsigned gid;

        if (id_parse(getenv("SUDO_GID"), &gid) < 0)
                return;
        for (size_t i = 0; i < u->n_groups; i++)
                if (u->groups[i] == gid)
                        u->gid = gid;
}

int run_user_select(const char *name, RunUser *ret, char error[static RUN_USER_ERROR_MAX]) {
        const char *sudo_uid = getenv("SUDO_UID");
        const struct passwd *pw;
        unsigned uid;
        int r;

        assert(ret);

        if (name) {
                pw = getpwnam(name);
                return pw ? user_from_passwd(pw, ret, error) : fail(error, "--user %s: no such user", name);
        }
        /* With "sudo -u bob" the variable names the caller, which is not the user wanted. */
        if (!sudo_uid || geteuid() != 0) {
                *ret = (RunUser) {};
                return 0;
        }
        pw = id_parse(sudo_uid, &uid) >= 0 ? getpwuid(uid) : NULL;
        if (!pw)
                return fail(error, "SUDO_UID=%s is not a user of this machine: use --user", sudo_uid);
        r = user_from_passwd(pw, ret, error);
        if (r < 0)
                return r;
        apply_sudo_gid(ret);
        return 0;
}

void run_user_done(RunUser *u) {
        free(u->groups);
        free(u->name);
        free(u->home);
        free(u->shell);
        *u = (RunUser) {};
}

static int environment_set(const RunUser *u) {
        static const char *const unset[] = { "SUDO_COMMAND", "SUDO_GID", "SUDO_HOME", "SUDO_PROMPT", "SUDO_PS1",
                                             "SUDO_TTY", "SUDO_UID", "SUDO_USER" };

        if (setenv("HOME", u->home, 1) < 0 || setenv("USER", u->name, 1) < 0 || setenv("LOGNAME", u->name, 1) < 0 ||
            setenv("SHELL", u->shell, 1) < 0)
                return -errno;
        for (size_t i = 0; i < ELEMENTSOF(unset); i++)
                if (unsetenv(unset[i]) < 0)
                        return -errno;
        return 0;
}

int run_user_become(const RunUser *u) {
        assert(u);

        if (!u->change)
                return 0;
        if (setgroups(u->n_groups, u->groups) < 0 || setresgid(u->gid, u->gid, u->gid) < 0 ||
            setresuid(u->uid, u->uid, u->uid) < 0)
                return -errno;
        return environment_set(u);
}
