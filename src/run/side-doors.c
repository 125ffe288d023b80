/* SPDX-License-Identifier: Apache-2.0 */
#include "run/side-doors.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define USERS "/run/user"
#define DECOYS "/run/cargowall-run.XXXXXX"

static const char *const name_services[] = {
        "/run/systemd/resolve/io.systemd.Resolve", /* nss-resolve(8) */
        "/run/nscd/socket",                        /* nscd(8), nsncd */
        "/run/avahi-daemon/socket",                /* nss-mdns */
};

static const char *const engines[] = {
        "/run/docker.sock",
        "/run/containerd/containerd.sock",
        "/run/buildkit/buildkitd.sock",
        "/run/podman/podman.sock",
        "/run/crio/crio.sock",
        "/run/k3s/containerd/containerd.sock",
        "/run/libvirt/libvirt-sock",
        "/var/lib/lxd/unix.socket",
        "/var/snap/lxd/common/lxd/unix.socket",
        "/var/lib/incus/unix.socket",
};

/* Below the runtime directory of a user: the bus and the service manager, which start units, and rootless engines. */
static const char *const engines_of_user[] = {
        "bus", "systemd/private", "docker.sock", "podman/podman.sock", "buildkit/buildkitd.sock", "containerd/containerd.sock",
};

static const struct {
        const char *variable, *prefix;
} engines_of_environment[] = {
        { "DOCKER_HOST", "unix://" },
        { "CONTAINER_HOST", "unix://" },
        { "BUILDKIT_HOST", "unix://" },
        { "DBUS_SESSION_BUS_ADDRESS", "unix:path=" },
};

static bool is_socket(const char *path) {
        struct stat st;

        return stat(path, &st) >= 0 && S_ISSOCK(st.st_mode);
}

static int add(SideDoors *d, const char *path, bool is_engine) {
        if (!is_socket(path))
                return 0;
        for (size_t i = 0; i < d->n; i++)
                if (strcmp(d->doors[i].path, path) == 0)
                        return 0;
        if (d->n == SIDE_DOORS_MAX)
                return -E2BIG;
        char *copy = strdup(path);
        if (!copy)
                return -ENOMEM;
        d->doors[d->n++] = (SideDoor) { .path = copy, .is_engine = is_engine, .decoy_fd = -EBADF };
        return 0;
}

static int add_of_user(SideDoors *d, const char *user) {
        char path[PATH_MAX];
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(engines_of_user) && r >= 0; i++) {
                (void) snprintf(path, sizeof(path), USERS "/%s/%s", user, engines_of_user[i]);
                r = add(d, path, true);
        }
        return r;
}

static int add_of_users(SideDoors *d) {
        DIR *dir = opendir(USERS);
        struct dirent *e;
        int r = 0;

        while (dir && r >= 0 && (e = readdir(dir)))
                if (e->d_name[0] != '.')
                        r = add_of_user(d, e->d_name);
        if (dir)
                (void) closedir(dir);
        return r;
}

static int add_of_environment(SideDoors *d) {
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(engines_of_environment) && r >= 0; i++) {
                const char *value = getenv(engines_of_environment[i].variable), *prefix = engines_of_environment[i].prefix;

                if (!value || strncmp(value, prefix, strlen(prefix)) != 0)
                        continue;
                _cleanup_free_ char *path = strdup(value + strlen(prefix));
                if (!path)
                        return -ENOMEM;
                path[strcspn(path, ",;")] = '\0'; /* "unix:path=/run/user/1000/bus,guid=…" */
                r = path[0] == '/' ? add(d, path, true) : 0;
        }
        return r;
}

int side_doors_find(bool with_engines, SideDoors *ret) {
        SideDoors d = {};
        int r = 0;

        assert(ret);

        for (size_t i = 0; i < ELEMENTSOF(name_services) && r >= 0; i++)
                r = add(&d, name_services[i], false);
        for (size_t i = 0; i < ELEMENTSOF(engines) && with_engines && r >= 0; i++)
                r = add(&d, engines[i], true);
        if (with_engines && r >= 0)
                r = add_of_environment(&d);
        if (with_engines && r >= 0)
                r = add_of_users(&d);
        if (r < 0) {
                side_doors_done(&d);
                return r;
        }
        *ret = d;
        return 0;
}

static void door_done(SideDoor *door) {
        free(door->path);
        closep(&door->decoy_fd);
}

void side_doors_forget_engines(SideDoors *d) {
        size_t n = 0;

        assert(d && !d->decoys);

        for (size_t i = 0; i < d->n; i++)
                if (d->doors[i].is_engine)
                        door_done(&d->doors[i]);
                else
                        d->doors[n++] = d->doors[i];
        d->n = n;
}

/* unix(7): connect(2) needs write permission. That of the directories above is not examined. */
static bool may_connect(const char *path, uid_t uid, const gid_t *groups, size_t n_groups) {
        struct stat st;

        if (uid == 0)
                return true;
        if (stat(path, &st) < 0)
                return false;
        if (st.st_uid == uid)
                return st.st_mode & S_IWUSR;
        for (size_t i = 0; i < n_groups; i++)
                if (groups[i] == st.st_gid)
                        return st.st_mode & S_IWGRP;
        return st.st_mode & S_IWOTH;
}

const char *side_doors_first_engine(const SideDoors *d, uid_t uid, const gid_t *groups, size_t n_groups) {
        assert(d && (groups || n_groups == 0));

        for (size_t i = 0; i < d->n; i++)
                if (d->doors[i].is_engine && may_connect(d->doors[i].path, uid, groups, n_groups))
                        return d->doors[i].path;
        return NULL;
}

/* ------------------------------------------------------------------ what listens in their place */

static void decoy_path(const SideDoors *d, size_t i, char ret[static sizeof(((struct sockaddr_un *) NULL)->sun_path)]) {
        (void) snprintf(ret, sizeof(((struct sockaddr_un *) NULL)->sun_path), "%s/%zu", d->decoys, i);
}

static int decoy_new(const SideDoors *d, size_t i, int *ret) {
        struct sockaddr_un a = { .sun_family = AF_UNIX };
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        decoy_path(d, i, a.sun_path);
        if (fd < 0 || bind(fd, (const struct sockaddr *) &a, sizeof(a)) < 0 || chmod(a.sun_path, 0666) < 0 ||
            listen(fd, SOMAXCONN) < 0)
                return -errno;
        *ret = TAKE_FD(fd);
        return 0;
}

int side_doors_watch(SideDoors *d) {
        char directory[] = DECOYS;
        int r = 0;

        assert(d && !d->decoys);

        for (size_t i = 0; i < d->n && r >= 0; i++) {
                if (!d->doors[i].is_engine)
                        continue;
                if (!d->decoys) {
                        if (!mkdtemp(directory))
                                return -errno;
                        d->decoys = strdup(directory);
                        if (!d->decoys) {
                                (void) rmdir(directory);
                                return -ENOMEM;
                        }
                }
                r = decoy_new(d, i, &d->doors[i].decoy_fd);
        }
        return r;
}

void side_doors_closed(SideDoors *d) {
        char path[sizeof(((struct sockaddr_un *) NULL)->sun_path)];

        assert(d);

        if (!d->decoys)
                return;
        for (size_t i = 0; i < d->n; i++)
                if (d->doors[i].is_engine) {
                        decoy_path(d, i, path);
                        (void) unlink(path);
                }
        (void) rmdir(d->decoys);
        free(d->decoys);
        d->decoys = NULL;
}

void side_doors_done(SideDoors *d) {
        side_doors_closed(d);
        for (size_t i = 0; i < d->n; i++)
                door_done(&d->doors[i]);
        *d = (SideDoors) {};
}

/* ------------------------------------------------------------------ in the child */

int side_doors_close(const SideDoors *d) {
        char decoy[sizeof(((struct sockaddr_un *) NULL)->sun_path)];

        assert(d);

        /* Slave: outside mounts made later still appear inside, but never the other way round. */
        if (d->n > 0 && (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0))
                return -errno;
        for (size_t i = 0; i < d->n; i++) {
                bool watched = d->doors[i].decoy_fd >= 0;

                if (watched)
                        decoy_path(d, i, decoy);
                if (mount(watched ? decoy : "/dev/null", d->doors[i].path, NULL, MS_BIND, NULL) < 0 && errno != ENOENT)
                        return -errno; /* ENOENT: gone meanwhile */
        }
        return 0;
}
