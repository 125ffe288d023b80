/* SPDX-License-Identifier: Apache-2.0 */
#include "host/cgroup.h"

#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include "basic/clock.h"
#include "basic/macro.h"
#include "host/cgroup-mount.h"
#include "host/read-file.h"

#define PROC_TEXT_MAX (16U * 1024 * 1024) /* fits the mountinfo of a container host */
#define DEPTH_MAX 64U                     /* nesting below our cgroup; only root can create any */
#define KILL_ROUND_USEC (20 * USEC_PER_MSEC)

typedef int (*process_fn)(pid_t pid, void *userdata);
typedef int (*child_fn)(int dir_fd, const char *name, unsigned depth, void *userdata);

static void closedirp(DIR **d) {
        if (*d)
                (void) closedir(*d);
}

static void fclosep(FILE **f) {
        if (*f)
                (void) fclose(*f);
}

static const char *error_to_advice(int r) {
        switch (r) {
        case -ENOSYS:
                return "this kernel has no cgroup2 hierarchy, which is needed to identify COMMAND's sockets";
        case -EPERM:
        case -EACCES:
                return "cannot create a cgroup without root: use sudo";
        case -EROFS:
                return "cgroup2 is read-only here: give the container a writable one (docker run --privileged)";
        case -ENOTSUP:
                return "this process's cgroup is outside the visible cgroup2 hierarchy: start it from a cgroup inside";
        case -EAGAIN:
                return "the limit of cgroups is reached: raise cgroup.max.descendants or cgroup.max.depth";
        default:
                return "cannot create a cgroup";
        }
}

/* Takes ownership of root_fd, even on failure. */
static int create_at(int root_fd, const char *parent, Cgroup *ret) {
        _cleanup_(cgroup_done) Cgroup c = CGROUP_INIT;
        uint64_t random;
        struct stat st;
        int r;

        c.root_fd = root_fd;
        if (getrandom(&random, sizeof(random), 0) != sizeof(random))
                return -errno;
        if (asprintf(&c.path, "%s/cargowall-%d-%016" PRIx64, strcmp(parent, "/") == 0 ? "" : parent, (int) getpid(),
                     random) < 0) {
                c.path = NULL;
                return -ENOMEM;
        }
        if (mkdirat(c.root_fd, c.path + 1, 0755) < 0)
                return -errno;
        c.fd = openat(c.root_fd, c.path + 1, O_DIRECTORY | O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (c.fd < 0 || fstat(c.fd, &st) < 0) {
                r = -errno;
                (void) unlinkat(c.root_fd, c.path + 1, AT_REMOVEDIR);
                return r;
        }
        c.id = st.st_ino;
        *ret = c;
        c = (Cgroup) CGROUP_INIT;
        return 0;
}

static int create_below_mount(const char *root, const char *point, const char *own, Cgroup *ret) {
        _cleanup_close_ int fd = -EBADF;
        _cleanup_free_ char *below = NULL;
        struct statfs fs;
        int r;

        r = cgroup_path_below(root, own, &below);
        if (r < 0)
                return r;
        fd = open(point, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        if (fstatfs(fd, &fs) < 0)
                return -errno;
        if (fs.f_type != CGROUP2_SUPER_MAGIC) /* hidden by another mount */
                return -ENOENT;
        return create_at(TAKE_FD(fd), below, ret);
}

/* -ENOENT: no visible mount. */
static int create_visible(Cgroup *ret) {
        _cleanup_free_ char *text = NULL, *mounts = NULL, *own = NULL;
        const char *cursor;
        int r, error = -ENOENT;

        r = read_file_at(AT_FDCWD, "/proc/self/cgroup", PROC_TEXT_MAX, &text, NULL);
        if (r < 0)
                return r;
        r = cgroup_own_path_parse(text, &own);
        if (r < 0)
                return r;
        r = read_file_at(AT_FDCWD, "/proc/self/mountinfo", PROC_TEXT_MAX, &mounts, NULL);
        if (r < 0)
                return r;

        cursor = mounts;
        for (;;) {
                _cleanup_free_ char *root = NULL, *point = NULL;

                r = cgroup_mount_next(&cursor, &root, &point);
                if (r < 0)
                        return r;
                if (r == 0)
                        return error;
                r = create_below_mount(root, point, own, ret);
                if (r >= 0)
                        return 0;
                if (r != -ENOENT)
                        error = r;
        }
}

int cgroup_create_below_own(Cgroup *ret, const char **ret_what) {
        int fd = -EBADF, r, error;

        assert(ret && ret_what);

        r = create_visible(ret);
        if (r >= 0)
                return 0;
        error = r;

        r = cgroup_mount_private(&fd);
        if (r >= 0)
                r = create_at(fd, "/", ret);
        if (r >= 0)
                return 0;
        /* Why a visible mount failed is more useful than why a private one could not be made. */
        if (error == -ENOENT)
                error = r;
        *ret_what = error_to_advice(error);
        return error;
}

static int open_mount(const char *point, int *ret_fd, uint64_t *ret_id) {
        _cleanup_close_ int fd = -EBADF;
        struct statfs fs;
        struct stat st;

        fd = open(point, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
        if (fd < 0 || fstatfs(fd, &fs) < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (fs.f_type != CGROUP2_SUPER_MAGIC) /* hidden by another mount */
                return -ENOENT;
        *ret_fd = TAKE_FD(fd);
        *ret_id = st.st_ino;
        return 0;
}

/* The first suitable mount: of the hierarchy's root (whole), or of any cgroup that contains ours. -ENOENT: none. */
static int open_root(const char *mounts, const char *own, bool whole, int *ret_fd, uint64_t *ret_id, char **ret_path) {
        int r, error = -ENOENT;

        for (const char *cursor = mounts;;) {
                _cleanup_free_ char *root = NULL, *point = NULL, *below = NULL;

                r = cgroup_mount_next(&cursor, &root, &point);
                if (r < 0)
                        return r;
                if (r == 0)
                        return error;
                r = whole && strcmp(root, "/") != 0 ? -ENOENT : cgroup_path_below(root, own, &below);
                if (r >= 0)
                        r = open_mount(point, ret_fd, ret_id);
                if (r >= 0) {
                        *ret_path = TAKE_PTR(root);
                        return 0;
                }
                if (r != -ENOENT)
                        error = r;
        }
}

static const char *root_error_to_advice(int r) {
        switch (r) {
        case -ENOSYS:
                return "this kernel has no cgroup2 hierarchy: use one with CONFIG_CGROUPS and CONFIG_CGROUP_BPF";
        case -ENOENT:
                return "no cgroup2 hierarchy is mounted: boot with systemd.unified_cgroup_hierarchy=1 or mount one";
        case -ENOTSUP:
                return "this process's cgroup is outside the visible cgroup2 hierarchy: start it from a cgroup inside";
        default:
                return "cannot open the cgroup2 hierarchy: it must be readable by everybody";
        }
}

int cgroup_root_open(int *ret_fd, uint64_t *ret_id, char **ret_path, const char **ret_what) {
        _cleanup_free_ char *text = NULL, *mounts = NULL, *own = NULL;
        int r;

        assert(ret_fd && ret_id && ret_path && ret_what);

        r = read_file_at(AT_FDCWD, "/proc/self/cgroup", PROC_TEXT_MAX, &text, NULL);
        if (r >= 0)
                r = cgroup_own_path_parse(text, &own);
        if (r >= 0)
                r = read_file_at(AT_FDCWD, "/proc/self/mountinfo", PROC_TEXT_MAX, &mounts, NULL);
        if (r >= 0)
                r = open_root(mounts, own, true, ret_fd, ret_id, ret_path);
        if (r == -ENOENT || r == -ENOTSUP)
                r = open_root(mounts, own, false, ret_fd, ret_id, ret_path);
        if (r < 0) {
                *ret_what = root_error_to_advice(r);
                return r == -ENOENT ? -ENOSYS : r;
        }
        return 0;
}

/* A single write(2): cgroup files take a whole value at a time. Async-signal-safe. */
static int write_file_at(int dir_fd, const char *name, const char *value) {
        _cleanup_close_ int fd = -EBADF;

        fd = openat(dir_fd, name, O_WRONLY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        if (write(fd, value, strlen(value)) < 0)
                return -errno;
        return 0;
}

int cgroup_enter(const Cgroup *c) {
        return write_file_at(c->fd, "cgroup.procs", "0");
}

int cgroup_fork(const Cgroup *c) {
        struct clone_args args = {
                .flags = CLONE_INTO_CGROUP,
                .exit_signal = SIGCHLD,
                .cgroup = (uint64_t) c->fd,
        };
        long pid = syscall(SYS_clone3, &args, sizeof(args)); /* glibc has no wrapper */

        return pid < 0 ? -errno : (int) pid;
}

/* Calls fn for each child cgroup; one removed in the meantime is not an error. */
static int for_each_child(int dir_fd, unsigned depth, child_fn fn, void *userdata) {
        _cleanup_(closedirp) DIR *dir = NULL;
        struct dirent *de;
        int fd, r;

        if (depth > DEPTH_MAX)
                return -ELOOP;
        fd = openat(dir_fd, ".", O_DIRECTORY | O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        dir = fdopendir(fd);
        if (!dir) {
                r = -errno;
                (void) close(fd);
                return r;
        }
        while ((de = readdir(dir))) {
                if (de->d_type != DT_DIR || strcmp(de->d_name, ".") == 0 || strcmp(de->d_name, "..") == 0)
                        continue;
                r = fn(dir_fd, de->d_name, depth, userdata);
                if (r < 0 && r != -ENOENT && r != -ENODEV)
                        return r;
        }
        return 0;
}

typedef struct ProcessWalk {
        process_fn fn;
        void *userdata;
} ProcessWalk;

static int walk_processes(int dir_fd, unsigned depth, const ProcessWalk *w);

static int walk_child(int dir_fd, const char *name, unsigned depth, void *userdata) {
        _cleanup_close_ int fd = -EBADF;

        fd = openat(dir_fd, name, O_DIRECTORY | O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0)
                return -errno;
        return walk_processes(fd, depth + 1, userdata);
}

static int walk_processes(int dir_fd, unsigned depth, const ProcessWalk *w) {
        _cleanup_(fclosep) FILE *f = NULL;
        int fd, pid, r;

        fd = openat(dir_fd, "cgroup.procs", O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        f = fdopen(fd, "re");
        if (!f) {
                (void) close(fd);
                return -ENOMEM;
        }
        while (fscanf(f, "%d", &pid) == 1) {
                r = w->fn(pid, w->userdata);
                if (r < 0)
                        return r;
        }
        return for_each_child(dir_fd, depth, walk_child, (void *) w);
}

static int count_process(pid_t pid _unused_, void *userdata) {
        unsigned *n = userdata;

        (*n)++;
        return 0;
}

static int kill_process(pid_t pid, void *userdata _unused_) {
        /* 0 is a process of another pid namespace; to kill(2) it would mean our own process group. */
        if (pid > 0 && pid != getpid())
                (void) kill(pid, SIGKILL);
        return 0;
}

/* Returns 1 if a process lives in the cgroup or below it; zombies do not count. */
static int is_populated(int events_fd) {
        char buf[256];
        ssize_t n;

        n = pread(events_fd, buf, sizeof(buf) - 1, 0);
        if (n < 0)
                return errno == ENODEV ? 0 : -errno; /* the cgroup was removed */
        buf[n] = '\0';
        return strstr(buf, "populated 0") == NULL;
}

static int wait_empty(const Cgroup *c, uint64_t deadline_usec) {
        _cleanup_close_ int fd = -EBADF;

        fd = openat(c->fd, "cgroup.events", O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return errno == ENOENT ? 0 : -errno; /* likewise */
        for (;;) {
                struct pollfd p = { .fd = fd, .events = POLLPRI }; /* how the kernel signals changes of this file */
                uint64_t now;
                int r;

                r = is_populated(fd);
                if (r <= 0)
                        return r;
                now = clock_usec(CLOCK_MONOTONIC);
                if (now >= deadline_usec)
                        return -ETIMEDOUT;
                r = poll(&p, 1, (int) MIN((deadline_usec - now) / USEC_PER_MSEC + 1, 1000U));
                if (r < 0 && errno != EINTR)
                        return -errno;
        }
}

int cgroup_kill_each(const Cgroup *c, uint64_t timeout_usec) {
        const ProcessWalk w = { .fn = kill_process };
        uint64_t now, deadline;
        int r;

        assert(c);

        /* Frozen processes can be killed but neither fork nor exit, so no pid is reused between listing and
         * signalling. */
        (void) write_file_at(c->fd, "cgroup.freeze", "1");
        deadline = clock_usec(CLOCK_MONOTONIC) + timeout_usec;
        do {
                r = walk_processes(c->fd, 0, &w);
                if (r < 0 && r != -ENOENT)
                        return r;
                now = clock_usec(CLOCK_MONOTONIC);
                r = wait_empty(c, MIN(deadline, now + KILL_ROUND_USEC));
        } while (r == -ETIMEDOUT && now < deadline);
        return r;
}

int cgroup_kill(const Cgroup *c, uint64_t timeout_usec, unsigned *ret_n) {
        unsigned n = 0;
        const ProcessWalk w = { .fn = count_process, .userdata = &n };
        int r;

        assert(c && ret_n);

        (void) walk_processes(c->fd, 0, &w); /* for information only: an error here must not stop the kill */
        r = write_file_at(c->fd, "cgroup.kill", "1");
        if (r == -ENOENT)
                r = cgroup_kill_each(c, timeout_usec);
        else if (r >= 0)
                r = wait_empty(c, clock_usec(CLOCK_MONOTONIC) + timeout_usec);
        if (r < 0)
                return r;
        *ret_n = n;
        return 0;
}

typedef struct IdList {
        uint64_t *ids;
        size_t n, room;
} IdList;

static int list_id(IdList *l, uint64_t id) {
        if (l->n == l->room) {
                size_t room = MAX(2 * l->room, 8U);
                uint64_t *bigger = reallocarray(l->ids, room, sizeof(*bigger));

                if (!bigger)
                        return -ENOMEM;
                l->ids = bigger;
                l->room = room;
        }
        l->ids[l->n++] = id;
        return 0;
}

static int list_child(int dir_fd, const char *name, unsigned depth, void *userdata) {
        _cleanup_close_ int fd = -EBADF;
        struct stat st;
        int r;

        fd = openat(dir_fd, name, O_DIRECTORY | O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0 || fstat(fd, &st) < 0)
                return 0;
        r = list_id(userdata, st.st_ino);
        if (r >= 0)
                r = for_each_child(fd, depth + 1, list_child, userdata);
        return r == -ENOMEM ? r : 0;
}

static int compare_ids(const void *a, const void *b) {
        const uint64_t *x = a, *y = b;

        return *x < *y ? -1 : *x > *y;
}

int cgroup_list_ids(const Cgroup *c, uint64_t **ret, size_t *ret_n) {
        IdList l = {};
        int r;

        assert(c && ret && ret_n);

        r = list_id(&l, c->id);
        if (r >= 0)
                r = for_each_child(c->fd, 0, list_child, &l);
        if (r == -ENOMEM) {
                free(l.ids);
                return r;
        }
        qsort(l.ids, l.n, sizeof(*l.ids), compare_ids);
        *ret = l.ids;
        *ret_n = l.n;
        return 0;
}

static int remove_child(int dir_fd, const char *name, unsigned depth, void *userdata) {
        _cleanup_close_ int fd = -EBADF;
        int r;

        fd = openat(dir_fd, name, O_DIRECTORY | O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0)
                return -errno;
        r = for_each_child(fd, depth + 1, remove_child, userdata);
        if (r < 0)
                return r;
        return unlinkat(dir_fd, name, AT_REMOVEDIR) < 0 ? -errno : 0;
}

int cgroup_remove(Cgroup *c) {
        int r;

        assert(c);

        if (c->fd < 0)
                return 0;
        r = for_each_child(c->fd, 0, remove_child, NULL);
        if (r < 0 && r != -ENOENT)
                return r;
        if (unlinkat(c->root_fd, c->path + 1, AT_REMOVEDIR) < 0 && errno != ENOENT)
                return -errno;
        cgroup_done(c);
        return 0;
}

void cgroup_done(Cgroup *c) {
        if (!c)
                return;
        closep(&c->root_fd);
        closep(&c->fd);
        free(c->path);
        *c = (Cgroup) CGROUP_INIT;
}
