/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/open-containers.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "basic/cgroup-path.h"
#include "basic/macro.h"
#include "host/policy-files.h"

#define CGROUPS "/sys/fs/cgroup"
#define DEPTH_MAX 12U
#define CGROUPS_MAX 65536U
#define ID_MIN 12U /* hexadecimal digits that no name has by chance */

typedef struct Walk {
        const MatchList **lists;
        size_t n_lists, n_seen;
        OpenContainers *ret;
} Walk;

/* "docker-ID.scope", "libpod-ID", "ID": whoever made it, also below a user's manager. */
static bool name_is_container(const char *name) {
        static const char *const prefixes[] = { "docker-", "libpod-", "crio-", "cri-containerd-" };
        static const char digits[] = "0123456789abcdef";

        for (size_t i = 0; i < ELEMENTSOF(prefixes); i++)
                if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0) {
                        name += strlen(prefixes[i]);
                        break;
                }
        size_t n = strspn(name, digits);
        return n >= ID_MIN && (name[n] == '\0' || strcmp(name + n, ".scope") == 0);
}

/* Of an engine that has its own folder, or that does not know how to ask systemd. */
static bool path_is_container(const char *path) {
        bool engine;
        size_t n = cgroup_path_groups(path, &engine);

        return (engine && path[n] == '/' && !strchr(path + n + 1, '/')) || strstr(path, ".slice:docker:");
}

static void see_container(Walk *w, const char *path) {
        OpenContainers *c = w->ret;

        c->n++;
        if (match_documents(w->lists, w->n_lists, path) < 0 && c->n_open++ == 0)
                (void) snprintf(c->first, sizeof(c->first), "%.255s", path);
}

/* path: without CGROUPS, "" for the root. What is inside of a container belongs to it. */
static void walk(Walk *w, int parent_fd, const char *name, const char *path, unsigned depth) {
        int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        DIR *dir = fd < 0 ? NULL : fdopendir(fd);
        struct dirent *e;
        char below[1024];

        while (dir && w->n_seen < CGROUPS_MAX && (e = readdir(dir))) {
                if (e->d_type != DT_DIR || e->d_name[0] == '.')
                        continue;
                w->n_seen++;
                int n = snprintf(below, sizeof(below), "%s/%s", path, e->d_name);
                if (n < 0 || (size_t) n >= sizeof(below))
                        continue;
                if (name_is_container(e->d_name) || path_is_container(below))
                        see_container(w, below);
                else if (depth < DEPTH_MAX)
                        walk(w, fd, e->d_name, below, depth + 1);
        }
        if (dir)
                (void) closedir(dir);
        else if (fd >= 0)
                (void) close(fd);
}

void open_containers_find(const char *root, OpenContainers *ret) {
        _cleanup_(policy_files_done) PolicyFiles files = {};
        _cleanup_(fault_list_done) FaultList faults = {};
        Walk w = { .ret = ret };
        char top[512];

        assert(root && ret);

        *ret = (OpenContainers) {};
        int r = policy_files_load(root, &files, &faults);
        if (r < 0) {
                ret->error = r == -EINVAL ? EACCES : -r;
                return;
        }
        _cleanup_free_ const MatchList **lists = calloc(MAX(files.n, 1U), sizeof(*lists));
        if (!lists) {
                ret->error = ENOMEM;
                return;
        }
        for (size_t i = 0; i < files.n; i++)
                if (files.files[i].document.match.n > 0)
                        lists[w.n_lists++] = &files.files[i].document.match;
        w.lists = lists;
        ret->has_host = files.has_host;
        (void) snprintf(top, sizeof(top), "%s" CGROUPS, root);
        walk(&w, AT_FDCWD, top, "", 0);
}
