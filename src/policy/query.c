/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/query.h"

#include <assert.h>
#include <string.h>

#define SERVICE_LABELS_MAX 4 /* "_service._proto" and the like in front of a name */

const char *query_service_owner(const char *name) {
        const char *p = name;

        assert(name);

        for (size_t i = 0; i < SERVICE_LABELS_MAX && *p == '_'; i++) {
                const char *dot = strchr(p, '.');

                if (!dot)
                        return NULL;
                p = dot + 1;
        }
        return p > name && *p != '_' ? p : NULL;
}

bool policy_match_query(const Policy *p, const char *name, const char *owner, NameVerdict *ret, uint32_t *ret_rule) {
        assert(p);
        assert(name);
        assert(ret);
        assert(ret_rule);

        policy_match_name(p, name, ret);
        if (policy_name_resolves(p, ret, ret_rule))
                return true;
        if (!owner || ret->n_deny + ret->n_late > 0)
                return false;
        policy_match_name(p, owner, ret);
        return policy_name_resolves(p, ret, ret_rule);
}
