/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A query that is relayed unchanged, for a client to which no policy is enforced: of the answer, only what identifies
 * it as the answer to this question is read. */

#include "dns/dns-message.h"

#define DNS_RELAY_MESSAGE_MAX 2048 /* of a whole message that is relayed */

typedef struct DnsRelay {
        uint16_t id;       /* the client's */
        uint16_t flags;    /* RD, AD and CD of the client's query; of a whole message, all */
        uint16_t udp_size; /* the client's maximum payload */
        bool has_edns;
        bool dnssec_ok;    /* DO */
        bool lower_case;   /* the query to the upstream has no letter in upper case: the client's choice carries nothing out */
        bool is_whole;     /* everything after the header is relayed, as in the signed messages of nsupdate(1) */
        uint16_t counts[4]; /* of a whole message: the numbers of questions and records */
        uint16_t question_size;
        uint16_t size;     /* of what follows the header: the question, or all */
        uint8_t question[DNS_RELAY_MESSAGE_MAX - DNS_HEADER_SIZE]; /* as the client wrote it */
} DnsRelay;

/* query: one for which dns_query_parse() returned 0 or -EPERM, of any class and with any name. Otherwise -EINVAL or
 * -EBADMSG. */
int dns_relay_read(const void *query, size_t size, DnsRelay *ret);
/* Does it ask for this name, as text in any case, and type, in class IN? */
bool dns_relay_asks(const DnsRelay *r, const char *name, uint16_t type);
/* Do they ask the same, in any case? Not of whole messages. */
bool dns_relay_asks_same(const DnsRelay *a, const DnsRelay *b);
/* Any query, notification or update with one question, or zone, that can be read, whatever else it has: to be relayed as a
 * whole. Otherwise -EINVAL: no server would do more than say so. */
int dns_relay_read_message(const void *message, size_t size, DnsRelay *ret);
/* Its answer may be longer than the datagrams that our upstream sockets receive. */
static inline bool dns_relay_wants_tcp(const DnsRelay *r) {
        return r->is_whole && r->size > r->question_size;
}
/* The query to the upstream: our own header and OPT record, with the client's question, or the whole message with another
 * id. Returns its length. */
size_t dns_relay_build_query(const DnsRelay *r, uint16_t id, uint8_t buf[static DNS_RELAY_MESSAGE_MAX]);
/* 0: an answer to this question, complete or truncated (*ret_truncated). -EBADMSG: not an answer; -EBADE: an answer
 * to another question; -EREMOTEIO: an answer with an error rcode. The id is not compared. */
int dns_relay_check(const DnsRelay *r, const void *answer, size_t size, bool *ret_truncated);
/* Builds the reply to the client from a checked answer, with the client's id and question; if it is longer than max,
 * without records and with TC set. buf has at least DNS_MESSAGE_MAX bytes. Returns the length. */
size_t dns_relay_build_reply(const DnsRelay *r, const void *answer, size_t size, size_t max, uint8_t *buf);
/* The same without records and with TC set, from the header of an answer. Returns the length. */
size_t dns_relay_build_truncated(const DnsRelay *r, const uint8_t header[static DNS_HEADER_SIZE], uint8_t buf[static 512]);
/* Lowers the TTLs of all records of a message to at most max seconds: validators accept a lower one than the signed
 * (RFC 4035 5.3.1). -EBADMSG: malformed, and a part of them may have been lowered. */
int dns_relay_limit_ttl(uint8_t *message, size_t size, uint32_t max);
/* A reply without records. */
size_t dns_relay_build_error(const DnsRelay *r, uint8_t rcode, uint8_t buf[static 512]);
