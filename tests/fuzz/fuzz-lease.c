/* SPDX-License-Identifier: Apache-2.0 */

/* Operations read from the bytes, on a lease table and on a naive model of it: an end per address and verdict. The
 * first verdict is one without rules. */

#include <stdlib.h>
#include <string.h>

#include "dns/lease.h"

enum { N_ADDRS = 8, N_RULES = 16, MAX_LEASES = 5, FLOOR = 5, GRACE = 2, CAP = 40 };

typedef struct Model {
        uint64_t now;                    /* seconds, as all of it */
        uint64_t ends[N_ADDRS][N_RULES]; /* 0 once the table has dropped the binding */
        uint64_t kernel[N_ADDRS];        /* ends, as the caller would have written them */
} Model;

#define CHECK(x) ((x) ? (void) 0 : abort())

static size_t model_n_live(const Model *m, size_t addr) {
        size_t n = 0;

        for (size_t v = 0; v < N_RULES; v++)
                n += m->ends[addr][v] > m->now;
        return n;
}

static void model_drop_ended(Model *m, size_t addr) {
        for (size_t v = 0; v < N_RULES; v++)
                if (m->ends[addr][v] <= m->now)
                        m->ends[addr][v] = 0;
}

static bool only_names(const Model *m, size_t addr) {
        uint64_t others = 0;

        for (size_t v = 1; v < N_RULES; v++)
                others |= m->ends[addr][v];
        return others == 0 && m->ends[addr][0] > m->now;
}

/* *ret_evicts: only if another lease leaves. */
static bool model_has_room(const Model *m, size_t addr, size_t rule, bool *ret_evicts) {
        size_t n_others = 0, n_only_names = 0;

        for (size_t i = 0; i < N_ADDRS; i++) {
                n_others += i != addr && model_n_live(m, i) > 0;
                n_only_names += i != addr && only_names(m, i);
        }
        *ret_evicts = n_others >= MAX_LEASES;
        return n_others < MAX_LEASES || (rule != 0 && n_only_names > 0);
}

static void check_evicted(const LeaseTable *t, Model *m, bool evicts) {
        InAddr evicted = {};

        bool any = lease_table_evicted(t, &evicted, &(uint32_t) { 0 });
        size_t addr = evicted.b[15];
        CHECK(!evicts || (any && only_names(m, addr)));
        CHECK(evicts || !any || model_n_live(m, addr) == 0);
        if (!any)
                return;
        memset(m->ends[addr], 0, sizeof(m->ends[addr]));
        m->kernel[addr] = 0;
}

static void on_changed(const Lease *l, void *userdata) {
        Model *m = userdata;

        CHECK(l->n_bindings == model_n_live(m, l->addr.b[15]));
        model_drop_ended(m, l->addr.b[15]);
        m->kernel[l->addr.b[15]] = l->n_bindings > 0 ? l->expires_nsec / NSEC_PER_SEC : 0;
}

static void check_lease(const Model *m, const Lease *l, size_t rule, const char *name, const char *chain) {
        const LeaseBinding *latest = &l->bindings[l->latest];
        size_t addr = l->addr.b[15];

        CHECK(l->n_bindings == model_n_live(m, addr) && l->latest < l->n_bindings);
        CHECK(latest->verdict.rules[0] == rule && strcmp(latest->name, name) == 0);
        CHECK(chain ? strcmp(latest->chain, chain) == 0 : !latest->chain);
        for (size_t i = 0; i < l->n_bindings; i++)
                CHECK(l->bindings[i].expires_nsec == m->ends[addr][l->bindings[i].verdict.rules[0]] * NSEC_PER_SEC);
}

/* a: address and rule; b: name, chain and TTL */
static void run_bind(LeaseTable *t, Model *m, uint8_t a, uint8_t b) {
        const char *name = b & 1 ? "a.example" : "b.example", *chain = b & 2 ? "c.example" : NULL;
        size_t addr = a % N_ADDRS, rule = a / N_ADDRS % N_RULES;
        uint32_t ttl = b / 4;
        NameVerdict v = { .rules = { (uint32_t) rule }, .n_allow = rule != 0 };
        InAddr address = { .b = { [15] = (uint8_t) addr } };
        const Lease *l = NULL;
        bool evicts;

        bool has_room = model_has_room(m, addr, rule, &evicts);
        int r = lease_table_bind(t, &address, name, chain, &v, ttl, m->now * NSEC_PER_SEC, &l);
        CHECK(has_room ? r >= 0 : r == -ENOSPC);
        if (!has_room)
                return;
        check_evicted(t, m, evicts);

        uint64_t life = MIN(MAX(ttl, (uint32_t) FLOOR) + GRACE, (uint32_t) CAP);
        m->ends[addr][rule] = MAX(m->ends[addr][rule], m->now + life);
        model_drop_ended(m, addr);
        check_lease(m, l, rule, name, chain);

        if (r > 0)
                m->kernel[addr] = l->expires_nsec / NSEC_PER_SEC;
        CHECK(m->kernel[addr] >= m->now + MIN(ttl, (uint32_t) CAP));
}

static void run_time(LeaseTable *t, Model *m, uint8_t a, uint8_t b) {
        m->now += b % 16;
        if (a & 1)
                (void) lease_table_expire(t, m->now * NSEC_PER_SEC, b / 16, on_changed, m);

        for (size_t i = 0; i < N_ADDRS; i++) {
                InAddr address = { .b = { [15] = (uint8_t) i } };
                const Lease *l = lease_table_get(t, &address, m->now * NSEC_PER_SEC);

                CHECK(!l == (model_n_live(m, i) == 0));
        }
        CHECK(lease_table_n(t) <= MAX_LEASES);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const LeaseTimes times = { FLOOR * NSEC_PER_SEC, GRACE * NSEC_PER_SEC, CAP * NSEC_PER_SEC };
        _cleanup_(lease_table_freep) LeaseTable *t = NULL;
        Model m = { .now = 1 };

        CHECK(lease_table_new(MAX_LEASES, &times, (const uint8_t *) "sixteen bytes ok", &t) == 0);
        for (; size >= 2; data += 2, size -= 2)
                if (data[0] & 0x80)
                        run_time(t, &m, data[0], data[1]);
                else
                        run_bind(t, &m, data[0], data[1]);
        return 0;
}
