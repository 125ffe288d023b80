/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Bounds-checking cursor over the bytes of a DNS message: nothing else reads them. Integers come in host byte order.
 * A read that fails leaves the cursor where it was and *ret alone. */

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
        DNS_NAME_COMPRESSED, /* pointers backwards (RFC 1035 4.1.4) */
} DnsNameForm;

void dns_cursor_init(DnsCursor *c, const void *data, size_t size);
bool dns_cursor_at_end(const DnsCursor *c);
bool dns_cursor_u8(DnsCursor *c, uint8_t *ret);
bool dns_cursor_u16(DnsCursor *c, uint16_t *ret);
bool dns_cursor_u32(DnsCursor *c, uint32_t *ret);
/* *ret points into the message. */
bool dns_cursor_bytes(DnsCursor *c, size_t n, const uint8_t **ret);
/* A cursor of its own for the next n bytes. */
bool dns_cursor_sub(DnsCursor *c, size_t n, DnsCursor *ret);

/* Reads one name as text, folded to lower case. Returns 0; 1 when it holds characters we do not take (RFC 2181 11
 * allows any byte): each stands as '?' in ret, so that the text equals no name we know; -EBADMSG when malformed, ret is
 * undefined then. case_bits may be NULL, else bit i tells whether the i-th letter is in upper case. */
int dns_cursor_name(DnsCursor *c, DnsNameForm form, char ret[static DNS_NAME_SIZE], uint8_t *case_bits);
