/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Rules as a policy's JSON has them. */

#include "policy/json-reader.h"

/* A json_read_fn: an array of rules, which go to the RuleList into. -E2BIG: too many, which is a fault too. */
int json_read_rules(JsonReader *r, const JsonStep *at, json_object *o, void *into);
