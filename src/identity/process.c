/* SPDX-License-Identifier: Apache-2.0 */
#include "identity/process.h"

#include <assert.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "basic/clock.h"
#include "basic/macro.h"
#include "host/read-file.h"

#define STAT_TEXT_MAX 4096U
#define LIVE_MAX 64U /* directories kept open */

/* /proc/PID, kept open: it refers to this process only, and is empty once that has ended, even if the pid is reused. */
typedef struct LiveProcess {
        uint32_t pid; /* 0: free */
        int dir_fd;
} LiveProcess;

/* Direct-mapped: each pid has one slot, and a new process replaces the previous one. Pids are assigned in order, so
 * recent processes rarely collide. */
struct ProcessCache {
        ProcessInfo *entries; /* pid 0: free */
        size_t n;
        LiveProcess live[LIVE_MAX]; /* by pid as well; the processes read most recently */
};

static void process_info_done(ProcessInfo *info) {
        free(info->executable);
        for (size_t i = 0; i < info->n_parents; i++)
                free((char *) info->parents[i].comm);
        *info = (ProcessInfo) {};
}

/* Decimal digits only, as written by the kernel. */
static int number_parse(const char **p, const char *end, uint64_t *ret) {
        uint64_t n = 0;
        const char *start = *p;

        for (; *p < end && **p >= '0' && **p <= '9'; (*p)++)
                if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, (uint64_t) (**p - '0'), &n))
                        return -EBADMSG;
        if (*p == start)
                return -EBADMSG;
        *ret = n;
        return 0;
}

/* Skips n fields and the space after each. */
static int fields_skip(const char **p, const char *end, unsigned n) {
        for (; n > 0; n--) {
                const char *blank = memchr(*p, ' ', (size_t) (end - *p));

                if (!blank)
                        return -EBADMSG;
                *p = blank + 1;
        }
        return 0;
}

int process_stat_parse(const char *text, size_t size, ProcessStat *ret) {
        const char *p = text, *end = text + size, *close;
        uint64_t pid, ppid, start;
        ProcessStat s = {};
        size_t n;

        assert(text && ret);

        if (number_parse(&p, end, &pid) < 0 || pid > UINT32_MAX || end - p < 2 || p[0] != ' ' || p[1] != '(')
                return -EBADMSG;
        p += 2;
        /* comm may contain ')', but nothing after it does: the last one ends it. */
        close = memrchr(p, ')', (size_t) (end - p));
        if (!close)
                return -EBADMSG;
        n = MIN((size_t) (close - p), sizeof(s.comm) - 1);
        memcpy(s.comm, p, n);
        p = close + 1;
        if (p == end || *p++ != ' ')
                return -EBADMSG;
        /* From here: field 3 (state), 4 (ppid) … 22 (starttime). */
        if (fields_skip(&p, end, 1) < 0 || number_parse(&p, end, &ppid) < 0 || ppid > UINT32_MAX)
                return -EBADMSG;
        if (fields_skip(&p, end, 18) < 0 || number_parse(&p, end, &start) < 0)
                return -EBADMSG;

        s.pid = (uint32_t) pid;
        s.ppid = (uint32_t) ppid;
        s.start_ticks = start;
        *ret = s;
        return 0;
}

static int process_open(uint32_t pid) {
        char path[sizeof("/proc/4294967295")];
        int fd;

        (void) snprintf(path, sizeof(path), "/proc/%" PRIu32, pid);
        fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

static int stat_read(int dir_fd, ProcessStat *ret) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        r = read_file_at(dir_fd, "stat", STAT_TEXT_MAX, &text, &size);
        if (r < 0)
                return r;
        return process_stat_parse(text, size, ret);
}

/* Reads the current program: it changes with execve(2) while pid and start time stay the same. Returns false if it
 * cannot be read: a zombie, a process that has ended, or one that we may not inspect. */
static bool executable_refresh(ProcessInfo *info, int dir_fd) {
        char target[PATH_MAX], *executable;
        ProcessStat s;
        ssize_t n;

        info->checked_ns = clock_nsec(CLOCK_MONOTONIC);
        n = readlinkat(dir_fd, "exe", target, sizeof(target));
        if (n <= 0 || (size_t) n >= sizeof(target))
                return false;
        if (info->executable && strlen(info->executable) == (size_t) n && memcmp(info->executable, target, n) == 0)
                return true;
        executable = strndup(target, (size_t) n);
        if (!executable)
                return true;
        free(info->executable);
        info->executable = executable;
        if (stat_read(dir_fd, &s) >= 0) /* execve(2) has changed it as well */
                memcpy(info->comm, s.comm, sizeof(info->comm));
        return true;
}

static void parents_read(ProcessInfo *info, uint32_t ppid) {
        while (ppid != 0 && info->n_parents < EVENT_PARENTS_MAX) {
                _cleanup_close_ int dir_fd = process_open(ppid);
                ProcessStat s;
                char *comm;

                if (dir_fd < 0 || stat_read(dir_fd, &s) < 0)
                        return;
                comm = strdup(s.comm);
                if (!comm)
                        return;
                info->parents[info->n_parents++] = (EventParent) { .pid = ppid, .comm = comm };
                ppid = s.ppid;
        }
}

int process_cache_new(size_t max, ProcessCache **ret) {
        _cleanup_free_ ProcessCache *c = NULL;

        assert(max > 0 && ret);

        c = calloc(1, sizeof(*c));
        if (!c)
                return -ENOMEM;
        c->entries = calloc(max, sizeof(*c->entries));
        if (!c->entries)
                return -ENOMEM;
        c->n = max;
        *ret = TAKE_PTR(c);
        return 0;
}

ProcessCache *process_cache_free(ProcessCache *c) {
        if (!c)
                return NULL;
        for (size_t i = 0; i < c->n; i++)
                process_info_done(&c->entries[i]);
        for (size_t i = 0; i < LIVE_MAX; i++)
                if (c->live[i].pid != 0)
                        (void) close(c->live[i].dir_fd);
        free(c->entries);
        free(c);
        return NULL;
}

/* The directory open for this pid belongs to a process that has ended. */
static bool live_is_gone(const ProcessCache *c, uint32_t pid) {
        const LiveProcess *live = &c->live[pid % LIVE_MAX];

        return live->pid == pid && faccessat(live->dir_fd, "stat", F_OK, 0) < 0;
}

static void live_keep(ProcessCache *c, uint32_t pid, int dir_fd) {
        LiveProcess *live = &c->live[pid % LIVE_MAX];

        if (live->pid != 0)
                (void) close(live->dir_fd);
        *live = (LiveProcess) { .pid = pid, .dir_fd = dir_fd };
}

const ProcessInfo *process_cache_get(ProcessCache *c, uint32_t pid) {
        _cleanup_close_ int dir_fd = -EBADF;
        ProcessInfo *info;
        ProcessStat s;

        assert(c);

        if (pid == 0)
                return NULL;
        info = &c->entries[pid % c->n];
        dir_fd = process_open(pid);
        if (dir_fd < 0 || stat_read(dir_fd, &s) < 0)
                return info->pid == pid ? info : NULL;

        /* When a parent ends, another process replaces it; the chain read first is more useful, so it is kept. A pid
         * may be reused within one clock tick. */
        if (info->pid != pid || info->start_ticks != s.start_ticks || live_is_gone(c, pid)) {
                process_info_done(info);
                info->pid = pid;
                info->start_ticks = s.start_ticks;
                parents_read(info, s.ppid);
        }
        memcpy(info->comm, s.comm, sizeof(info->comm));
        (void) executable_refresh(info, dir_fd);
        live_keep(c, pid, TAKE_FD(dir_fd));
        return info;
}

const ProcessInfo *process_cache_look(ProcessCache *c, uint32_t pid, uint64_t time_ns) {
        const LiveProcess *live;
        ProcessInfo *info;

        assert(c);

        live = &c->live[pid % LIVE_MAX];
        info = &c->entries[pid % c->n];
        if (pid == 0 || live->pid != pid || info->pid != pid)
                return process_cache_get(c, pid);
        if (time_ns < info->checked_ns)
                return info; /* the current state is not known any better */
        if (!executable_refresh(info, live->dir_fd) && live_is_gone(c, pid))
                return process_cache_get(c, pid);
        return info;
}

bool process_cache_ran(ProcessCache *c, const ProcessInfo *info, const char *comm) {
        const LiveProcess *live;
        ProcessInfo *mine;
        ProcessStat s;

        assert(c && info && comm);

        if (strncmp(info->comm, comm, CW_COMM_MAX - 1) == 0)
                return true;
        live = &c->live[info->pid % LIVE_MAX];
        mine = &c->entries[info->pid % c->n];
        if (live->pid != info->pid || mine != info || stat_read(live->dir_fd, &s) < 0)
                return false;
        memcpy(mine->comm, s.comm, sizeof(mine->comm)); /* the one of an earlier read: a process may rename itself */
        return strncmp(mine->comm, comm, CW_COMM_MAX - 1) == 0;
}

void process_cache_note(ProcessCache *c, uint32_t pid, const char comm[static CW_COMM_MAX]) {
        ProcessInfo *info;

        assert(c);

        info = &c->entries[pid % c->n];
        if (info->pid == pid && strncmp(info->noted_comm, comm, CW_COMM_MAX) == 0)
                return;
        if (process_cache_get(c, pid))
                memcpy(info->noted_comm, comm, CW_COMM_MAX);
}
