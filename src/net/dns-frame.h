/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Splits a byte stream into length-prefixed DNS messages (RFC 1035 4.2.2). Pure: the owner reads the socket. */

#include <stddef.h>
#include <stdint.h>

#define DNS_FRAME_PREFIX 2 /* length in network byte order, not counting itself */
#define DNS_FRAME_MAX (DNS_FRAME_PREFIX + 65535)

typedef struct DnsFrameReader {
        uint8_t *data; /* at most one frame of the largest size; grows with the data received */
        size_t allocated;
        size_t start, end; /* bytes not returned yet */
} DnsFrameReader;

void dns_frame_reader_done(DnsFrameReader *r);
/* Where to store the next bytes; take all complete messages first. -ENOMEM; -ENOBUFS: a complete message is pending. */
int dns_frame_reader_reserve(DnsFrameReader *r, uint8_t **ret, size_t *ret_size);
/* size bytes were stored there. */
void dns_frame_reader_commit(DnsFrameReader *r, size_t size);
/* Returns 1 and one message, valid until the next reserve; 0 if none is complete; -EPROTO for an empty message,
 * which no query can be. */
int dns_frame_reader_next(DnsFrameReader *r, const uint8_t **ret, size_t *ret_size);
