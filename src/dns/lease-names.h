/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Which names of a lease count when its address is judged, for the kernel's entry and for explanations. Pure. */

#include "dns/lease.h"

/* Repeats the rebinding check: a name may have been bound to an address that this policy does not permit, by an
 * answer that passed in audit mode or under an earlier policy. Returns the number of names that count; 0: the
 * address is judged without names; -EPERM: one of the names that must not have this address has a deny, so nothing
 * may reach it. */
int lease_names(const Lease *lease, const Policy *policy, const NameVerdict *ret[static LEASE_BINDINGS_MAX]);
