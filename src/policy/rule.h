/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* One rule, and the list of rules that a policy is compiled from. */

#include "basic/in-addr.h"
#include "policy/pattern.h"
#include "policy/port.h"

typedef enum RuleType {
        RULE_HOSTNAME,
        RULE_CIDR,
} RuleType;

/* There are up to RULES_MAX of them: keep the members small. */
typedef struct Rule {
        RuleType type : 8;
        Action action : 8;
        Tier tier : 8;
        bool allow_private; /* hostname: may resolve to special-purpose addresses (RFC 6890) */
        uint8_t n_ports;    /* 0: every port of TCP, UDP, ICMP */
        InPrefix prefix;    /* cidr */
        uint32_t types;     /* hostname: set of record types served in addition, see policy/record-type */
        PortRange *ports;   /* owned by the list */
        char *name;         /* hostname: canonical, lower case, no trailing dot; NULL for a cidr, see rule_value() */
        Pattern *pattern;   /* hostname */
        char *automatic;    /* origin of an automatic rule ("dns", "cloud_metadata" …); NULL for others */
} Rule;

typedef struct PortBlock PortBlock;

typedef struct RuleList {
        Rule *rules;
        size_t n;
        size_t n_allocated;
        uint32_t *slots;   /* open-addressing hash table of indices into rules, to find equal ones; RULE_NONE: free */
        size_t n_slots;    /* 0, or a power of two that is at least twice n */
        PortBlock *ports;  /* storage that the rules' ports point into */
} RuleList;

#define RULES_MAX 20000

/* What a rule matches. */
typedef struct RuleValue {
        RuleType type;
        InPrefix prefix; /* cidr */
        char name[254];  /* hostname: canonical */
} RuleValue;

/* -EINVAL with a constant sentence in *ret_reason. */
int rule_value_parse(RuleType type, const char *text, RuleValue *ret, const char **ret_reason);

void rule_list_done(RuleList *l);
/* No more rules will be added: frees what only adding needs. */
void rule_list_seal(RuleList *l);
/* Validates and appends. text and ports are copied. An equal rule (type, value, action, tier) is merged, its ports
 * by union. Sets *ret_reason to a constant sentence on -EINVAL and on -E2BIG (RULES_MAX, RULE_PORTS_MAX). */
int rule_list_add(RuleList *l, RuleType type, const char *text, Action action, Tier tier, const PortRange *ports,
                  size_t n_ports, bool allow_private, const char **ret_reason);
/* What only rules of names have. */
typedef struct RuleOptions {
        bool allow_private;
        uint32_t types;
} RuleOptions;

/* The same with a value from rule_value_parse(). */
int rule_list_add_value(RuleList *l, const RuleValue *value, Action action, Tier tier, const PortRange *ports,
                        size_t n_ports, const RuleOptions *options, const char **ret_reason);

/* Adds one rule in the grammar of the environment and the command line: "github.com:443;80/tcp",
 * "[2001:db8::1]:443", "10.0.0.0/8:8000-8100/tcp". */
int rule_list_add_text(RuleList *l, RuleType type, const char *text, Action action, Tier tier,
                       const char **ret_reason);
/* Comma-separated list of the above; empty entries are skipped. bad receives the entry that has an error, truncated
 * to fit. */
int rule_list_add_csv(RuleList *l, RuleType type, const char *csv, Action action, Tier tier, char bad[static 128],
                      const char **ret_reason);

/* Canonical text: the name, or the prefix with its length, formatted in buf. */
const char *rule_value(const Rule *r, char buf[static IN_PREFIX_TEXT_MAX]);
/* "allow github.com:443;80", in the form that follows --allow on the command line. The caller frees it. NULL if out
 * of memory. */
char *rule_to_string(const Rule *r);
