/* SPDX-License-Identifier: Apache-2.0 */
#include "dns/derived-name.h"

#include <check.h>
#include <string.h>

#include "conformance.h"

static const uint8_t key[16] = "sixteen bytes ok";

static DerivedNames *names_new(size_t max) {
        DerivedNames *d = NULL;

        ck_assert_int_eq(derived_names_new(max, key, &d), 0);
        return d;
}

static NameVerdict verdict_of(uint32_t rule) {
        NameVerdict v = { .n_allow = 1 };

        memset(v.rules, 0xff, sizeof(v.rules));
        v.rules[0] = rule;
        return v;
}

static int add(DerivedNames *d, const char *target, uint32_t rule, uint32_t ttl, uint64_t now) {
        NameVerdict v = verdict_of(rule);

        return derived_names_add(d, target, "origin.example", &v, ttl, now);
}

static bool known(DerivedNames *d, const char *name, uint64_t now) {
        const char *origin = NULL;
        NameVerdict v;

        return derived_names_get(d, name, now, &v, &origin) == 1;
}

START_TEST(test_verdict_of_origin) {
        _cleanup_(derived_names_freep) DerivedNames *d = names_new(4);
        NameVerdict v = verdict_of(7), got;
        const char *origin = NULL;

        ck_assert_int_eq(derived_names_add(d, "target.example", "origin.example", &v, 60, 5), 0);
        ck_assert_int_eq(derived_names_get(d, "target.example", 5, &got, &origin), 1);
        ck_assert_mem_eq(&got, &v, sizeof(v));
        ck_assert_str_eq(origin, "origin.example");
        ck_assert_int_eq(derived_names_get(d, "origin.example", 5, &got, &origin), 0);
        ck_assert_int_eq(derived_names_get(d, "target.exampl", 5, &got, &origin), 0);
}
END_TEST

START_TEST(test_expiry) {
        _cleanup_(derived_names_freep) DerivedNames *d = names_new(4);

        add(d, "floor.example", 0, 1, 0);
        add(d, "longest.example", 0, UINT32_MAX, 0);
        ck_assert(known(d, "floor.example", DERIVED_TTL_FLOOR * NSEC_PER_SEC - 1));
        ck_assert(!known(d, "floor.example", DERIVED_TTL_FLOOR * NSEC_PER_SEC));
        ck_assert_uint_eq(derived_names_n(d), 1);
        ck_assert(known(d, "longest.example", UINT32_MAX * NSEC_PER_SEC - 1));
}
END_TEST

START_TEST(test_added_again) {
        _cleanup_(derived_names_freep) DerivedNames *d = names_new(4);
        const char *origin = NULL;
        NameVerdict v;

        /* same verdict: the later end stays; another one: the newer origin counts, and its end */
        add(d, "x.example", 1, 300, 0);
        add(d, "x.example", 1, 60, 0);
        ck_assert(known(d, "x.example", 300 * NSEC_PER_SEC - 1));
        add(d, "x.example", 2, 60, 0);
        ck_assert_int_eq(derived_names_get(d, "x.example", 0, &v, &origin), 1);
        ck_assert_uint_eq(v.rules[0], 2);
        ck_assert_uint_eq(derived_names_n(d), 1);
        ck_assert(!known(d, "x.example", 60 * NSEC_PER_SEC));
}
END_TEST

/* What get() hands out may be handed in. */
START_TEST(test_own_text) {
        _cleanup_(derived_names_freep) DerivedNames *d = names_new(1);
        const char *origin = NULL;
        NameVerdict v;

        add(d, "x.example", 1, 300, 0);
        ck_assert_int_eq(derived_names_get(d, "x.example", 0, &v, &origin), 1);
        ck_assert_int_eq(derived_names_add(d, "y.example", origin, &v, 60, 0), 0);
        ck_assert_int_eq(derived_names_get(d, "y.example", 0, &v, &origin), 1);
        ck_assert_str_eq(origin, "origin.example");
}
END_TEST

START_TEST(test_bound) {
        _cleanup_(derived_names_freep) DerivedNames *d = names_new(100);
        char name[256];

        add(d, "kept.example", 0, 60, 0);
        for (unsigned i = 0; i < 10000; i++) {
                snprintf(name, sizeof(name), "n%u.example", i);
                ck_assert_int_eq(add(d, name, 0, 60, 0), 0);
                ck_assert_uint_le(derived_names_n(d), 100);
                if (i % 50 == 0)
                        add(d, "kept.example", 0, 60, 0);
        }
        ck_assert(known(d, "n9999.example", 0));
        ck_assert(!known(d, "n9800.example", 0));
        ck_assert(known(d, "kept.example", 0));

        derived_names_flush(d);
        ck_assert_uint_eq(derived_names_n(d), 0);
        ck_assert(!known(d, "n9999.example", 0));
}
END_TEST

START_TEST(test_zones) {
        _cleanup_(derived_names_freep) DerivedNames *d = names_new(2);

        add(d, "a.cdn.example", 0, 60, 0);
        add(d, "b.cdn.example", 0, 3600, 0);
        add(d, "a.cdn.example", 1, 60, 0); /* under another verdict */
        ck_assert(derived_names_have_zone(d, "example", 0));
        ck_assert(derived_names_have_zone(d, "cdn.example", 0));
        ck_assert(derived_names_have_zone(d, "cdn.example", 3600 * NSEC_PER_SEC - 1));
        ck_assert(!derived_names_have_zone(d, "cdn.example", 3600 * NSEC_PER_SEC));
        static const char *const others[] = { "a.cdn.example", "dn.example", "x.example", "x.cdn.example", "", "xample" };
        for (size_t i = 0; i < ELEMENTSOF(others); i++)
                ck_assert_msg(!derived_names_have_zone(d, others[i], 0), "%s", others[i]);

        add(d, "c.net", 0, 60, 0); /* in place of the oldest, b */
        ck_assert(derived_names_have_zone(d, "cdn.example", 0));
        add(d, "d.net", 0, 60, 0);
        ck_assert(!derived_names_have_zone(d, "cdn.example", 0));
        ck_assert(!derived_names_have_zone(d, "example", 0));
        ck_assert(derived_names_have_zone(d, "net", 0));
        derived_names_flush(d);
        ck_assert(!derived_names_have_zone(d, "net", 0));

        add(d, "l.k.j.i.h.g.f.e.d.c.b.a", 0, 60, 0); /* as many labels as are kept */
        ck_assert(derived_names_have_zone(d, "h.g.f.e.d.c.b.a", 0));
        ck_assert(!derived_names_have_zone(d, "i.h.g.f.e.d.c.b.a", 0));
}
END_TEST

START_TEST(test_too_long) {
        _cleanup_(derived_names_freep) DerivedNames *d = names_new(1);
        NameVerdict v = verdict_of(0);
        char name[255];

        memset(name, 'a', sizeof(name) - 1);
        name[sizeof(name) - 1] = '\0';
        ck_assert_int_eq(derived_names_add(d, name, "x.example", &v, 60, 0), -EINVAL);
        ck_assert_int_eq(derived_names_add(d, "x.example", name, &v, 60, 0), -EINVAL);
        ck_assert_int_eq(derived_names_add(d, name + 1, name + 1, &v, 60, 0), 0);
        ck_assert(known(d, name + 1, 0));
}
END_TEST

static uint32_t get_uint(json_object *array, size_t i) {
        return (uint32_t) json_object_get_int64(json_object_array_get_idx(array, i));
}

static Policy *policy_of(json_object *rules) {
        PolicySource source = { .default_action = ACTION_DENY };
        const char *reason = NULL;
        Policy *p = NULL;

        for (size_t i = 0; i < json_object_array_length(rules); i++) {
                json_object *rule = json_object_array_get_idx(rules, i);
                Action action = ACTION_ALLOW;

                ck_assert_str_eq(json_object_get_string(json_object_object_get(rule, "type")), "hostname");
                ck_assert_int_eq(action_from_string(json_object_get_string(json_object_object_get(rule, "action")),
                                                    &action), 0);
                const char *value = json_object_get_string(json_object_object_get(rule, "value"));
                int r = rule_list_add(&source.rules, RULE_HOSTNAME, value, action, TIER_USER, NULL, 0, false, &reason);
                ck_assert_int_ge(r, 0);
        }
        ck_assert_int_eq(policy_new(&source, &p), 0);
        return p;
}

/* Rules that match the target come first; without any, the chain counts. */
static bool is_forwarded(DerivedNames *d, const Policy *p, const char *name, uint64_t now) {
        NameVerdict own, origin_verdict;
        const char *origin = NULL;
        uint32_t rule;

        policy_match_name(p, name, &own);
        if (policy_name_resolves(p, &own, &rule))
                return true;
        return own.n_deny == 0 && derived_names_get(d, name, now, &origin_verdict, &origin) == 1;
}

START_TEST(test_conformance_derived) {
        json_object *cases = conformance_load(), *rows = conformance_rows(cases, "dns_cname_derived");

        for (size_t i = 0; i < json_object_array_length(rows); i++) {
                json_object *row = json_object_array_get_idx(rows, i);
                _cleanup_(derived_names_freep) DerivedNames *d = names_new(4);
                Policy *p = policy_of(json_object_array_get_idx(row, 0));
                bool expired = json_object_get_boolean(json_object_array_get_idx(row, 2));
                bool forwarded = json_object_get_boolean(json_object_array_get_idx(row, 4));

                add(d, json_object_get_string(json_object_array_get_idx(row, 1)), 0, 60, 0);
                bool got = is_forwarded(d, p, json_object_get_string(json_object_array_get_idx(row, 3)),
                                        (expired ? 60 : 59) * NSEC_PER_SEC);
                ck_assert_msg(got == forwarded, "row %zu", i);
                policy_free(p);
        }
        json_object_put(cases);
}
END_TEST

START_TEST(test_conformance_ttl) {
        json_object *cases = conformance_load(), *rows = conformance_rows(cases, "dns_cname_ttl");

        for (size_t i = 0; i < json_object_array_length(rows); i++) {
                json_object *row = json_object_array_get_idx(rows, i);
                _cleanup_(derived_names_freep) DerivedNames *d = names_new(1);
                uint32_t record = get_uint(row, 0), learned = get_uint(row, 1);

                ck_assert_uint_eq(derived_chain_ttl(0, record), learned);
                add(d, "x.example", 0, record, 0);
                ck_assert(known(d, "x.example", learned * NSEC_PER_SEC - 1));
                ck_assert(!known(d, "x.example", learned * NSEC_PER_SEC));
        }
        json_object_put(cases);
}
END_TEST

START_TEST(test_conformance_chain_ttl) {
        json_object *cases = conformance_load(), *rows = conformance_rows(cases, "dns_cname_chain_ttl");

        for (size_t i = 0; i < json_object_array_length(rows); i++) {
                json_object *row = json_object_array_get_idx(rows, i);
                json_object *hops = json_object_array_get_idx(row, 0), *learned = json_object_array_get_idx(row, 1);
                uint32_t ttl = 0;

                ck_assert_uint_eq(json_object_array_length(hops), json_object_array_length(learned));
                for (size_t hop = 0; hop < json_object_array_length(hops); hop++) {
                        ttl = derived_chain_ttl(ttl, get_uint(hops, hop));
                        ck_assert_uint_eq(ttl, get_uint(learned, hop));
                }
        }
        json_object_put(cases);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("derived-name");
        TCase *t = tcase_create("derived-name");

        tcase_add_test(t, test_verdict_of_origin);
        tcase_add_test(t, test_expiry);
        tcase_add_test(t, test_added_again);
        tcase_add_test(t, test_own_text);
        tcase_add_test(t, test_bound);
        tcase_add_test(t, test_zones);
        tcase_add_test(t, test_too_long);
        tcase_add_test(t, test_conformance_derived);
        tcase_add_test(t, test_conformance_ttl);
        tcase_add_test(t, test_conformance_chain_ttl);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
