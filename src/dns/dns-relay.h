/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A query that is passed on as it is, for a client that no policy judges: nothing is read from its answer but what it needs to
 * be the answer to this question. */

#include "dns/dns-message.h"

#define DNS_RELAY_QUESTION_MAX (255 + 4) /* name in wire form, type, class (RFC 1035 3.1, 4.1.2) */

typedef struct DnsRelay {
        uint16_t id;       /* the client's */
        uint16_t flags;    /* RD, AD and CD of the client's query */
        uint16_t udp_size; /* what the client can take */
        bool has_edns;
        bool dnssec_ok;    /* DO (RFC 3225) */
        uint16_t question_size;
        uint8_t question[DNS_RELAY_QUESTION_MAX]; /* as the client wrote it */
} DnsRelay;

/* A query for which dns_query_parse() gave 0 or -EPERM, of any class and with any name. Else -EINVAL or -EBADMSG. */
int dns_relay_read(const void *query, size_t size, DnsRelay *ret);
/* The query we send: header and OPT of our own making, the question as it came. Returns its length. */
size_t dns_relay_build_query(const DnsRelay *r, uint16_t id, uint8_t buf[static 512]);
/* 0: an answer to this question, complete or truncated (*ret_truncated). -EBADMSG: none at all; -EBADE: to another
 * question; -EREMOTEIO: one with an rcode that is an error. The id is not compared. */
int dns_relay_check(const DnsRelay *r, const void *answer, size_t size, bool *ret_truncated);
/* The reply to the client from an answer that was checked: id and question are the client's; without records and with TC
 * set where it is longer than max. buf has at least DNS_MESSAGE_MAX bytes. Returns the length. */
size_t dns_relay_build_reply(const DnsRelay *r, const void *answer, size_t size, size_t max, uint8_t *buf);
/* A reply without records of our own. */
size_t dns_relay_build_error(const DnsRelay *r, uint8_t rcode, uint8_t buf[static 512]);
