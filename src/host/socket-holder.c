/* SPDX-License-Identifier: Apache-2.0 */
#include "host/socket-holder.h"

#include <assert.h>
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <syslog.h>
#include <unistd.h>

#include "basic/macro.h"
#include "host/foreign-sockets.h"

#define SOCKETS_MAX 64
#define END_WAIT_MSEC 2000
#define PATH_SIZE 128
#define TEXT_SIZE 256

typedef struct Held {
        DnsEndpoint endpoint;
        uint32_t inode, uid;
} Held;

typedef struct HeldList {
        Held items[SOCKETS_MAX];
        size_t n;
} HeldList;

static void holder_on_foreign(const DnsEndpoint *own, const ExistingSocket *s, void *userdata) {
        HeldList *l = userdata;

        /* Root's sockets belong to the socket units or to the administrator, and a socket for all addresses may be that of
         * a user's DNS server. */
        if (l->n < SOCKETS_MAX && s->uid != 0 && in_addr_equal(&s->local, &own->addr))
                l->items[l->n++] = (Held) { *own, s->inode, s->uid };
}

/* pid 0: no process. */
static void holder_log(socket_holder_log_fn log, int priority, const Held *h, int pid, const char *what) {
        char endpoint[DNS_ENDPOINT_TEXT_MAX], process[32] = "", line[TEXT_SIZE];

        if (pid > 0)
                (void) snprintf(process, sizeof(process), "process %d ", pid);
        (void) snprintf(line, sizeof(line), "user %" PRIu32 " holds %s, which belongs to the DNS proxy: %s%s", h->uid,
                        dns_endpoint_format(&h->endpoint, endpoint), process, what);
        log(priority, line);
}

/* ------------------------------------------------------------------ processes */

int process_status_user(const char *text, uint32_t *ret) {
        const char *line = strstr(text, "\nUid:");
        uint32_t id[4];

        if (!line || sscanf(line, "\nUid: %" SCNu32 " %" SCNu32 " %" SCNu32 " %" SCNu32, &id[0], &id[1], &id[2], &id[3]) != 4)
                return -EBADMSG;
        for (size_t i = 1; i < ELEMENTSOF(id); i++)
                if (id[i] != id[0])
                        return -ENXIO;
        *ret = id[0];
        return 0;
}

static bool runs_as(int pid, uint32_t uid) {
        char path[PATH_SIZE], text[4096];
        uint32_t user;

        (void) snprintf(path, sizeof(path), "/proc/%d/status", pid);
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
        if (n <= 0)
                return false;
        text[n] = '\0';
        return process_status_user(text, &user) >= 0 && user == uid;
}

/* Skips names that are not numbers. */
static int next_number(DIR *dir) {
        struct dirent *d;

        while ((d = readdir(dir)))
                if (isdigit((unsigned char) d->d_name[0]))
                        return atoi(d->d_name);
        return -1;
}

static bool directory_has_socket(const char *path, uint32_t inode) {
        char wanted[PATH_SIZE], target[PATH_SIZE], name[PATH_SIZE];
        DIR *dir = opendir(path);
        bool found = false;

        if (!dir)
                return false;
        (void) snprintf(wanted, sizeof(wanted), "socket:[%" PRIu32 "]", inode);
        for (int fd; !found && (fd = next_number(dir)) >= 0;) {
                (void) snprintf(name, sizeof(name), "%d", fd);
                ssize_t n = readlinkat(dirfd(dir), name, target, sizeof(target));
                found = n == (ssize_t) strlen(wanted) && memcmp(target, wanted, (size_t) n) == 0;
        }
        (void) closedir(dir);
        return found;
}

/* Threads may have a descriptor table of their own. */
static bool process_has_socket(int pid, uint32_t inode) {
        char path[PATH_SIZE];
        bool found = false;
        DIR *threads;

        (void) snprintf(path, sizeof(path), "/proc/%d/task", pid);
        threads = opendir(path);
        if (!threads)
                return false;
        for (int thread; !found && (thread = next_number(threads)) >= 0;) {
                (void) snprintf(path, sizeof(path), "/proc/%d/task/%d/fd", pid, thread);
                found = directory_has_socket(path, inode);
        }
        (void) closedir(threads);
        return found;
}

/* The descriptor ensures that the pid does not refer to another process. */
static void end_process(int pid, const Held *h, socket_holder_log_fn log) {
        _cleanup_close_ int fd = (int) syscall(SYS_pidfd_open, pid, 0);
        struct pollfd ended = { .fd = fd, .events = POLLIN };

        if (fd < 0 || !runs_as(pid, h->uid) || !process_has_socket(pid, h->inode))
                return;
        if (syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0) < 0) {
                holder_log(log, LOG_ERR, h, pid, "cannot be killed");
                return;
        }
        (void) poll(&ended, 1, END_WAIT_MSEC);
        holder_log(log, LOG_WARNING, h, pid, "was killed");
}

static void end_holders(const Held *h, socket_holder_log_fn log) {
        DIR *processes = opendir("/proc");

        if (!processes)
                return;
        for (int pid; (pid = next_number(processes)) >= 0;) {
                if (!process_has_socket(pid, h->inode))
                        continue;
                if (runs_as(pid, h->uid))
                        end_process(pid, h, log);
                else
                        holder_log(log, LOG_WARNING, h, pid,
                                   "also has the socket but runs as another user; not killed");
        }
        (void) closedir(processes);
}

/* ------------------------------------------------------------------ sockets */

int socket_holders_end(const DnsEndpoint *endpoints, size_t n, socket_holder_log_fn log) {
        HeldList before = {}, after = {};
        int r;

        assert(endpoints || n == 0);
        assert(log);

        r = foreign_sockets_list(endpoints, n, holder_on_foreign, &before);
        if (r < 0 || before.n == 0)
                return r;
        for (size_t i = 0; i < before.n; i++)
                end_holders(&before.items[i], log);
        r = foreign_sockets_list(endpoints, n, holder_on_foreign, &after);
        if (r < 0)
                return r;
        for (size_t i = 0; i < after.n; i++)
                holder_log(log, LOG_ERR, &after.items[i], 0, "the socket still exists; kill that user's processes");
        return (int) after.n;
}
