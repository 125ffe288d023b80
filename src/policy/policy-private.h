/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Shared by the files that implement the compiled policy. Only policy/ and its tests include it. */

#include "policy/name-index.h"
#include "policy/policy.h"
#include "policy/prefix-index.h"
#include "policy/zone-index.h"

struct Policy {
        PolicySource source;
        NameIndex names;
        PrefixIndex prefixes;
        ZoneIndex zones;
        PolicySize size;
};

/* Given two rules of one action, one matching a name in full and one its short form: is the short one more specific?
 * An exact match is, then the longer value; a deny of every port comes before either. On a tie the full form wins. */
bool name_rule_outranks(const Rule *short_rule, bool short_exact, const Rule *full_rule, bool full_exact);
