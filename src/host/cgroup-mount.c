/* SPDX-License-Identifier: Apache-2.0 */
#include "host/cgroup-mount.h"

#include <assert.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>

#include "basic/macro.h"

/* The text up to the next of " \n", with mountinfo's octal escapes (\040 is a space) decoded. Moves *p past the
 * separating space, or onto the newline. NULL if out of memory. */
static char *field_dup(const char **p) {
        size_t length = strcspn(*p, " \n"), n = 0;
        const char *s = *p, *end = s + length;
        char *out;

        out = malloc(length + 1);
        if (!out)
                return NULL;
        while (s < end) {
                if (end - s >= 4 && s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' &&
                    s[3] >= '0' && s[3] <= '7') {
                        out[n++] = (char) ((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
                        s += 4;
                } else
                        out[n++] = *s++;
        }
        out[n] = '\0';
        *p = *end == ' ' ? end + 1 : end;
        return out;
}

static void field_skip(const char **p) {
        *p += strcspn(*p, " \n");
        if (**p == ' ')
                (*p)++;
}

/* After the separator "-" comes the file system type; any number of optional fields may precede it. */
static bool is_cgroup2(const char *p) {
        while (*p && *p != '\n') {
                if (strncmp(p, "- ", 2) == 0)
                        return strncmp(p + 2, "cgroup2 ", 8) == 0;
                field_skip(&p);
        }
        return false;
}

int cgroup_own_path_parse(const char *text, char **ret) {
        assert(text && ret);

        for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
                char *path;

                if (strncmp(line, "0::/", 4) != 0)
                        continue;
                path = strndup(line + 3, strcspn(line + 3, "\n"));
                if (!path)
                        return -ENOMEM;
                *ret = path;
                return 0;
        }
        return -ENOSYS;
}

/* Lines "net_cls 3 1 1": the name, the hierarchy (0: none, or cgroup2), the number of cgroups, enabled. */
bool cgroup_marks_sockets(const char *text) {
        static const char *const names[] = { "net_cls", "net_prio" };

        assert(text);

        for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
                size_t length = strcspn(line, " \t\n");
                const char *hierarchy = line + length + strspn(line + length, " \t");

                for (size_t i = 0; i < ELEMENTSOF(names); i++)
                        if (length == strlen(names[i]) && strncmp(line, names[i], length) == 0 && *hierarchy >= '1' &&
                            *hierarchy <= '9')
                                return true;
        }
        return false;
}

int cgroup_mount_next(const char **cursor, char **ret_root, char **ret_point) {
        assert(cursor && *cursor && ret_root && ret_point);

        while (**cursor) {
                _cleanup_free_ char *root = NULL, *point = NULL;
                const char *p = *cursor;

                *cursor += strcspn(*cursor, "\n");
                if (**cursor)
                        (*cursor)++;

                for (unsigned i = 0; i < 3; i++) /* mount id, parent id, device */
                        field_skip(&p);
                root = field_dup(&p);
                point = field_dup(&p);
                if (!root || !point)
                        return -ENOMEM;
                if (root[0] != '/' || point[0] != '/' || !is_cgroup2(p))
                        continue;
                *ret_root = TAKE_PTR(root);
                *ret_point = TAKE_PTR(point);
                return 1;
        }
        return 0;
}

static bool has_dot_dot(const char *path) {
        for (const char *p = path; (p = strstr(p, "/..")); p += 3)
                if (p[3] == '/' || p[3] == '\0')
                        return true;
        return false;
}

int cgroup_path_below(const char *root, const char *path, char **ret) {
        size_t n;
        char *below;

        assert(root && path && ret);

        n = strlen(root);
        while (n > 0 && root[n - 1] == '/')
                n--;
        if (strncmp(path, root, n) != 0 || (path[n] != '/' && path[n] != '\0'))
                return -ENOTSUP;
        /* The rest may still lead upwards: "/../x" below a mount of "/" is a cgroup outside this mount. */
        if (has_dot_dot(path + n))
                return -ENOTSUP;
        below = strdup(path[n] ? path + n : "/");
        if (!below)
                return -ENOMEM;
        *ret = below;
        return 0;
}

static int mount_detached(void) {
        _cleanup_close_ int fs_fd = -EBADF;
        int fd;

        fs_fd = fsopen("cgroup2", FSOPEN_CLOEXEC);
        if (fs_fd < 0)
                return errno == ENODEV ? -ENOSYS : -errno;
        if (fsconfig(fs_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
                return -errno;
        fd = fsmount(fs_fd, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
        return fd < 0 ? -errno : fd;
}

int cgroup_mount_private(int *ret_fd) {
        _cleanup_close_ int ns_fd = -EBADF;
        int fd;

        assert(ret_fd);

        /* A mount made from the initial cgroup namespace sets the options of the whole hierarchy and would turn off
         * nsdelegate and others for the whole machine (cgroups(7)). A mount made from a namespace of our own does
         * not, and its root is our own cgroup, so no path is needed. */
        ns_fd = open("/proc/self/ns/cgroup", O_RDONLY | O_CLOEXEC);
        if (ns_fd < 0)
                return -errno;
        if (unshare(CLONE_NEWCGROUP) < 0)
                return -errno;
        fd = mount_detached();
        if (setns(ns_fd, CLONE_NEWCGROUP) < 0) {
                int r = -errno;

                if (fd >= 0)
                        (void) close(fd);
                return r;
        }
        if (fd < 0)
                return fd;
        *ret_fd = fd;
        return 0;
}
