/* SPDX-License-Identifier: Apache-2.0 */

#include "host/guarded-open.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "basic/macro.h"

#define LINKS_MAX 40 /* as in path_resolution(7) */

typedef struct Walk {
        int fd;              /* the current directory of the walk */
        bool exposed;        /* another user could have replaced it, or a directory before it */
        bool loose;          /* other users may write to it */
        bool sticky;         /* but not replace files of root or of ours (inode(7)) */
        unsigned n_links;
        char rest[PATH_MAX]; /* the rest of the path */
} Walk;

static bool is_trusted(const struct stat *st) {
        return st->st_uid == 0 || st->st_uid == geteuid();
}

/* Could another user have created this in the current directory? */
static bool is_foreign(const Walk *w, const struct stat *st) {
        return w->loose && !(w->sticky && is_trusted(st));
}

/* Takes ownership of fd, which may be a negative errno. */
static int walk_enter(Walk *w, int fd) {
        struct stat st;

        if (fd < 0)
                return fd;
        closep(&w->fd);
        w->fd = fd;
        if (fstat(fd, &st) < 0)
                return -errno;
        w->exposed = w->exposed || is_foreign(w, &st);
        /* Group bits also stand for the mask of an access control list (acl(5)). */
        w->loose = !is_trusted(&st) || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0;
        w->sticky = is_trusted(&st) && (st.st_mode & S_ISVTX) != 0;
        return 0;
}

static int open_directory(int dir_fd, const char *name, int more) {
        int fd = openat(dir_fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC | more);

        return fd < 0 ? -errno : fd;
}

static int walk_begin(Walk *w) {
        w->loose = false; /* no other user chose these two */
        return walk_enter(w, open_directory(AT_FDCWD, w->rest[0] == '/' ? "/" : ".", 0));
}

/* Splits the first component off the rest. Returns whether it is the last one. */
static bool walk_next(Walk *w, char name[static NAME_MAX + 1], int *ret_error) {
        const char *begin = w->rest + strspn(w->rest, "/");
        size_t n = strcspn(begin, "/");

        *ret_error = n > NAME_MAX ? -ENAMETOOLONG : n == 0 ? -EISDIR : 0;
        if (*ret_error < 0)
                return false;
        memcpy(name, begin, n);
        name[n] = '\0';
        memmove(w->rest, begin + n, strlen(begin + n) + 1);
        return w->rest[0] == '\0';
}

/* Links in proc(5) lead to objects without a path. Only their process can change the target, and its directory
 * belongs to its user. */
static bool is_proc(int fd) {
        struct statfs fs;

        return fstatfs(fd, &fs) >= 0 && fs.f_type == PROC_SUPER_MAGIC;
}

/* 0: the link's target was put in front of the rest. 1: let the kernel follow it. -EINVAL: not a link. */
static int walk_follow(Walk *w, const char *name) {
        _cleanup_close_ int fd = openat(w->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        size_t rest = strlen(w->rest);
        char target[PATH_MAX];
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISLNK(st.st_mode))
                return -EINVAL;
        /* An extra name (hard link) may have been made by another user, whoever owns the link. */
        if (w->exposed || is_foreign(w, &st) || (w->loose && st.st_nlink > 1) || ++w->n_links > LINKS_MAX)
                return -ELOOP;
        ssize_t n = readlinkat(fd, "", target, sizeof(target));
        if (n < 0)
                return -errno;
        if (is_proc(w->fd))
                return 1;
        if ((size_t) n + rest >= sizeof(w->rest))
                return -ENAMETOOLONG;
        memmove(w->rest + n, w->rest, rest + 1);
        memcpy(w->rest, target, (size_t) n);
        return w->rest[0] == '/' ? walk_begin(w) : 0;
}

static int walk_directory(Walk *w, const char *name) {
        int fd = open_directory(w->fd, name, O_NOFOLLOW), r;

        if (fd != -ENOTDIR && fd != -ELOOP)
                return walk_enter(w, fd);
        r = walk_follow(w, name);
        if (r == 1)
                return walk_enter(w, open_directory(w->fd, name, 0));
        return r == -EINVAL ? -ENOTDIR : r;
}

/* -EAGAIN: it was a link, continue. */
static int walk_file(Walk *w, const char *name, int flags, mode_t mode) {
        int fd = openat(w->fd, name, flags | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY, mode), r;

        if (fd >= 0 || errno != ELOOP || (flags & O_NOFOLLOW))
                return fd < 0 ? -errno : fd;
        r = walk_follow(w, name);
        if (r == 1) {
                fd = openat(w->fd, name, flags | O_CLOEXEC | O_NOCTTY, mode);
                return fd < 0 ? -errno : fd;
        }
        return r < 0 ? r : -EAGAIN;
}

static int walk(Walk *w, int flags, mode_t mode) {
        char name[NAME_MAX + 1];
        int r = walk_begin(w);

        while (r >= 0) {
                bool last = walk_next(w, name, &r);

                if (r < 0)
                        break;
                if (!last) {
                        r = walk_directory(w, name);
                        continue;
                }
                r = walk_file(w, name, flags, mode);
                if (r != -EAGAIN)
                        break;
                r = 0;
        }
        return r;
}

int guarded_open(const char *path, int flags, mode_t mode, bool *ret_exposed) {
        Walk w = { .fd = -EBADF };

        assert(path);

        size_t n = strlen(path);
        if (n == 0 || n >= sizeof(w.rest))
                return n == 0 ? -ENOENT : -ENAMETOOLONG;
        memcpy(w.rest, path, n + 1);
        int r = walk(&w, flags, mode);
        closep(&w.fd);
        if (r >= 0 && ret_exposed)
                *ret_exposed = w.exposed || w.loose;
        return r;
}

/* ------------------------------------------------------------------ to append */

static int check_existing(int fd, bool exposed, uid_t owner) {
        struct stat st;

        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EINVAL;
        if (exposed && (st.st_nlink > 1 || st.st_uid != (owner == (uid_t) -1 ? geteuid() : owner)))
                return -EPERM;
        return 0;
}

int guarded_open_append(const char *path, mode_t mode, uid_t owner, bool *ret_created) {
        /* Without O_NONBLOCK, a FIFO without a reader would block here. */
        const int flags = O_RDWR | O_APPEND | O_NOFOLLOW | O_NONBLOCK;

        assert(path && ret_created);

        /* At most twice: the file may be removed between the two attempts, but log rotation does not do so all the
         * time. */
        for (int i = 0; i < 2; i++) {
                bool exposed;
                int fd = guarded_open(path, flags | O_CREAT | O_EXCL, mode, NULL);

                *ret_created = fd >= 0;
                if (fd != -EEXIST)
                        return fd;
                fd = guarded_open(path, flags, 0, &exposed);
                if (fd == -ENOENT)
                        continue;
                int r = fd < 0 ? fd : check_existing(fd, exposed, owner);
                if (r < 0) {
                        closep(&fd);
                        return r;
                }
                return fd;
        }
        return -ENOENT;
}

const char *guarded_open_error(int error) {
        switch (error < 0 ? -error : error) {
        case ELOOP:
                return "a symbolic link as the file, or one that another user could have created, is not followed";
        case EPERM:
                return "the file belongs to another user, or has hard links, in a directory that others may write to";
        case EINVAL:
        case ENXIO:
                return "not a regular file";
        default:
                return strerror(error < 0 ? -error : error);
        }
}
