/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/unit-helpers.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "basic/macro.h"
#include "host/read-file.h"

#define TEXT_MAX (1U << 20)
#define SPACES " \t"
#define CGROUPS "/sys/fs/cgroup"

static const struct {
        unsigned helper;
        const char *name;
} names[] = {
        { UNIT_HELPER_ROOT, "runs as root" },      { UNIT_HELPER_SUDO, "sudo" }, { UNIT_HELPER_DOCKER, "docker" },
        { UNIT_HELPER_MANAGER, "user manager" }, { UNIT_HELPER_AT, "at" },     { UNIT_HELPER_CRON, "cron" },
};

typedef struct Search {
        const char *root;
        const MatchList *const *lists;
        size_t n_lists;
        const HelperUser *user;
} Search;

static bool stat_below(const Search *s, const char *path, struct stat *ret) {
        char whole[PATH_MAX];
        int n = snprintf(whole, sizeof(whole), "%s%s", s->root, path);

        return n > 0 && (size_t) n < sizeof(whole) && stat(whole, ret) >= 0;
}

static bool exists(const Search *s, const char *path) {
        struct stat st;

        return stat_below(s, path, &st);
}

static char *read_below(const Search *s, const char *path) {
        char whole[PATH_MAX], *text = NULL;
        int n = snprintf(whole, sizeof(whole), "%s%s", s->root, path);

        return n > 0 && (size_t) n < sizeof(whole) && read_file_at(AT_FDCWD, whole, TEXT_MAX, &text, NULL) >= 0 ? text : NULL;
}

static bool is_matched(const Search *s, const char *cgroup) {
        return match_documents(s->lists, s->n_lists, cgroup) >= 0;
}

/* ------------------------------------------------------------------ rights */

static bool may_write(const Search *s, const char *path) {
        struct stat st;

        if (!stat_below(s, path, &st))
                return false;
        if (st.st_uid == s->user->uid)
                return st.st_mode & S_IWUSR;
        for (size_t i = 0; i < s->user->n_groups; i++)
                if (s->user->groups[i] == st.st_gid)
                        return st.st_mode & S_IWGRP;
        return st.st_mode & S_IWOTH;
}

static bool lines_have(const char *text, const char *name) {
        size_t length = strlen(name);

        for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
                const char *word = line + strspn(line, SPACES);

                if (strcspn(word, " \t\n#") == length && strncmp(word, name, length) == 0)
                        return true;
        }
        return false;
}

/* at(1), crontab(1): who is listed in the one file, or not in the other; otherwise what the distribution decided. */
static bool is_permitted(const Search *s, const char *allow, const char *deny, bool otherwise) {
        _cleanup_free_ char *allowed = read_below(s, allow), *denied = NULL;

        if (!s->user->name)
                return false;
        if (allowed)
                return lines_have(allowed, s->user->name);
        denied = read_below(s, deny);
        return denied ? !lines_have(denied, s->user->name) : otherwise;
}

/* ------------------------------------------------------------------ sudoers */

static bool word_is(const char *word, size_t n, const char *prefix, const char *name) {
        size_t before = strlen(prefix);

        return name && n == before + strlen(name) && strncmp(word, prefix, before) == 0 && strncmp(word + before, name, n - before) == 0;
}

static bool word_is_number(const char *word, size_t n, const char *prefix, unsigned number) {
        char text[sizeof("4294967295")];

        (void) snprintf(text, sizeof(text), "%u", number);
        return word_is(word, n, prefix, text);
}

static bool names_user(const char *word, size_t n, const HelperUser *user) {
        if (word_is(word, n, "", "ALL") || word_is(word, n, "", user->name) || word_is_number(word, n, "#", user->uid))
                return true;
        for (size_t i = 0; i < user->n_groups; i++)
                if (word_is(word, n, "%", user->group_names ? user->group_names[i] : NULL) ||
                    word_is_number(word, n, "%#", user->groups[i]))
                        return true;
        return false;
}

/* A line that ends with a backslash continues. */
static const char *skip_spaces(const char *text) {
        for (;;) {
                text += strspn(text, SPACES);
                if (text[0] != '\\' || text[1] != '\n')
                        return text;
                text += 2;
        }
}

static const char *next_line(const char *text) {
        for (;;) {
                text += strcspn(text, "\\\n");
                if (*text == '\0')
                        return text;
                if (*text == '\n')
                        return text + 1;
                text += text[1] == '\0' ? 1 : 2; /* what follows is quoted */
        }
}

bool unit_helpers_sudoers_has(const char *text, const HelperUser *user) {
        assert(text && user);

        for (; *text; text = next_line(text))
                for (const char *word = skip_spaces(text);;) {
                        size_t n = strcspn(word, " \t\n=,\\");

                        if (names_user(word, n, user))
                                return true;
                        word = skip_spaces(word + n);
                        if (*word != ',')
                                break;
                        word = skip_spaces(word + 1);
                }
        return false;
}

static bool has_sudo(const Search *s) {
        _cleanup_free_ char *text = read_below(s, "/etc/sudoers");
        bool found = text && unit_helpers_sudoers_has(text, s->user);
        char path[PATH_MAX];
        struct dirent *e;

        if (!exists(s, "/usr/bin/sudo"))
                return false;
        (void) snprintf(path, sizeof(path), "%s/etc/sudoers.d", s->root);
        DIR *dir = opendir(path);
        while (dir && !found && (e = readdir(dir))) {
                if (strchr(e->d_name, '.') || e->d_name[strlen(e->d_name) - 1] == '~') /* as sudo ignores them */
                        continue;
                (void) snprintf(path, sizeof(path), "/etc/sudoers.d/%s", e->d_name);
                _cleanup_free_ char *more = read_below(s, path);
                found = more && unit_helpers_sudoers_has(more, s->user);
        }
        if (dir)
                (void) closedir(dir);
        return found;
}

/* ------------------------------------------------------------------ helpers */

static bool has_manager(const Search *s) {
        char linger[PATH_MAX], cgroup[128], path[256];

        (void) snprintf(linger, sizeof(linger), "/var/lib/systemd/linger/%s", s->user->name ?: "/");
        (void) snprintf(cgroup, sizeof(cgroup), "/user.slice/user-%u.slice/user@%u.service", s->user->uid, s->user->uid);
        (void) snprintf(path, sizeof(path), CGROUPS "%s", cgroup);
        return ((s->user->name && exists(s, linger)) || exists(s, path)) && !is_matched(s, cgroup);
}

/* service: in system.slice, and running. */
static bool has_service(const Search *s, const char *service) {
        char cgroup[128], path[256];

        (void) snprintf(cgroup, sizeof(cgroup), "/system.slice/%s", service);
        (void) snprintf(path, sizeof(path), CGROUPS "%s", cgroup);
        return exists(s, path) && !is_matched(s, cgroup);
}

unsigned unit_helpers_find(const char *root, const MatchList *const *lists, size_t n_lists, bool judged_elsewhere,
                           bool followed, const HelperUser *user) {
        const Search s = { .root = root, .lists = lists, .n_lists = n_lists, .user = user };
        unsigned mask = 0;

        assert(root && (lists || n_lists == 0) && user);

        if (user->uid == 0)
                return UNIT_HELPER_ROOT;
        if (has_sudo(&s))
                mask |= UNIT_HELPER_SUDO;
        if (judged_elsewhere)
                return mask;
        if (may_write(&s, "/run/docker.sock") && !is_matched(&s, "/system.slice/docker-0000000000000000.scope"))
                mask |= UNIT_HELPER_DOCKER;
        if (followed)
                return mask;
        if (has_manager(&s))
                mask |= UNIT_HELPER_MANAGER;
        if (has_service(&s, "atd.service") && is_permitted(&s, "/etc/at.allow", "/etc/at.deny", false))
                mask |= UNIT_HELPER_AT;
        if ((has_service(&s, "cron.service") || has_service(&s, "crond.service")) &&
            is_permitted(&s, "/etc/cron.allow", "/etc/cron.deny", true))
                mask |= UNIT_HELPER_CRON;
        return mask;
}

const char *unit_helpers_format(unsigned mask, char *buf, size_t size) {
        size_t n = 0;

        assert(buf && size > 0);

        buf[0] = '\0';
        for (size_t i = 0; i < ELEMENTSOF(names) && n < size; i++)
                if (mask & names[i].helper)
                        n += (size_t) snprintf(buf + n, size - n, "%s%s", n > 0 ? ", " : "", names[i].name);
        return buf;
}
