/* SPDX-License-Identifier: Apache-2.0 */

#include <assert.h>
#include <string.h>

#include "basic/macro.h"
#include "policy/policy.h"

void policy_follow_alias(const Policy *p, const char *target, NameVerdict *v) {
        NameVerdict hop;
        size_t n_rest = (size_t) v->n_allow + v->n_late;

        assert(p);
        assert(target);
        assert(v);

        policy_match_name(p, target, &hop);
        if (hop.overflow || v->n_deny + hop.n_deny + hop.n_late + n_rest > NAME_RULES_MAX) {
                v->overflow = true;
                return;
        }

        /* A late deny of the target becomes an early one: here no allow precedes it. */
        size_t n_hop = (size_t) hop.n_deny + hop.n_late;
        memmove(v->rules + v->n_deny + n_hop, v->rules + v->n_deny, n_rest * sizeof(v->rules[0]));
        memcpy(v->rules + v->n_deny, hop.rules, hop.n_deny * sizeof(v->rules[0]));
        memcpy(v->rules + v->n_deny + hop.n_deny, hop.rules + hop.n_deny + hop.n_allow,
               hop.n_late * sizeof(v->rules[0]));
        v->n_deny += n_hop;
}
