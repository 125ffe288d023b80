/* SPDX-License-Identifier: Apache-2.0 */
#include "run/inherited.h"

#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "basic/macro.h"

#define LINK_MAX_BYTES 64 /* enough for the prefixes below */

/* What is refused, apart from sockets and directories: by the target of its link in /proc/self/fd, or by its device
 * number (Documentation/admin-guide/devices.txt of Linux). */
static const struct {
        const char *what;
        const char *prefix;
        unsigned major, minor;
} leaks[] = {
        { .what = "an io_uring, which may hold network sockets", .prefix = "anon_inode:[io_uring]" },
        { .what = "a BPF object", .prefix = "anon_inode:bpf" },
        { .what = "a tunnel device", .major = 10, .minor = 200 },   /* /dev/net/tun */
        { .what = "a vhost device", .major = 10, .minor = 238 },    /* /dev/vhost-net */
        { .what = "a vhost device", .major = 10, .minor = 241 },    /* /dev/vhost-vsock */
        { .what = "a vhost device", .prefix = "/dev/vhost-" },
        { .what = "a PPP device", .major = 108, .minor = 0 },
        { .what = "a network device", .prefix = "/dev/tap" },       /* macvtap, ipvtap */
        { .what = "an RDMA device", .prefix = "/dev/infiniband/" },
};

/* A unix socket may lead to a service outside, as those do that COMMAND can connect to. */
static bool family_leaks(int family) {
        return family != AF_UNIX && family != AF_NETLINK && family != AF_ALG;
}

/* -1 if it is not an open socket. */
static int socket_option(int fd, int option) {
        socklen_t size = sizeof(int);
        int value;

        return getsockopt(fd, SOL_SOCKET, option, &value, &size) < 0 ? -1 : value;
}

static void read_link(int fd, char target[static LINK_MAX_BYTES]) {
        char path[sizeof("/proc/self/fd/") + 3 * sizeof(int)];
        ssize_t n;

        (void) snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        n = readlink(path, target, LINK_MAX_BYTES - 1);
        target[MAX(n, 0)] = '\0';
}

const char *inherited_leak(int fd, bool mounts) {
        char target[LINK_MAX_BYTES];
        struct stat st;

        if (fstat(fd, &st) < 0)
                return NULL;
        if (S_ISSOCK(st.st_mode)) /* also the name of one, opened with O_PATH */
                return family_leaks(socket_option(fd, SO_DOMAIN)) ? "a network socket" : NULL;
        if (S_ISDIR(st.st_mode))
                return mounts ? "a directory, which leads to the name services that are hidden from COMMAND" : NULL;

        read_link(fd, target);
        for (size_t i = 0; i < ELEMENTSOF(leaks); i++)
                if (leaks[i].prefix
                            ? strncmp(target, leaks[i].prefix, strlen(leaks[i].prefix)) == 0
                            : S_ISCHR(st.st_mode) && st.st_rdev == makedev(leaks[i].major, leaks[i].minor))
                        return leaks[i].what;
        return NULL;
}

bool inherited_is_connection(int fd) {
        const int family = socket_option(fd, SO_DOMAIN);
        struct sockaddr_storage sa;
        socklen_t size = sizeof(sa);

        return family >= 0 && family_leaks(family) && socket_option(fd, SO_TYPE) == SOCK_STREAM &&
               getpeername(fd, (struct sockaddr *) &sa, &size) >= 0;
}

bool inherited_is_kept(const int *keep, size_t n_keep, int fd) {
        assert(keep || n_keep == 0);

        for (size_t i = 0; i < n_keep; i++)
                if (keep[i] == fd)
                        return true;
        return false;
}

int inherited_find_leak(const int *keep, size_t n_keep, bool mounts, int *ret_fd, const char **ret_what) {
        struct dirent *de;
        int found = 0;
        DIR *dir;

        assert(ret_fd && ret_what);

        dir = opendir("/proc/self/fd");
        if (!dir)
                return -errno;
        while (!found && (de = readdir(dir))) {
                int fd = atoi(de->d_name);
                const char *what;

                if (de->d_name[0] == '.' || fd == dirfd(dir) || inherited_is_kept(keep, n_keep, fd))
                        continue;
                what = inherited_leak(fd, mounts);
                if (!what || (fd <= STDERR_FILENO && inherited_is_connection(fd)))
                        continue;
                *ret_fd = fd;
                *ret_what = what;
                found = 1;
        }
        (void) closedir(dir);
        return found;
}
