/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The JSON keys of a policy document, except for its rules (rule-json.h). */

#include "policy/json-reader.h"
#include "policy/policy-document.h"

/* root: an object. Adds to *d; name and match replace existing ones. The elements of rules are not read. Returns 0
 * with or without faults, or -ENOMEM. */
int json_read_document(FaultList *faults, json_object *root, PolicyDocument *d);
