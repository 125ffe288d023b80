/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The firewall's own BPF object, at every hook of CW_HOOKS (bpf/api.h) of one cgroup: its constants and sizes, put together
 * from kernel/object and kernel/attach. Owns its links: freeing it detaches, unless somebody else (the service manager's fd
 * store) holds them as well. Bit i of a mask of hooks stands for the hook of programs_hook_name(i). */

#include <stddef.h>
#include <stdint.h>

#include "basic/in-addr.h"
#include "basic/macro.h"
#include "kernel/object.h"
#include "policy/verdict.h"

typedef struct Programs Programs;

typedef struct ProgramsOptions {
        bool many_layers;       /* false: the host's layer judges every attached process */
        uint64_t root_cgroup;   /* id of the cgroup of the kernel's own sockets; 0: unknown */
        uint32_t network_uid;   /* who speaks DHCP besides root; 0: nobody */
        uint32_t max_prefixes;  /* room in the trie */
        uint32_t max_hosts;     /* leases and host rules */
        uint32_t max_port_rules;
        uint32_t max_flows;
        uint32_t ring_bytes;    /* power of two, multiple of the page size */
        InAddr proxy_addr4;     /* 127.0.0.0/8; the other is ::1 */
        uint16_t proxy_port4, proxy_port6; /* 0: no such proxy, port 53 of the family is refused */
        uint32_t optional_hooks; /* without which the start does not fail. Bits beyond the last hook count for nothing */
        object_inherit_fn inherit; /* NULL: nothing to inherit. Asked for "map-NAME" and "link-HOOK" */
        void *inherit_userdata;
} ProgramsOptions;

/* -EPERM, -ENOSYS, -EOPNOTSUPP …; *ret_what: a constant sentence that says what to do. Allows no traffic by itself:
 * without an entry for a layer every verdict is deny. Maps that hold what is going on (flows, clients, the ring, counters) are
 * taken over where their layout is the same. */
int programs_load(const ProgramsOptions *o, Programs **ret, const char **ret_what);
/* A link that was inherited gets the new program with one exchange; the others are made. */
int programs_attach(Programs *p, int cgroup_fd, const char **ret_what);
Programs *programs_free(Programs *p);

/* In the order of CW_HOOKS. NULL after the last. */
const char *programs_hook_name(size_t i);
size_t programs_n_hooks(void);
uint32_t programs_attached(const Programs *p); /* bits */
/* Is each attached program still the one in its place? Returns the bits of those that are not. */
uint32_t programs_check(const Programs *p, uint64_t cgroup_id);
bool programs_inherited(const Programs *p); /* at least one link was */

/* Attaches those of the mask again that were taken away. Returns the bits that are attached now. */
uint32_t programs_reattach(Programs *p, uint32_t mask, int cgroup_fd);

/* Everything that a successor wants: "link-HOOK", then "map-NAME". is_new: neither inherited under this name nor kept
 * since. Stops on fn's negative return and hands it on. */
typedef int (*programs_fd_fn)(const char *name, int fd, bool is_new, void *userdata);
int programs_for_each_fd(const Programs *p, programs_fd_fn fn, void *userdata);

/* The service manager has them all now. */
void programs_fds_are_kept(Programs *p);

int programs_map_fd(const Programs *p, const char *name); /* -ENOENT */
int programs_program_fd(const Programs *p, const char *name);
uint64_t programs_counter(const Programs *p, enum cw_counter c);
/* One that user space writes: a successor finds it. */
void programs_set_counter(const Programs *p, enum cw_counter c, uint64_t value);
/* When the ring's reader was last woken: nanoseconds of CLOCK_MONOTONIC, changed by the kernel at any time. */
const uint64_t *programs_ring_woken(const Programs *p);
/* Chains found for cgroups before now are looked up again. After each change of the subjects map. */
void programs_subjects_changed(Programs *p);

DEFINE_CLEANUP_FUNC(Programs *, programs_free)
