/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* One rule, and the list a policy is compiled from. */

#include "basic/in-addr.h"
#include "policy/pattern.h"
#include "policy/port.h"

typedef enum RuleType {
        RULE_HOSTNAME,
        RULE_CIDR,
} RuleType;

typedef struct Rule {
        RuleType type;
        Action action;
        Tier tier;
        bool allow_private; /* hostname: may resolve to special-purpose addresses (RFC 6890) */
        char *value;        /* canonical text: lower case, no trailing dot; a prefix with its length */
        char *automatic;    /* what made an automatic rule ("dns", "cloud_metadata" …); NULL for others */
        Pattern *pattern;   /* hostname */
        InPrefix prefix;    /* cidr */
        PortRange *ports;   /* none: every port of TCP, UDP, ICMP */
        size_t n_ports;
} Rule;

typedef struct RuleList {
        Rule *rules;
        size_t n;
        size_t n_allocated;
        uint32_t *slots; /* open hash table of indices into rules, to find equal ones; RULE_NONE is a free slot */
        size_t n_slots;  /* 0, or a power of two of at least twice n */
} RuleList;

#define RULES_MAX 200000

/* What a rule speaks of. */
typedef struct RuleValue {
        RuleType type;
        InPrefix prefix; /* cidr */
        char text[254];  /* canonical */
} RuleValue;

/* -EINVAL with a constant sentence. */
int rule_value_parse(RuleType type, const char *text, RuleValue *ret, const char **ret_reason);

void rule_done(Rule *r);
void rule_list_done(RuleList *l);
/* Validates and appends. Takes nothing: value and ports are copied. An equal rule (type, value, action, tier) is
 * merged, ports by union. On -EINVAL *ret_reason is a constant sentence, and on -E2BIG (RULES_MAX, RULE_PORTS_MAX). */
int rule_list_add(RuleList *l, RuleType type, const char *text, Action action, Tier tier, const PortRange *ports,
                  size_t n_ports, bool allow_private, const char **ret_reason);
/* The same with a value that rule_value_parse() has made. */
int rule_list_add_value(RuleList *l, const RuleValue *value, Action action, Tier tier, const PortRange *ports,
                        size_t n_ports, bool allow_private, const char **ret_reason);

/* "github.com:443;80/tcp", "[2001:db8::1]:443", "10.0.0.0/8:8000-8100/tcp": the environment's and the command line's
 * grammar. Adds one rule. */
int rule_list_add_text(RuleList *l, RuleType type, const char *text, Action action, Tier tier,
                       const char **ret_reason);
/* Comma-separated list of the above; empty entries are skipped. *ret_bad: the entry at fault (into a static-size
 * buffer of the caller, truncated). */
int rule_list_add_csv(RuleList *l, RuleType type, const char *csv, Action action, Tier tier, char bad[static 128],
                      const char **ret_reason);

/* "allow github.com:443;80", the form the command line takes after --allow. Caller frees. NULL on out of memory. */
char *rule_to_string(const Rule *r);
