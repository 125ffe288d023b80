/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Tables of leases for tests: addresses by number, names under one rule each. */

#include <check.h>
#include <string.h>

#include "dns/lease.h"

#define S NSEC_PER_SEC

static const uint8_t lease_key[16] = "sixteen bytes ok";
static const LeaseTimes times = { .floor_nsec = 60 * S, .grace_nsec = 30 * S, .cap_nsec = 600 * S };

static inline LeaseTable *table_new(size_t max_leases, const LeaseTimes *t) {
        LeaseTable *table = NULL;

        ck_assert_int_eq(lease_table_new(max_leases, t, lease_key, &table), 0);
        return table;
}

static inline InAddr addr_of(uint32_t n) {
        InAddr a = { .b = { [10] = 0xff, [11] = 0xff } };

        memcpy(a.b + 12, &n, sizeof(n));
        return a;
}

static inline NameVerdict verdict_of(uint32_t rule) {
        NameVerdict v = { .n_allow = 1 };

        memset(v.rules, 0xff, sizeof(v.rules));
        v.rules[0] = rule;
        return v;
}

static inline int bind_chain(LeaseTable *t, uint32_t a, const char *name, const char *chain, uint32_t rule,
                             uint32_t ttl, uint64_t now, const Lease **ret) {
        InAddr addr = addr_of(a);
        NameVerdict v = verdict_of(rule);

        return lease_table_bind(t, &addr, name, chain, &v, ttl, now, ret);
}

static inline int bind_name(LeaseTable *t, uint32_t a, const char *name, uint32_t rule, uint32_t ttl, uint64_t now,
                            const Lease **ret) {
        return bind_chain(t, a, name, NULL, rule, ttl, now, ret);
}

static inline const Lease *get(LeaseTable *t, uint32_t a, uint64_t now) {
        InAddr addr = addr_of(a);

        return lease_table_get(t, &addr, now);
}

static inline const Lease *find(LeaseTable *t, uint32_t a) {
        InAddr addr = addr_of(a);

        return lease_table_find(t, &addr);
}

/* What on_changed() was called with. */
typedef struct Reported {
        size_t n_changed, n_gone;
        InAddr last;
} Reported;

static inline void on_changed(const Lease *l, void *userdata) {
        Reported *reported = userdata;

        if (l->n_bindings > 0)
                reported->n_changed++;
        else
                reported->n_gone++;
        reported->last = l->addr;
}
