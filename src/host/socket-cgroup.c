/* SPDX-License-Identifier: Apache-2.0 */
#include "host/socket-cgroup.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "basic/macro.h"
#include "host/cgroup-mount.h"
#include "host/cgroup.h"
#include "host/existing-sockets.h"
#include "host/read-file.h"

#define ROOT_CGROUP_ID 1 /* of the hierarchy, also where a cgroup namespace hides it */
#define PROC_TEXT_MAX (64U * 1024)

bool socket_cgroup_is_lost(uint64_t own, uint64_t found) {
        return found == ROOT_CGROUP_ID && own != ROOT_CGROUP_ID;
}

static int own_cgroup_id(uint64_t *ret) {
        _cleanup_free_ char *text = NULL, *own = NULL, *root = NULL, *below = NULL;
        _cleanup_close_ int fd = -EBADF;
        const char *what = "";
        struct stat st;
        uint64_t id;

        int r = read_file_at(AT_FDCWD, "/proc/self/cgroup", PROC_TEXT_MAX, &text, NULL);
        if (r >= 0)
                r = cgroup_own_path_parse(text, &own);
        if (r >= 0)
                r = cgroup_root_open(&fd, &id, &root, &what);
        if (r >= 0)
                r = cgroup_path_below(root, own, &below);
        if (r < 0)
                return r;
        if (fstatat(fd, below[1] ? below + 1 : ".", &st, 0) < 0)
                return -errno;
        *ret = st.st_ino;
        return 0;
}

/* Without a port the kernel's list does not have it. */
static int make_listener(uint16_t *ret_port) {
        struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        _cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        socklen_t size = sizeof(sa);

        if (fd < 0 || bind(fd, (struct sockaddr *) &sa, sizeof(sa)) < 0 || listen(fd, 1) < 0 ||
            getsockname(fd, (struct sockaddr *) &sa, &size) < 0)
                return -errno;
        *ret_port = ntohs(sa.sin_port);
        return TAKE_FD(fd);
}

int socket_cgroup_is_known(void) {
        const InAddr local = { .b = { [10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1 } };
        const InAddr none = { .b = { [10] = 0xff, [11] = 0xff } };
        _cleanup_close_ int fd = -EBADF;
        socklen_t size = sizeof(uint64_t);
        ExistingSocket found;
        uint64_t own = 0, cookie;
        uint16_t port = 0;

        int r = own_cgroup_id(&own);
        if (r < 0)
                return r;
        fd = make_listener(&port);
        if (fd < 0)
                return fd;
        if (getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size) < 0)
                return -errno;
        r = existing_socket_find(IPPROTO_TCP, &local, port, &none, 0, &found);
        if (r < 0)
                return r;
        if (found.cookie != cookie || found.cgroup_id == 0)
                return -ENODATA;
        return !socket_cgroup_is_lost(own, found.cgroup_id);
}
