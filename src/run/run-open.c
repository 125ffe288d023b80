/* SPDX-License-Identifier: Apache-2.0 */
#include "run/run-open.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "basic/macro.h"
#include "host/capability.h"
#include "host/guarded-open.h"

#define LOG_MODE 0640

/* Capabilities that override the user's file permissions. Changing the user drops them, unless that was disabled
 * (SECBIT_NO_SETUID_FIXUP). */
#define FILE_CAPABILITIES \
        (CAPABILITY(CAP_DAC_OVERRIDE) | CAPABILITY(CAP_DAC_READ_SEARCH) | CAPABILITY(CAP_FOWNER) | CAPABILITY(CAP_CHOWN))

typedef union Control {
        struct cmsghdr header; /* for its alignment */
        char bytes[CMSG_SPACE(sizeof(int))];
} Control;

/* Sends fd, or the error in its place. 0 is no descriptor: what is opened here has a higher number. */
static void send_result(int socket_fd, int fd) {
        struct iovec data = { .iov_base = &fd, .iov_len = sizeof(fd) };
        struct msghdr m = { .msg_iov = &data, .msg_iovlen = 1 };
        Control control = {};

        if (fd > 0) {
                m.msg_control = control.bytes;
                m.msg_controllen = sizeof(control.bytes);
                struct cmsghdr *c = CMSG_FIRSTHDR(&m);
                *c = (struct cmsghdr) { .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS,
                                        .cmsg_len = CMSG_LEN(sizeof(int)) };
                memcpy(CMSG_DATA(c), &fd, sizeof(fd));
        }
        (void) sendmsg(socket_fd, &m, MSG_NOSIGNAL);
}

static int receive_result(int socket_fd) {
        int result = -EIO, fd;
        struct iovec data = { .iov_base = &result, .iov_len = sizeof(result) };
        Control control = {};
        struct msghdr m = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = control.bytes,
                            .msg_controllen = sizeof(control.bytes) };
        ssize_t n;

        do
                n = recvmsg(socket_fd, &m, MSG_CMSG_CLOEXEC);
        while (n < 0 && errno == EINTR);
        if (n != sizeof(result))
                return n < 0 ? -errno : -EIO; /* the child was killed */
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        if (!c)
                return result <= 0 ? result : -EIO;
        memcpy(&fd, CMSG_DATA(c), sizeof(fd));
        return fd;
}

/* In a separate process, because a failed change of user cannot be undone safely. */
int run_as_user(const char *path, const RunUser *user, run_as_user_fn fn, const void *userdata) {
        _cleanup_close_ int ours = -EBADF, theirs = -EBADF;
        int pair[2];

        assert(path && user && fn);

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
                return -errno;
        ours = pair[0];
        theirs = pair[1];
        pid_t pid = fork();
        if (pid < 0)
                return -errno;
        if (pid == 0) {
                int r = run_user_become(user);
                if (r >= 0)
                        r = capability_drop(FILE_CAPABILITIES);
                send_result(theirs, r < 0 ? r : fn(path, userdata));
                _exit(EXIT_SUCCESS);
        }
        (void) close(TAKE_FD(theirs));
        int fd = receive_result(ours);
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
                ;
        return fd;
}

/* ------------------------------------------------------------------ log */

static int open_log(const char *path, _unused_ const void *userdata) {
        bool created;

        return guarded_open_append(path, LOG_MODE, (uid_t) -1, &created);
}

int run_open_log(const char *path, const RunUser *user) {
        _cleanup_close_ int fd = -EBADF;
        bool created;

        assert(path && user);

        if (!user->change)
                return open_log(path, NULL);
        int r = run_as_user(path, user, open_log, NULL);
        if (r != -EACCES)
                return r;
        fd = guarded_open_append(path, LOG_MODE, user->uid, &created);
        if (fd < 0)
                return fd;
        if (created && fchown(fd, user->uid, user->gid) < 0)
                return -errno;
        return TAKE_FD(fd);
}

/* ------------------------------------------------------------------ policy */

/* With the user's own rights every link may be followed. */
static int open_policy(const char *path, _unused_ const void *userdata) {
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

        return fd < 0 ? -errno : fd;
}

int run_open_policy(const char *path, const RunUser *user) {
        assert(path && user);

        if (user->change) {
                int r = run_as_user(path, user, open_policy, NULL);
                if (r != -EACCES)
                        return r;
        }
        return guarded_open(path, O_RDONLY, 0, NULL);
}
