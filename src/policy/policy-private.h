/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the files of the compiled policy share. Nobody outside policy/ includes this, but its tests. */

#include "policy/name-index.h"
#include "policy/policy.h"
#include "policy/prefix-index.h"

struct Policy {
        PolicySource source;
        NameIndex names;
        PrefixIndex prefixes;
        PolicySize size;
};

/* Of two rules of one action, one that speaks of a name's full form, one of its short form: is the short one the more
 * specific? Exact, then the longer value; a deny of every port comes before either. A tie is the full form's. */
bool name_rule_outranks(const Rule *short_rule, bool short_exact, const Rule *full_rule, bool full_exact);
