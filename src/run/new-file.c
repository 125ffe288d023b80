/* SPDX-License-Identifier: Apache-2.0 */
#include "run/new-file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "basic/macro.h"
#include "host/guarded-open.h"
#include "run/run-open.h"

#define FILE_MODE 0640

/* The folder as opened, and the name in it. */
typedef struct Place {
        int folder_fd;
        const char *name; /* borrowed from the path */
} Place;

typedef int (*open_folder_fn)(const char *path);

static int open_folder_plainly(const char *path) {
        int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

        return fd < 0 ? -errno : fd;
}

static int open_folder_guarded(const char *path) {
        return guarded_open(path, O_RDONLY | O_DIRECTORY, 0, NULL);
}

static int open_place(const char *path, open_folder_fn open_folder, Place *ret) {
        const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
        _cleanup_free_ char *folder = slash == path ? strdup("/.") : slash ? strndup(path, (size_t) (slash - path)) : strdup(".");

        if (!folder)
                return -ENOMEM;
        if (name[0] == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
                return -EISDIR;
        int fd = open_folder(folder);
        if (fd < 0)
                return fd;
        *ret = (Place) { .folder_fd = fd, .name = name };
        return 0;
}

/* ------------------------------------------------------------------ */

static int check_at(const Place *p) {
        struct stat st;

        if (fstatat(p->folder_fd, p->name, &st, AT_SYMLINK_NOFOLLOW) == 0)
                return -EEXIST;
        if (errno != ENOENT)
                return -errno;
        return faccessat(p->folder_fd, ".", W_OK | X_OK, AT_EACCESS) < 0 ? -errno : 0;
}

static int check(const char *path, open_folder_fn open_folder) {
        Place p;

        int r = open_place(path, open_folder, &p);
        if (r < 0)
                return r;
        r = check_at(&p);
        (void) close(p.folder_fd);
        return r;
}

static int check_as_user(const char *path, _unused_ const void *userdata) {
        return check(path, open_folder_plainly);
}

int new_file_check(const char *path, const RunUser *user) {
        assert(path && user);

        int r = user->change ? run_as_user(path, user, check_as_user, NULL) : check(path, open_folder_guarded);
        return r == -EACCES && user->change ? check(path, open_folder_guarded) : r;
}

/* ------------------------------------------------------------------ */

typedef struct Contents {
        const char *text;
        size_t length;
        const RunUser *owner; /* NULL: whoever writes it */
} Contents;

static int write_all(int fd, const char *text, size_t length) {
        while (length > 0) {
                ssize_t n = write(fd, text, length);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                text += n;
                length -= (size_t) n;
        }
        return fsync(fd) < 0 ? -errno : 0;
}

static int fill(int fd, const Contents *c) {
        int r = write_all(fd, c->text, c->length);

        if (r >= 0 && c->owner && fchown(fd, c->owner->uid, c->owner->gid) < 0)
                r = -errno;
        return r;
}

/* Under a name that nobody can foresee, then with the right one. */
static int write_at(const Place *p, const Contents *c) {
        char temporary[] = ".cargowall-0123456789abcdef";
        uint64_t number;

        if (getrandom(&number, sizeof(number), 0) != sizeof(number))
                return -EIO;
        (void) snprintf(temporary, sizeof(temporary), ".cargowall-%016llx", (unsigned long long) number);
        _cleanup_close_ int fd = openat(p->folder_fd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
        if (fd < 0)
                return -errno;

        int r = fill(fd, c);
        if (r >= 0 && renameat2(p->folder_fd, temporary, p->folder_fd, p->name, RENAME_NOREPLACE) < 0)
                r = -errno;
        if (r == -EINVAL) { /* a file system that knows no such renaming */
                r = linkat(p->folder_fd, temporary, p->folder_fd, p->name, 0) < 0 ? -errno : 0;
                (void) unlinkat(p->folder_fd, temporary, 0);
        } else if (r < 0)
                (void) unlinkat(p->folder_fd, temporary, 0);
        return r;
}

static int write_new(const char *path, open_folder_fn open_folder, const Contents *c) {
        Place p;

        int r = open_place(path, open_folder, &p);
        if (r < 0)
                return r;
        r = write_at(&p, c);
        (void) close(p.folder_fd);
        return r;
}

static int write_as_user(const char *path, const void *userdata) {
        return write_new(path, open_folder_plainly, userdata);
}

int new_file_write(const char *path, const RunUser *user, const char *text, size_t length) {
        assert(path && user);
        assert(text || length == 0);

        Contents c = { .text = text, .length = length };
        if (!user->change)
                return write_new(path, open_folder_guarded, &c);
        int r = run_as_user(path, user, write_as_user, &c);
        if (r != -EACCES)
                return r;
        c.owner = user;
        return write_new(path, open_folder_guarded, &c);
}
