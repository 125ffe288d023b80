/* SPDX-License-Identifier: Apache-2.0 */
#include "run/guard.h"

#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "basic/macro.h"
#include "engine/engine.h"
#include "run/last-sockets.h"

#define KILL_TIMEOUT_USEC (10 * USEC_PER_SEC)

/* The links, with their programs and maps: "anon_inode:bpf_link", "anon_inode:bpf-map" … */
static bool fd_is_bpf(const char *name) {
        static const char prefix[] = "anon_inode:bpf";
        char path[sizeof("/proc/self/fd/") + NAME_MAX], target[sizeof(prefix)];
        ssize_t n;

        (void) snprintf(path, sizeof(path), "/proc/self/fd/%s", name);
        n = readlink(path, target, sizeof(target));
        return n >= (ssize_t) sizeof(prefix) - 1 && strncmp(target, prefix, sizeof(prefix) - 1) == 0;
}

/* Copies of another process's descriptors keep sockets bound, epoll entries watched and pipes open. Without /proc
 * they stay open, with no other harm. */
static void close_others(const Cgroup *cgroup, int life_fd) {
        struct dirent *de;
        DIR *dir;

        dir = opendir("/proc/self/fd");
        if (!dir)
                return;
        while ((de = readdir(dir))) {
                int fd = atoi(de->d_name);

                if (fd > STDERR_FILENO && fd != cgroup->fd && fd != cgroup->root_fd && fd != life_fd &&
                    fd != dirfd(dir) && !fd_is_bpf(de->d_name))
                        (void) close(fd);
        }
        (void) closedir(dir);
}

/* Neither the terminal nor `pkill cargowall` may end it: it has its own session, and blocks all signals (see
 * end_is_asked()). It must not
 * keep a mount busy or COMMAND's output pipe open either. */
static int settle(const Cgroup *cgroup, int life_fd) {
        sigset_t all;
        int null_fd;

        (void) sigfillset(&all);
        (void) sigprocmask(SIG_SETMASK, &all, NULL);
        (void) setsid();
        (void) prctl(PR_SET_NAME, "cargowall-guard");
        null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
        if (null_fd >= 0) {
                (void) dup2(null_fd, STDIN_FILENO);
                (void) dup2(null_fd, STDOUT_FILENO);
        }
        close_others(cgroup, life_fd);
        return chdir("/") < 0 ? -errno : 0;
}

/* Whoever reads our caller's messages waits for their end. */
static void leave_stderr(void) {
        (void) dup2(STDIN_FILENO, STDERR_FILENO);
}

/* Waits as long as it takes: a process that cannot be killed yet must not find the hooks detached when it wakes up. */
static void end_processes(const Cgroup *cgroup) {
        unsigned n;

        while (cgroup_kill(cgroup, KILL_TIMEOUT_USEC, &n) < 0)
                (void) sleep(1);
        if (n > 0)
                (void) dprintf(STDERR_FILENO, "cargowall: ended while processes of the run remained; killed: %u\n", n);
}

/* SIGTERM: its unit is to stop. It stays pending. */
static bool end_is_asked(void) {
        sigset_t pending;

        return sigpending(&pending) == 0 && sigismember(&pending, SIGTERM) > 0;
}

static void end_sockets(Cgroup *cgroup, int hold_fd) {
        LastSocketsState state;
        uint64_t usec;
        LastSockets l;

        while (last_sockets_begin(cgroup, hold_fd, &l) < 0)
                (void) sleep(1); /* out of memory */
        while ((state = last_sockets_step(&l, end_is_asked(), &usec)) == LAST_SOCKETS_WAIT)
                (void) usleep((useconds_t) usec);
        if (state == LAST_SOCKETS_LEFT)
                last_sockets_hold(&l, end_is_asked);
        last_sockets_done(&l);
}

_Noreturn static void guard_main(const Cgroup *cgroup, int hold_fd, int life_fd) {
        LastSockets rest = { .hold_fd = hold_fd };
        Cgroup c = *cgroup;
        ssize_t n;
        char byte;

        (void) settle(cgroup, life_fd);
        do
                n = read(life_fd, &byte, 1); /* returns without a byte when the other end is closed */
        while (n < 0 && errno == EINTR);
        if (n != 1 && c.fd >= 0)
                end_processes(&c);
        leave_stderr();
        if (n != 1 && c.fd >= 0 && hold_fd < 0)
                (void) cgroup_remove(&c);
        else if (n != 1 && c.fd >= 0)
                end_sockets(&c, hold_fd);
        else if (hold_fd >= 0)
                last_sockets_hold(&rest, end_is_asked);
        _exit(EXIT_SUCCESS);
}

int guard_new(const Cgroup *cgroup, int hold_fd, Guard *ret) {
        int life[2], r;
        pid_t pid;

        assert(cgroup && ret);

        if (pipe2(life, O_CLOEXEC) < 0)
                return -errno;
        pid = fork();
        if (pid == 0) {
                (void) close(life[1]); /* otherwise it would never see the end */
                guard_main(cgroup, hold_fd, life[0]);
        }
        r = pid < 0 ? -errno : 0;
        (void) close(life[0]);
        if (r < 0) {
                (void) close(life[1]);
                return r;
        }
        *ret = (Guard) { .pid = pid, .life_fd = life[1] };
        return 0;
}

void guard_done(Guard *g) {
        if (g->pid > 0) {
                (void) kill(g->pid, SIGKILL);
                while (waitpid(g->pid, NULL, 0) < 0 && errno == EINTR)
                        ;
        }
        closep(&g->life_fd);
        *g = (Guard) GUARD_INIT;
}

static bool is_alive(const Guard *g) {
        return g->pid > 0 && waitpid(g->pid, NULL, WNOHANG) == 0;
}

bool guard_leave(Guard *g) {
        bool lives = is_alive(g);

        closep(&g->life_fd);
        *g = (Guard) GUARD_INIT;
        return lives;
}

bool guard_hold(Guard *g) {
        bool lives = is_alive(g) && write(g->life_fd, "", 1) == 1;

        closep(&g->life_fd);
        *g = (Guard) GUARD_INIT;
        return lives;
}
