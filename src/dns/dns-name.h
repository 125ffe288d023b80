/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Names as the DNS carries them, and reverse names. Text form here: lower case, no trailing dot, "" is the root. Only
 * letters, digits, hyphen and underscore are taken from the wire: whatever else a label may hold, no host needs it. */

#include <stdbool.h>

#include "basic/in-addr.h"

#define DNS_NAME_MAX 253 /* RFC 1035 2.3.4, as text */
#define DNS_NAME_SIZE (DNS_NAME_MAX + 1)
#define DNS_LABEL_MAX 63

static inline bool dns_name_char_is_valid(char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* Whether name is a text form as above, within the limits of name and labels. */
bool dns_name_is_canonical(const char *name);

/* The address of a full canonical reverse name under in-addr.arpa or ip6.arpa (RFC 1035 3.5, RFC 3596 2.5). Upper case
 * is taken. -EINVAL for partial, padded or malformed ones. */
int dns_reverse_name_to_addr(const char *name, InAddr *ret);
