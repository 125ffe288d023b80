/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The cgroups that policies can apply to, followed as they come and go: the root, every slice, the folders of container engines
 * (basic/cgroup-path.h), and what is directly below one of these (units, scopes, containers). Cgroups nested deeper belong to them and are not listed. */

#include <sys/types.h>

#include <systemd/sd-event.h>

#include "basic/macro.h"

typedef struct CgroupTree CgroupTree;

/* Before everything else in the loop: a new unit must be assigned its policy before its first packets are handled. */
#define CGROUP_TREE_PRIORITY (-10)
#define CGROUP_TREE_MAX 65536U
#define CGROUP_UNIT_MAX 256U /* NAME_MAX, including the NUL */

/* path: below the root, "/system.slice/a.service", "/" for the root itself; valid during the call. id: 64-bit inode
 * number, as returned by bpf_get_current_cgroup_id(). A cgroup recreated under its old name is removed, then added
 * with another id. The tree already reflects the change. Must not free the tree. */
typedef void (*cgroup_tree_fn)(const char *path, uint64_t id, bool is_slice, bool added, void *userdata);
/* A part of the tree cannot be listed or followed: it is treated like the nearest listed cgroup above it. error:
 * -ENOSPC: too many cgroups (path is the first that is not listed, later ones are not reported) or no inotify watch
 * left; -ELOOP; -ENAMETOOLONG; or the error of the system call. */
typedef void (*cgroup_tree_fault_fn)(const char *path, int error, void *userdata);

/* Calls fn for all existing cgroups before it returns, parents first, then on changes. root_fd: a cgroup2 directory,
 * usually from cgroup_root_open(); duplicated. root_path: its name in /proc/PID/cgroup. max: the most entries, at
 * most CGROUP_TREE_MAX. fault may be NULL. Fails if the root itself cannot be followed. */
int cgroup_tree_new(sd_event *event, int root_fd, const char *root_path, size_t max, cgroup_tree_fn fn,
                    cgroup_tree_fault_fn fault, void *userdata, CgroupTree **ret);
/* Does not call fn. */
CgroupTree *cgroup_tree_free(CgroupTree *t);
DEFINE_CLEANUP_FUNC(CgroupTree *, cgroup_tree_free)

/* Scans everything again and reports the differences. */
void cgroup_tree_rescan(CgroupTree *t);
/* Calls fn with added = true for each listed cgroup, parents first. */
void cgroup_tree_for_each(const CgroupTree *t, cgroup_tree_fn fn, void *userdata);
/* Constant time. -ENOENT: not listed. */
int cgroup_tree_find(const CgroupTree *t, const char *path, uint64_t *ret_id);
/* Constant time. NULL: not listed. Valid until the next change. */
const char *cgroup_tree_path_of(const CgroupTree *t, uint64_t id);
/* The path of a cgroup that may be nested deeper than the listed ones, using a process that may be in it: what /proc
 * says about the process only counts if its cgroup has this id. pid 0: no process is known. -ENOENT, -ESRCH: not
 * found. The caller frees *ret_path. */
int cgroup_tree_resolve(const CgroupTree *t, uint64_t id, pid_t pid, char **ret_path);

/* The process's cgroup as seen below root_path, from /proc/PID/cgroup. For display only: the pid may have been
 * reused. -ESRCH: no such process; -ENOTSUP: outside of root_path. The caller frees *ret. */
int cgroup_path_of_pid(pid_t pid, const char *root_path, char **ret);

/* Pure: the unit of a path, which is its first component that is not a slice or the folder of a container engine, without the "_" that systemd puts
 * before names which collide with cgroup files; for a path of slices the last of them, "-.slice" for "/". Truncated
 * to CGROUP_UNIT_MAX - 1 bytes. Returns buf. */
const char *cgroup_path_unit(const char *path, char buf[static CGROUP_UNIT_MAX]);
/* Pure: the length of the unit's own path within path, without nested cgroups; the whole of a path of slices. */
size_t cgroup_path_unit_length(const char *path);
