/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Which names of a lease count when its address is judged: for the kernel's entry, and for whoever explains it. Pure. */

#include "dns/lease.h"

/* The rebinding check once more: an answer that audit let pass, or a policy that is no longer in force, may have bound a name
 * to an address that this policy does not give to it. Returns how many names count; 0: the address is judged by itself;
 * -EPERM: a name that denies is among those that must not have this address, so nothing may reach it. */
int lease_names(const Lease *lease, const Policy *policy, const NameVerdict *ret[static LEASE_BINDINGS_MAX]);
