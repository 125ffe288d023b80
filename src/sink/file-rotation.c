/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/file-rotation.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "basic/macro.h"
#include "host/guarded-open.h"

/* Sets *ret_name to the last component, a part of path. Returns the directory, open, or a negative errno. */
static int open_parent(const char *path, const char **ret_name) {
        const char *slash = strrchr(path, '/');
        char parent[PATH_MAX];
        int n = 0;

        if (!slash)
                n = snprintf(parent, sizeof(parent), ".");
        else
                n = snprintf(parent, sizeof(parent), "%.*s", slash == path ? 1 : (int) (slash - path), path);
        if (n < 0 || (size_t) n >= sizeof(parent))
                return -ENAMETOOLONG;
        *ret_name = slash ? slash + 1 : path;
        return guarded_open(parent, O_RDONLY | O_DIRECTORY, 0, NULL);
}

static int is_same_file(int dir_fd, const char *name, int fd) {
        struct stat ours, named;

        if (fstat(fd, &ours) < 0)
                return -errno;
        if (fstatat(dir_fd, name, &named, AT_SYMLINK_NOFOLLOW) < 0)
                return errno == ENOENT ? -ESTALE : -errno;
        return ours.st_dev == named.st_dev && ours.st_ino == named.st_ino ? 0 : -ESTALE;
}

/* i 0: the file itself. */
static int old_name(const char *name, unsigned i, char buf[static NAME_MAX + 1]) {
        int n = i == 0 ? snprintf(buf, NAME_MAX + 1, "%s", name) : snprintf(buf, NAME_MAX + 1, "%s.old.%u", name, i);

        return n < 0 || n > NAME_MAX ? -ENAMETOOLONG : 0;
}

int file_rotate(const char *path, int fd, unsigned keep) {
        char from[NAME_MAX + 1], to[NAME_MAX + 1];
        const char *name;

        assert(path);
        assert(keep >= 1 && keep <= FILE_ROTATION_KEEP_MAX);

        _cleanup_close_ int dir_fd = open_parent(path, &name);
        if (dir_fd < 0)
                return dir_fd;
        int r = is_same_file(dir_fd, name, fd);
        for (unsigned i = keep; r >= 0 && i > 0; i--) {
                r = old_name(name, i - 1, from);
                if (r >= 0)
                        r = old_name(name, i, to);
                if (r >= 0 && renameat(dir_fd, from, dir_fd, to) < 0 && (i == 1 || errno != ENOENT))
                        r = -errno;
        }
        return r;
}
