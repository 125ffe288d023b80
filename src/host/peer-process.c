/* SPDX-License-Identifier: Apache-2.0 */
#include "host/peer-process.h"

#include <assert.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <systemd/sd-login.h>

#include "basic/macro.h"
#include "host/read-file.h"

#define TEXT_MAX (16U * 1024)

int peer_process_open(uint32_t pid) {
        if (pid == 0 || pid > INT32_MAX)
                return -ESRCH;
        long fd = syscall(SYS_pidfd_open, (pid_t) pid, 0);
        return fd < 0 ? -errno : (int) fd;
}

bool peer_process_is_alive(int pidfd) {
        struct pollfd p = { .fd = pidfd, .events = POLLIN };

        return poll(&p, 1, 0) == 0;
}

/* Reads a number of a field in a text such as /proc/PID/status; place counts from 0. */
static int read_field(const char *path, const char *field, unsigned place, int64_t *ret) {
        _cleanup_free_ char *text = NULL;
        size_t size;

        int r = read_file_at(AT_FDCWD, path, TEXT_MAX, &text, &size);
        if (r < 0)
                return r == -ENOENT ? -ESRCH : r;
        for (char *line = text; line; line = strchr(line, '\n')) {
                line += *line == '\n';
                if (strncmp(line, field, strlen(field)) != 0)
                        continue;
                char *p = line + strlen(field), *end = p;
                for (unsigned i = 0; i <= place; i++, p = end) {
                        *ret = strtoll(p, &end, 10);
                        if (end == p)
                                return -EBADMSG;
                }
                return 0;
        }
        return -EBADMSG;
}

/* fdinfo has "Pid:\t-1" once the process has ended (Linux 5.4). */
static int pid_of(int pidfd, pid_t *ret) {
        char path[64];
        int64_t pid;

        (void) snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", pidfd);
        int r = read_field(path, "Pid:", 0, &pid);
        if (r < 0)
                return r;
        if (pid <= 0 || pid > INT32_MAX)
                return -ESRCH;
        *ret = (pid_t) pid;
        return 0;
}

int peer_process_unit(int pidfd, char **ret_unit, char **ret_cgroup) {
        _cleanup_free_ char *unit = NULL, *cgroup = NULL, *again = NULL;
        pid_t pid;
        int r;

        assert(ret_unit);
        assert(ret_cgroup);

        r = pid_of(pidfd, &pid);
        if (r >= 0)
                r = sd_pid_get_cgroup(pid, &cgroup);
        if (r >= 0)
                r = sd_pid_get_unit(pid, &unit);
        if (r >= 0)
                r = sd_pid_get_cgroup(pid, &again);
        /* If the process is still alive, its pid was not reused before. */
        if (!peer_process_is_alive(pidfd))
                return -ESRCH;
        if (r < 0)
                return r;
        if (strcmp(cgroup, again) != 0)
                return -EAGAIN;
        *ret_unit = TAKE_PTR(unit);
        *ret_cgroup = TAKE_PTR(cgroup);
        return 0;
}

int peer_process_uid(int pidfd, uint32_t *ret) {
        char path[64];
        int64_t uid;
        pid_t pid;

        assert(ret);

        int r = pid_of(pidfd, &pid);
        if (r < 0)
                return r;
        (void) snprintf(path, sizeof(path), "/proc/%d/status", pid);
        r = read_field(path, "Uid:", 1, &uid);
        if (!peer_process_is_alive(pidfd))
                return -ESRCH;
        if (r < 0)
                return r;
        *ret = (uint32_t) uid;
        return 0;
}
