/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The firewall's BPF object, attached to one cgroup with all hooks of CW_HOOKS (bpf/api.h), of which CW_HOOKS_OPTIONAL
 * are used with many_layers only, and CW_HOOKS_MACHINE are for the whole machine: sets constants and sizes, and combines kernel/object and
 * kernel/attach. Owns its links: freeing it detaches, unless they are also
 * held elsewhere (the service manager's fd store). Bit i of a mask of hooks stands for the hook
 * programs_hook_name(i). */

#include <stddef.h>
#include <stdint.h>

#include "basic/in-addr.h"
#include "basic/macro.h"
#include "kernel/object.h"
#include "policy/verdict.h"

typedef struct Programs Programs;

typedef struct ProgramsOptions {
        bool many_layers;       /* false: the host's layer judges every attached process */
        int own_cgroup_fd;      /* one that the caller is in or below, see netns_cookie_own() */
        uint64_t root_cgroup;   /* id of the cgroup of the kernel's own sockets; 0: unknown */
        uint32_t network_uid;   /* the user that runs a DHCP client besides root; 0: none */
        uint32_t max_prefixes;  /* capacity of the trie */
        uint32_t max_hosts;     /* leases and host rules */
        uint32_t max_port_rules;
        uint32_t max_flows;
        uint32_t ring_bytes;    /* a power of two and a multiple of the page size */
        InAddr proxy_addr4;     /* in 127.0.0.0/8; the IPv6 address is ::1 */
        uint16_t proxy_port4, proxy_port6; /* 0: no proxy, port 53 of this family is denied */
        uint32_t optional_hooks; /* hooks that may fail to attach. Bits beyond the last hook are ignored */
        uint32_t unused_hooks;   /* of CW_HOOKS_OPTIONAL, those that are not wanted */
        object_inherit_fn inherit; /* NULL: nothing to inherit. Called for "map-NAME" and "link-HOOK" */
        void *inherit_userdata;
} ProgramsOptions;

/* -EPERM, -ENOSYS, -EOPNOTSUPP …; *ret_what: a constant sentence that says what to do. Loading allows no traffic:
 * without an entry for a layer every verdict is deny. Maps with current state (flows, clients, the ring, counters)
 * are taken over if their layout is the same. */
int programs_load(const ProgramsOptions *o, Programs **ret, const char **ret_what);
/* An inherited link gets the new program with one atomic exchange; other links are created. */
int programs_attach(Programs *p, int cgroup_fd, const char **ret_what);
Programs *programs_free(Programs *p);

/* For SO_ATTACH_BPF on the proxy's sockets: they only receive from the attached processes. Borrowed; -EBADF: with
 * many_layers, since every process is attached then. */
int programs_socket_filter(const Programs *p);
/* For network devices (bpf/backstop.bpf.h): a program of the type BPF_PROG_TYPE_SCHED_CLS, borrowed. It judges while the
 * object "link-backstop" of programs_for_each_fd() is held. -EBADF: there is no use for it, with one layer or where
 * socket_create is attached; another errno: this kernel does not accept it. */
int programs_device_filter(const Programs *p);
#define PROGRAMS_BACKSTOP "backstop"
/* The link of the packet hook, borrowed, for attachment_link_is_released(); -EBADF: not attached. */
int programs_egress_link(const Programs *p);

/* In the order of CW_HOOKS. NULL after the last. */
const char *programs_hook_name(size_t i);
size_t programs_n_hooks(void);
uint32_t programs_attached(const Programs *p); /* bits */
/* Checks that each attached program is still in place. Returns the bits of those that are not. */
uint32_t programs_check(const Programs *p, uint64_t cgroup_id);
bool programs_inherited(const Programs *p); /* at least one link was inherited */

/* Reattaches the hooks of the mask that were detached. Returns the bits that are attached now. */
uint32_t programs_reattach(Programs *p, uint32_t mask, int cgroup_fd);

/* An object that a successor needs, "link-HOOK", "link-backstop" or "map-NAME". is_new: neither inherited under this name nor stored
 * since. Returns 1: it is stored, and so not new any more; 0: it is not; a negative errno: stop. */
typedef int (*programs_fd_fn)(const char *name, int fd, bool is_new, void *userdata);
/* Calls fn for each, links first. Returns 0, or what stopped it. */
int programs_for_each_fd(Programs *p, programs_fd_fn fn, void *userdata);

int programs_map_fd(const Programs *p, const char *name); /* -ENOENT */
int programs_program_fd(const Programs *p, const char *name);
uint64_t programs_counter(const Programs *p, enum cw_counter c);
/* Sets a counter that only user space writes, for a successor. */
void programs_set_counter(const Programs *p, enum cw_counter c, uint64_t value);
/* Time of the last wakeup of the ring's reader: nanoseconds of CLOCK_MONOTONIC, changed by the kernel at any time. */
const uint64_t *programs_ring_woken(const Programs *p);
/* Invalidates cached chains of cgroups. Call after each change of the subjects map. */
void programs_subjects_changed(Programs *p);

/* How many users are followed; 0 spares the programs the question. */
void programs_follow_users(Programs *p, uint32_t n);

/* The source address of what leaves the machine, for sockets that are redirected. NULL: none. */
void programs_set_source(Programs *p, bool v6, const InAddr *addr);

DEFINE_CLEANUP_FUNC(Programs *, programs_free)
