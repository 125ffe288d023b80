/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Bounds-checking cursor over a DNS message: the only code that reads its bytes. Integers are returned in host byte
 * order. A failed read changes neither the cursor nor *ret. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dns/dns-name.h"

typedef struct DnsCursor {
        const uint8_t *data; /* borrowed; the whole message, for compression pointers */
        size_t pos;
        size_t end;          /* reads stop here */
} DnsCursor;

typedef enum DnsNameForm {
        DNS_NAME_PLAIN,      /* no compression pointers */
        DNS_NAME_COMPRESSED, /* with pointers to prior occurrences (RFC 1035 4.1.4) */
} DnsNameForm;

void dns_cursor_init(DnsCursor *c, const void *data, size_t size);
bool dns_cursor_at_end(const DnsCursor *c);
bool dns_cursor_u8(DnsCursor *c, uint8_t *ret);
bool dns_cursor_u16(DnsCursor *c, uint16_t *ret);
bool dns_cursor_u32(DnsCursor *c, uint32_t *ret);
/* *ret points into the message. */
bool dns_cursor_bytes(DnsCursor *c, size_t n, const uint8_t **ret);
/* A separate cursor for the next n bytes. */
bool dns_cursor_sub(DnsCursor *c, size_t n, DnsCursor *ret);

/* Reads one name as text, in lower case. Returns 0; 1 if it has characters that are not accepted (RFC 2181 11 allows
 * any byte), each replaced by '?' in ret, so that the text equals no valid name; or -EBADMSG if it is malformed,
 * with ret undefined. case_bits may be NULL; otherwise bit i is set if the i-th letter is in upper case. */
int dns_cursor_name(DnsCursor *c, DnsNameForm form, char ret[static DNS_NAME_SIZE], uint8_t *case_bits);
