/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Length-prefixed DNS messages out of a byte stream (RFC 1035 4.2.2). Pure: the owner does the reading. */

#include <stddef.h>
#include <stdint.h>

#define DNS_FRAME_PREFIX 2 /* length in network byte order, itself not counted */
#define DNS_FRAME_MAX (DNS_FRAME_PREFIX + 65535)

typedef struct DnsFrameReader {
        uint8_t *data; /* holds at most one largest frame; grows with what has arrived, not with what is announced */
        size_t allocated;
        size_t start, end; /* bytes not yet handed out */
} DnsFrameReader;

void dns_frame_reader_done(DnsFrameReader *r);
/* Where to put the next bytes; take out all whole messages first. -ENOMEM; -ENOBUFS: a whole message waits. */
int dns_frame_reader_reserve(DnsFrameReader *r, uint8_t **ret, size_t *ret_size);
/* size bytes were put there. */
void dns_frame_reader_commit(DnsFrameReader *r, size_t size);
/* 1: one message, valid until the next reserve; 0: not whole yet; -EPROTO: an empty message, which no query can be. */
int dns_frame_reader_next(DnsFrameReader *r, const uint8_t **ret, size_t *ret_size);
