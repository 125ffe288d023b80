/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Special-purpose addresses (RFC 6890 and its registries), which a public name should not resolve to. */

#include "policy/policy.h"

typedef enum AddrKind {
        ADDR_GLOBAL,
        ADDR_PRIVATE, /* RFC 1918, RFC 6598, ULA: allowed if a rule marks the name as private */
        ADDR_SPECIAL, /* loopback, link-local, multicast, unspecified, reserved, or embedding one: never by name */
} AddrKind;

/* An address that embeds an IPv4 address (NAT64 64:ff9b::/96, 6to4, v4-compatible, v4-translated) has the kind of
 * that address. Documentation prefixes count as global: tests and labs use them. */
AddrKind addr_kind(const InAddr *a);
/* The IPv4 address that one of these embeds. false: none. */
bool addr_embedded_v4(const InAddr *a, InAddr *ret);
#define REBINDING_TEXT_MAX 128
/* The only check against DNS rebinding: may a name with this verdict have this address? An address that is not
 * global needs a rule for the address itself or, if it is private, a name that may be private. */
bool rebinding_check(const Policy *p, const InAddr *a, const NameVerdict *v);
/* What is wrong with an address that the check refuses, and what would permit it, in words. */
const char *rebinding_words(const InAddr *a, char buf[static REBINDING_TEXT_MAX]);
