/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The cgroups that a policy can be for, followed as they come and go: the root, every slice, and what lies directly
 * below one of these (units, scopes, containers). What is nested deeper belongs to them and is not listed. */

#include <sys/types.h>

#include <systemd/sd-event.h>

#include "basic/macro.h"

typedef struct CgroupTree CgroupTree;

/* Ahead of all else in the loop: a new unit must have its scope before its first packets are looked at. */
#define CGROUP_TREE_PRIORITY (-10)
#define CGROUP_TREE_MAX 65536U
#define CGROUP_UNIT_MAX 256U /* NAME_MAX with the NUL */

/* path: below the root, "/system.slice/a.service", "/" for the root itself; valid during the call. id: 64-bit inode
 * number, what bpf_get_current_cgroup_id() returns. One that was made again under its old name is removed, then added
 * with another id. The tree already shows the change. Must not free the tree. */
typedef void (*cgroup_tree_fn)(const char *path, uint64_t id, bool is_slice, bool added, void *userdata);
/* A part of the tree cannot be listed or followed: it is treated like the nearest listed cgroup above. error: -ENOSPC
 * too many cgroups (said for the first only) or no inotify watch left, -ELOOP, -ENAMETOOLONG, or what the system call
 * said. */
typedef void (*cgroup_tree_fault_fn)(const char *path, int error, void *userdata);

typedef struct CgroupTreeStats {
        size_t n;           /* listed now, the root included */
        uint64_t n_dropped; /* seen beyond the bound, since the start */
        uint64_t n_faults;  /* calls of cgroup_tree_fault_fn */
        uint64_t n_rescans; /* whole readings after the first: notices were lost, or one was asked for */
} CgroupTreeStats;

/* Calls fn for all there are before it returns, parents first, then on changes. root_fd: a cgroup2 directory, of
 * cgroup_root_open() as a rule, is duplicated. root_path: what /proc/PID/cgroup calls it. max: the most entries,
 * CGROUP_TREE_MAX. fault may be NULL. Fails when the root itself cannot be followed. */
int cgroup_tree_new(sd_event *event, int root_fd, const char *root_path, size_t max, cgroup_tree_fn fn,
                    cgroup_tree_fault_fn fault, void *userdata, CgroupTree **ret);
/* Calls nothing. */
CgroupTree *cgroup_tree_free(CgroupTree *t);
DEFINE_CLEANUP_FUNC(CgroupTree *, cgroup_tree_free)

/* Reads all anew and reports what differs. */
void cgroup_tree_rescan(CgroupTree *t);
/* Calls fn with added = true for each that is listed, parents first. */
void cgroup_tree_for_each(const CgroupTree *t, cgroup_tree_fn fn, void *userdata);
/* Constant time. -ENOENT: not listed. */
int cgroup_tree_find(const CgroupTree *t, const char *path, uint64_t *ret_id);
/* Constant time. NULL: not listed. Valid until the next change. */
const char *cgroup_tree_path_of(const CgroupTree *t, uint64_t id);
/* The path of a cgroup that may be nested deeper than the list goes, with the help of a process that is thought to live
 * in it: what /proc says of the process counts only if it is the cgroup with this id. pid 0: no process is known.
 * -ENOENT, -ESRCH: cannot be told. The caller frees. */
int cgroup_tree_resolve(const CgroupTree *t, uint64_t id, pid_t pid, char **ret_path);
CgroupTreeStats cgroup_tree_stats(const CgroupTree *t);

/* The process's cgroup as seen below root_path, from /proc/PID/cgroup. Best effort, for texts: the pid may be another
 * process's by now. -ESRCH: no such process; -ENOTSUP: outside of root_path. The caller frees. */
int cgroup_path_of_pid(pid_t pid, const char *root_path, char **ret);

/* Pure: the unit that a path belongs to, its first component that is no slice, without the "_" that systemd puts before
 * names which collide with cgroup files; for a path of slices only the last of them, "-.slice" for "/". Cut at
 * CGROUP_UNIT_MAX - 1 bytes. Returns buf. */
const char *cgroup_path_unit(const char *path, char buf[static CGROUP_UNIT_MAX]);
/* Pure: how many bytes of the path are the unit's own path, without what is nested in it; all of a path of slices. */
size_t cgroup_path_unit_length(const char *path);
