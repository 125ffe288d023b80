/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A set of processes with one policy, and what was learnt for it. The engine owns it, proxy and pipeline read it. */

#include "dns/derived-name.h"
#include "dns/lease.h"
#include "kernel/policy-maps.h"
#include "policy/policy.h"

typedef struct Scope {
        uint32_t id;           /* never used again while the engine lives */
        uint32_t index;        /* in the kernel's table of scopes */
        char *name;
        char *digest;          /* of the policy; NULL: unknown */
        Policy *policy;        /* NULL: nobody judges this scope */
        Mode mode;             /* in force; MODE_OFF without a policy */
        uint8_t flags;         /* enum cw_scope_flags */
        bool narrows;          /* for jobs: allows nothing by itself, the scope they run in has to allow it as well */
        LeaseTable *leases;
        DerivedNames *derived;
        PolicySlot *slot;
} Scope;

/* Without policy and slot. -ENOMEM, -EIO. */
int scope_new(const char *name, uint32_t id, uint32_t index, size_t max_leases, Scope **ret);
Scope *scope_free(Scope *s);

static inline bool scope_is_judged(const Scope *s) {
        return s->policy && s->mode != MODE_OFF;
}

DEFINE_CLEANUP_FUNC(Scope *, scope_free)
