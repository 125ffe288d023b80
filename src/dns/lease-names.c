/* SPDX-License-Identifier: Apache-2.0 */

#include "dns/lease-names.h"

#include <assert.h>

#include "policy/special-addr.h"

int lease_names(const Lease *lease, const Policy *policy, const NameVerdict *ret[static LEASE_BINDINGS_MAX]) {
        int n = 0;

        assert(lease && policy);

        if (!lease_has_rules(lease))
                return 0;
        for (size_t i = 0; i < lease->n_bindings; i++) {
                const NameVerdict *v = &lease->bindings[i].verdict;

                if (rebinding_check(policy, &lease->addr, v))
                        ret[n++] = v;
                else if (v->n_deny > 0)
                        return -EPERM;
        }
        return n;
}
