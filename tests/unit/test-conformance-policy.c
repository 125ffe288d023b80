/* SPDX-License-Identifier: Apache-2.0 */

/* The suites of tests/conformance/cases.json that concern the policy: one test per suite, each row checked. Where we
 * differ on purpose, the row is named and our result asserted. */

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "basic/macro.h"
#include "conformance.h"
#include "policy/policy-private.h"
#include "policy/policy.h"
#include "policy/suffix.h"

typedef json_object Json;

static Json *cases; /* freed by the fixture */

static void load_cases(void) {
        cases = conformance_load();
}

static void unload_cases(void) {
        json_object_put(cases);
        cases = NULL;
}

/* ------------------------------------------------------------------ access to rows */

static Json *field(Json *o, const char *name) {
        Json *value = NULL;

        ck_assert_msg(json_object_object_get_ex(o, name, &value), "no field %s", name);
        return value;
}

static Json *rows_of(const char *id) {
        return conformance_rows(cases, id);
}

static Json *cell(Json *row, size_t column) {
        return json_object_array_get_idx(row, column);
}

static const char *text(Json *row, size_t column) {
        return json_object_get_string(cell(row, column)); /* NULL for null */
}

#define FOREACH_ROW(row, id)                                                                            \
        for (Json *_rows = rows_of(id), *row = NULL; _rows; _rows = NULL)                               \
                for (size_t _row = 0; _row < json_object_array_length(_rows) &&                         \
                                      (row = json_object_array_get_idx(_rows, _row)) != NULL; _row++)

#define ROW(row) json_object_to_json_string_ext(row, JSON_C_TO_STRING_PLAIN)

/* ------------------------------------------------------------------ from rows to policies */

static void join(Policy **ret, Json *rules, Json *search_domains, const char *default_action) {
        _cleanup_(fault_list_done) FaultList faults = {};
        PolicySource source = {};

        Json *o = json_object_new_object();
        json_object_object_add(o, "defaultAction", json_object_new_string(default_action ?: "deny"));
        json_object_object_add(o, "rules", rules);
        if (search_domains)
                json_object_object_add(o, "searchDomains", json_object_get(search_domains));
        const char *s = json_object_to_json_string(o);
        int r = policy_source_from_json(&source, s, strlen(s), &faults);
        ck_assert_msg(r == 0, "%s: %s: %s", s, faults.faults[0].item, faults.faults[0].reason);
        json_object_put(o);
        ck_assert_int_eq(policy_new(&source, ret), 0);
}

/* rules: an array of rules, or one. */
static Policy *policy_of(Json *rules, Json *search_domains, const char *default_action) {
        Policy *p = NULL;
        Json *array = json_object_get(rules);

        if (!json_object_is_type(rules, json_type_array)) {
                array = json_object_new_array();
                json_object_array_add(array, rules); /* takes the reference */
        }
        join(&p, array, search_domains, default_action);
        return p;
}

static size_t ports_of(Json *array, PortRange *ret) {
        size_t n = json_object_array_length(array);

        ck_assert_uint_le(n, RULE_PORTS_MAX);
        for (size_t i = 0; i < n; i++)
                ck_assert_int_eq(port_range_parse(json_object_get_string(json_object_array_get_idx(array, i)), &ret[i]),
                                 0);
        return n;
}

static bool has_port(const PortRange *ports, size_t n, const PortRange *port) {
        for (size_t i = 0; i < n; i++)
                if (memcmp(&ports[i].low, &port->low, 2) == 0 && ports[i].high == port->high &&
                    ports[i].protocol == port->protocol)
                        return true;
        return false;
}

static void assert_same_ports(Json *row, Json *wanted, const PortRange *ports, size_t n) {
        PortRange w[RULE_PORTS_MAX];
        size_t n_wanted = ports_of(wanted, w);

        ck_assert_msg(n == n_wanted, "%s: %zu ports", ROW(row), n);
        for (size_t i = 0; i < n; i++)
                ck_assert_msg(has_port(w, n, &ports[i]), "%s: port %u", ROW(row), ports[i].low);
}

/* Union of the ports of rules[first..first + n) of a verdict. */
static size_t verdict_ports(const Policy *p, const NameVerdict *v, size_t first, size_t n, PortRange *ret) {
        size_t n_ret = 0;

        for (size_t i = first; i < first + n; i++) {
                const Rule *rule = policy_rule(p, v->rules[i]);
                PortRange all[RULE_PORTS_MAX];

                int k = i == first ? port_ranges_union(rule->ports, rule->n_ports, rule->ports, rule->n_ports, all)
                                   : port_ranges_union(ret, n_ret, rule->ports, rule->n_ports, all);
                ck_assert_int_ge(k, 0);
                if (k > 0)
                        memcpy(ret, all, (size_t) k * sizeof(PortRange));
                n_ret = (size_t) k;
        }
        return n_ret;
}

static NameVerdict match(const Policy *p, const char *query) {
        NameVerdict v;
        const char *reason;
        char name[254];

        ck_assert_int_eq(hostname_canonical(query, false, name, &reason), 0);
        policy_match_name(p, name, &v);
        return v;
}

static PortVerdict judge_text(const PortSet *set, Action default_action, const char *port) {
        PortRange range;

        ck_assert_int_eq(port_range_parse(port, &range), 0);
        return port_set_judge(set, default_action, range.protocol == PROTOCOL_ALL ? PROTOCOL_TCP : range.protocol,
                              range.low);
}

static PortSet compile(const Policy *p, const char *ip, const NameVerdict *name) {
        const NameVerdict *names[] = { name };
        PortSet set = {};
        InAddr addr;

        ck_assert_int_eq(in_addr_parse(ip, &addr), 0);
        ck_assert_int_eq(policy_compile_address(p, &addr, names, name ? 1 : 0, &set), 0);
        return set;
}

/* ------------------------------------------------------------------ names and grammar */

START_TEST(test_hostname_is_pattern) {
        FOREACH_ROW(row, "hostname_is_pattern") {
                Pattern *p = NULL;
                const char *reason;

                ck_assert_int_eq(pattern_new(text(row, 0), &p, &reason), 0);
                ck_assert_msg(pattern_has_wildcard(p) == json_object_get_boolean(cell(row, 1)), "%s", ROW(row));
                pattern_free(p);
        }
}
END_TEST

START_TEST(test_hostname_pattern_compile) {
        FOREACH_ROW(row, "hostname_pattern_compile") {
                Pattern *p = NULL;
                const char *reason;

                ck_assert_msg((pattern_new(text(row, 0), &p, &reason) == 0) == json_object_get_boolean(cell(row, 1)),
                              "%s", ROW(row));
                pattern_free(p);
        }
}
END_TEST

START_TEST(test_hostname_pattern_match) {
        FOREACH_ROW(row, "hostname_pattern_match") {
                Pattern *p = NULL;
                const char *reason;

                ck_assert_int_eq(pattern_new(text(row, 0), &p, &reason), 0);
                ck_assert_msg(pattern_matches(p, text(row, 1)) == json_object_get_boolean(cell(row, 2)), "%s",
                              ROW(row));
                pattern_free(p);
        }
}
END_TEST

/* Row "[::1]": it keeps its brackets there, here it is the address, as the note asks for. A bare address gets its
 * prefix length. */
START_TEST(test_env_value_grammar) {
        FOREACH_ROW(row, "env_value_grammar") {
                RuleList l = {};
                InPrefix wanted, got;
                char buf[IN_PREFIX_TEXT_MAX];
                const char *reason, *value = text(row, 2);

                bool is_name = !value || in_prefix_parse(strcmp(value, "[::1]") == 0 ? "::1" : value, &wanted) < 0;
                int r = rule_list_add_text(&l, is_name ? RULE_HOSTNAME : RULE_CIDR, text(row, 0), ACTION_ALLOW,
                                           TIER_USER, &reason);
                ck_assert_msg((r == 0) == json_object_get_boolean(cell(row, 1)), "%s", ROW(row));
                if (r == 0) {
                        if (is_name)
                                ck_assert_str_eq(l.rules[0].name, value);
                        else {
                                ck_assert_int_eq(in_prefix_parse(rule_value(&l.rules[0], buf), &got), 0);
                                ck_assert(got.length == wanted.length && in_addr_equal(&got.addr, &wanted.addr));
                        }
                        assert_same_ports(row, cell(row, 3), l.rules[0].ports, l.rules[0].n_ports);
                }
                rule_list_done(&l);
        }
}
END_TEST

/* Row "": it passes through there to be skipped later; here it is refused, as the note asks for. */
START_TEST(test_cidr_canonical) {
        FOREACH_ROW(row, "cidr_canonical") {
                char buf[IN_PREFIX_TEXT_MAX];
                const char *reason;
                RuleValue value;

                int r = rule_value_parse(RULE_CIDR, text(row, 0), &value, &reason);
                if (text(row, 0)[0] == '\0')
                        ck_assert_int_eq(r, -EINVAL);
                else {
                        ck_assert_int_eq(r, 0);
                        ck_assert_str_eq(in_prefix_format(&value.prefix, buf), text(row, 1));
                }
        }
}
END_TEST

START_TEST(test_cidr_contains) {
        FOREACH_ROW(row, "cidr_contains") {
                InPrefix p;
                InAddr a;

                ck_assert_int_eq(in_prefix_parse(text(row, 0), &p), 0);
                ck_assert_int_eq(in_addr_parse(text(row, 1), &a), 0);
                ck_assert_msg(in_prefix_contains(&p, &a) == json_object_get_boolean(cell(row, 2)), "%s", ROW(row));
        }
}
END_TEST

START_TEST(test_ports_union) {
        FOREACH_ROW(row, "ports_union") {
                PortRange a[RULE_PORTS_MAX], b[RULE_PORTS_MAX], all[RULE_PORTS_MAX];

                size_t n_a = ports_of(cell(row, 0), a), n_b = ports_of(cell(row, 1), b);
                int n = port_ranges_union(a, n_a, b, n_b, all);
                ck_assert_int_ge(n, 0);
                assert_same_ports(row, cell(row, 2), all, (size_t) n);
        }
}
END_TEST

/* Whether some connection is matched by both. */
static bool overlap(const PortRange *a, const PortRange *b) {
        static const uint8_t protocols[] = { PROTOCOL_TCP, PROTOCOL_UDP, PROTOCOL_ICMP, PROTOCOL_ICMP6 };
        const uint16_t ports[] = { a->low, b->low };

        for (size_t i = 0; i < ELEMENTSOF(protocols); i++)
                for (size_t k = 0; k < ELEMENTSOF(ports); k++)
                        if (port_range_matches(a, protocols[i], ports[k]) && port_range_matches(b, protocols[i], ports[k]))
                                return true;
        return false;
}

START_TEST(test_protocols_overlap) {
        FOREACH_ROW(row, "protocols_overlap") {
                PortRange r[2];

                for (size_t i = 0; i < 2; i++) {
                        char s[32];
                        (void) snprintf(s, sizeof(s), "%s/%s", strcmp(text(row, i), "icmp") == 0 ? "0" : "443",
                                        text(row, i));
                        ck_assert_int_eq(port_range_parse(s, &r[i]), 0);
                }
                ck_assert_msg(overlap(&r[0], &r[1]) == json_object_get_boolean(cell(row, 2)), "%s",
                              ROW(row));
        }
}
END_TEST

START_TEST(test_port_match) {
        FOREACH_ROW(row, "port_match") {
                PortRange ports[RULE_PORTS_MAX], asked;
                char s[32];
                bool matches = false;

                size_t n = ports_of(cell(row, 0), ports);
                (void) snprintf(s, sizeof(s), "%s/%s", text(row, 1), text(row, 2));
                ck_assert_int_eq(port_range_parse(s, &asked), 0);
                for (size_t i = 0; i < n; i++)
                        matches = matches || port_range_matches(&ports[i], asked.protocol, asked.low);
                ck_assert_msg(matches == json_object_get_boolean(cell(row, 3)), "%s", ROW(row));
        }
}
END_TEST

START_TEST(test_protocol_name) {
        FOREACH_ROW(row, "protocol_name") {
                char buf[PORT_TEXT_MAX];

                ck_assert_str_eq(protocol_to_string((uint8_t) json_object_get_int(cell(row, 0)), buf), text(row, 1));
        }
}
END_TEST

/* ------------------------------------------------------------------ verdicts on names */

static void check_side(Json *row, const Policy *p, const NameVerdict *v, size_t first, size_t n, const char *rule,
                       Json *ports) {
        PortRange got[RULE_PORTS_MAX];

        ck_assert_msg((n > 0) == (rule != NULL), "%s: %zu rules", ROW(row), n);
        if (!rule)
                return;
        ck_assert_str_eq(policy_rule(p, v->rules[first])->name, rule);
        if (ports)
                assert_same_ports(row, ports, got, verdict_ports(p, v, first, n, got));
}

START_TEST(test_hostname_rule_verdict) {
        FOREACH_ROW(row, "hostname_rule_verdict") {
                Policy *p = policy_of(cell(row, 0), cell(row, 1), text(row, 2));
                NameVerdict v = match(p, text(row, 3));

                check_side(row, p, &v, 0, v.n_deny, text(row, 4), cell(row, 5));
                check_side(row, p, &v, v.n_deny, v.n_allow, text(row, 6), cell(row, 7));
                policy_free(p);
        }
}
END_TEST

START_TEST(test_subdomain_and_default) {
        FOREACH_ROW(row, "subdomain_and_default") {
                Policy *p = policy_of(cell(row, 1), NULL, text(row, 0));
                NameVerdict v = match(p, text(row, 2));
                PortSet set = compile(p, "203.0.113.1", &v);

                Action a = judge_text(&set, policy_default_action(p), "443/tcp").action;
                if (text(row, 4))
                        ck_assert_msg(strcmp(action_to_string(a), text(row, 4)) == 0, "%s", ROW(row));
                else /* row 3: no verdict there for a name that no rule knows; ours is the default action */
                        ck_assert_int_eq(a, ACTION_DENY);
                policy_free(p);
        }
}
END_TEST

START_TEST(test_duplicate_rule_merge) {
        FOREACH_ROW(row, "duplicate_rule_merge") {
                Policy *p = policy_of(cell(row, 0), NULL, "deny");

                ck_assert_uint_eq(policy_n_rules(p), json_object_get_int64(cell(row, 1)));
                if (text(row, 2)) {
                        NameVerdict v = match(p, text(row, 2));
                        const Rule *rule = policy_rule(p, v.rules[0]);

                        ck_assert_uint_eq(v.n_deny + v.n_allow, 1);
                        ck_assert_str_eq(action_to_string(rule->action), text(row, 3));
                        assert_same_ports(row, cell(row, 4), rule->ports, rule->n_ports);
                }
                policy_free(p);
        }
}
END_TEST

/* The name of an attribution: the rule's, or the form of the name that its pattern matched. */
static const char *attributed(const Rule *rule, const char *name, size_t short_length, char buf[static 254]) {
        (void) snprintf(buf, 254, "%s", name);
        if (!pattern_has_wildcard(rule->pattern))
                return rule->name;
        if (!pattern_matches(rule->pattern, name))
                buf[short_length] = '\0';
        return buf;
}

START_TEST(test_attribution_name) {
        FOREACH_ROW(row, "attribution_name") {
                Policy *p = policy_of(cell(row, 0), cell(row, 1), "deny");
                NameVerdict v = match(p, text(row, 2));
                const Rule *rule = policy_rule(p, v.rules[0]);
                size_t length = strlen(text(row, 2));
                bool configured;
                char buf[254];

                ck_assert_ptr_nonnull(rule);
                (void) search_domain_strip(p->source.search_domains, p->source.n_search_domains, text(row, 2), &length,
                                           &configured);
                ck_assert_str_eq(attributed(rule, text(row, 2), length, buf), text(row, 3));
                ck_assert_str_eq(action_to_string(rule->action), text(row, 4));
                policy_free(p);
        }
}
END_TEST

/* ------------------------------------------------------------------ search domains */

START_TEST(test_search_domain_valid) {
        FOREACH_ROW(row, "search_domain_valid") {
                char canonical[254];
                const char *reason = "";
                Json *input = cell(row, 0);

                int r = search_domain_canonical(
                                json_object_get_string(json_object_is_type(input, json_type_array) ? cell(input, 0)
                                                                                                   : input),
                                canonical, &reason);
                /* In the source of the cases, no domain of Kubernetes is accepted. */
                bool valid = json_object_get_boolean(cell(row, 1)) || strstr(ROW(row), ".svc.cluster.local\"");
                ck_assert_msg((r == 0) == valid, "%s: %s", ROW(row), reason);
        }
}
END_TEST

START_TEST(test_search_domain_normalise) {
        FOREACH_ROW(row, "search_domain_normalise") {
                PolicySource source = {};
                Json *input = cell(row, 0), *output = cell(row, 1);
                const char *reason;

                for (size_t i = 0; i < json_object_array_length(input); i++)
                        ck_assert_int_eq(policy_source_add_search_domain(&source, text(input, i), &reason), 0);
                ck_assert_uint_eq(source.n_search_domains, json_object_array_length(output));
                for (size_t i = 0; i < source.n_search_domains; i++)
                        ck_assert_str_eq(source.search_domains[i], text(output, i));
                policy_source_done(&source);
        }
}
END_TEST

static size_t domains_of(Json *array, char **ret, size_t max) {
        size_t n = json_object_array_length(array);

        ck_assert_uint_le(n, max);
        for (size_t i = 0; i < n; i++) {
                ret[i] = strdup(text(array, i));
                ck_assert_ptr_nonnull(ret[i]);
        }
        return n;
}

/* Row "Bastion.Compute.Internal": case is folded before, so the short form is in lower case. */
START_TEST(test_search_domain_strip) {
        FOREACH_ROW(row, "search_domain_strip") {
                char *domains[4], name[254] = "";
                const char *reason;
                bool configured;

                size_t n = domains_of(cell(row, 0), domains, ELEMENTSOF(domains));
                if (text(row, 1)[0] != '\0')
                        ck_assert_int_eq(hostname_canonical(text(row, 1), false, name, &reason), 0);
                size_t length = strlen(name);
                bool stripped = search_domain_strip(domains, n, name, &length, &configured);
                ck_assert_uint_eq(length, strlen(text(row, 2)));
                ck_assert_int_eq(strncasecmp(name, text(row, 2), length), 0);
                ck_assert(stripped == (strcmp(text(row, 1), text(row, 2)) != 0));
                for (size_t i = 0; i < n; i++)
                        free(domains[i]);
        }
}
END_TEST

START_TEST(test_search_domain_suffix) {
        FOREACH_ROW(row, "search_domain_suffix") {
                char *domains[4];
                bool configured;
                size_t length;

                size_t n = domains_of(cell(row, 0), domains, ELEMENTSOF(domains));
                (void) search_domain_strip(domains, n, text(row, 1), &length, &configured);
                ck_assert_msg(configured == json_object_get_boolean(cell(row, 2)), "%s", ROW(row));
                for (size_t i = 0; i < n; i++)
                        free(domains[i]);
        }
}
END_TEST

static Rule rule_for_pick(const char *value, Action action, size_t n_ports, PortRange *ports) {
        return (Rule) { .type = RULE_HOSTNAME, .action = action, .name = (char *) value, .ports = ports,
                        .n_ports = (uint8_t) n_ports };
}

START_TEST(test_search_form_pick_deny) {
        FOREACH_ROW(row, "search_form_pick_deny") {
                PortRange full_ports[RULE_PORTS_MAX], short_ports[RULE_PORTS_MAX];

                size_t n_full = ports_of(cell(row, 2), full_ports), n_short = ports_of(cell(row, 5), short_ports);
                Rule full = rule_for_pick(text(row, 0), ACTION_DENY, n_full, full_ports);
                Rule brief = rule_for_pick(text(row, 3), ACTION_DENY, n_short, short_ports);
                bool wins = name_rule_outranks(&brief, strcmp(text(row, 3), text(row, 4)) == 0, &full,
                                               strcmp(text(row, 0), text(row, 1)) == 0);
                ck_assert_msg(wins == json_object_get_boolean(cell(row, 6)), "%s", ROW(row));
        }
}
END_TEST

START_TEST(test_search_form_pick_allow) {
        FOREACH_ROW(row, "search_form_pick_allow") {
                Rule full = rule_for_pick(text(row, 0), ACTION_ALLOW, 0, NULL);
                Rule brief = rule_for_pick(text(row, 2), ACTION_ALLOW, 0, NULL);
                bool wins = name_rule_outranks(&brief, strcmp(text(row, 2), text(row, 3)) == 0, &full,
                                               strcmp(text(row, 0), text(row, 1)) == 0);
                ck_assert_msg(wins == json_object_get_boolean(cell(row, 4)), "%s", ROW(row));
        }
}
END_TEST

/* PTR rows are not the policy's business: reverse names are answered from leases alone (attacks.md A4). The rows with
 * a search domain do resolve under A13, too: what A13 adds is a budget. */
START_TEST(test_dns_query_filter) {
        FOREACH_ROW(row, "dns_query_filter") {
                if (strcmp(text(row, 5), "PTR") == 0)
                        continue;
                Policy *p = policy_of(cell(row, 2), cell(row, 3), text(row, 1));
                NameVerdict v = match(p, text(row, 4));
                uint32_t rule;

                ck_assert_msg(policy_name_resolves(p, &v, &rule) == json_object_get_boolean(cell(row, 6)), "%s",
                              ROW(row));
                policy_free(p);
        }
}
END_TEST

/* ------------------------------------------------------------------ addresses */

static Json *name_rule(const char *action, Json *ports) {
        Json *rule = json_object_new_object();

        json_object_object_add(rule, "type", json_object_new_string("hostname"));
        json_object_object_add(rule, "value", json_object_new_string("name.example"));
        json_object_object_add(rule, "action", json_object_new_string(action));
        json_object_object_add(rule, "ports", json_object_get(ports));
        return rule;
}

/* The name rule of the row is made "name.example" with the row's action and ports; then its address is judged on those
 * ports. "conflict" and "cidr_rule" describe how the other implementation reports; here the deciding rule is checked:
 * the CIDR rule where one is named. In the last row the two denies are one rule by the merge. */
START_TEST(test_cidr_vs_hostname_conflict) {
        FOREACH_ROW(row, "cidr_vs_hostname_conflict") {
                char buf[IN_PREFIX_TEXT_MAX];
                Json *rules = NULL;
                Policy *p = NULL;

                ck_assert_int_eq(json_object_deep_copy(cell(row, 0), &rules, NULL), 0);
                json_object_array_add(rules, name_rule(text(row, 3), cell(row, 4)));
                join(&p, rules, NULL, text(row, 1));

                NameVerdict v = match(p, "name.example");
                PortSet set = compile(p, text(row, 2), &v);
                Json *port = cell(cell(row, 4), 0);
                PortVerdict pv = judge_text(&set, policy_default_action(p),
                                            port ? json_object_get_string(port) : "443/tcp");
                ck_assert_msg(strcmp(action_to_string(pv.action), text(row, 5)) == 0, "%s", ROW(row));
                if (text(row, 7))
                        ck_assert_str_eq(rule_value(policy_rule(p, pv.rule), buf), text(row, 7));
                policy_free(p);
        }
}
END_TEST

#define ADDS_MAX 4

/* A rule per add, each for a name of its own. */
static Policy *policy_of_adds(Json *adds, NameVerdict verdicts[static ADDS_MAX]) {
        static const char *const names[ADDS_MAX] = { "a.example", "b.example", "c.example", "d.example" };
        PolicySource source = {};
        Policy *p = NULL;

        ck_assert_uint_le(json_object_array_length(adds), ADDS_MAX);
        for (size_t i = 0; i < json_object_array_length(adds); i++) {
                Json *add = json_object_array_get_idx(adds, i);
                PortRange ports[RULE_PORTS_MAX];
                const char *reason;
                Action action;

                size_t n = ports_of(cell(add, 1), ports);
                ck_assert_int_eq(action_from_string(text(add, 0), &action), 0);
                ck_assert_int_eq(rule_list_add(&source.rules, RULE_HOSTNAME, names[i], action, TIER_USER, ports, n,
                                               false, &reason), 0);
        }
        ck_assert_int_eq(policy_new(&source, &p), 0);
        for (size_t i = 0; i < json_object_array_length(adds); i++)
                verdicts[i] = match(p, names[i]);
        return p;
}

static void check_shared_ports(Json *row, size_t number, const Policy *p, const NameVerdict *const *names, size_t n,
                               const char *ip) {
        PortSet set;
        InAddr addr;

        ck_assert_int_eq(in_addr_parse(ip, &addr), 0);
        ck_assert_int_eq(policy_compile_address(p, &addr, names, n, &set), 0);
        json_object_object_foreach(cell(row, 2), port, allowed) {
                bool want = number == 2 ? false : json_object_get_boolean(allowed);

                ck_assert_msg((judge_text(&set, ACTION_DENY, port).action == ACTION_ALLOW) == want, "%s: %s", ROW(row),
                              port);
        }
}

/* Adds of one address: each is a name with its own rule, all resolved to it, in every order. Row 3: 8080 stays open
 * there when the deny comes second; here the deny wins in any order, as the note asks for. */
START_TEST(test_shared_ip_ports) {
        FOREACH_ROW(row, "shared_ip_ports") {
                size_t n = json_object_array_length(cell(row, 0));
                NameVerdict v[ADDS_MAX];
                Policy *p = policy_of_adds(cell(row, 0), v);

                for (size_t turn = 0; turn < 2 * n; turn++) { /* rotations, then those of the reverse */
                        const NameVerdict *names[ADDS_MAX];

                        for (size_t i = 0; i < n; i++)
                                names[i] = &v[(turn < n ? i + turn : 2 * n - 1 - i + turn) % n];
                        check_shared_ports(row, _row, p, names, n, "203.0.113.1");
                        check_shared_ports(row, _row, p, names, n, "2001:db8::1");
                }
                policy_free(p);
        }
}
END_TEST

/* "suppressed" there means that the automatic rule is never made; here it is in a lower tier, so that a user's deny
 * wins where it covers and nowhere else. Row 3: the automatic prefix is the wider one: it stays, outside the deny. */
START_TEST(test_auto_allow_veto) {
        FOREACH_ROW(row, "auto_allow_veto") {
                Json *deny = cell(row, 0);
                PortRange ports[RULE_PORTS_MAX];
                PolicySource source = {};
                Policy *p = NULL;
                InPrefix automatic;
                char ip[IN_ADDR_TEXT_MAX];
                const char *reason;

                size_t n = ports_of(field(deny, "ports"), ports);
                ck_assert_int_eq(rule_list_add(&source.rules, RULE_CIDR, json_object_get_string(field(deny, "value")),
                                               ACTION_DENY, TIER_USER, ports, n, false, &reason), 0);
                n = ports_of(cell(row, 2), ports);
                ck_assert_int_eq(rule_list_add(&source.rules, RULE_CIDR, text(row, 1), ACTION_ALLOW, TIER_AUTOMATIC,
                                               ports, n, false, &reason), 0);
                ck_assert_int_eq(policy_new(&source, &p), 0);
                ck_assert_int_eq(in_prefix_parse(text(row, 1), &automatic), 0);
                automatic.addr.b[14] |= 2; /* in the automatic prefix, and not in the /24 of row 3 */
                PortSet set = compile(p, in_addr_format(&automatic.addr, ip), NULL);
                Json *port = cell(cell(row, 2), 0);
                Action a = judge_text(&set, ACTION_DENY, port ? json_object_get_string(port) : "443/tcp").action;
                ck_assert_msg((a == ACTION_DENY) == json_object_get_boolean(cell(row, 3)), "%s", ROW(row));
                policy_free(p);
        }
}
END_TEST

/* ------------------------------------------------------------------ validation */

static int parse_json(const char *s) {
        _cleanup_(fault_list_done) FaultList faults = {};
        PolicySource source = {};

        int r = policy_source_from_json(&source, s, strlen(s), &faults);
        policy_source_done(&source);
        return r;
}

static const char *one_variable(const char *name, void *userdata) {
        const char *assignment = userdata;
        size_t n = strlen(name);

        return strncmp(assignment, name, n) == 0 && assignment[n] == '=' ? assignment + n + 1 : NULL;
}

static int parse_environment(const char *assignment) {
        PolicySource source = {};
        Fault fault;

        int r = policy_source_from_environment(&source, one_variable, (void *) assignment, NULL, &fault);
        policy_source_done(&source);
        return r;
}

static int parse_one_rule(Json *rule) {
        char s[512];

        (void) snprintf(s, sizeof(s), "{\"rules\":[%s]}", json_object_to_json_string(rule));
        return parse_json(s);
}

/* Row 5 (an unknown action becomes deny with a warning): here it is refused, as the note says. Rows 2 and 10 concern
 * files and reload: the commands' and the engine's tests. */
START_TEST(test_config_validation) {
        Json *rows = rows_of("config_validation");

        ck_assert_uint_eq(json_object_array_length(rows), 10);
        ck_assert_int_eq(parse_one_rule(cell(cell(rows, 0), 1)), -EINVAL);
        ck_assert_int_eq(parse_json("not JSON"), -EINVAL);
        ck_assert_int_eq(parse_json("{\"rules\":[{\"type\":\"cidr\",\"value\":\"10.0.0.0/8\",\"action\":\"allow\","
                                    "\"ports\":[{\"port\":443,\"protocol\":\"sctp\"}]}]}"),
                         -EINVAL);
        ck_assert_int_eq(parse_json("{\"rules\":[{\"type\":\"cidr\",\"value\":\"10.0.0.0/8\",\"action\":\"maybe\"}]}"),
                         -EINVAL);
        ck_assert_int_eq(parse_json("{\"rules\":[{\"type\":\"cidr\",\"value\":\"10.0.0.0/8\"}]}"), -EINVAL);
        ck_assert_int_eq(parse_environment(text(json_object_array_get_idx(rows, 5), 1)), -EINVAL);
        ck_assert_int_eq(parse_environment("HOME=/"), 0);
        ck_assert_int_eq(parse_environment(text(json_object_array_get_idx(rows, 7), 1)), -EINVAL);
        ck_assert_int_eq(parse_json("{\"searchDomains\":[\"\"]}"), -EINVAL);
}
END_TEST

static Json *wanted(const char *id) {
        FOREACH_ROW(row, "wanted_behaviour")
                if (strcmp(text(row, 0), id) == 0)
                        return cell(row, 1);
        ck_abort_msg("no row %s", id);
        return NULL;
}

/* Rows wildcard_in_auto_allow_env and ptr_name_of_blocked_ip concern discovery of CI platforms and the DNS proxy; of
 * the first, the part that is the policy's is checked: a text with wildcards is a pattern. */
START_TEST(test_wanted_behaviour) {
        ck_assert_uint_eq(json_object_array_length(rows_of("wanted_behaviour")), 7);
        ck_assert_int_eq(parse_one_rule(wanted("rule_ports_unknown_protocol")), -EINVAL);

        Policy *p = policy_of(wanted("subnet_rule_with_port"), NULL, "deny");
        PortSet set = compile(p, "10.1.2.3", NULL);
        ck_assert_int_eq(judge_text(&set, ACTION_DENY, "443/tcp").action, ACTION_ALLOW);
        ck_assert_int_eq(judge_text(&set, ACTION_DENY, "80/tcp").action, ACTION_DENY);
        policy_free(p);

        p = policy_of(wanted("subnet_deny_with_port_default_allow"), NULL, "allow");
        set = compile(p, "10.1.2.3", NULL);
        ck_assert_int_eq(judge_text(&set, ACTION_ALLOW, "22/tcp").action, ACTION_DENY);
        ck_assert_int_eq(judge_text(&set, ACTION_ALLOW, "80/tcp").action, ACTION_ALLOW);
        policy_free(p);

        p = policy_of(wanted("host_rule_inside_subnet_rule"), NULL, "deny");
        NameVerdict v = match(p, "db.example");
        set = compile(p, "10.1.2.3", &v);
        ck_assert_int_eq(judge_text(&set, ACTION_DENY, "443/tcp").action, ACTION_ALLOW);
        ck_assert_int_eq(judge_text(&set, ACTION_DENY, "5432/tcp").action, ACTION_ALLOW);
        policy_free(p);

        RuleList l = {};
        const char *value = strchr(json_object_get_string(wanted("wildcard_in_auto_allow_env")), '='), *reason;
        ck_assert_int_eq(rule_list_add_text(&l, RULE_HOSTNAME, value + 1, ACTION_ALLOW, TIER_AUTOMATIC, &reason), 0);
        ck_assert(pattern_has_wildcard(l.rules[0].pattern));
        rule_list_done(&l);

        p = policy_of(wanted("trailing_dot_rule"), NULL, "deny");
        ck_assert_str_eq(policy_rule(p, 0)->name, "github.com");
        policy_free(p);
}
END_TEST

static Suite *suite(void) {
        const TTest *const tests[] = {
                test_hostname_is_pattern, test_hostname_pattern_compile, test_hostname_pattern_match,
                test_env_value_grammar, test_cidr_canonical, test_cidr_contains, test_ports_union,
                test_protocols_overlap, test_port_match, test_protocol_name, test_hostname_rule_verdict,
                test_subdomain_and_default, test_duplicate_rule_merge, test_attribution_name,
                test_search_domain_valid, test_search_domain_normalise, test_search_domain_strip,
                test_search_domain_suffix, test_search_form_pick_deny, test_search_form_pick_allow,
                test_dns_query_filter, test_cidr_vs_hostname_conflict, test_shared_ip_ports,
                test_auto_allow_veto, test_config_validation, test_wanted_behaviour,
        };
        Suite *s = suite_create("conformance-policy");
        TCase *t = tcase_create("suites");

        tcase_add_checked_fixture(t, load_cases, unload_cases);
        for (size_t i = 0; i < ELEMENTSOF(tests); i++)
                tcase_add_test(t, tests[i]);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
