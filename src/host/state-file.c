/* SPDX-License-Identifier: Apache-2.0 */

#include "host/state-file.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "basic/macro.h"
#include "host/guarded-open.h"

#define NAME_SIZE 64

/* No other user may replace what is in it. */
static int open_directory(const char *dir, const char **ret_reason) {
        _cleanup_close_ int fd = -EBADF;
        bool exposed;
        struct stat st;

        fd = guarded_open(dir, O_RDONLY | O_DIRECTORY, 0, &exposed);
        if (fd < 0) {
                *ret_reason = guarded_open_error(fd);
                return fd;
        }
        if (fstat(fd, &st) < 0)
                return -errno;
        if (exposed || (st.st_uid != geteuid() && st.st_uid != 0) || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
                *ret_reason = "another user may write to its directory";
                return -EPERM;
        }
        return TAKE_FD(fd);
}

static int check_file(const struct stat *st, size_t max, const char **ret_reason) {
        *ret_reason = !S_ISREG(st->st_mode)          ? "it is not a regular file"
                      : st->st_uid != geteuid()      ? "it belongs to another user"
                      : (st->st_mode & 077) != 0     ? "its mode lets other users read or write it"
                      : st->st_nlink != 1            ? "it has another name (a hard link)"
                      : (size_t) st->st_size > max   ? "it is too large"
                                                     : NULL;
        return *ret_reason ? -EPERM : 0;
}

static int read_all(int fd, char *text, size_t size) {
        for (size_t n = 0; n < size;) {
                ssize_t r = read(fd, text + n, size - n);

                if (r < 0 && errno != EINTR)
                        return -errno;
                if (r == 0)
                        return -ESTALE; /* cut while it was read */
                n += r > 0 ? (size_t) r : 0;
        }
        return 0;
}

int state_file_read(const char *dir, const char *name, size_t max, char **ret, size_t *ret_size, const char **ret_reason) {
        _cleanup_close_ int dir_fd = -EBADF, fd = -EBADF;
        _cleanup_free_ char *text = NULL;
        struct stat st;
        int r;

        assert(dir && name);
        assert(ret && ret_size && ret_reason);

        *ret_reason = "it cannot be read";
        dir_fd = open_directory(dir, ret_reason);
        if (dir_fd < 0)
                return dir_fd;
        /* Not waiting for a FIFO. */
        fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (fd < 0) {
                *ret_reason = errno == ELOOP    ? "it is a symbolic link"
                              : errno == EACCES ? "this service may not read it: it belongs to another user"
                                                : *ret_reason;
                return -errno;
        }
        if (fstat(fd, &st) < 0)
                return -errno;
        r = check_file(&st, max, ret_reason);
        if (r < 0)
                return r;
        text = malloc((size_t) st.st_size + 1);
        if (!text)
                return -ENOMEM;
        *ret_reason = "it cannot be read";
        r = read_all(fd, text, (size_t) st.st_size);
        if (r < 0)
                return r;
        text[st.st_size] = '\0';
        *ret = TAKE_PTR(text);
        *ret_size = (size_t) st.st_size;
        return 0;
}

/* ------------------------------------------------------------------ write */

static int write_all(int fd, const char *text, size_t size) {
        while (size > 0) {
                ssize_t n = write(fd, text, size);

                if (n < 0 && errno != EINTR)
                        return -errno;
                text += n > 0 ? n : 0;
                size -= n > 0 ? (size_t) n : 0;
        }
        return fsync(fd) < 0 ? -errno : 0;
}

static int write_new(int dir_fd, const char *name, const char *text, size_t size) {
        _cleanup_close_ int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

        return fd < 0 ? -errno : write_all(fd, text, size);
}

int state_file_write(const char *dir, const char *name, const char *text, size_t size) {
        _cleanup_close_ int dir_fd = -EBADF;
        const char *reason;
        char new[NAME_SIZE];
        int r;

        assert(dir && name);
        assert(text || size == 0);

        dir_fd = open_directory(dir, &reason);
        if (dir_fd < 0)
                return dir_fd;
        if ((size_t) snprintf(new, sizeof(new), ".%s.new", name) >= sizeof(new))
                return -ENAMETOOLONG;
        if (unlinkat(dir_fd, new, 0) < 0 && errno != ENOENT) /* left by a crash */
                return -errno;
        r = write_new(dir_fd, new, text, size);
        if (r >= 0 && renameat(dir_fd, new, dir_fd, name) < 0)
                r = -errno;
        if (r < 0) {
                (void) unlinkat(dir_fd, new, 0);
                return r;
        }
        return fsync(dir_fd) < 0 ? -errno : 0;
}

int state_file_remove(const char *dir, const char *name) {
        _cleanup_close_ int dir_fd = -EBADF;
        const char *reason;

        assert(dir && name);

        dir_fd = open_directory(dir, &reason);
        if (dir_fd < 0)
                return dir_fd;
        return unlinkat(dir_fd, name, 0) < 0 ? -errno : 0;
}
