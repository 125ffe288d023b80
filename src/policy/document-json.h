/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The keys of a policy document's JSON; those of its rules are in rule-json. */

#include "policy/json-reader.h"
#include "policy/policy-document.h"

/* root: an object. Adds to *d; name and match replace what was there. Returns 0, faults or not, -E2BIG as
 * json_read_rules(), or -ENOMEM. */
int json_read_document(JsonReader *r, json_object *root, PolicyDocument *d);
