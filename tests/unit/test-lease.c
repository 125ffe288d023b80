/* SPDX-License-Identifier: Apache-2.0 */
#include "dns/lease.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "lease-builder.h"

START_TEST(test_life) {
        static const struct {
                uint32_t ttl;
                uint64_t life;
        } table[] = {
                { 0, 90 * S },   /* floor and grace */
                { 59, 90 * S },
                { 61, 91 * S },
                { 570, 600 * S },
                { 571, 600 * S }, /* cap */
                { UINT32_MAX, 600 * S },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                _cleanup_(lease_table_freep) LeaseTable *t = table_new(1, &times);
                const Lease *l = NULL;

                ck_assert_int_eq(bind_name(t, 1, "x.example", 0, table[i].ttl, 7 * S, &l), 1);
                ck_assert_uint_eq(l->expires_nsec, 7 * S + table[i].life);
                ck_assert_ptr_eq(get(t, 1, l->expires_nsec - 1), l);
                ck_assert_ptr_null(get(t, 1, l->expires_nsec));
                ck_assert_ptr_eq(find(t, 1), l);
                ck_assert_ptr_null(find(t, 2));
        }
}
END_TEST

START_TEST(test_bad_times) {
        static const LeaseTimes bad[] = { { .floor_nsec = S }, { .cap_nsec = S } };
        LeaseTable *t = NULL;

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                ck_assert_int_eq(lease_table_new(1, &bad[i], lease_key, &t), -EINVAL);
                ck_assert_ptr_null(t);
        }
}
END_TEST

START_TEST(test_same_verdict_is_shared) {
        _cleanup_(lease_table_freep) LeaseTable *t = table_new(1, &times);
        const Lease *l = NULL;

        ck_assert_int_eq(bind_chain(t, 1, "a.example", "b.example c.example", 0, 300, 0, &l), 1);
        ck_assert_str_eq(l->bindings[0].name, "a.example");
        ck_assert_str_eq(l->bindings[0].chain, "b.example c.example");
        ck_assert_int_eq(bind_name(t, 1, "d.example", 0, 60, 0, &l), 0);
        ck_assert_uint_eq(l->n_bindings, 1);
        ck_assert_str_eq(l->bindings[0].name, "d.example");
        ck_assert_ptr_null(l->bindings[0].chain);
        ck_assert_uint_eq(l->expires_nsec, 330 * S); /* the later end stays */
        ck_assert_uint_eq(lease_table_n(t), 1);
}
END_TEST

/* A chain alone may change, and the text handed in may be the table's own. */
START_TEST(test_text) {
        _cleanup_(lease_table_freep) LeaseTable *t = table_new(1, &times);
        char chain[2 * LEASE_CHAIN_TEXT_MAX], name[DNS_NAME_SIZE + 1];
        const Lease *l = NULL;

        bind_name(t, 1, "a.example", 0, 60, 0, &l);
        bind_chain(t, 1, "a.example", "", 0, 60, 0, &l);
        ck_assert_ptr_null(l->bindings[0].chain);
        bind_chain(t, 1, "a.example", "b.example", 0, 60, 0, &l);
        ck_assert_str_eq(l->bindings[0].chain, "b.example");
        bind_chain(t, 1, l->bindings[0].chain, l->bindings[0].name, 0, 60, 0, &l);
        ck_assert_str_eq(l->bindings[0].name, "b.example");
        ck_assert_str_eq(l->bindings[0].chain, "a.example");

        /* 511 bytes fit whole, 512 lose their last name, one endless name is lost whole */
        memset(chain, 'c', sizeof(chain));
        chain[499] = ' ';
        chain[LEASE_CHAIN_TEXT_MAX - 1] = '\0';
        bind_chain(t, 1, "a.example", chain, 0, 60, 0, &l);
        ck_assert_str_eq(l->bindings[0].chain, chain);
        chain[LEASE_CHAIN_TEXT_MAX - 1] = 'c';
        chain[LEASE_CHAIN_TEXT_MAX] = '\0';
        for (int i = 0; i < 2; i++) {
                bind_chain(t, 1, "a.example", chain, 0, 60, 0, &l);
                ck_assert_uint_eq(strlen(l->bindings[0].chain), 499);
        }
        chain[499] = 'c';
        bind_chain(t, 1, "a.example", chain, 0, 60, 0, &l);
        ck_assert_ptr_null(l->bindings[0].chain);

        memset(name, 'a', sizeof(name) - 1);
        name[sizeof(name) - 1] = '\0';
        ck_assert_int_eq(bind_name(t, 1, name, 0, 60, 0, &l), -EINVAL);
        ck_assert_str_eq(l->bindings[0].name, "a.example");
        ck_assert_int_eq(bind_name(t, 1, name + 1, 0, 60, 0, &l), 0);
}
END_TEST

START_TEST(test_verdicts_bounded) {
        _cleanup_(lease_table_freep) LeaseTable *t = table_new(1, &times);
        const Lease *l = NULL, *untouched = NULL;

        for (uint32_t i = 0; i < LEASE_BINDINGS_MAX; i++) {
                ck_assert_int_eq(bind_name(t, 1, "x.example", i, 60 + i, 0, &l), 1);
                ck_assert_uint_eq(l->n_bindings, i + 1);
                ck_assert_uint_eq(l->latest, i);
        }
        ck_assert_int_eq(bind_name(t, 1, "y.example", 999, 600, 0, &untouched), -ENOSPC);
        ck_assert_ptr_null(untouched);
        ck_assert_uint_eq(l->n_bindings, LEASE_BINDINGS_MAX);
        ck_assert_uint_eq(l->expires_nsec, (90 + LEASE_BINDINGS_MAX - 1) * S);

        /* those of 60 and 61 seconds have ended: room again, without anybody collecting */
        ck_assert_int_eq(bind_name(t, 1, "y.example", 999, 60, 91 * S, &l), 1);
        ck_assert_uint_eq(l->n_bindings, LEASE_BINDINGS_MAX - 1);
        ck_assert_uint_eq(l->latest, LEASE_BINDINGS_MAX - 2);
        ck_assert_uint_eq(l->bindings[0].verdict.rules[0], 2);
        ck_assert_str_eq(l->bindings[l->latest].name, "y.example");
}
END_TEST

/* An exact rule for each of many names of one content network is an ordinary policy. */
START_TEST(test_names_of_one_address) {
        _cleanup_(lease_table_freep) LeaseTable *t = table_new(1, &times);
        const Lease *l = NULL;

        for (uint32_t i = 0; i < 200; i++)
                ck_assert_int_eq(bind_name(t, 1, "x.example", i, 60, 0, &l), 1);
        ck_assert_uint_eq(l->n_bindings, 200);
}
END_TEST

/* Of an address, and of a table: what has no rules only names an address, and makes room for what has. */
START_TEST(test_without_rules_makes_room) {
        _cleanup_(lease_table_freep) LeaseTable *t = table_new(3, &times);
        InAddr addr = addr_of(1), evicted;
        NameVerdict none = verdict_of(RULE_NONE), search;
        const Lease *l = NULL;

        none.n_allow = 0;
        search = none;
        search.search = 1;
        ck_assert_int_eq(lease_table_bind(t, &addr, "none.example", NULL, &none, 300, 0, &l), 1);
        for (uint32_t i = 1; i < LEASE_BINDINGS_MAX; i++)
                ck_assert_int_eq(bind_name(t, 1, "x.example", i, 60, 0, &l), 1);
        ck_assert_int_eq(lease_table_bind(t, &addr, "search.example", NULL, &search, 300, 0, &l), -ENOSPC);
        ck_assert_int_eq(bind_name(t, 1, "y.example", 999, 60, 0, &l), 1);
        ck_assert_uint_eq(l->n_bindings, LEASE_BINDINGS_MAX);
        ck_assert_str_eq(l->bindings[l->latest].name, "y.example");
        ck_assert_uint_eq(l->expires_nsec, 90 * S); /* of the others */
        ck_assert_int_eq(bind_name(t, 1, "z.example", 1000, 60, 0, &l), -ENOSPC);

        for (uint32_t i = 2; i <= 3; i++) {
                addr = addr_of(i);
                ck_assert_int_eq(lease_table_bind(t, &addr, "none.example", NULL, &none, 300, 0, &l), 1);
        }
        addr = addr_of(4);
        ck_assert_int_eq(lease_table_bind(t, &addr, "none.example", NULL, &none, 300, 0, &l), -ENOSPC);
        for (uint32_t i = 4; i <= 5; i++) {
                ck_assert_int_eq(bind_name(t, i, "x.example", 1, 60, 0, &l), 1);
                ck_assert(lease_table_evicted(t, &evicted, &(uint32_t) { 0 }));
                ck_assert(evicted.b[12] == 2 || evicted.b[12] == 3);
                ck_assert_ptr_null(lease_table_find(t, &evicted));
        }
        ck_assert_int_eq(bind_name(t, 6, "x.example", 1, 60, 0, &l), -ENOSPC);
        ck_assert_ptr_nonnull(find(t, 1));
        ck_assert_uint_eq(lease_table_n(t), 3);

        /* one that gets a rule stays */
        addr = addr_of(7);
        ck_assert_int_eq(lease_table_bind(t, &addr, "none.example", NULL, &none, 60, 100 * S, &l), 1);
        ck_assert_int_eq(bind_name(t, 7, "x.example", 1, 60, 100 * S, &l), 1);
        ck_assert_int_eq(bind_name(t, 8, "x.example", 1, 60, 100 * S, &l), 1);
        ck_assert_int_eq(bind_name(t, 9, "x.example", 1, 60, 100 * S, &l), 1);
        ck_assert_int_eq(bind_name(t, 10, "x.example", 1, 60, 100 * S, &l), -ENOSPC);
}
END_TEST

/* Renewal of one binding that drops another one must be written: the kernel still has its ports. */
START_TEST(test_dropping_is_written) {
        _cleanup_(lease_table_freep) LeaseTable *t = table_new(1, &times);
        const Lease *l = NULL;

        bind_name(t, 1, "short.example", 1, 60, 0, &l);
        bind_name(t, 1, "long.example", 2, 570, 0, &l);
        ck_assert_int_eq(bind_name(t, 1, "long.example", 2, 60, 89 * S, &l), 0);
        ck_assert_int_eq(bind_name(t, 1, "long.example", 2, 60, 90 * S, &l), 1);
        ck_assert_uint_eq(l->n_bindings, 1);
        ck_assert_uint_eq(l->latest, 0);
        ck_assert_int_eq(bind_name(t, 1, "long.example", 2, 60, 90 * S, &l), 0);
}
END_TEST

/* A hot name costs a write per quarter of its life, and none while a cached answer runs down. */
START_TEST(test_hot_name_writes) {
        static const LeaseTimes no_grace = { .floor_nsec = S, .cap_nsec = 3600 * S };
        const Lease *l = NULL;
        unsigned n_writes = 0;

        for (int cached = 0; cached < 2; cached++) {
                _cleanup_(lease_table_freep) LeaseTable *t = table_new(1, cached ? &no_grace : &times);

                n_writes = 0;
                for (uint64_t ms = 0; ms < 300000; ms += 100) {
                        uint32_t ttl = cached ? (uint32_t) (300 - ms / 1000) : 1;
                        int r = bind_name(t, 1, "hot.example", 0, ttl, ms * NSEC_PER_MSEC, &l);

                        ck_assert_int_ge(r, 0);
                        n_writes += (unsigned) r;
                }
                /* Seconds rounded up move a cached end by less than one second: a write for each step at worst. */
                ck_assert_uint_le(n_writes, cached ? 10 : 1 + 300 * 4 / 90);
                ck_assert_uint_ge(n_writes, 1);
        }
}
END_TEST

/* The life is 90 s here: only what moves the end by more than 22.5 s is written. */
START_TEST(test_quarter) {
        _cleanup_(lease_table_freep) LeaseTable *t = table_new(1, &times);
        const Lease *l = NULL;

        ck_assert_int_eq(bind_name(t, 1, "x.example", 0, 1, 0, &l), 1);
        ck_assert_int_eq(bind_name(t, 1, "x.example", 0, 1, 22500 * NSEC_PER_MSEC, &l), 0);
        ck_assert_uint_eq(l->expires_nsec, 112500 * NSEC_PER_MSEC);
        ck_assert_int_eq(bind_name(t, 1, "x.example", 0, 1, 22501 * NSEC_PER_MSEC, &l), 1);
        ck_assert_int_eq(bind_name(t, 1, "x.example", 0, 1, 45001 * NSEC_PER_MSEC, &l), 0);
}
END_TEST

/* The quarter alone would let the kernel's entry end before a client's TTL. */
START_TEST(test_written_before_ttl) {
        static const LeaseTimes no_grace = { .floor_nsec = S, .cap_nsec = 3600 * S };
        _cleanup_(lease_table_freep) LeaseTable *t = table_new(1, &no_grace);
        const Lease *l = NULL;

        ck_assert_int_eq(bind_name(t, 1, "x.example", 0, 100, 0, &l), 1);
        ck_assert_int_eq(bind_name(t, 1, "x.example", 0, 100, 1, &l), 1);
        ck_assert_uint_eq(l->expires_nsec, 100 * S + 1);
        ck_assert_int_eq(bind_name(t, 1, "x.example", 0, 99, S, &l), 0);
}
END_TEST

START_TEST(test_write_failed) {
        _cleanup_(lease_table_freep) LeaseTable *t = table_new(1, &times);
        const Lease *l = NULL;
        InAddr known = addr_of(1), unknown = addr_of(2);

        ck_assert_int_eq(bind_name(t, 1, "x.example", 0, 60, 0, &l), 1);
        lease_table_write_failed(t, &known);
        lease_table_write_failed(t, &unknown);
        ck_assert_int_eq(bind_name(t, 1, "x.example", 0, 60, 0, &l), 1);
        ck_assert_int_eq(bind_name(t, 1, "x.example", 0, 60, 0, &l), 0);
}
END_TEST

START_TEST(test_expire) {
        _cleanup_(lease_table_freep) LeaseTable *t = table_new(100, &times);
        const Lease *l = NULL;
        Reported reported = {};

        ck_assert_uint_eq(lease_table_expire(t, 0, 10, on_changed, &reported), UINT64_MAX);
        bind_name(t, 1, "a.example", 1, 60, 0, &l);
        bind_name(t, 1, "b.example", 2, 300, 0, &l);
        bind_name(t, 1, "a.example", 1, 60, 0, &l);
        ck_assert_uint_eq(l->latest, 0);
        bind_name(t, 2, "a.example", 1, 100, 0, &l);

        ck_assert_uint_eq(lease_table_expire(t, 90 * S - 1, 10, on_changed, &reported), 90 * S);
        ck_assert_uint_eq(reported.n_changed + reported.n_gone, 0);
        ck_assert_uint_eq(lease_table_expire(t, 90 * S, 10, on_changed, &reported), 130 * S);
        ck_assert_uint_eq(reported.n_changed, 1);
        ck_assert_uint_eq(reported.n_gone, 0);
        l = find(t, 1);
        ck_assert_uint_eq(l->n_bindings, 1);
        ck_assert_uint_eq(l->latest, 0);
        ck_assert_str_eq(l->bindings[0].name, "b.example");

        ck_assert_uint_eq(lease_table_expire(t, 400 * S, 10, on_changed, &reported), UINT64_MAX);
        ck_assert_uint_eq(reported.n_changed, 1);
        ck_assert_uint_eq(reported.n_gone, 2);
        ck_assert_uint_eq(lease_table_n(t), 0);
}
END_TEST

START_TEST(test_expire_is_bounded) {
        _cleanup_(lease_table_freep) LeaseTable *t = table_new(100, &times);
        const Lease *l = NULL;
        Reported reported = {};

        for (uint32_t i = 0; i < 100; i++)
                bind_name(t, i, "x.example", 0, 60 + i % 7, 0, &l);
        for (size_t n = 1; n <= 10; n++) {
                uint64_t next = lease_table_expire(t, 500 * S, 10, on_changed, &reported);

                ck_assert_uint_eq(reported.n_gone, 10 * n);
                ck_assert_uint_eq(next == UINT64_MAX, n == 10);
        }
        bind_name(t, 1, "x.example", 0, 60, 0, &l);
        ck_assert_uint_eq(lease_table_expire(t, 500 * S, 0, on_changed, &reported), 90 * S);
        ck_assert_uint_eq(lease_table_n(t), 1);
}
END_TEST

START_TEST(test_latest_after_drop) {
        _cleanup_(lease_table_freep) LeaseTable *t = table_new(1, &times);
        const Lease *l = NULL;
        Reported reported = {};

        bind_name(t, 1, "a.example", 1, 200, 0, &l);
        bind_name(t, 1, "b.example", 2, 300, 0, &l);
        bind_name(t, 1, "c.example", 3, 60, 0, &l);
        lease_table_expire(t, 100 * S, 10, on_changed, &reported);
        ck_assert_uint_eq(find(t, 1)->n_bindings, 2);
        ck_assert_uint_eq(find(t, 1)->latest, 1); /* the longest */
}
END_TEST

START_TEST(test_full_table) {
        _cleanup_(lease_table_freep) LeaseTable *t = table_new(3, &times);
        const Lease *l = NULL;
        InAddr evicted = {}, expected = addr_of(2);

        bind_name(t, 1, "a.example", 1, 300, 0, &l);
        bind_name(t, 2, "b.example", 1, 60, 0, &l);
        bind_name(t, 3, "c.example", 1, 200, 0, &l);
        ck_assert_int_eq(bind_name(t, 4, "d.example", 1, 60, 90 * S - 1, &l), -ENOSPC);
        ck_assert(!lease_table_evicted(t, &evicted, &(uint32_t) { 0 }));
        ck_assert_int_eq(bind_name(t, 3, "c.example", 1, 200, 90 * S - 1, &l), 1); /* known ones are renewed */

        ck_assert_int_eq(bind_name(t, 4, "d.example", 1, 60, 90 * S, &l), 1);
        ck_assert(lease_table_evicted(t, &evicted, &(uint32_t) { 0 }));
        ck_assert_mem_eq(&evicted, &expected, sizeof(evicted));
        ck_assert_ptr_null(find(t, 2));
        ck_assert_uint_eq(lease_table_n(t), 3);
        ck_assert_int_eq(bind_name(t, 4, "d.example", 1, 60, 90 * S, &l), 0);
        ck_assert(!lease_table_evicted(t, &evicted, &(uint32_t) { 0 }));
}
END_TEST

/* One group has the whole table: others get what is kept for them, from its leases that end first. */
START_TEST(test_groups) {
        _cleanup_(lease_table_freep) LeaseTable *t = table_new(8, &times);
        const Lease *l = NULL;
        uint32_t displaced;
        InAddr evicted;

        lease_table_set_group(t, 7, false);
        for (uint8_t i = 1; i <= 8; i++)
                ck_assert_int_eq(bind_name(t, i, "greedy.example", 1, 100U + i, 0, &l), 1);
        ck_assert_int_eq(bind_name(t, 9, "greedy.example", 1, 300, 0, &l), -ENOSPC);
        lease_table_set_group(t, 8, false);
        for (uint8_t i = 11; i <= 12; i++) {
                const InAddr first = addr_of(i - 10);

                ck_assert_int_eq(bind_name(t, i, "victim.example", 1, 300, 0, &l), 1);
                ck_assert(lease_table_evicted(t, &evicted, &displaced));
                ck_assert(in_addr_equal(&evicted, &first));
                ck_assert_uint_eq(displaced, 7);
        }
        ck_assert_int_eq(bind_name(t, 13, "victim.example", 1, 300, 0, &l), -ENOSPC); /* it has a quarter */
        ck_assert_int_eq(bind_name(t, 14, "no.rules.example", UINT32_MAX, 300, 0, &l), -ENOSPC);
        ck_assert(lease_table_n_of(t, 7) == 6 && lease_table_n_of(t, 8) == 2);

        /* The group that binds it last has the lease, unless it is a resolver for others. */
        lease_table_set_group(t, 9, true);
        ck_assert_int_ge(bind_name(t, 3, "greedy.example", 1, 300, 0, &l), 0);
        ck_assert_uint_eq(lease_table_n_of(t, 7), 6);
        lease_table_set_group(t, 9, false);
        ck_assert_int_ge(bind_name(t, 3, "greedy.example", 1, 300, 0, &l), 0);
        ck_assert(lease_table_n_of(t, 7) == 5 && lease_table_n_of(t, 9) == 1);

        /* What ended is taken first, from nobody. */
        ck_assert_int_eq(bind_name(t, 15, "late.example", 1, 300, 140 * S, &l), 1);
        ck_assert(lease_table_evicted(t, &evicted, &displaced));
        ck_assert_uint_eq(displaced, 0);
        ck_assert_uint_eq(lease_table_n(t), 8);
}
END_TEST

/* Verdicts of each size, texts with and without a chain, both families: as they were bound, also when others end. */
START_TEST(test_keeps_everything) {
        enum { N = 64, TTL = 60, STEP = 8 };
        static const InAddr v6 = { .b = { 0x20, 0x01, [15] = 1 } };
        InAddr v4 = addr_of(1);
        const InAddr *addr = _i == 0 ? &v4 : &v6;
        _cleanup_(lease_table_freep) LeaseTable *t = table_new(2, &times);
        NameVerdict verdicts[N];
        char names[N][DNS_NAME_SIZE];
        const Lease *l = NULL;
        Reported reported = {};

        for (uint32_t i = 0; i < N; i++) {
                NameVerdict *v = &verdicts[i];

                *v = (NameVerdict) { .n_deny = i % 3 == 0 ? 8 : 0, .n_allow = i & 7, .n_late = 8 - i % 8,
                                     .search = i & 1, .overflow = i / 2 & 1 };
                memset(v->rules, 0xff, sizeof(v->rules));
                for (uint32_t k = 0; k <= i % NAME_RULES_MAX; k++)
                        v->rules[k] = 1000 * i + k;
                snprintf(names[i], sizeof(names[i]), "n%0*u.example", (int) (i * 3 + 2), i % 100);
                ck_assert_int_eq(lease_table_bind(t, addr, names[i], i % 2 ? "x.example y.example" : NULL, v,
                                                  TTL + STEP * (i * 5 % N), 0, &l), 1);
        }
        for (uint32_t left = N; left > 0; left--) {
                ck_assert_uint_eq(l->n_bindings, left);
                ck_assert_mem_eq(&l->addr, addr, sizeof(*addr));
                ck_assert_uint_eq(l->expires_nsec, (TTL + STEP * (N - 1) + 30) * S);
                for (uint32_t k = 0, i = 0; i < N; i++) {
                        if (i * 5 % N < N - left)
                                continue;
                        const LeaseBinding *b = &l->bindings[k++];
                        ck_assert_mem_eq(&b->verdict, &verdicts[i], sizeof(b->verdict));
                        ck_assert_str_eq(b->name, names[i]);
                        ck_assert_pstr_eq(b->chain, i % 2 ? "x.example y.example" : NULL);
                        ck_assert_uint_eq(b->expires_nsec, (TTL + STEP * (i * 5 % N) + 30) * S);
                }
                uint64_t end = (TTL + STEP * (N - left) + 30) * S;
                ck_assert_uint_eq(lease_table_expire(t, end, 10, on_changed, &reported),
                                  left > 1 ? end + STEP * S : UINT64_MAX);
                l = lease_table_find(t, addr);
        }
        ck_assert_ptr_null(l);
        ck_assert_uint_eq(reported.n_changed, N - 1);
        ck_assert_uint_eq(reported.n_gone, 1);
}
END_TEST

/* A lease that still has one live binding does not give way. */
START_TEST(test_partly_ended_stays) {
        _cleanup_(lease_table_freep) LeaseTable *t = table_new(1, &times);
        const Lease *l = NULL;

        bind_name(t, 1, "a.example", 1, 60, 0, &l);
        bind_name(t, 1, "b.example", 2, 300, 0, &l);
        ck_assert_int_eq(bind_name(t, 2, "c.example", 1, 60, 100 * S, &l), -ENOSPC);
        ck_assert_int_eq(bind_name(t, 2, "c.example", 1, 60, 330 * S, &l), 1);
}
END_TEST

START_TEST(test_name_flood) {
        _cleanup_(lease_table_freep) LeaseTable *t = table_new(1000, &times);
        const Lease *l = NULL;
        char name[DNS_NAME_SIZE];
        unsigned n_writes = 0;

        for (uint32_t i = 0; i < 100000; i++) {
                snprintf(name, sizeof(name), "n%u.example", i);
                int r = bind_name(t, i % 4, name, 5, 60, i, &l);
                if (r < 0 || l->n_bindings != 1 || strcmp(l->bindings[0].name, name) != 0)
                        ck_abort_msg("name %u: %d", i, r);
                n_writes += (unsigned) r;
        }
        ck_assert_uint_eq(lease_table_n(t), 4);
        ck_assert_uint_eq(n_writes, 4);
}
END_TEST

START_TEST(test_address_flood) {
        enum { MAX_LEASES = 1000 };
        _cleanup_(lease_table_freep) LeaseTable *t = table_new(MAX_LEASES, &times);
        const Lease *l = NULL;

        for (uint32_t i = 0; i < 100000; i++) {
                int r = bind_name(t, i, "x.example", 5, 60, i, &l);
                if (r != (i < MAX_LEASES ? 1 : -ENOSPC))
                        ck_abort_msg("address %u: %d", i, r);
        }
        ck_assert_uint_eq(lease_table_n(t), MAX_LEASES);
        for (uint32_t i = 0; i < MAX_LEASES; i++) {
                l = get(t, i, 100000);
                ck_assert_ptr_nonnull(l);
                ck_assert_uint_eq(l->expires_nsec, 90 * S + i);
        }
}
END_TEST

/* Stands in for the kernel's map: what was written, and what clients were promised, per address and verdict. */
enum { N_ADDRS = 6, N_RULES = 12 };

typedef struct Kernel {
        uint64_t expires[N_ADDRS];
        bool has[N_ADDRS][N_RULES];
        uint64_t promised[N_ADDRS][N_RULES];
} Kernel;

static uint32_t addr_number(const InAddr *a) {
        uint32_t n;

        memcpy(&n, a->b + 12, sizeof(n));
        return n;
}

static void kernel_write(const Lease *l, void *userdata) {
        Kernel *k = userdata;
        uint32_t n = addr_number(&l->addr);

        memset(k->has[n], 0, sizeof(k->has[n]));
        for (size_t i = 0; i < l->n_bindings; i++)
                k->has[n][l->bindings[i].verdict.rules[0]] = true;
        k->expires[n] = l->n_bindings > 0 ? l->expires_nsec : 0;
}

static bool kernel_keeps_promises(const Kernel *k, uint64_t now, uint64_t cap) {
        for (size_t a = 0; a < N_ADDRS; a++) {
                if (k->expires[a] > now + cap)
                        return false;
                for (size_t v = 0; v < N_RULES; v++)
                        if (k->promised[a][v] > now && (k->expires[a] < k->promised[a][v] || !k->has[a][v]))
                                return false;
        }
        return true;
}

static uint32_t random_next(uint32_t *state) {
        *state ^= *state << 13; /* xorshift32 (Marsaglia 2003) */
        *state ^= *state >> 17;
        *state ^= *state << 5;
        return *state;
}

static void random_bind(LeaseTable *t, Kernel *k, uint32_t *seed, uint64_t now, uint64_t cap) {
        uint32_t a = random_next(seed) % N_ADDRS, v = random_next(seed) % N_RULES, ttl = random_next(seed) % 150;
        uint64_t end = now + MIN(ttl * S, cap);
        const Lease *l = NULL;
        InAddr evicted;

        int r = bind_name(t, a, v % 2 == 0 ? "a.example" : "b.example", v, ttl, now, &l);
        if (lease_table_evicted(t, &evicted, &(uint32_t) { 0 }))
                k->expires[addr_number(&evicted)] = 0;
        if (r < 0) {
                ck_assert_int_eq(r, -ENOSPC);
                return;
        }
        if (r == 1)
                kernel_write(l, k);
        k->promised[a][v] = MAX(k->promised[a][v], end);
}

/* Whatever the order of renewals, no entry of the kernel ends while a client may still use its address, and none
 * outlives the cap. */
START_TEST(test_no_client_outlives_its_lease) {
        static const LeaseTimes variants[] = {
                { .floor_nsec = 60 * S, .grace_nsec = 30 * S, .cap_nsec = 600 * S },
                { .floor_nsec = S, .grace_nsec = 0, .cap_nsec = 600 * S },
                { .floor_nsec = S, .grace_nsec = 1, .cap_nsec = 20 * S },
                { .floor_nsec = 100 * S, .grace_nsec = 0, .cap_nsec = 100 * S },
        };
        const LeaseTimes *v = &variants[_i];
        _cleanup_(lease_table_freep) LeaseTable *t = table_new(N_ADDRS - 1, v);
        uint32_t seed = 20240 + (uint32_t) _i;
        uint64_t now = S;
        Kernel k = {};

        for (int i = 0; i < 100000; i++) {
                now += random_next(&seed) % (4 * S);
                if (random_next(&seed) % 8 == 0)
                        (void) lease_table_expire(t, now, random_next(&seed) % 3, kernel_write, &k);
                else
                        random_bind(t, &k, &seed, now, v->cap_nsec);
                if (!kernel_keeps_promises(&k, now, v->cap_nsec))
                        ck_abort_msg("step %d", i);
        }

        ck_assert_uint_eq(lease_table_expire(t, now + v->cap_nsec, SIZE_MAX, kernel_write, &k), UINT64_MAX);
        for (size_t a = 0; a < N_ADDRS; a++)
                ck_assert_uint_eq(k.expires[a], 0);
}
END_TEST

START_TEST(test_for_each) {
        _cleanup_(lease_table_freep) LeaseTable *t = table_new(100, &times);
        const Lease *l = NULL;
        Reported reported = {};

        lease_table_for_each(t, on_changed, &reported);
        ck_assert_uint_eq(reported.n_changed, 0);
        for (uint32_t i = 0; i < 50; i++)
                bind_name(t, i, "x.example", 0, i, 0, &l);
        bind_name(t, 7, "y.example", 1, 60, 0, &l); /* a second binding is no second lease */
        lease_table_for_each(t, on_changed, &reported);
        ck_assert_uint_eq(reported.n_changed, 50);

        /* Those that ended are listed until they are collected. */
        reported = (Reported) {};
        ck_assert_ptr_null(get(t, 1, 1000 * S));
        lease_table_for_each(t, on_changed, &reported);
        ck_assert_uint_eq(reported.n_changed, 50);
        ck_assert_uint_eq(reported.n_gone, 0);
        (void) lease_table_expire(t, 1000 * S, 20, on_changed, &reported);
        reported = (Reported) {};
        lease_table_for_each(t, on_changed, &reported);
        ck_assert_uint_eq(reported.n_changed, lease_table_n(t));
        ck_assert_uint_lt(reported.n_changed, 50);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("lease");
        TCase *t = tcase_create("lease");

        tcase_set_timeout(t, 60);
        tcase_add_test(t, test_life);
        tcase_add_test(t, test_bad_times);
        tcase_add_test(t, test_same_verdict_is_shared);
        tcase_add_test(t, test_text);
        tcase_add_test(t, test_verdicts_bounded);
        tcase_add_test(t, test_names_of_one_address);
        tcase_add_test(t, test_without_rules_makes_room);
        tcase_add_test(t, test_dropping_is_written);
        tcase_add_test(t, test_hot_name_writes);
        tcase_add_test(t, test_quarter);
        tcase_add_test(t, test_written_before_ttl);
        tcase_add_test(t, test_write_failed);
        tcase_add_test(t, test_expire);
        tcase_add_test(t, test_expire_is_bounded);
        tcase_add_test(t, test_latest_after_drop);
        tcase_add_test(t, test_full_table);
        tcase_add_test(t, test_groups);
        tcase_add_loop_test(t, test_keeps_everything, 0, 2);
        tcase_add_test(t, test_partly_ended_stays);
        tcase_add_test(t, test_name_flood);
        tcase_add_test(t, test_address_flood);
        tcase_add_loop_test(t, test_no_client_outlives_its_lease, 0, 4);
        tcase_add_test(t, test_for_each);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
