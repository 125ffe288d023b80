/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The rules of a long list are written alike: all but their value is the same text. What json-c made of one it would
 * make of the next, so it is kept by that text, and json-c need not be asked again, which takes four times as long as
 * all else that is done with a rule. */

#include "policy/json-text.h"
#include "policy/rule-json.h"

#define RULE_SHAPE_VALUE_MAX 255 /* a name has up to 253 bytes, and one dot at its end */

typedef struct RuleShapes RuleShapes;

/* Borrows the text until it is freed. -ENOMEM. */
int rule_shapes_new(const char *text, RuleShapes **ret);
RuleShapes *rule_shapes_free(RuleShapes *s);
DEFINE_CLEANUP_FUNC(RuleShapes *, rule_shapes_free)

/* e: a rule in the text, in which no object has a key twice or with an escape. Fills *ret and buf, which it points to,
 * when json-c would read the rule so. */
bool rule_shapes_find(const RuleShapes *s, const JsonElement *e, char buf[static RULE_SHAPE_VALUE_MAX + 1],
                      RuleText *ret);
/* rule: what json-c has read of e, and nothing was wrong with it but maybe the value. Some may be forgotten. */
void rule_shapes_add(RuleShapes *s, const JsonElement *e, const RuleText *rule);
