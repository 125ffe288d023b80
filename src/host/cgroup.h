/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* One cgroup of our own in the cgroup2 hierarchy, which is found in /proc/self/mountinfo, never by path, and mounted
 * privately where none is visible. */

#include <stdint.h>
#include <sys/types.h>

typedef struct Cgroup {
        int root_fd;  /* of the cgroup2 mount (O_PATH or directory), owned */
        int fd;       /* of the cgroup itself, O_DIRECTORY|O_RDONLY, owned */
        char *path;   /* below the mount, "/a/b" */
        uint64_t id;  /* what bpf_get_current_cgroup_id() returns: 64-bit inode number */
} Cgroup;

#define CGROUP_INIT { .root_fd = -EBADF, .fd = -EBADF }

/* The root of the visible cgroup2 hierarchy, for programs and watches that cover all of it: where the hierarchy's own
 * root is mounted, else a mount that holds our own cgroup, as in a container. *ret_fd: O_DIRECTORY|O_RDONLY, *ret_id as
 * Cgroup.id, *ret_path: what /proc/PID/cgroup calls it, "/" as a rule (cgroup_path_below()); the caller closes and
 * frees. Needs no privilege and no writable mount. -ENOSYS: no cgroup2, or none is mounted; -ENOTSUP: our own cgroup is
 * outside. *ret_what, set on error only, is a constant sentence that says what to do. */
int cgroup_root_open(int *ret_fd, uint64_t *ret_id, char **ret_path, const char **ret_what);

/* Creates "cargowall-PID-RANDOM" below the caller's own cgroup. -ENOSYS: no cgroup2 in this kernel; -EROFS, -EACCES,
 * -EPERM: not ours to write; -ENOTSUP: own cgroup is outside the visible hierarchy. *ret_what is a constant sentence
 * that says what to do. */
int cgroup_create_below_own(Cgroup *ret, const char **ret_what);
/* Moves the calling process in. Async-signal-safe: for a child after fork. */
int cgroup_enter(const Cgroup *c);
/* fork(2) into it, with clone3(2): unlike a move, which waits for an RCU grace period, it takes no time. Returns 0 in
 * the child and its pid here. No handler of pthread_atfork(3) runs: for a process of one thread. Negative errno before
 * Linux 5.7 and where a filter knows nothing of the call (-ENOSYS, -EPERM): then fork(2) and cgroup_enter(). */
int cgroup_fork(const Cgroup *c);
/* Kills everything in it and below with cgroup.kill, else by SIGKILL to each until none is left; waits, bounded by
 * timeout. *ret_n: processes that were still there. -ETIMEDOUT: something is left (uninterruptible sleep). */
int cgroup_kill(const Cgroup *c, uint64_t timeout_usec, unsigned *ret_n);
/* The second way of cgroup_kill(), for kernels before 5.14. */
int cgroup_kill_each(const Cgroup *c, uint64_t timeout_usec);
/* Removes it with all below. -EBUSY: something lives in it. */
int cgroup_remove(Cgroup *c);
void cgroup_done(Cgroup *c); /* closes, does not remove */
