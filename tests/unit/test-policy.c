/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/policy.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "basic/macro.h"
#include "policy/policy-private.h"

#define RULES_PER_CASE 10

/* "[above |automatic ][private ]allow|deny VALUE[:PORTS]" */
static void add_rule(RuleList *l, const char *text) {
        static const char *const tiers[] = { "above ", "user ", "automatic " };
        Tier tier = TIER_USER;
        const char *reason = "";

        for (Tier i = 0; i < _TIER_MAX; i++)
                if (strncmp(text, tiers[i], strlen(tiers[i])) == 0) {
                        tier = i;
                        text += strlen(tiers[i]);
                        break;
                }
        bool private = strncmp(text, "private ", 8) == 0;
        if (private)
                text += 8;
        Action action = strncmp(text, "allow ", 6) == 0 ? ACTION_ALLOW : ACTION_DENY;
        text = strchr(text, ' ') + 1;

        int r = rule_list_add_text(l, RULE_CIDR, text, action, tier, &reason);
        if (r < 0)
                r = rule_list_add_text(l, RULE_HOSTNAME, text, action, tier, &reason);
        ck_assert_msg(r == 0, "%s: %s", text, reason);
        l->rules[l->n - 1].allow_private = private;
}

static Policy *policy_of(const char *const *rules, Action default_action, const char *search_domain) {
        PolicySource source = { .default_action = default_action };
        Policy *p = NULL;
        const char *reason;

        for (size_t i = 0; i < RULES_PER_CASE && rules[i]; i++)
                add_rule(&source.rules, rules[i]);
        if (search_domain)
                ck_assert_int_eq(policy_source_add_search_domain(&source, search_domain, &reason), 0);
        ck_assert_int_eq(policy_new(&source, &p), 0);
        ck_assert_uint_eq(source.rules.n, 0);
        return p;
}

static PortVerdict judge(const Policy *p, const PortSet *set, const char *port) {
        PortRange r;

        ck_assert_int_eq(port_range_parse(port, &r), 0);
        return port_set_judge(set, policy_default_action(p), r.protocol == PROTOCOL_ALL ? PROTOCOL_TCP : r.protocol,
                              r.low);
}

/* ------------------------------------------------------------------ names */

typedef struct NameCase {
        const char *rules[RULES_PER_CASE];
        Action default_action;
        const char *search_domain;
        const char *name;
        bool resolves;
        const char *allowed[4]; /* ports */
        const char *denied[4];
} NameCase;

static const NameCase name_cases[] = {
        /* one rule */
        { { "allow github.com" }, ACTION_DENY, NULL, "api.github.com", true, { "443" }, { } },
        { { "allow github.com" }, ACTION_DENY, NULL, "notgithub.com", false, { }, { "443" } },
        { { "allow github.com" }, ACTION_DENY, NULL, "com", false, { }, { "443" } },
        { { "allow github.com:443/tcp" }, ACTION_DENY, NULL, "github.com", true, { "443" }, { "80", "443/udp" } },
        { { "allow *.github.com" }, ACTION_DENY, NULL, "github.com", false, { }, { "443" } },
        { { "allow *.github.com" }, ACTION_DENY, NULL, "a.b.github.com", false, { }, { "443" } },
        { { "allow evil.*" }, ACTION_DENY, NULL, "evil.example", true, { "443" }, { } },
        { { "allow **" }, ACTION_DENY, NULL, "a.b.c", true, { "443" }, { } },
        { { }, ACTION_ALLOW, NULL, "github.com", true, { "443" }, { } },
        { { "deny github.com" }, ACTION_ALLOW, NULL, "api.github.com", false, { }, { "443" } },
        { { "deny github.com:22" }, ACTION_ALLOW, NULL, "github.com", true, { "443" }, { "22" } },
        /* exact > deny pattern > longest parent > allow pattern */
        { { "allow a.example.com", "deny *.example.com" }, ACTION_DENY, NULL, "a.example.com", true, { "443" }, { } },
        { { "allow example.com", "deny *.example.com" }, ACTION_DENY, NULL, "a.example.com", false, { }, { "443" } },
        { { "deny example.com", "allow *.example.com" }, ACTION_DENY, NULL, "a.example.com", false, { }, { "443" } },
        { { "deny example.com", "allow a.example.com" }, ACTION_DENY, NULL, "b.a.example.com", true, { "443" }, { } },
        { { "allow example.com", "deny a.example.com" }, ACTION_DENY, NULL, "b.a.example.com", false, { }, { "443" } },
        { { "allow a.example", "deny a.example" }, ACTION_DENY, NULL, "a.example", false, { }, { "443" } },
        { { "deny *.example", "allow **.example" }, ACTION_DENY, NULL, "a.example", false, { }, { "443" } },
        /* only the allow that precedence picks, but patterns are equals */
        { { "allow example.com", "allow a.example.com:8080" }, ACTION_DENY, NULL, "a.example.com", true, { "8080" },
          { "443" } },
        { { "allow *.example:443", "allow **.example:80" }, ACTION_DENY, NULL, "a.example", true, { "80", "443" },
          { "22" } },
        /* ports: a deny covers its own ports only, and does not hide a broader one */
        { { "allow a.example", "deny a.example:22" }, ACTION_DENY, NULL, "a.example", true, { "443" }, { "22" } },
        { { "allow a.example:22", "deny a.example:22" }, ACTION_DENY, NULL, "a.example", false, { }, { "22" } },
        { { "allow a.example:443", "deny a.example:22" }, ACTION_ALLOW, NULL, "a.example", true, { "443", "80" },
          { "22" } },
        { { "allow example", "deny *.example:22" }, ACTION_DENY, NULL, "a.example", true, { "443" }, { "22" } },
        { { "deny example", "deny a.example:22" }, ACTION_ALLOW, NULL, "a.example", false, { }, { "22", "443" } },
        { { "deny example", "allow a.example:443" }, ACTION_ALLOW, NULL, "a.example", true, { "443" }, { "80" } },
        { { "deny **.example", "allow a.example:443" }, ACTION_ALLOW, NULL, "a.example", true, { "443" }, { "80" } },
        { { "deny a.example:1-65535", "deny a.example:0/icmp" }, ACTION_ALLOW, NULL, "a.example", true, { },
          { "443", "0/icmp" } }, /* ICMPv6 is left */
        /* search domains */
        { { }, ACTION_DENY, "compute.internal", "host.compute.internal", true, { }, { "443" } },
        { { }, ACTION_DENY, "compute.internal", "compute.internal", false, { }, { "443" } },
        { { }, ACTION_DENY, "compute.internal", "notcompute.internal", false, { }, { "443" } },
        { { "allow bastion:22" }, ACTION_DENY, "compute.internal", "bastion.compute.internal", true, { "22" },
          { "443" } },
        { { "allow bastion", "deny bastion.compute.internal" }, ACTION_DENY, "compute.internal",
          "bastion.compute.internal", false, { }, { "443" } },
        { { "allow compute.internal:443", "deny internal", "allow bastion:22" }, ACTION_ALLOW, "compute.internal",
          "bastion.compute.internal", false, { }, { "22", "80" } }, /* the other form's late deny is not late */
        { { "deny bastion:22" }, ACTION_DENY, "compute.internal", "bastion.compute.internal", true, { }, { "22" } },
        { { "allow web" }, ACTION_DENY, NULL, "web.svc.cluster.local", true, { "443" }, { } },
        { { "allow web.default" }, ACTION_DENY, NULL, "web.default.svc.cluster.local", true, { "443" }, { } },
        { { }, ACTION_DENY, NULL, "web.svc.cluster.local", false, { }, { "443" } },
        /* tiers */
        { { "above deny example", "allow a.example" }, ACTION_DENY, NULL, "a.example", false, { }, { "443" } },
        { { "above deny example:22", "allow a.example" }, ACTION_DENY, NULL, "a.example", true, { "443" }, { "22" } },
        { { "automatic allow a.example", "deny example" }, ACTION_DENY, NULL, "a.example", false, { }, { "443" } },
        { { "automatic deny a.example", "allow example" }, ACTION_DENY, NULL, "a.example", true, { "443" }, { } },
        { { "automatic allow a.example", "allow example:22" }, ACTION_DENY, NULL, "a.example", true, { "22", "443" },
          { } },
};

START_TEST(test_name) {
        const NameCase *c = &name_cases[_i];
        Policy *p = policy_of(c->rules, c->default_action, c->search_domain);
        const NameVerdict *names[1];
        NameVerdict v;
        PortSet set;
        uint32_t rule;

        policy_match_name(p, c->name, &v);
        names[0] = &v;
        ck_assert_msg(policy_name_resolves(p, &v, &rule) == c->resolves, "%d: %s", _i, c->name);
        ck_assert_int_eq(policy_compile_names(p, names, 1, &set), 0);
        for (size_t i = 0; i < ELEMENTSOF(c->allowed) && c->allowed[i]; i++)
                ck_assert_msg(judge(p, &set, c->allowed[i]).action == ACTION_ALLOW, "%d: %s", _i, c->allowed[i]);
        for (size_t i = 0; i < ELEMENTSOF(c->denied) && c->denied[i]; i++)
                ck_assert_msg(judge(p, &set, c->denied[i]).action == ACTION_DENY, "%d: %s", _i, c->denied[i]);
        policy_free(p);
}
END_TEST

START_TEST(test_name_deciding_rule) {
        static const char *const rules[RULES_PER_CASE] = { "allow example", "deny a.example", "allow b.example:22" };
        Policy *p = policy_of(rules, ACTION_DENY, NULL);
        NameVerdict v, again;
        uint32_t rule;

        policy_match_name(p, "a.example", &v);
        ck_assert(!policy_name_resolves(p, &v, &rule));
        ck_assert_uint_eq(rule, 1);
        policy_match_name(p, "x.b.example", &v);
        ck_assert(policy_name_resolves(p, &v, &rule));
        ck_assert_uint_eq(rule, 2);
        policy_match_name(p, "github.com", &v);
        ck_assert(!policy_name_resolves(p, &v, &rule));
        ck_assert_uint_eq(rule, RULE_NONE);

        /* The same rules, the same bytes: leases are compared so. */
        memset(&again, 0xa5, sizeof(again));
        policy_match_name(p, "y.b.example", &again);
        policy_match_name(p, "x.b.example", &v);
        ck_assert_mem_eq(&v, &again, sizeof(v));
        policy_free(p);
}
END_TEST

/* More denies than a verdict holds: nothing of the name is open. */
START_TEST(test_name_overflow) {
        PolicySource source = { .default_action = ACTION_ALLOW };
        const NameVerdict *names[1];
        NameVerdict v;
        Policy *p = NULL;
        PortSet set;
        InAddr addr;
        uint32_t rule;

        for (unsigned i = 0; i <= NAME_RULES_MAX; i++) {
                char text[128] = "deny ";
                for (unsigned k = 0; k < i; k++)
                        strcat(text, "a.");
                (void) snprintf(text + strlen(text), sizeof(text) - strlen(text), "example:%u", i + 1);
                add_rule(&source.rules, text);
        }
        ck_assert_int_eq(policy_new(&source, &p), 0);

        policy_match_name(p, "a.a.a.a.a.a.a.example", &v); /* 8 of the 9 */
        ck_assert(!v.overflow);
        ck_assert_uint_eq(v.n_deny, NAME_RULES_MAX);
        ck_assert(policy_name_resolves(p, &v, &rule));

        policy_match_name(p, "a.a.a.a.a.a.a.a.example", &v);
        names[0] = &v;
        ck_assert(v.overflow);
        ck_assert(!policy_name_resolves(p, &v, &rule));
        ck_assert_int_eq(policy_compile_names(p, names, 1, &set), -E2BIG);
        ck_assert_int_eq(in_addr_parse("192.0.2.1", &addr), 0);
        ck_assert_int_eq(policy_compile_address(p, &addr, names, 1, &set), -E2BIG);
        policy_free(p);
}
END_TEST

START_TEST(test_longest_search_domain) {
        for (size_t i = 0; i < 2; i++) {
                static const char *const domains[] = { "compute.internal", "eu.compute.internal" };
                PolicySource source = {};
                Policy *p = NULL;
                NameVerdict v;
                const char *reason;

                add_rule(&source.rules, "allow bastion");
                ck_assert_int_eq(policy_source_add_search_domain(&source, domains[i], &reason), 0);
                ck_assert_int_eq(policy_source_add_search_domain(&source, domains[1 - i], &reason), 0);
                ck_assert_int_eq(policy_new(&source, &p), 0);
                policy_match_name(p, "bastion.eu.compute.internal", &v);
                ck_assert_uint_eq(v.n_allow, 1);
                policy_free(p);
        }
}
END_TEST

START_TEST(test_private) {
        /* An automatic rule below a user's for every port is not reached. */
        static const char *const rules[RULES_PER_CASE] = { "private allow db.example", "allow example",
                                                           "private deny x.example",
                                                           "automatic private allow www.example" };
        Policy *p = policy_of(rules, ACTION_DENY, "compute.internal");
        NameVerdict v;

        policy_match_name(p, "db.example", &v);
        ck_assert(policy_name_may_be_private(p, &v));
        policy_match_name(p, "www.example", &v);
        ck_assert(!policy_name_may_be_private(p, &v));
        policy_match_name(p, "x.example", &v);
        ck_assert(!policy_name_may_be_private(p, &v));
        policy_match_name(p, "host.compute.internal", &v);
        ck_assert(policy_name_may_be_private(p, &v));
        policy_free(p);
}
END_TEST

/* ------------------------------------------------------------------ addresses */

typedef struct AddressCase {
        const char *rules[RULES_PER_CASE];
        const char *address;
        const char *name; /* that resolved to it, or NULL */
        const char *port;
        Action verdict;
        int rule; /* the deciding one, -1 for the default (deny) */
} AddressCase;

static const AddressCase address_cases[] = {
        { { "allow 10.0.0.0/8", "deny 10.0.0.0/24" }, "10.0.0.5", NULL, "443", ACTION_DENY, 1 },
        { { "deny 10.0.0.0/8", "allow 10.0.0.0/24" }, "10.0.0.5", NULL, "443", ACTION_ALLOW, 1 },
        { { "deny 10.0.0.0/8", "allow 10.0.0.0/24:443" }, "10.0.0.5", NULL, "80", ACTION_DENY, 0 },
        { { "allow 10.0.0.0/8", "deny 10.0.0.0/24:22" }, "10.0.0.5", NULL, "443", ACTION_ALLOW, 0 },
        { { "allow 10.0.0.0/8", "deny 10.0.0.0/8" }, "10.0.0.5", NULL, "443", ACTION_DENY, 1 },
        { { "allow 10.0.0.0/8", "deny 10.0.0.0/8:22" }, "10.0.0.5", NULL, "443", ACTION_ALLOW, 0 },
        { { "allow 0.0.0.0/0" }, "2001:db8::1", NULL, "443", ACTION_DENY, -1 },
        { { "allow ::/0" }, "192.0.2.1", NULL, "443", ACTION_DENY, -1 },
        { { "allow ::/0" }, "::ffff:192.0.2.1", NULL, "443", ACTION_DENY, -1 },
        { { "allow ::/0" }, "2001:db8::1", NULL, "443", ACTION_ALLOW, 0 },
        { { "allow 10.0.0.1:0/icmp" }, "10.0.0.1", NULL, "0/icmp", ACTION_ALLOW, 0 },
        { { "allow 10.0.0.1:0/icmp" }, "10.0.0.1", NULL, "443", ACTION_DENY, -1 },
        { { "allow 10.0.0.1:443" }, "10.0.0.1", NULL, "0/icmp", ACTION_DENY, -1 },
        /* with a name */
        { { "allow a.example:443", "deny 192.0.0.0/8" }, "192.0.2.1", "a.example", "443", ACTION_DENY, 1 },
        { { "allow a.example:443", "deny 192.0.0.0/8:80" }, "192.0.2.1", "a.example", "443", ACTION_ALLOW, 0 },
        { { "deny a.example", "allow 192.0.2.1" }, "192.0.2.1", "a.example", "443", ACTION_DENY, 0 },
        { { "deny a.example:22", "allow 192.0.2.1" }, "192.0.2.1", "a.example", "443", ACTION_ALLOW, 1 },
        { { "allow a.example:443", "allow 192.0.2.0/24" }, "192.0.2.1", "a.example", "80", ACTION_ALLOW, 1 },
        { { "deny 192.0.0.0/8", "allow 192.0.2.0/24", "allow a.example" }, "192.0.2.1", "a.example", "443",
          ACTION_DENY, 0 },
        /* a name without a rule is ignored */
        { { "deny 192.0.0.0/8", "allow 192.0.2.0/24" }, "192.0.2.1", "b.example", "443", ACTION_ALLOW, 1 },
        { { "deny example", "allow a.example:443", "allow 192.0.2.0/24" }, "192.0.2.1", "a.example", "443",
          ACTION_ALLOW, 1 },
        { { "deny example", "allow a.example:443", "allow 192.0.2.0/24" }, "192.0.2.1", "a.example", "80",
          ACTION_DENY, 0 },
        /* tiers */
        { { "above deny 10.0.0.0/8", "allow 10.0.0.1" }, "10.0.0.1", NULL, "443", ACTION_DENY, 0 },
        { { "above deny 192.0.0.0/8", "allow a.example" }, "192.0.2.1", "a.example", "443", ACTION_DENY, 0 },
        { { "above deny a.example", "allow 192.0.2.1" }, "192.0.2.1", "a.example", "443", ACTION_DENY, 0 },
        { { "automatic allow 10.0.0.1", "deny 10.0.0.0/8" }, "10.0.0.1", NULL, "443", ACTION_DENY, 1 },
        { { "automatic deny 10.0.0.1", "allow 10.0.0.0/8" }, "10.0.0.1", NULL, "443", ACTION_ALLOW, 1 },
        { { "automatic allow a.example", "deny 192.0.2.0/24:443" }, "192.0.2.1", "a.example", "80", ACTION_ALLOW, 0 },
};

START_TEST(test_address) {
        const AddressCase *c = &address_cases[_i];
        Policy *p = policy_of(c->rules, ACTION_DENY, NULL);
        const NameVerdict *names[1];
        NameVerdict v;
        PortSet set;
        InAddr addr;

        ck_assert_int_eq(in_addr_parse(c->address, &addr), 0);
        if (c->name)
                policy_match_name(p, c->name, &v);
        names[0] = &v;
        ck_assert_int_eq(policy_compile_address(p, &addr, names, c->name ? 1 : 0, &set), 0);
        PortVerdict pv = judge(p, &set, c->port);
        ck_assert_msg(pv.action == c->verdict, "%d", _i);
        ck_assert_int_eq((int) pv.rule, c->rule);
        policy_free(p);
}
END_TEST

START_TEST(test_allows_address) {
        static const char *const rules[RULES_PER_CASE] = { "allow 10.0.0.0/8", "deny 10.0.0.0/24", "deny 192.0.2.0/24",
                                                           "allow ::/0" };
        static const struct {
                const char *address;
                bool inside;
        } table[] = { { "10.1.0.1", true }, { "10.0.0.1", true }, { "192.0.2.1", false }, { "203.0.113.1", false },
                      { "::1", true } };
        Policy *p = policy_of(rules, ACTION_DENY, NULL);

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                InAddr a;

                ck_assert_int_eq(in_addr_parse(table[i].address, &a), 0);
                ck_assert_msg(policy_allows_address(p, &a) == table[i].inside, "%s", table[i].address);
        }
        policy_free(p);
}
END_TEST

/* 64 lines fit one address; one more refuses the policy, before it is used. */
START_TEST(test_ports_overflow) {
        for (unsigned extra = 0; extra < 2; extra++) {
                PolicySource source = {};
                Policy *p = NULL;

                for (unsigned i = 0; i < CW_PORT_RULES_MAX / RULE_PORTS_MAX + extra; i++) {
                        PortRange ports[RULE_PORTS_MAX];
                        const char *reason;
                        char prefix[32];

                        for (uint16_t k = 0; k < RULE_PORTS_MAX; k++)
                                ports[k].low = ports[k].high = (uint16_t) (i * RULE_PORTS_MAX + k + 1),
                                ports[k].protocol = PROTOCOL_TCP;
                        (void) snprintf(prefix, sizeof(prefix), "10.0.0.0/%u", 8 + i);
                        ck_assert_int_eq(rule_list_add(&source.rules, RULE_CIDR, prefix, ACTION_ALLOW, TIER_USER, ports,
                                                       i < 2 ? RULE_PORTS_MAX : 1, false, &reason), 0);
                }
                ck_assert_int_eq(policy_new(&source, &p), extra == 0 ? 0 : -E2BIG);
                ck_assert_uint_eq(source.rules.n, 0);
                policy_free(p);
        }
}
END_TEST

/* ------------------------------------------------------------------ against a naive evaluation */

/* xorshift64 (Marsaglia 2003); fixed seeds, so that a failure repeats. */
static uint32_t next(uint64_t *state, uint32_t below) {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        return (uint32_t) (*state >> 33) % below;
}

/* Few distinct bits, so that prefixes nest and addresses fall into them. */
static void random_address(uint64_t *state, InAddr *ret) {
        static const uint8_t v4[4] = { 10, 0, 0, 0 };
        static const uint8_t v6[16] = { 0x20, 0x01, 0x0d, 0xb8 };

        if (next(state, 2) == 0) {
                in_addr_from_v4(v4, ret);
                ret->b[13] = (uint8_t) (next(state, 2) << 7);
        } else
                in_addr_from_v6(v6, ret);
        ret->b[14] = (uint8_t) (next(state, 4) << 6);
        ret->b[15] = (uint8_t) next(state, 4);
}

static void add_random_cidr(uint64_t *state, RuleList *l) {
        static const uint8_t lengths[] = { 0, 7, 8, 9, 16, 17, 18, 24, 30, 31, 32 };
        PortRange ports[3];
        char text[64], addr[IN_ADDR_TEXT_MAX];
        const char *reason;
        InAddr a;

        random_address(state, &a);
        unsigned length = lengths[next(state, ELEMENTSOF(lengths))] + (in_addr_is_v4(&a) ? 0U : 96U);
        (void) snprintf(text, sizeof(text), "%s/%u", in_addr_format(&a, addr), length == 96 ? 0 : length);
        uint32_t n = next(state, 4);
        for (uint32_t i = 0; i < n; i++) {
                uint16_t low = (uint16_t) (1 + next(state, 6));
                ports[i] = (PortRange) { low, (uint16_t) (low + next(state, 3)),
                                         next(state, 2) ? PROTOCOL_TCP : PROTOCOL_ALL };
        }
        ck_assert_int_eq(rule_list_add(l, RULE_CIDR, text, next(state, 2) ? ACTION_ALLOW : ACTION_DENY,
                                       (Tier) next(state, _TIER_MAX), ports, n, false, &reason), 0);
}

static bool rule_speaks(const Rule *r, uint8_t protocol, uint16_t port) {
        for (size_t i = 0; i < r->n_ports; i++)
                if (port_range_matches(&r->ports[i], protocol, port))
                        return true;
        return r->n_ports == 0;
}

/* The rule that is first by tier, then longest, then deny. */
static const Rule *naive_rule(const Policy *p, const InAddr *a, uint8_t protocol, uint16_t port) {
        const Rule *best = NULL;

        for (uint32_t i = 0; i < policy_n_rules(p); i++) {
                const Rule *r = policy_rule(p, i);

                if (!in_prefix_contains(&r->prefix, a) || !rule_speaks(r, protocol, port))
                        continue;
                if (!best || r->tier < best->tier ||
                    (r->tier == best->tier && r->prefix.length > best->prefix.length) ||
                    (r->tier == best->tier && r->prefix.length == best->prefix.length && r->action == ACTION_DENY))
                        best = r;
        }
        return best;
}

typedef struct Table {
        InPrefix prefixes[64];
        PortSet sets[64];
        size_t n;
} Table;

static int collect(const InPrefix *prefix, const PortSet *set, void *userdata) {
        Table *t = userdata;

        ck_assert_uint_lt(t->n, ELEMENTSOF(t->sets));
        t->prefixes[t->n] = *prefix;
        t->sets[t->n].n = set->n;
        memcpy(t->sets[t->n].rules, set->rules, set->n * sizeof(set->rules[0]));
        t->n++;
        return 0;
}

/* As the kernel's trie does it. */
static const PortSet *longest(const Table *t, const InAddr *a) {
        static const PortSet nothing = {};
        const InPrefix *best = NULL;

        for (size_t i = 0; i < t->n; i++)
                if (in_prefix_contains(&t->prefixes[i], a) && (!best || t->prefixes[i].length > best->length))
                        best = &t->prefixes[i];
        return best ? &t->sets[best - t->prefixes] : &nothing;
}

static void compare_with_naive(uint64_t *state, const Policy *p, const Table *t) {
        static const uint8_t protocols[] = { PROTOCOL_TCP, PROTOCOL_UDP, PROTOCOL_ICMP, PROTOCOL_ICMP6 };
        PortSet direct;
        InAddr a;

        random_address(state, &a);
        uint8_t protocol = protocols[next(state, ELEMENTSOF(protocols))];
        uint16_t port = (uint16_t) next(state, 10);

        const Rule *naive = naive_rule(p, &a, protocol, port);
        ck_assert_int_eq(policy_compile_address(p, &a, NULL, 0, &direct), 0);
        PortVerdict by_table = port_set_judge(longest(t, &a), ACTION_DENY, protocol, port);
        PortVerdict by_address = port_set_judge(&direct, ACTION_DENY, protocol, port);
        ck_assert_ptr_eq(policy_rule(p, by_table.rule), naive);
        ck_assert_ptr_eq(policy_rule(p, by_address.rule), naive);
        ck_assert_int_eq(by_table.action, naive ? naive->action : ACTION_DENY);
}

START_TEST(test_random_addresses) {
        uint64_t state = 0x9e3779b97f4a7c15ULL + (uint64_t) _i;

        for (unsigned round = 0; round < 200; round++) {
                PolicySource source = {};
                Policy *p = NULL;
                Table t = {};

                for (uint32_t n = 1 + next(&state, 12); n > 0; n--)
                        add_random_cidr(&state, &source.rules);
                ck_assert_int_eq(policy_new(&source, &p), 0);
                ck_assert_int_eq(policy_for_each_prefix(p, collect, &t), 0);
                for (unsigned i = 0; i < 100; i++)
                        compare_with_naive(&state, p, &t);
                policy_free(p);
        }
}
END_TEST

static void random_name(uint64_t *state, bool wildcards, char *ret, size_t size) {
        static const char *const labels[] = { "a", "b", "c", "*", "**" };
        size_t n = 1 + next(state, 4), length = 0;
        const char *last = "";

        while (n-- > 0) {
                const char *label = labels[next(state, wildcards ? 5 : 3)];

                if (strcmp(label, "**") == 0 && strcmp(last, "**") == 0)
                        label = "a";
                length += (size_t) snprintf(ret + length, size - length, "%s%s", length > 0 ? "." : "", label);
                last = label;
        }
}

static bool naive_match(const Rule *r, const char *name) {
        size_t n = strlen(r->name), length = strlen(name);

        if (pattern_has_wildcard(r->pattern))
                return pattern_matches(r->pattern, name);
        return strcmp(r->name, name) == 0 ||
               (length > n && name[length - n - 1] == '.' && strcmp(name + length - n, r->name) == 0);
}

static Policy *random_policy(uint64_t *state) {
        PolicySource source = {};
        Policy *p = NULL;
        char name[64];
        const char *reason;

        for (unsigned i = 0; i < 20; i++) {
                random_name(state, true, name, sizeof(name));
                ck_assert_int_eq(rule_list_add(&source.rules, RULE_HOSTNAME, name, next(state, 2) ? ACTION_ALLOW : ACTION_DENY,
                                               TIER_USER, NULL, 0, false, &reason), 0);
        }
        ck_assert_int_eq(policy_new(&source, &p), 0);
        return p;
}

START_TEST(test_random_names) {
        uint64_t state = 0xd1b54a32d192ed03ULL + (uint64_t) _i;

        for (unsigned round = 0; round < 100; round++) {
                Policy *p = random_policy(&state);
                char name[64];

                for (unsigned i = 0; i < 50; i++) {
                        NameMatch matches[32];
                        bool found[32] = {};

                        random_name(&state, false, name, sizeof(name));
                        size_t n = name_index_find(&p->names, &p->source.rules, name, strlen(name), matches, 32);
                        ck_assert_uint_le(n, 32);
                        for (size_t k = 0; k < n; k++) {
                                ck_assert(!found[matches[k].index]);
                                found[matches[k].index] = true;
                        }
                        for (uint32_t k = 0; k < policy_n_rules(p); k++)
                                ck_assert_msg(found[k] == naive_match(policy_rule(p, k), name), "%s %s", name,
                                              policy_rule(p, k)->name);
                }
                policy_free(p);
        }
}
END_TEST

static int count(_unused_ const InPrefix *prefix, const PortSet *set, void *userdata) {
        size_t *n = userdata;

        ck_assert_uint_gt(set->n, 0);
        (*n)++;
        return *n == 150000 ? -ECANCELED : 0;
}

/* The finite set of names in the rules and above them. */
START_TEST(test_zones) {
        static const char *const rules[] = { "allow github.com", "allow *.blob.core.windows.net", "allow a.*.mid.example",
                                             "allow x-y.hyphen.test", "allow x.hyphen.test", "deny evil.org", "allow ok.both.org",
                                             "deny both.org", NULL };
        static const char *const in[] = { "", "com", "github.com", "net", "windows.net", "core.windows.net",
                                          "blob.core.windows.net", "example", "mid.example", "test", "hyphen.test",
                                          "x-y.hyphen.test", "x.hyphen.test", "org", "both.org", "ok.both.org", "internal",
                                          "compute.internal" };
        static const char *const out[] = { "www.github.com", "secret.com", "hub.com", "ithub.com", "om", "co", "c",
                                           "secret.blob.core.windows.net", "secret.mid.example", "a.secret.mid.example",
                                           "y.hyphen.test", "evil.org", "rg", "secret.both.org", "mid.exampl", "x.test",
                                           "secret.compute.internal", "github.com.evil", "com.github", "." };
        Policy *p = policy_of(rules, ACTION_DENY, "compute.internal");

        for (size_t i = 0; i < ELEMENTSOF(in); i++)
                ck_assert_msg(policy_has_zone(p, in[i]), "%s", in[i]);
        for (size_t i = 0; i < ELEMENTSOF(out); i++)
                ck_assert_msg(!policy_has_zone(p, out[i]), "%s", out[i]);
        policy_free(p);

        static const char *const none[] = { "deny evil.org", NULL };
        p = policy_of(none, ACTION_DENY, NULL);
        ck_assert(!policy_has_zone(p, ""));
        policy_free(p);
        p = policy_of(none, ACTION_ALLOW, NULL);
        ck_assert(policy_has_zone(p, ""));
        ck_assert(!policy_has_zone(p, "org"));
        policy_free(p);
}
END_TEST

static bool naive_zone(const Policy *p, const char *name) {
        size_t n = strlen(name);

        for (uint32_t i = 0; i < policy_n_rules(p); i++) {
                const char *tail = name_literal_tail(policy_rule(p, i)->name);
                size_t length = strlen(tail);

                if (policy_rule(p, i)->action == ACTION_ALLOW &&
                    (n == 0 || (length >= n && strcmp(tail + length - n, name) == 0 &&
                                (length == n || tail[length - n - 1] == '.'))))
                        return true;
        }
        return false;
}

START_TEST(test_random_zones) {
        uint64_t state = 0xd1b54a32d192ed03ULL + (uint64_t) _i;

        for (unsigned round = 0; round < 100; round++) {
                Policy *p = random_policy(&state);
                char name[64];

                for (unsigned i = 0; i < 50; i++) {
                        random_name(&state, false, name, sizeof(name));
                        ck_assert_msg(policy_has_zone(p, name) == naive_zone(p, name), "%s", name);
                }
                policy_free(p);
        }
}
END_TEST

/* Not timed, but a walk that is quadratic runs into the time limit of the case. */
START_TEST(test_many_prefixes) {
        PolicySource source = {};
        Policy *p = NULL;
        const char *reason;
        char text[32];
        size_t n = 0;

        for (unsigned i = 0; i < RULES_MAX; i++) {
                (void) snprintf(text, sizeof(text), "10.%u.%u.%u/%u", i % 251, i / 251 % 256, i * 7 % 256, 24 + i % 9);
                ck_assert_int_eq(rule_list_add(&source.rules, RULE_CIDR, text, i % 3 ? ACTION_ALLOW : ACTION_DENY,
                                               TIER_USER, NULL, 0, false, &reason), 0);
        }
        ck_assert_int_eq(policy_new(&source, &p), 0);
        ck_assert_int_eq(policy_for_each_prefix(p, count, &n), 0);
        ck_assert_uint_gt(n, RULES_MAX / 2);
        n = 149999;
        ck_assert_int_eq(policy_for_each_prefix(p, count, &n), -ECANCELED);
        policy_free(p);
}
END_TEST

static int compare_with_direct(const InPrefix *prefix, const PortSet *set, void *userdata) {
        PortSet direct;

        ck_assert_int_eq(policy_compile_address(userdata, &prefix->addr, NULL, 0, &direct), 0);
        if (prefix->length == 128) {
                ck_assert_uint_eq(set->n, direct.n);
                ck_assert_mem_eq(set->rules, direct.rules, set->n * sizeof(set->rules[0]));
        }
        return 0;
}

/* Prefixes inside each other, each with ports that make the list full, and hosts below all of them: what is around a
 * prefix is not gone through for each, which took a hundred times as long as without nesting. */
static void add_nested(RuleList *l, size_t n_rules, uint8_t protocol) {
        PortRange ports[RULE_PORTS_MAX], one = { 1, 1, protocol };
        const char *reason;
        char text[64];

        for (unsigned i = 0; i < 224; i++) {
                for (unsigned k = 0; k < RULE_PORTS_MAX; k++) {
                        uint16_t port = (uint16_t) (1 + i % 2 * RULE_PORTS_MAX + k);
                        ports[k] = (PortRange) { port, port, PROTOCOL_ALL };
                }
                (void) snprintf(text, sizeof(text), "2001:db8::/%u", 1 + i / 2);
                ck_assert_int_eq(rule_list_add(l, RULE_CIDR, text, i % 2 ? ACTION_ALLOW : ACTION_DENY, TIER_USER, ports,
                                               RULE_PORTS_MAX, false, &reason), 0);
        }
        for (unsigned i = 0; l->n < n_rules; i++) {
                (void) snprintf(text, sizeof(text), "2001:db8::%x", i);
                ck_assert_int_eq(rule_list_add(l, RULE_CIDR, text, ACTION_ALLOW, TIER_USER, &one, 1, false, &reason), 0);
        }
}

static uint64_t cpu_nsec(void) {
        struct timespec t;

        ck_assert_int_eq(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t), 0);
        return (uint64_t) t.tv_sec * NSEC_PER_SEC + (uint64_t) t.tv_nsec;
}

/* What as many prefixes cost that are not inside each other. */
static uint64_t flat_nsec(void) {
        PolicySource source = {};
        const char *reason;
        Policy *p = NULL;
        char text[32];
        size_t n = 0;

        for (unsigned i = 0; i < RULES_MAX; i++) {
                (void) snprintf(text, sizeof(text), "10.%u.%u.0/24", i >> 8, i & 0xff);
                ck_assert_int_eq(rule_list_add(&source.rules, RULE_CIDR, text, ACTION_ALLOW, TIER_USER, NULL, 0, false,
                                               &reason), 0);
        }
        ck_assert_int_eq(policy_new(&source, &p), 0);
        uint64_t begin = cpu_nsec();
        ck_assert_int_eq(policy_for_each_prefix(p, count, &n), 0);
        uint64_t end = cpu_nsec();
        policy_free(p);
        return end - begin;
}

START_TEST(test_nested_prefixes) {
        uint64_t flat = flat_nsec();
        PolicySource source = {};
        const char *reason;
        Policy *p = NULL;
        size_t n = 0;

        add_nested(&source.rules, RULES_MAX, PROTOCOL_ALL);
        ck_assert_int_eq(policy_new(&source, &p), 0);
        uint64_t begin = cpu_nsec();
        ck_assert_int_eq(policy_for_each_prefix(p, count, &n), 0);
        uint64_t nested = cpu_nsec() - begin;
        ck_assert_uint_eq(n, RULES_MAX - 112);
        ck_assert_msg(nested < 20 * flat, "%ju and %ju ns", (uintmax_t) nested, (uintmax_t) flat);
        policy_free(p);

        /* One port too many, */
        add_nested(&source.rules, 240, PROTOCOL_TCP);
        ck_assert_int_eq(policy_new(&source, &p), -E2BIG);
        /* unless a tier before it leaves nothing of them. */
        add_nested(&source.rules, 240, PROTOCOL_TCP);
        ck_assert_int_eq(rule_list_add(&source.rules, RULE_CIDR, "2001:db8::/64", ACTION_DENY, TIER_ABOVE, NULL, 0,
                                       false, &reason), 0);
        ck_assert_int_eq(policy_new(&source, &p), 0);
        ck_assert_int_eq(policy_for_each_prefix(p, compare_with_direct, p), 0);
        policy_free(p);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("policy");
        TCase *names = tcase_create("names"), *addresses = tcase_create("addresses");

        tcase_add_loop_test(names, test_name, 0, ELEMENTSOF(name_cases));
        tcase_add_test(names, test_name_deciding_rule);
        tcase_add_test(names, test_name_overflow);
        tcase_add_test(names, test_longest_search_domain);
        tcase_add_test(names, test_private);
        tcase_add_loop_test(names, test_random_names, 0, 5);
        tcase_add_test(names, test_zones);
        tcase_add_loop_test(names, test_random_zones, 0, 5);
        suite_add_tcase(s, names);

        tcase_set_timeout(addresses, 60);
        tcase_add_loop_test(addresses, test_address, 0, ELEMENTSOF(address_cases));
        tcase_add_test(addresses, test_allows_address);
        tcase_add_test(addresses, test_ports_overflow);
        tcase_add_loop_test(addresses, test_random_addresses, 0, 5);
        tcase_add_test(addresses, test_many_prefixes);
        tcase_add_test(addresses, test_nested_prefixes);
        suite_add_tcase(s, addresses);
        return s;
}

#include "check-main.h"
