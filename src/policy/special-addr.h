/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Special-purpose addresses (RFC 6890 and its registries): what a public name has no business resolving to. */

#include "policy/policy.h"

typedef enum AddrKind {
        ADDR_GLOBAL,
        ADDR_PRIVATE, /* RFC 1918, RFC 6598, ULA: allowed where a rule says the name is private */
        ADDR_SPECIAL, /* loopback, link-local, multicast, unspecified, reserved, what embeds such: never by name */
} AddrKind;

/* Addresses that embed an IPv4 address (NAT64 64:ff9b::/96, 6to4, v4-compatible, v4-translated) are of its kind.
 * Documentation prefixes count as global: tests and labs use them. */
AddrKind addr_kind(const InAddr *a);
/* The one check against DNS rebinding: may a name with this verdict have this address? One that is not global takes a rule
 * for the address itself or, if it is private, a name that may. */
bool rebinding_check(const Policy *p, const InAddr *a, const NameVerdict *v);
