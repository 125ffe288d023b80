/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* DNS names and reverse names. Text form used here: lower case, no trailing dot, "" is the root. Only letters,
 * digits, hyphen and underscore are accepted from the wire: no host name needs any other byte. */

#include <stdbool.h>

#include "basic/in-addr.h"

#define DNS_NAME_MAX 253 /* RFC 1035 2.3.4, as text */
#define DNS_NAME_SIZE (DNS_NAME_MAX + 1)
#define DNS_LABEL_MAX 63

static inline bool dns_name_char_is_valid(char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* Is name in the text form above, within the limits for names and labels? */
bool dns_name_is_canonical(const char *name);

/* Is name equal to zone or below it? */
bool dns_name_is_in_zone(const char *name, const char *zone);

/* The address of a full canonical reverse name under in-addr.arpa or ip6.arpa (RFC 1035 3.5, RFC 3596 2.5). Upper
 * case is accepted. -EINVAL for partial, padded or malformed names. */
int dns_reverse_name_to_addr(const char *name, InAddr *ret);
