/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/lint.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/explain.h"
#include "policy/lint-rules.h"
#include "policy/metadata.h"
#include "policy/shared-domain.h"
#include "policy/special-addr.h"

#define HTTPS_PORT 443
#define DNS_PORT 53
#define WIDE_V4 (96 + 16) /* bits; a /16 is the largest network that one owner usually has in use */
#define WIDE_V6 32        /* what a registry gives to a provider */
#define LABEL "cargowall-lint" /* of a name that no rule is about */

void lint_report_done(LintReport *r) {
        assert(r);

        free(r->findings);
        *r = (LintReport) {};
}

typedef struct Lint {
        LintRules rules;
        Policy *policy;
        LintReport report;
} Lint;

static void lint_done(Lint *l) {
        lint_rules_done(&l->rules);
        policy_free(l->policy);
        lint_report_done(&l->report);
}

static LintFinding *add(Lint *l, LintKind kind, uint32_t index, uint32_t other) {
        const Rule *rule = lint_rules_get(&l->rules, index);
        LintReport *report = &l->report;

        if (report->n == LINT_FINDINGS_MAX) {
                report->n_more++;
                return NULL;
        }
        LintFinding *f = &report->findings[report->n++];
        *f = (LintFinding) {
                .kind = kind, .rule = index, .other = other, .line = l->rules.rules[index].line,
                .value = { .type = rule->type, .prefix = rule->prefix },
        };
        if (rule->name)
                (void) snprintf(f->value.name, sizeof(f->value.name), "%s", rule->name);
        return f;
}

/* ------------------------------------------------------------------ too much */

/* What follows the last wildcard; "" if that is the last label. */
static const char *literal_tail(const char *name) {
        const char *star = strrchr(name, '*');

        return !star ? name : star[1] == '.' ? star + 2 : "";
}

/* Domains of clouds that have domains of customers below, and nothing but the cloud's own services beside. */
static bool is_cloud(const char *name) {
        static const char *const clouds[] = {
                "amazonaws.com", "amazonaws.com.cn", "aliyuncs.com", "azure.com", "core.windows.net", "windows.net", "googleapis.com",
                "googleusercontent.com", "oraclecloud.com", "cloudflarestorage.com", "digitaloceanspaces.com", "linodeobjects.com",
        };

        for (size_t i = 0; i < ELEMENTSOF(clouds); i++)
                if (strcmp(clouds[i], name) == 0)
                        return true;
        return false;
}

static void check_name(Lint *l, uint32_t index, const Rule *rule) {
        const char *tail = literal_tail(rule->name);

        if (tail[0] == '\0')
                (void) add(l, LINT_EVERY_NAME, index, RULE_NONE);
        else if (name_is_registry(tail))
                (void) add(l, LINT_REGISTRY, index, RULE_NONE);
        else if (is_cloud(tail))
                (void) add(l, LINT_CLOUD, index, RULE_NONE);
        else {
                const char *shared = name_shared_domain(tail);

                if (shared && strcmp(shared, tail) == 0)
                        (void) add(l, LINT_SHARED, index, RULE_NONE);
        }
}

static bool opens_metadata(const Lint *l, const Rule *rule) {
        if (rule->prefix.length == 128)
                return false; /* the address itself was written, so it is meant */
        for (size_t i = 0; metadata_service(i); i++) {
                Destination d = { .addr = *metadata_service(i), .port = 80, .protocol = PROTOCOL_TCP };
                Explanation x;

                if (in_prefix_contains(&rule->prefix, &d.addr) && policy_explain(l->policy, MODE_ENFORCE, &d, NULL, &x) >= 0 &&
                    x.verdict == ACTION_ALLOW)
                        return true;
        }
        return false;
}

static bool is_private_or_multicast(const InPrefix *p) {
        InAddr last = p->addr;

        for (unsigned i = p->length; i < 128; i++)
                last.b[i / 8] |= (uint8_t) (0x80U >> i % 8);
        bool multicast = in_prefix_is_v4(p) ? p->addr.b[12] >> 4 == 0xe && last.b[12] >> 4 == 0xe : p->addr.b[0] == 0xff;
        return multicast || (addr_kind(&p->addr) == ADDR_PRIVATE && addr_kind(&last) == ADDR_PRIVATE);
}

static void check_network(Lint *l, uint32_t index, const Rule *rule) {
        bool is_v4 = in_prefix_is_v4(&rule->prefix);

        if (rule->prefix.length < (is_v4 ? WIDE_V4 : WIDE_V6) && !is_private_or_multicast(&rule->prefix))
                (void) add(l, LINT_WIDE_NETWORK, index, RULE_NONE);
        if (opens_metadata(l, rule))
                (void) add(l, LINT_METADATA, index, RULE_NONE);
}

static void check_ports(Lint *l, uint32_t index, const Rule *rule) {
        for (size_t i = 0; i < rule->n_ports; i++)
                if (port_range_matches(&rule->ports[i], PROTOCOL_UDP, HTTPS_PORT)) {
                        LintFinding *f = add(l, LINT_QUIC, index, RULE_NONE);

                        if (f)
                                f->has_all_protocols = rule->ports[i].protocol == PROTOCOL_ALL;
                        return;
                }
        if (rule->n_ports == 0)
                (void) add(l, LINT_NO_PORTS, index, RULE_NONE);
}

/* ------------------------------------------------------------------ no effect */

static bool has_dns_port_only(const Rule *rule) {
        for (size_t i = 0; i < rule->n_ports; i++)
                if (rule->ports[i].low != DNS_PORT || rule->ports[i].high != DNS_PORT)
                        return false;
        return rule->n_ports > 0;
}

static bool is_loopback(const Rule *rule) {
        return rule->type == RULE_CIDR && in_addr_is_loopback(&rule->prefix.addr) &&
               rule->prefix.length >= (in_prefix_is_v4(&rule->prefix) ? 96 + 8 : 128);
}

static bool is_pattern(const Rule *rule) {
        return rule->type == RULE_HOSTNAME && strchr(rule->name, '*');
}

/* Does a have all that b says? */
static bool says_as_much(const Rule *a, const Rule *b) {
        return a->action == b->action && lint_ports_cover(a, b) && (a->allow_private || !b->allow_private) &&
               (b->types & ~a->types) == 0;
}

static LintGroup same_value(const Lint *l, const Rule *rule) {
        return rule->type == RULE_HOSTNAME ? lint_rules_with_name(&l->rules, rule->name)
                                           : lint_rules_with_prefix(&l->rules, &rule->prefix);
}

/* Of two equal rules, the later one is repeated. A pattern is only repeated by an earlier rule: between patterns, the first that
 * allows all ports counts, so the place of the rule that remains matters. */
static bool check_same_value(Lint *l, uint32_t index, const Rule *rule) {
        LintGroup g = same_value(l, rule);

        for (size_t i = g.first; i < g.end; i++) {
                uint32_t k = l->rules.by_value[i];
                const Rule *other = lint_rules_get(&l->rules, k);

                if (k == index)
                        continue;
                if (rule->action == ACTION_ALLOW && other->action == ACTION_DENY && lint_ports_cover(other, rule))
                        return add(l, LINT_DENIED, index, k), true;
                if (says_as_much(other, rule) && (k < index || (!is_pattern(rule) && !says_as_much(rule, other))))
                        return add(l, LINT_REPEATED, index, k), true;
        }
        return false;
}

/* A rule that allows this name, as such; RULE_NONE if there is none. */
static uint32_t find_allow(const Lint *l, const char *name) {
        LintGroup g = lint_rules_with_name(&l->rules, name);

        for (size_t i = g.first; i < g.end; i++)
                if (lint_rules_get(&l->rules, l->rules.by_value[i])->action == ACTION_ALLOW)
                        return l->rules.by_value[i];
        return RULE_NONE;
}

static uint32_t find_allow_from(const Lint *l, const char *name) {
        uint32_t found = RULE_NONE;

        for (const char *dot; found == RULE_NONE && name; name = dot ? dot + 1 : NULL) {
                found = find_allow(l, name);
                dot = strchr(name, '.');
        }
        return found;
}

/* Rules for ports of one name that are several in the document are one in force. */
static bool is_alone(const Lint *l, const Rule *rule) {
        LintGroup g = same_value(l, rule);

        return g.end - g.first == 1;
}

static bool has_denies(const Lint *l, const char *name) {
        NameVerdict v;

        policy_match_name(l->policy, name, &v);
        return v.n_deny + v.n_late > 0 || v.overflow || v.search;
}

/* Where something denies the name or what is below, more than the next rule decides. */
static bool is_denied_around(const Lint *l, const char *name) {
        char below[2 * sizeof(LABEL) + 256];

        if (has_denies(l, name))
                return true;
        (void) snprintf(below, sizeof(below), LABEL ".%s", name);
        if (strlen(below) <= 253 && has_denies(l, below))
                return true;
        (void) snprintf(below, sizeof(below), LABEL "." LABEL ".%s", name);
        return strlen(below) <= 253 && has_denies(l, below);
}

static void check_allowed_name(Lint *l, uint32_t index, const Rule *rule) {
        uint32_t above;

        if (is_pattern(rule)) {
                const char *tail = literal_tail(rule->name);

                above = tail[0] != '\0' ? find_allow_from(l, tail) : RULE_NONE;
                if (above != RULE_NONE)
                        (void) add(l, LINT_OUTRANKED, index, above);
                return;
        }
        const char *dot = strchr(rule->name, '.');
        above = dot ? find_allow_from(l, dot + 1) : RULE_NONE;
        if (above == RULE_NONE || !is_alone(l, rule) || !is_alone(l, lint_rules_get(&l->rules, above)))
                return;
        const Rule *next = lint_rules_get(&l->rules, above);
        /* Of several that allow, only the nearest counts: it must say the same, not only as much. */
        if (says_as_much(next, rule) && lint_ports_cover(rule, next) && rule->allow_private == next->allow_private &&
            rule->types == next->types && !is_denied_around(l, rule->name))
                (void) add(l, LINT_COVERED, index, above);
}

/* The rules of the longest prefix around this one. */
static LintGroup next_prefix(const Lint *l, const InPrefix *prefix) {
        bool is_v4 = in_prefix_is_v4(prefix);
        InPrefix p = *prefix;
        LintGroup g = {};

        while (g.first == g.end && p.length > (is_v4 ? 96 : 0)) {
                p.length--;
                p.addr.b[p.length / 8] &= (uint8_t) ~(0x80U >> p.length % 8);
                g = lint_rules_with_prefix(&l->rules, &p);
        }
        return g;
}

static void check_inner_network(Lint *l, uint32_t index, const Rule *rule) {
        if (!is_alone(l, rule))
                return;
        LintGroup g = next_prefix(l, &rule->prefix);
        if (g.end - g.first != 1)
                return;
        uint32_t around = l->rules.by_value[g.first];
        if (says_as_much(lint_rules_get(&l->rules, around), rule))
                (void) add(l, LINT_COVERED, index, around);
}

/* ------------------------------------------------------------------ */

static void check_rule(Lint *l, uint32_t index) {
        const Rule *rule = lint_rules_get(&l->rules, index);
        bool allow = rule->action == ACTION_ALLOW;

        if (is_loopback(rule))
                (void) add(l, LINT_LOOPBACK, index, RULE_NONE);
        else if (has_dns_port_only(rule))
                (void) add(l, LINT_DNS_PORT, index, RULE_NONE);
        else if (!check_same_value(l, index, rule)) {
                if (allow && rule->type == RULE_HOSTNAME)
                        check_name(l, index, rule);
                if (allow && rule->type == RULE_CIDR)
                        check_network(l, index, rule);
                if (allow)
                        check_ports(l, index, rule);
                if (allow && rule->type == RULE_HOSTNAME)
                        check_allowed_name(l, index, rule);
                if (rule->type == RULE_CIDR)
                        check_inner_network(l, index, rule);
        }
}

static int compile(const char *text, size_t length, Policy **ret) {
        _cleanup_(policy_source_done) PolicySource source = {};
        _cleanup_(fault_list_done) FaultList faults = {};

        int r = policy_source_from_json(&source, text, length, &faults);
        if (r >= 0)
                r = policy_new(&source, ret);
        return r < 0 && r != -ENOMEM ? -EINVAL : r;
}

int policy_lint(const char *text, size_t length, LintReport *ret) {
        _cleanup_(lint_done) Lint l = {};

        assert(text);
        assert(ret);

        int r = compile(text, length, &l.policy);
        if (r >= 0)
                r = lint_rules_read(text, length, &l.rules);
        if (r < 0)
                return r;
        l.report.findings = calloc(LINT_FINDINGS_MAX, sizeof(LintFinding));
        if (!l.report.findings)
                return -ENOMEM;
        for (uint32_t i = 0; i < l.rules.n; i++)
                check_rule(&l, i);

        l.report.n_rules = l.rules.n;
        *ret = l.report;
        l.report = (LintReport) {};
        return 0;
}
