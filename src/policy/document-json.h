/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The keys of a policy document's JSON but for its rules, which are in rule-json. */

#include "policy/json-reader.h"
#include "policy/policy-document.h"

/* root: an object. Adds to *d; name and match replace what was there. Elements of rules are not looked at. Returns 0,
 * faults or not, or -ENOMEM. */
int json_read_document(FaultList *faults, json_object *root, PolicyDocument *d);
