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

/* There are up to RULES_MAX of them: no member is wider than it must be. */
typedef struct Rule {
        RuleType type : 8;
        Action action : 8;
        Tier tier : 8;
        bool allow_private; /* hostname: may resolve to special-purpose addresses (RFC 6890) */
        uint8_t n_ports;    /* 0: every port of TCP, UDP, ICMP */
        InPrefix prefix;    /* cidr */
        PortRange *ports;   /* the list's */
        char *name;         /* hostname: canonical, lower case, no trailing dot; NULL for a cidr, see rule_value() */
        Pattern *pattern;   /* hostname */
        char *automatic;    /* what made an automatic rule ("dns", "cloud_metadata" …); NULL for others */
} Rule;

typedef struct PortBlock PortBlock;

typedef struct RuleList {
        Rule *rules;
        size_t n;
        size_t n_allocated;
        uint32_t *slots;   /* open hash table of indices into rules, to find equal ones; RULE_NONE is a free slot */
        size_t n_slots;    /* 0, or a power of two of at least twice n */
        PortBlock *ports;  /* what the rules' ports point into */
} RuleList;

#define RULES_MAX 20000

/* What a rule speaks of. */
typedef struct RuleValue {
        RuleType type;
        InPrefix prefix; /* cidr */
        char name[254];  /* hostname: canonical */
} RuleValue;

/* -EINVAL with a constant sentence. */
int rule_value_parse(RuleType type, const char *text, RuleValue *ret, const char **ret_reason);

void rule_list_done(RuleList *l);
/* No rule is added any more: gives back what only adding needs. */
void rule_list_seal(RuleList *l);
/* Validates and appends. Takes nothing: text and ports are copied. An equal rule (type, value, action, tier) is
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

/* Canonical text: the name, or the prefix with its length, which is put into buf. */
const char *rule_value(const Rule *r, char buf[static IN_PREFIX_TEXT_MAX]);
/* "allow github.com:443;80", the form the command line takes after --allow. Caller frees. NULL on out of memory. */
char *rule_to_string(const Rule *r);
