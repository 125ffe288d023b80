/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The compiled policy: immutable; answers what a name or an address may do, and which rule decides.
 *
 * Precedence is the same everywhere. Names: exact > deny pattern > longest parent > allow pattern; exact duplicates
 * with opposite actions: deny. Addresses: a longer prefix beats a shorter one, deny beats allow at equal length. An
 * address known from DNS: every deny that covers it, then the name's denies, then the name's allows, then the CIDR
 * allows by length. Tiers: above > user > automatic.
 *
 * Ports: a rule applies to its own ports only. Denies add up: a deny of one port does not hide a broader deny. Of a
 * name's allows only the one with the highest precedence counts (and its equals, for patterns); a deny outranked by
 * that allow still applies to the ports that the allow does not list.
 *
 * Search domains: a name is matched in full and in its short form. Denies of both forms count; so does the allow of
 * the form whose rule is more specific: exact, then the longer value. */

#include "basic/fault.h"
#include "policy/rule.h"

typedef struct Policy Policy;

typedef struct PolicySource {
        RuleList rules;
        char **search_domains; /* canonical, each with its leading dot */
        size_t n_search_domains;
        Action default_action;
        Mode mode;
        bool has_mode;          /* set by the source; otherwise the caller's default applies */
        bool sudo_lockdown;
        uint32_t types;         /* record types served in addition, for every name that is allowed */
} PolicySource;

void policy_source_done(PolicySource *s);

#define POLICY_TEXT_MAX (4U * 1024 * 1024) /* bytes; RULES_MAX bounds the rules */

/* Strict JSON: an unknown key, a wrong type or one bad rule rejects the whole text. Adds to *source and, if anything
 * is wrong, to *faults, with JSON paths as items. After an error *source may only be passed to policy_source_done().
 * Returns 0; -EINVAL or -E2BIG with one or more faults; or -ENOMEM. */
int policy_source_from_json(PolicySource *source, const char *text, size_t length, FaultList *faults);

/* What the environment changed in a source, and which changes were ignored because they would have made it more
 * permissive. Bit i: policy_environment_name(i). */
typedef struct EnvironmentChanges {
        uint32_t applied;
        uint32_t refused;
} EnvironmentChanges;

/* CARGOWALL_DEFAULT_ACTION, _ALLOWED_HOSTS, _ALLOWED_CIDRS, _BLOCKED_HOSTS, _BLOCKED_CIDRS, _SEARCH_DOMAINS,
 * _AUDIT_MODE. get(name, userdata) returns the value or NULL. ret_changes may be NULL. Returns 1 when any was set, 0 when
 * none, -EINVAL. */
typedef const char *(*policy_getenv_t)(const char *name, void *userdata);
int policy_source_from_environment(PolicySource *source, policy_getenv_t get, void *userdata,
                                   EnvironmentChanges *ret_changes, Fault *ret_fault);
/* The same on top of a document: rules and search domains are added; the mode and the default action (enforce and
 * deny if the document sets none) can become stricter but not more permissive. */
int policy_source_add_environment(PolicySource *source, policy_getenv_t get, void *userdata,
                                  EnvironmentChanges *ret_changes, Fault *ret_fault);
const char *policy_environment_name(size_t i); /* NULL after the last */
#define POLICY_ENVIRONMENT_MODE 1U /* the bit of _AUDIT_MODE */

/* Trims, lower-cases, adds the leading dot and drops duplicates. Rejects public suffixes, single labels and bad
 * labels. */
int policy_source_add_search_domain(PolicySource *source, const char *text, const char **ret_reason);

/* Takes over the contents of *source, which is left empty even on failure. -E2BIG: more port rules cover one address
 * than fit (CW_PORT_RULES_MAX). */
int policy_new(PolicySource *source, Policy **ret);
Policy *policy_free(Policy *p);
DEFINE_CLEANUP_FUNC(Policy *, policy_free)

Action policy_default_action(const Policy *p);
Mode policy_mode(const Policy *p, Mode fallback);
bool policy_wants_sudo_lockdown(const Policy *p);
size_t policy_n_rules(const Policy *p);
/* Totals of what policy_for_each_prefix() reports. */
typedef struct PolicySize {
        uint32_t n_prefixes;
        uint32_t n_port_rules;
} PolicySize;
PolicySize policy_size(const Policy *p);
const Rule *policy_rule(const Policy *p, uint32_t index); /* NULL when out of range */

/* The rules that match a name, as rule indices: first n_deny denies, then n_allow allows, then n_late denies that an
 * allow outranks; each group sorted by tier. Compare with memcmp(): unused entries are RULE_NONE. */
#define NAME_RULES_MAX 8
typedef struct NameVerdict {
        uint32_t rules[NAME_RULES_MAX];
        uint8_t n_deny;
        uint8_t n_allow;
        uint8_t n_late;
        uint8_t search : 1;   /* under a configured search domain */
        uint8_t overflow : 1; /* more denies than fit: the name does not resolve and does not compile (-E2BIG) */
        uint8_t pad : 6;
} NameVerdict;

static inline bool name_verdict_has_rules(const NameVerdict *v) {
        return v->n_deny + v->n_allow + v->n_late > 0 || v->overflow;
}

/* name: canonical (hostname_canonical). */
void policy_match_name(const Policy *p, const char *name, NameVerdict *ret);
/* May the name be looked up? Yes if some port is allowed, or if the default action is allow or the name is under a
 * search domain, and not every port is denied. *ret_rule (may be NULL): the deciding rule or RULE_NONE. */
bool policy_name_resolves(const Policy *p, const NameVerdict *v, uint32_t *ret_rule);
/* Is name, canonical or "" for the root, written in a rule that allows it or a name below it, or in a search domain, as a
 * whole? Of a pattern only what follows its last wildcard counts: these are finitely many names, chosen by nobody else. */
bool policy_has_zone(const Policy *p, const char *name);
/* Applies to *v the denies of a name it leads to by CNAME: otherwise an alias would bypass them. */
void policy_follow_alias(const Policy *p, const char *target, NameVerdict *v);
/* May answers for this name hold private addresses (RFC 1918, ULA)? Yes if a rule permits it, and under a configured
 * search domain, which is the operator's own namespace. */
bool policy_name_may_be_private(const Policy *p, const NameVerdict *v);
/* Do rules or the document permit records of this type for an allowed name? Asked only for types that are not always
 * served. */
bool policy_name_permits_type(const Policy *p, const NameVerdict *v, uint16_t type);
/* Is this address inside an allow rule of type cidr? */
bool policy_allows_address(const Policy *p, const InAddr *addr);

/* The effective port list of one address, from the CIDR rules that cover it and the verdicts of the names that
 * resolved to it (n_names 0: none did). Names without a rule are ignored. -E2BIG if it does not fit: the caller must
 * deny the address. */
int policy_compile_address(const Policy *p, const InAddr *addr, const NameVerdict *const *names, size_t n_names,
                           PortSet *ret);
/* The same for an address that no CIDR rule covers. */
int policy_compile_names(const Policy *p, const NameVerdict *const *names, size_t n_names, PortSet *ret);
/* Calls fn for each distinct configured prefix with its effective port list, including /32 and /128. Stops when fn
 * returns a negative value, and returns it. The work is linear in the number of rules, however they are nested. */
typedef int (*policy_prefix_fn)(const InPrefix *prefix, const PortSet *set, void *userdata);
int policy_for_each_prefix(const Policy *p, policy_prefix_fn fn, void *userdata);
