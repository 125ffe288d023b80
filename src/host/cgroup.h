/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A cgroup of our own in the cgroup2 hierarchy. The hierarchy is found through /proc/self/mountinfo, never by a
 * fixed path, and mounted privately if none is visible. */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct Cgroup {
        int root_fd;  /* the cgroup2 mount (O_PATH or directory), owned */
        int fd;       /* the cgroup itself, O_DIRECTORY|O_RDONLY, owned */
        char *path;   /* below the mount, "/a/b" */
        uint64_t id;  /* as returned by bpf_get_current_cgroup_id(): 64-bit inode number */
} Cgroup;

#define CGROUP_INIT { .root_fd = -EBADF, .fd = -EBADF }

/* Opens the root of the visible cgroup2 hierarchy, for programs and watches that cover all of it: the hierarchy's
 * own root if that is mounted, otherwise a mount that contains our own cgroup, as in a container. *ret_fd:
 * O_DIRECTORY|O_RDONLY; *ret_id: as Cgroup.id; *ret_path: its name in /proc/PID/cgroup, usually "/"
 * (cgroup_path_below()); the caller closes and frees. Needs no privilege and no writable mount. -ENOSYS: no cgroup2,
 * or none mounted; -ENOTSUP: our own cgroup is outside of it. *ret_what is set on error only, to a constant sentence
 * that says what to do. */
int cgroup_root_open(int *ret_fd, uint64_t *ret_id, char **ret_path, const char **ret_what);

/* Creates "cargowall-PID-RANDOM" below the caller's own cgroup. -ENOSYS: no cgroup2 in this kernel; -EROFS, -EACCES,
 * -EPERM: not writable; -ENOTSUP: our own cgroup is outside the visible hierarchy. *ret_what is a constant sentence
 * that says what to do. */
int cgroup_create_below_own(Cgroup *ret, const char **ret_what);
/* Moves the calling process into the cgroup. Async-signal-safe, for a child after fork. */
int cgroup_enter(const Cgroup *c);
/* fork(2) into the cgroup with clone3(2): takes no time, unlike moving, which waits for an RCU grace period. Returns
 * 0 in the child, its pid in the parent. Runs no handlers of pthread_atfork(3): for single-threaded processes.
 * Negative errno before Linux 5.7 and if a filter does not know the system call (-ENOSYS, -EPERM): then use fork(2)
 * and cgroup_enter(). */
int cgroup_fork(const Cgroup *c);
/* Kills everything in the cgroup and below with cgroup.kill, or by sending SIGKILL to each process until none is
 * left, and waits until timeout_usec. *ret_n: the processes that were still alive. -ETIMEDOUT: a process is left
 * (uninterruptible sleep). */
int cgroup_kill(const Cgroup *c, uint64_t timeout_usec, unsigned *ret_n);
/* The fallback of cgroup_kill(), for kernels before 5.14. */
int cgroup_kill_each(const Cgroup *c, uint64_t timeout_usec);
/* The ids of the cgroup and of all below it, in ascending order; the caller frees. A removed cgroup has no others below.
 * Fails only with -ENOMEM: what cannot be read is left out. */
int cgroup_list_ids(const Cgroup *c, uint64_t **ret, size_t *ret_n);
/* Removes it with all cgroups below. -EBUSY: a process lives in it. */
int cgroup_remove(Cgroup *c);
void cgroup_done(Cgroup *c); /* closes the descriptors, does not remove the cgroup */
