/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Rules as a policy's JSON has them. */

#include "policy/json-reader.h"
#include "policy/rule.h"

/* o: of any type. Adds to the list. Returns 0, faults or not; -E2BIG: too many, which is a fault too; -ENOMEM. */
int json_read_rule(FaultList *faults, const JsonStep *at, json_object *o, RuleList *rules);
