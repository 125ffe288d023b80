/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <errno.h>
#include <string.h>

#include "basic/macro.h"
#include "policy/policy.h"

/* An environment: assignments, ended by NULL. */
static const char *get(const char *name, void *userdata) {
        size_t n = strlen(name);

        for (const char *const *a = userdata; *a; a++)
                if (strncmp(*a, name, n) == 0 && (*a)[n] == '=')
                        return *a + n + 1;
        return NULL;
}

static int parse(const char *const *assignments, PolicySource *source, Fault *fault) {
        *source = (PolicySource) {};
        *fault = (Fault) {};
        return policy_source_from_environment(source, get, (void *) assignments, NULL, fault);
}

static void check_rule(const PolicySource *s, size_t i, const char *wanted) {
        _cleanup_free_ char *got = rule_to_string(&s->rules.rules[i]);

        ck_assert_uint_lt(i, s->rules.n);
        ck_assert_str_eq(got, wanted);
        ck_assert_int_eq(s->rules.rules[i].tier, TIER_USER);
}

START_TEST(test_everything) {
        static const char *const environment[] = {
                "CARGOWALL_DEFAULT_ACTION=allow",
                "CARGOWALL_ALLOWED_HOSTS=github.com:443;80, *.example.com",
                "CARGOWALL_ALLOWED_CIDRS=10.0.0.0/8:443,[2001:db8::1]:22",
                "CARGOWALL_BLOCKED_HOSTS=evil.example",
                "CARGOWALL_BLOCKED_CIDRS=169.254.169.254",
                "CARGOWALL_SEARCH_DOMAINS=compute.internal, .ec2.internal,compute.internal",
                "CARGOWALL_AUDIT_MODE=true",
                NULL,
        };
        Fault fault;
        PolicySource s;

        ck_assert_int_eq(parse(environment, &s, &fault), 1);
        ck_assert_uint_eq(s.rules.n, 6);
        check_rule(&s, 0, "allow github.com:443;80");
        check_rule(&s, 1, "allow *.example.com");
        check_rule(&s, 2, "allow 10.0.0.0/8:443");
        check_rule(&s, 3, "allow 2001:db8::1/128:22");
        check_rule(&s, 4, "deny evil.example");
        check_rule(&s, 5, "deny 169.254.169.254/32");
        ck_assert_int_eq(s.default_action, ACTION_ALLOW);
        ck_assert(s.has_mode && s.mode == MODE_AUDIT);
        ck_assert_uint_eq(s.n_search_domains, 2);
        policy_source_done(&s);
}
END_TEST

static const struct {
        const char *assignment;
        int r;
        const char *path;   /* of the fault */
        const char *reason; /* how it begins: the invalid entry */
} single[] = {
        { "HOME=/", 0, NULL, NULL },
        { "CARGOWALL_ALLOWED_HOSTS=", 0, NULL, NULL }, /* an input that nobody filled in */
        { "CARGOWALL_ALLOWED_HOSTS= \n", 0, NULL, NULL },
        { "CARGOWALL_ALLOWED_HOSTS=,", 1, NULL, NULL },
        { "CARGOWALL_AUDIT_MODE=0", 1, NULL, NULL },
        { "CARGOWALL_AUDIT_MODE=false", 1, NULL, NULL },
        { "CARGOWALL_AUDIT_MODE=1", 1, NULL, NULL },
        { "CARGOWALL_AUDIT_MODE=yes", -EINVAL, "CARGOWALL_AUDIT_MODE", "yes: " },
        { "CARGOWALL_DEFAULT_ACTION=maybe", -EINVAL, "CARGOWALL_DEFAULT_ACTION", "maybe: " },
        { "CARGOWALL_ALLOWED_HOSTS=a.example,github.com:abc", -EINVAL, "CARGOWALL_ALLOWED_HOSTS", "github.com:abc: " },
        { "CARGOWALL_ALLOWED_HOSTS=10.0.0.0/8", -EINVAL, "CARGOWALL_ALLOWED_HOSTS", "10.0.0.0/8: " },
        { "CARGOWALL_BLOCKED_CIDRS=fe80::g:80", -EINVAL, "CARGOWALL_BLOCKED_CIDRS", "fe80::g:80: " },
        { "CARGOWALL_SEARCH_DOMAINS=com", -EINVAL, "CARGOWALL_SEARCH_DOMAINS", "com: " },
};

START_TEST(test_single) {
        const char *const environment[] = { single[_i].assignment, NULL };
        Fault fault;
        PolicySource s;

        ck_assert_int_eq(parse(environment, &s, &fault), single[_i].r);
        if (single[_i].r < 0) {
                ck_assert_str_eq(fault.item, single[_i].path);
                ck_assert_msg(strncmp(fault.reason, single[_i].reason, strlen(single[_i].reason)) == 0, "%s",
                              fault.reason);
                ck_assert_uint_eq(fault.line, 0);
        }
        policy_source_done(&s);
}
END_TEST

/* On top of a document. mode -1: it does not say. applied and refused: the variables' names. */
static const struct {
        int mode;
        Action default_action;
        const char *assignment;
        Mode wanted_mode;
        Action wanted_action;
        size_t wanted_rules;
        bool applied, refused;
} over[] = {
        { -1, ACTION_DENY, "CARGOWALL_AUDIT_MODE=true", MODE_ENFORCE, ACTION_DENY, 1, false, true },
        { MODE_ENFORCE, ACTION_DENY, "CARGOWALL_AUDIT_MODE=1", MODE_ENFORCE, ACTION_DENY, 1, false, true },
        { MODE_ENFORCE, ACTION_DENY, "CARGOWALL_AUDIT_MODE=false", MODE_ENFORCE, ACTION_DENY, 1, false, false },
        { MODE_AUDIT, ACTION_DENY, "CARGOWALL_AUDIT_MODE=true", MODE_AUDIT, ACTION_DENY, 1, false, false },
        { MODE_AUDIT, ACTION_DENY, "CARGOWALL_AUDIT_MODE=false", MODE_ENFORCE, ACTION_DENY, 1, true, false },
        { -1, ACTION_DENY, "CARGOWALL_DEFAULT_ACTION=allow", MODE_ENFORCE, ACTION_DENY, 1, false, true },
        { -1, ACTION_ALLOW, "CARGOWALL_DEFAULT_ACTION=deny", MODE_ENFORCE, ACTION_DENY, 1, true, false },
        { -1, ACTION_ALLOW, "CARGOWALL_DEFAULT_ACTION=allow", MODE_ENFORCE, ACTION_ALLOW, 1, false, false },
        { -1, ACTION_DENY, "CARGOWALL_ALLOWED_HOSTS=a.example,b.example", MODE_ENFORCE, ACTION_DENY, 3, true, false },
        { -1, ACTION_DENY, "CARGOWALL_BLOCKED_CIDRS=192.0.2.0/24", MODE_ENFORCE, ACTION_DENY, 2, true, false },
        { -1, ACTION_DENY, "CARGOWALL_ALLOWED_HOSTS=own.example:443", MODE_ENFORCE, ACTION_DENY, 1, true, false },
        { -1, ACTION_DENY, "CARGOWALL_ALLOWED_HOSTS=,", MODE_ENFORCE, ACTION_DENY, 1, false, false },
        { -1, ACTION_DENY, "CARGOWALL_SEARCH_DOMAINS=corp.example", MODE_ENFORCE, ACTION_DENY, 1, true, false },
};

START_TEST(test_over_a_document) {
        const char *const environment[] = { over[_i].assignment, NULL };
        EnvironmentChanges changes = {};
        Fault fault;
        const char *reason;
        PolicySource s = { .default_action = over[_i].default_action };
        uint32_t bit = 0;

        if (over[_i].mode >= 0) {
                s.has_mode = true;
                s.mode = (Mode) over[_i].mode;
        }
        ck_assert_int_eq(rule_list_add_text(&s.rules, RULE_HOSTNAME, "own.example", ACTION_ALLOW, TIER_USER, &reason), 0);
        ck_assert_int_eq(policy_source_add_environment(&s, get, (void *) environment, &changes, &fault), 1);
        ck_assert_int_eq(s.has_mode ? s.mode : MODE_ENFORCE, over[_i].wanted_mode);
        ck_assert_int_eq(s.default_action, over[_i].wanted_action);
        ck_assert_uint_eq(s.rules.n, over[_i].wanted_rules);
        for (size_t i = 0; policy_environment_name(i); i++)
                if (strncmp(over[_i].assignment, policy_environment_name(i), strlen(policy_environment_name(i))) == 0)
                        bit = 1U << i;
        ck_assert_uint_eq(changes.applied, over[_i].applied ? bit : 0);
        ck_assert_uint_eq(changes.refused, over[_i].refused ? bit : 0);
        ck_assert_str_eq(policy_environment_name(0), "CARGOWALL_AUDIT_MODE"); /* POLICY_ENVIRONMENT_MODE */
        policy_source_done(&s);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("policy-environment");
        TCase *t = tcase_create("policy-environment");

        tcase_add_test(t, test_everything);
        tcase_add_loop_test(t, test_single, 0, ELEMENTSOF(single));
        tcase_add_loop_test(t, test_over_a_document, 0, ELEMENTSOF(over));
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
