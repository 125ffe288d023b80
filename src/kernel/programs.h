/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The BPF object: opened, sized, loaded, attached to one cgroup. Owns its links: freeing it detaches. */

#include <stddef.h>
#include <stdint.h>

#include "basic/macro.h"
#include "basic/in-addr.h"
#include "policy/verdict.h"

typedef struct Programs Programs;

typedef struct ProgramsOptions {
        uint64_t scope;         /* cgroup id that every attached process belongs to */
        uint32_t max_prefixes;  /* room in the trie */
        uint32_t max_exact;     /* leases and host rules */
        uint32_t max_port_rules;
        uint32_t max_flows;
        uint32_t ring_bytes;    /* power of two, multiple of the page size */
        uint16_t proxy_port4, proxy_port6; /* on 127.0.0.1 and ::1; 0: no such proxy, port 53 of the family is refused */
} ProgramsOptions;

/* -EPERM, -ENOSYS, -EOPNOTSUPP …; *ret_what: a constant sentence that says what to do. Allows no traffic by itself:
 * without a scope entry every verdict is deny. */
int programs_load(const ProgramsOptions *o, Programs **ret, const char **ret_what);
int programs_attach(Programs *p, int cgroup_fd, const char **ret_what);
Programs *programs_free(Programs *p);

int programs_map_fd(const Programs *p, const char *name); /* -ENOENT */
int programs_program_fd(const Programs *p, const char *name);
uint64_t programs_counter(const Programs *p, enum cw_counter c);

DEFINE_CLEANUP_FUNC(Programs *, programs_free)
