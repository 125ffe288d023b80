/* SPDX-License-Identifier: Apache-2.0 */
#include "identity/cgroup-tree.h"

#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "basic/cgroup-path.h"
#include "basic/hash-index.h"
#include "host/cgroup-mount.h"
#include "host/read-file.h"

#define DEPTH_MAX 64U /* nesting of slices; each level of a scan holds two descriptors */
#define PROC_CGROUP_MAX (64U * 1024)
#define READS_PER_WAKE_MAX 16U
#define WATCH_MASK (IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ONLYDIR)

typedef struct Node {
        HashItem by_path, by_id, by_wd;
        struct Node *parent;   /* borrowed, NULL for the root */
        struct Node *children; /* owned */
        struct Node *prev, *next;
        char *path;
        uint64_t id;
        int wd;                /* -1: not watched */
        unsigned depth;        /* 0 for the root */
        bool is_slice;
        bool seen;             /* found by the current scan of its parent */
} Node;

struct CgroupTree {
        int root_fd;
        char *root_path;
        int inotify_fd; /* owned by source */
        sd_event_source *source;
        Node *root;
        HashIndex by_path, by_id, by_wd;
        size_t max;
        cgroup_tree_fn fn;
        cgroup_tree_fault_fn fault;
        void *userdata;
        size_t n;        /* listed now, including the root */
        bool is_full;    /* some are not listed because of max, which was reported */
};

#define NODE_OF(item, member) ((Node *) ((char *) (item) - offsetof(Node, member)))

static void closedirp(DIR **d) {
        if (*d)
                (void) closedir(*d);
}

/* A slice, or the folder of a container engine. */
static bool path_is_group(const char *path) {
        return path[cgroup_path_groups(path, NULL)] == '\0';
}

static void tree_fault(CgroupTree *t, const char *path, int error) {
        if (t->fault)
                t->fault(path, error, t->userdata);
}

/* --- the nodes --- */

static Node *find_path(const CgroupTree *t, const char *path) {
        uint64_t hash = hash_index_hash(&t->by_path, path, strlen(path));

        for (HashItem *i = NULL; (i = hash_index_next(&t->by_path, hash, i));)
                if (strcmp(NODE_OF(i, by_path)->path, path) == 0)
                        return NODE_OF(i, by_path);
        return NULL;
}

static Node *find_id(const CgroupTree *t, uint64_t id) {
        uint64_t hash = hash_index_hash(&t->by_id, &id, sizeof(id));

        for (HashItem *i = NULL; (i = hash_index_next(&t->by_id, hash, i));)
                if (NODE_OF(i, by_id)->id == id)
                        return NODE_OF(i, by_id);
        return NULL;
}

static Node *find_wd(const CgroupTree *t, int wd) {
        uint64_t hash = hash_index_hash(&t->by_wd, &wd, sizeof(wd));

        for (HashItem *i = NULL; (i = hash_index_next(&t->by_wd, hash, i));)
                if (NODE_OF(i, by_wd)->wd == wd)
                        return NODE_OF(i, by_wd);
        return NULL;
}

/* Takes ownership of path on success. */
static int node_new(CgroupTree *t, Node *parent, char *path, uint64_t id, bool is_slice, Node **ret) {
        Node *n;

        n = calloc(1, sizeof(*n));
        if (!n)
                return -ENOMEM;
        *n = (Node) { .parent = parent, .path = path, .id = id, .wd = -1, .is_slice = is_slice };
        if (parent) {
                n->depth = parent->depth + 1;
                n->next = parent->children;
                if (n->next)
                        n->next->prev = n;
                parent->children = n;
        }
        hash_index_insert(&t->by_path, &n->by_path, hash_index_hash(&t->by_path, path, strlen(path)));
        hash_index_insert(&t->by_id, &n->by_id, hash_index_hash(&t->by_id, &id, sizeof(id)));
        t->n++;
        *ret = n;
        return 0;
}

static void node_set_wd(CgroupTree *t, Node *n, int wd) {
        if (n->wd >= 0)
                hash_index_remove(&t->by_wd, &n->by_wd);
        n->wd = wd;
        if (wd >= 0)
                hash_index_insert(&t->by_wd, &n->by_wd, hash_index_hash(&t->by_wd, &wd, sizeof(wd)));
}

/* Also removes all nodes below, before this one. */
static void node_remove(CgroupTree *t, Node *n, bool tell) {
        while (n->children)
                node_remove(t, n->children, tell);

        if (n->wd >= 0)
                (void) inotify_rm_watch(t->inotify_fd, n->wd); /* the kernel may have removed it already */
        node_set_wd(t, n, -1);
        hash_index_remove(&t->by_path, &n->by_path);
        hash_index_remove(&t->by_id, &n->by_id);
        if (n->prev)
                n->prev->next = n->next;
        else if (n->parent)
                n->parent->children = n->next;
        if (n->next)
                n->next->prev = n->prev;
        t->n--;
        if (tell)
                t->fn(n->path, n->id, n->is_slice, false, t->userdata);
        free(n->path);
        free(n);
}

/* --- reading --- */

/* -ENOENT: no such cgroup, or not a cgroup directory. */
static int dir_open(const CgroupTree *t, const char *path, int *ret_fd, uint64_t *ret_id) {
        _cleanup_close_ int fd = -EBADF;
        struct stat st;

        fd = openat(t->root_fd, path[1] ? path + 1 : ".", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0)
                return errno == ENOTDIR || errno == ELOOP ? -ENOENT : -errno;
        *ret_fd = TAKE_FD(fd);
        *ret_id = st.st_ino;
        return 0;
}

static int node_watch(CgroupTree *t, Node *n, int fd) {
        char path[sizeof("/proc/self/fd/") + 3 * sizeof(int)];
        int wd;

        /* By descriptor: watches the same directory whose id was read. */
        (void) snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        wd = inotify_add_watch(t->inotify_fd, path, WATCH_MASK);
        if (wd < 0)
                return -errno;
        if (wd != n->wd)
                node_set_wd(t, n, wd);
        return 0;
}

static int child_path(const Node *parent, const char *name, char **ret) {
        char *path = NULL;

        if (asprintf(&path, "%s/%s", parent->parent ? parent->path : "", name) < 0)
                return -ENOMEM;
        if (strlen(path) >= PATH_MAX) {
                free(path);
                return -ENAMETOOLONG;
        }
        *ret = path;
        return 0;
}

static int child_sync(CgroupTree *t, Node *parent, const char *name, bool deep);

/* Updates the list of children from the directory. deep: also reads slices that are already known. */
static int children_sync(CgroupTree *t, Node *n, int fd, bool deep) {
        _cleanup_(closedirp) DIR *dir = NULL;
        struct dirent *de;
        bool all = true;
        int dir_fd, r;

        dir_fd = openat(fd, ".", O_DIRECTORY | O_RDONLY | O_CLOEXEC);
        if (dir_fd < 0)
                return -errno;
        dir = fdopendir(dir_fd);
        if (!dir) {
                r = -errno;
                (void) close(dir_fd);
                return r;
        }
        for (Node *c = n->children; c; c = c->next)
                c->seen = false;
        while (errno = 0, (de = readdir(dir))) {
                if (de->d_type != DT_DIR || strcmp(de->d_name, ".") == 0 || strcmp(de->d_name, "..") == 0)
                        continue;
                r = child_sync(t, n, de->d_name, deep);
                if (r < 0) {
                        all = false;
                        tree_fault(t, n->path, r);
                }
        }
        if (errno != 0 && errno != ENOENT) /* ENOENT: removed while it was being read */
                return -errno;
        /* A cgroup that could not be examined has not necessarily been removed: its policy stays on it. */
        for (Node *c = n->children, *next; all && c; c = next) {
                next = c->next;
                if (!c->seen)
                        node_remove(t, c, true);
        }
        return 0;
}

/* The watch is added first, so that a directory created during the scan is seen by one of the two, or by both. */
static void slice_sync(CgroupTree *t, Node *n, int fd, bool deep) {
        int r;

        r = n->depth < DEPTH_MAX ? node_watch(t, n, fd) : -ELOOP;
        if (r >= 0)
                r = children_sync(t, n, fd, deep);
        if (r < 0 && r != -ENOENT)
                tree_fault(t, n->path, r);
}

/* Updates one name of a directory, whatever has happened to it: events and scans may report a change twice, late or
 * out of order. */
static int child_sync(CgroupTree *t, Node *parent, const char *name, bool deep) {
        _cleanup_free_ char *path = NULL;
        _cleanup_close_ int fd = -EBADF;
        uint64_t id = 0;
        Node *n;
        int r;

        r = child_path(parent, name, &path);
        if (r < 0)
                return r;
        n = find_path(t, path);
        r = dir_open(t, path, &fd, &id);
        if (n && (r == -ENOENT || (r >= 0 && n->id != id))) {
                node_remove(t, n, true);
                n = NULL;
        }
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        if (n) {
                n->seen = true;
                if (n->is_slice && (deep || n->wd < 0))
                        slice_sync(t, n, fd, deep);
                return 0;
        }

        if (t->n >= t->max) {
                if (!t->is_full)
                        tree_fault(t, path, -ENOSPC);
                t->is_full = true;
                return 0;
        }
        r = node_new(t, parent, path, id, path_is_group(path), &n);
        if (r < 0)
                return r;
        (void) TAKE_PTR(path);
        n->seen = true;
        t->fn(n->path, id, n->is_slice, true, t->userdata);
        if (n->is_slice)
                slice_sync(t, n, fd, deep);
        return 0;
}

void cgroup_tree_rescan(CgroupTree *t) {
        assert(t);

        slice_sync(t, t->root, t->root_fd, true);
}

/* --- notices --- */

static void handle_notice(CgroupTree *t, const struct inotify_event *e) {
        Node *n;
        int r;

        n = find_wd(t, e->wd);
        if (!n) /* of a node that has been removed */
                return;
        if (e->mask & IN_IGNORED) { /* the directory was removed: its parent reports that, or it is the root */
                node_set_wd(t, n, -1);
                return;
        }
        if (!(e->mask & IN_ISDIR) || e->len == 0)
                return;
        r = child_sync(t, n, e->name, false);
        if (r < 0)
                tree_fault(t, n->path, r);
}

static int tree_on_inotify(sd_event_source *source _unused_, int fd, uint32_t revents _unused_, void *userdata) {
        _Alignas(struct inotify_event) char buf[16 * 1024];
        CgroupTree *t = userdata;
        bool lost = false;

        for (unsigned i = 0; i < READS_PER_WAKE_MAX; i++) {
                ssize_t size = read(fd, buf, sizeof(buf));

                if (size < 0 && (errno == EAGAIN || errno == EINTR))
                        break;
                if (size < 0) {
                        int r = -errno;

                        tree_fault(t, t->root->path, r);
                        return r;
                }
                for (ssize_t k = 0; k < size;) {
                        const struct inotify_event *e = (const struct inotify_event *) (buf + k);

                        if (e->mask & IN_Q_OVERFLOW)
                                lost = true;
                        else
                                handle_notice(t, e);
                        k += (ssize_t) (sizeof(*e) + e->len);
                }
        }
        if (lost)
                cgroup_tree_rescan(t);
        return 0;
}

/* --- life --- */

static int tree_init(CgroupTree *t, sd_event *event, int root_fd, const char *root_path) {
        uint8_t key[16];
        int r;

        t->root_fd = openat(root_fd, ".", O_DIRECTORY | O_RDONLY | O_CLOEXEC);
        if (t->root_fd < 0)
                return -errno;
        t->root_path = strdup(root_path);
        if (!t->root_path)
                return -ENOMEM;
        if (getrandom(key, sizeof(key), 0) != sizeof(key))
                return -errno;
        r = hash_index_init(&t->by_path, t->max, key);
        if (r >= 0)
                r = hash_index_init(&t->by_id, t->max, key);
        if (r >= 0)
                r = hash_index_init(&t->by_wd, t->max, key);
        if (r < 0)
                return r;

        t->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
        if (t->inotify_fd < 0)
                return -errno;
        r = sd_event_add_io(event, &t->source, t->inotify_fd, EPOLLIN, tree_on_inotify, t);
        if (r >= 0)
                r = sd_event_source_set_io_fd_own(t->source, true);
        if (r < 0) {
                closep(&t->inotify_fd);
                return r;
        }
        (void) sd_event_source_set_description(t->source, "cgroup-tree");
        return sd_event_source_set_priority(t->source, CGROUP_TREE_PRIORITY);
}

static int tree_add_root(CgroupTree *t) {
        _cleanup_free_ char *path = NULL;
        struct stat st;
        int r;

        if (fstat(t->root_fd, &st) < 0)
                return -errno;
        path = strdup("/");
        if (!path)
                return -ENOMEM;
        r = node_new(t, NULL, path, st.st_ino, true, &t->root);
        if (r < 0)
                return r;
        (void) TAKE_PTR(path);
        r = node_watch(t, t->root, t->root_fd);
        if (r < 0)
                return r;
        t->fn(t->root->path, t->root->id, true, true, t->userdata);
        return children_sync(t, t->root, t->root_fd, false);
}

int cgroup_tree_new(sd_event *event, int root_fd, const char *root_path, size_t max, cgroup_tree_fn fn,
                    cgroup_tree_fault_fn fault, void *userdata, CgroupTree **ret) {
        _cleanup_(cgroup_tree_freep) CgroupTree *t = NULL;
        int r;

        assert(event && root_path && max > 0 && fn && ret);

        t = calloc(1, sizeof(*t));
        if (!t)
                return -ENOMEM;
        *t = (CgroupTree) {
                .root_fd = -EBADF, .inotify_fd = -EBADF, .max = max, .fn = fn, .fault = fault, .userdata = userdata
        };
        r = tree_init(t, event, root_fd, root_path);
        if (r >= 0)
                r = tree_add_root(t);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(t);
        return 0;
}

CgroupTree *cgroup_tree_free(CgroupTree *t) {
        if (!t)
                return NULL;
        if (t->root)
                node_remove(t, t->root, false);
        sd_event_source_disable_unref(t->source); /* closes the inotify descriptor, which the removal still uses */
        hash_index_done(&t->by_path);
        hash_index_done(&t->by_id);
        hash_index_done(&t->by_wd);
        closep(&t->root_fd);
        free(t->root_path);
        free(t);
        return NULL;
}

/* --- questions --- */

static void for_each(const Node *n, cgroup_tree_fn fn, void *userdata) {
        fn(n->path, n->id, n->is_slice, true, userdata);
        for (const Node *c = n->children; c; c = c->next)
                for_each(c, fn, userdata);
}

void cgroup_tree_for_each(const CgroupTree *t, cgroup_tree_fn fn, void *userdata) {
        assert(t && fn);

        for_each(t->root, fn, userdata);
}

int cgroup_tree_find(const CgroupTree *t, const char *path, uint64_t *ret_id) {
        const Node *n;

        assert(t && path && ret_id);

        n = find_path(t, path);
        if (!n)
                return -ENOENT;
        *ret_id = n->id;
        return 0;
}

const char *cgroup_tree_path_of(const CgroupTree *t, uint64_t id) {
        const Node *n;

        assert(t);

        n = find_id(t, id);
        return n ? n->path : NULL;
}

int cgroup_path_of_pid(pid_t pid, const char *root_path, char **ret) {
        _cleanup_free_ char *text = NULL, *path = NULL;
        char file[sizeof("/proc//cgroup") + 3 * sizeof(pid_t)];
        int r;

        assert(root_path && ret);

        if (pid <= 0)
                return -ESRCH;
        (void) snprintf(file, sizeof(file), "/proc/%d/cgroup", (int) pid);
        r = read_file_at(AT_FDCWD, file, PROC_CGROUP_MAX, &text, NULL);
        if (r < 0)
                return r == -ENOENT ? -ESRCH : r;
        r = cgroup_own_path_parse(text, &path);
        if (r < 0)
                return r;
        return cgroup_path_below(root_path, path, ret);
}

int cgroup_tree_resolve(const CgroupTree *t, uint64_t id, pid_t pid, char **ret_path) {
        _cleanup_free_ char *path = NULL;
        const char *listed;
        struct stat st;
        int r;

        assert(t && ret_path);

        listed = cgroup_tree_path_of(t, id);
        if (listed) {
                path = strdup(listed);
                if (!path)
                        return -ENOMEM;
        } else {
                r = cgroup_path_of_pid(pid, t->root_path, &path);
                if (r < 0)
                        return r;
                if (fstatat(t->root_fd, path[1] ? path + 1 : ".", &st, AT_SYMLINK_NOFOLLOW) < 0)
                        return -errno;
                if (st.st_ino != id)
                        return -ENOENT;
        }
        *ret_path = TAKE_PTR(path);
        return 0;
}

/* The last component of the first n bytes. */
static const char *last_name(const char *path, size_t n, size_t *ret_n) {
        size_t from = n;

        while (from > 0 && path[from - 1] != '/')
                from--;
        *ret_n = n - from;
        return path + from;
}

const char *cgroup_path_unit(const char *path, char buf[static CGROUP_UNIT_MAX]) {
        assert(path);

        size_t n, length = cgroup_path_unit_length(path);
        const char *unit = last_name(path, length, &n);
        if (n == 0) {
                unit = "-.slice";
                n = strlen(unit);
        }
        if (*unit == '_' && n > 1) {
                unit++;
                n--;
        }
        n = MIN(n, CGROUP_UNIT_MAX - 1U);
        memcpy(buf, unit, n);
        buf[n] = '\0';
        return buf;
}

size_t cgroup_path_unit_length(const char *path) {
        assert(path);

        size_t n = cgroup_path_groups(path, NULL), slashes = strspn(path + n, "/"), name = strcspn(path + n + slashes, "/");
        return name > 0 ? n + slashes + name : n;
}
