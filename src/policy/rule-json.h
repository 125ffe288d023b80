/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Rules as a policy's JSON has them. */

#include "policy/json-reader.h"
#include "policy/rule.h"

/* What its text says of a rule. */
typedef struct RuleText {
        const char *value; /* borrowed; NULL: it is missing */
        RuleType type;
        Action action;
        bool has_type;
        bool has_action;
        bool has_allow_private;
        bool allow_private;
        PortRange ports[RULE_PORTS_MAX];
        size_t n_ports;
} RuleText;

/* One rule. Keys and types are checked; *ret is good where there was no fault, and borrows from o. */
int json_read_rule(JsonReader *r, const JsonStep *at, json_object *o, RuleText *ret);
/* Whatever is wrong with it is a fault at the rule's place. Returns like json_read_rules(). */
int json_add_rule(JsonReader *r, const JsonStep *at, const RuleText *rule, RuleList *rules);

/* A json_read_fn: an array of rules, which go to the RuleList into. -E2BIG: too many, which is a fault too. */
int json_read_rules(JsonReader *r, const JsonStep *at, json_object *o, void *into);
