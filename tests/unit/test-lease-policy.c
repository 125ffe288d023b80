/* SPDX-License-Identifier: Apache-2.0 */

/* Leases and the policy: after a change of the policy, and when they come from a predecessor. */

#include "dns/lease.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "lease-builder.h"

static Policy *policy_of(const char *const *names, size_t n) {
        PolicySource source = {};
        const char *reason = NULL;
        Policy *p = NULL;

        for (size_t i = 0; i < n; i++) {
                int r = rule_list_add(&source.rules, RULE_HOSTNAME, names[i], ACTION_ALLOW, TIER_USER, NULL, 0, false,
                                      &reason);
                ck_assert_int_ge(r, 0);
        }
        ck_assert_int_eq(policy_new(&source, &p), 0);
        return p;
}

static void match(const Policy *p, const char *name, NameVerdict *ret) {
        memset(ret, 0, sizeof(*ret));
        policy_match_name(p, name, ret);
}

/* From one rule per name to one for both: the bindings merge; a third name loses its rule, only names the address. */
START_TEST(test_rematch) {
        static const char *const before[] = { "a.one.example", "b.one.example", "c.two.example" };
        static const char *const after[] = { "unrelated.example", "*.one.example" };
        _cleanup_(lease_table_freep) LeaseTable *t = table_new(10, &times);
        Policy *old = policy_of(before, 3), *new = policy_of(after, 2);
        InAddr addr = addr_of(1);
        NameVerdict v, shared, none;
        const Lease *l = NULL;
        Reported reported = {};

        for (size_t i = 0; i < 3; i++) {
                match(old, before[i], &v);
                ck_assert_uint_eq(v.n_allow, 1);
                int r = lease_table_bind(t, &addr, before[i], i == 0 ? "x.example" : NULL, &v,
                                         300 - 100 * (uint32_t) i, 0, &l);
                ck_assert_int_eq(r, 1);
        }
        match(old, before[0], &v);
        lease_table_bind(t, &addr, before[0], "x.example", &v, 60, 0, &l);
        ck_assert_uint_eq(l->n_bindings, 3);
        addr = addr_of(2);
        lease_table_bind(t, &addr, before[0], NULL, &v, 60, 0, &l);

        lease_table_rematch(t, new, on_changed, &reported);
        ck_assert_uint_eq(reported.n_changed, 2);
        l = find(t, 1);
        ck_assert_uint_eq(l->n_bindings, 2);
        match(new, before[0], &shared);
        match(new, before[2], &none);
        ck_assert_uint_eq(shared.n_allow, 1);
        ck_assert_uint_eq(none.n_allow + none.n_deny, 0);
        ck_assert_uint_eq(l->latest, 0);
        ck_assert_mem_eq(&l->bindings[0].verdict, &shared, sizeof(shared));
        ck_assert_str_eq(l->bindings[0].name, before[0]); /* the one renewed last */
        ck_assert_str_eq(l->bindings[0].chain, "x.example");
        ck_assert_uint_eq(l->bindings[0].expires_nsec, 330 * S);
        ck_assert_mem_eq(&l->bindings[1].verdict, &none, sizeof(none));
        ck_assert_str_eq(l->bindings[1].name, before[2]);

        /* the order of expiry is the new one */
        ck_assert_uint_eq(lease_table_expire(t, 90 * S, 10, on_changed, &reported), 130 * S);
        ck_assert_uint_eq(lease_table_expire(t, 130 * S, 10, on_changed, &reported), 330 * S);
        policy_free(old);
        policy_free(new);
}
END_TEST

/* When the last name renewed is merged into an earlier binding, it is that binding's name and the latest. */
START_TEST(test_rematch_keeps_newest_name) {
        static const char *const before[] = { "a.one.example", "x.example", "b.one.example" };
        static const char *const after[] = { "*.one.example" };
        _cleanup_(lease_table_freep) LeaseTable *t = table_new(10, &times);
        Policy *old = policy_of(before, 3), *new = policy_of(after, 1);
        InAddr addr = addr_of(1);
        const Lease *l = NULL;
        Reported reported = {};
        NameVerdict v;

        for (size_t i = 0; i < 3; i++) {
                match(old, before[i], &v);
                lease_table_bind(t, &addr, before[i], NULL, &v, 300 - 100 * (uint32_t) i, 0, &l);
        }
        lease_table_rematch(t, new, on_changed, &reported);
        l = find(t, 1);
        ck_assert_uint_eq(l->n_bindings, 2);
        ck_assert_uint_eq(l->latest, 0);
        ck_assert_str_eq(l->bindings[0].name, "b.one.example");
        ck_assert_uint_eq(l->bindings[0].expires_nsec, 330 * S);
        ck_assert_str_eq(l->bindings[1].name, "x.example");
        policy_free(old);
        policy_free(new);
}
END_TEST

/* ------------------------------------------------------------------ what a predecessor left */

static int restore(LeaseTable *t, const Policy *p, uint32_t a, const char *name, const char *chain, uint64_t expires,
                   uint64_t now, const Lease **ret) {
        InAddr addr = addr_of(a);

        return lease_table_restore(t, &addr, name, chain, p, expires, now, ret);
}

START_TEST(test_restore) {
        static const char *const names[] = { "a.example" };
        _cleanup_(lease_table_freep) LeaseTable *t = table_new(10, &times);
        Policy *p = policy_of(names, 1);
        const Lease *l = NULL;
        NameVerdict v, none;
        Reported reported = {};

        match(p, "a.example", &v);
        match(p, "b.example", &none);
        ck_assert_int_eq(restore(t, p, 1, "a.example", "x.example y.example", 105 * S, 100 * S, &l), 0);
        ck_assert_uint_eq(l->n_bindings, 1);
        ck_assert_uint_eq(l->expires_nsec, 105 * S); /* the end it was given: neither floor nor grace */
        ck_assert_str_eq(l->bindings[0].name, "a.example");
        ck_assert_str_eq(l->bindings[0].chain, "x.example y.example");
        ck_assert_mem_eq(&l->bindings[0].verdict, &v, sizeof(v));
        ck_assert_ptr_eq(get(t, 1, 104 * S), l);
        ck_assert_ptr_null(get(t, 1, 105 * S));

        /* A name that no rule matches: it names the address. The longest life is the lease's. */
        ck_assert_int_eq(restore(t, p, 1, "b.example", NULL, 200 * S, 100 * S, &l), 0);
        ck_assert_uint_eq(l->n_bindings, 2);
        ck_assert_mem_eq(&l->bindings[1].verdict, &none, sizeof(none));
        ck_assert_ptr_null(l->bindings[1].chain);
        ck_assert_uint_eq(l->expires_nsec, 200 * S);
        ck_assert_int_eq(restore(t, p, 1, "b.example", NULL, 150 * S, 100 * S, &l), 0); /* never made shorter */
        ck_assert_uint_eq(l->expires_nsec, 200 * S);
        ck_assert_uint_eq(lease_table_n(t), 1);

        ck_assert_uint_eq(lease_table_expire(t, 105 * S, 10, on_changed, &reported), 200 * S);
        ck_assert_uint_eq(reported.n_changed, 1);
        ck_assert_uint_eq(lease_table_expire(t, 200 * S, 10, on_changed, &reported), UINT64_MAX);
        ck_assert_uint_eq(reported.n_gone, 1);
        policy_free(p);
}
END_TEST

/* The caller writes the kernel's entry: a renewal then asks for a write only when it moves the end by much. */
START_TEST(test_restore_counts_as_written) {
        static const char *const names[] = { "a.example" };
        _cleanup_(lease_table_freep) LeaseTable *t = table_new(10, &times);
        Policy *p = policy_of(names, 1);
        const Lease *l = NULL;
        InAddr addr = addr_of(1);
        NameVerdict v;

        match(p, "a.example", &v);
        ck_assert_int_eq(restore(t, p, 1, "a.example", NULL, 330 * S, 0, &l), 0);
        ck_assert_int_eq(lease_table_bind(t, &addr, "a.example", NULL, &v, 300, 0, &l), 0);
        ck_assert_int_eq(lease_table_bind(t, &addr, "a.example", NULL, &v, 500, 0, &l), 1);
        lease_table_write_failed(t, &addr);
        ck_assert_int_eq(lease_table_bind(t, &addr, "a.example", NULL, &v, 60, 0, &l), 1);
        policy_free(p);
}
END_TEST

START_TEST(test_restore_is_bounded) {
        static const char *const names[] = { "a.example" };
        _cleanup_(lease_table_freep) LeaseTable *t = table_new(2, &times);
        Policy *p = policy_of(names, 1);
        const Lease *l = NULL, *untouched;
        char long_name[DNS_NAME_MAX + 2];
        InAddr evicted, expected = addr_of(2);

        memset(long_name, 'x', sizeof(long_name) - 1);
        long_name[sizeof(long_name) - 1] = '\0';
        ck_assert_int_eq(restore(t, p, 1, "a.example", NULL, 100 * S, 100 * S, &l), -ESTALE); /* the moment it ends */
        ck_assert_int_eq(restore(t, p, 1, "a.example", NULL, 0, 100 * S, &l), -ESTALE);
        ck_assert_int_eq(restore(t, p, 1, long_name, NULL, 200 * S, 100 * S, &l), -EINVAL);
        ck_assert_ptr_null(l);
        ck_assert_uint_eq(lease_table_n(t), 0);

        ck_assert_int_eq(restore(t, p, 1, "a.example", NULL, UINT64_MAX, 100 * S, &l), 0);
        ck_assert_uint_eq(l->expires_nsec, 700 * S); /* the cap, from now */
        ck_assert_int_eq(restore(t, p, 2, "a.example", NULL, 101 * S, 100 * S, &l), 0);
        untouched = l;
        ck_assert_int_eq(restore(t, p, 3, "a.example", NULL, 200 * S, 100 * S, &l), -ENOSPC);
        ck_assert_ptr_eq(l, untouched);
        ck_assert_int_eq(restore(t, p, 3, "a.example", NULL, 200 * S, 101 * S, &l), 0); /* what ended makes room */
        ck_assert(lease_table_evicted(t, &evicted, &(uint32_t) { 0 }));
        ck_assert_mem_eq(&evicted, &expected, sizeof(evicted));
        policy_free(p);
}
END_TEST

/* The new policy may deny what the old one did not: a name on the way counts. */
START_TEST(test_restore_follows_aliases) {
        PolicySource source = {};
        _cleanup_(lease_table_freep) LeaseTable *t = table_new(2, &times);
        const char *reason = NULL;
        const Lease *l = NULL;
        Policy *p = NULL;

        ck_assert_int_ge(rule_list_add(&source.rules, RULE_HOSTNAME, "a.example", ACTION_ALLOW, TIER_USER, NULL, 0,
                                       false, &reason), 0);
        ck_assert_int_ge(rule_list_add(&source.rules, RULE_HOSTNAME, "evil.example", ACTION_DENY, TIER_USER, NULL, 0,
                                       false, &reason), 0);
        ck_assert_int_eq(policy_new(&source, &p), 0);
        ck_assert_int_eq(restore(t, p, 1, "a.example", "b.example", 200 * S, 0, &l), 0);
        ck_assert_uint_eq(l->bindings[0].verdict.n_deny, 0);
        ck_assert_int_eq(restore(t, p, 2, "a.example", "b.example evil.example", 200 * S, 0, &l), 0);
        ck_assert_uint_eq(l->bindings[0].verdict.n_allow, 1);
        ck_assert_uint_eq(l->bindings[0].verdict.n_deny, 1);
        policy_free(p);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("lease-policy");
        TCase *t = tcase_create("lease-policy");

        tcase_add_test(t, test_rematch);
        tcase_add_test(t, test_rematch_keeps_newest_name);
        tcase_add_test(t, test_restore);
        tcase_add_test(t, test_restore_counts_as_written);
        tcase_add_test(t, test_restore_is_bounded);
        tcase_add_test(t, test_restore_follows_aliases);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
