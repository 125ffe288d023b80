/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Rules in the JSON of a policy. */

#include "policy/json-reader.h"
#include "policy/rule.h"

/* o: of any type. Adds to the list. Returns 0, with or without faults; -E2BIG if there are too many, which is also
 * reported as a fault; -ENOMEM. */
/* Adds to *types. */
int json_read_record_types(FaultList *faults, const JsonStep *at, json_object *o, uint32_t *types);
int json_read_rule(FaultList *faults, const JsonStep *at, json_object *o, RuleList *rules);
