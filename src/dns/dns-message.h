/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* DNS messages (RFC 1035 4, RFC 6891): strict reading through one bounds-checking cursor, and writing from parsed
 * values only. Data that was not understood is never forwarded. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "basic/in-addr.h"
#include "dns/dns-name.h"

enum {
        DNS_TYPE_A = 1,
        DNS_TYPE_NS = 2,
        DNS_TYPE_CNAME = 5,
        DNS_TYPE_SOA = 6,
        DNS_TYPE_PTR = 12,
        DNS_TYPE_MX = 15,
        DNS_TYPE_TXT = 16,
        DNS_TYPE_AAAA = 28,
        DNS_TYPE_LOC = 29,
        DNS_TYPE_SRV = 33,
        DNS_TYPE_NAPTR = 35,
        DNS_TYPE_CERT = 37,
        DNS_TYPE_DNAME = 39,
        DNS_TYPE_OPT = 41,
        DNS_TYPE_DS = 43,
        DNS_TYPE_SSHFP = 44,
        DNS_TYPE_DNSKEY = 48,
        DNS_TYPE_TLSA = 52,
        DNS_TYPE_SMIMEA = 53,
        DNS_TYPE_OPENPGPKEY = 61,
        DNS_TYPE_SVCB = 64,
        DNS_TYPE_HTTPS = 65,
        DNS_TYPE_SPF = 99,
        DNS_TYPE_ANY = 255,
        DNS_TYPE_URI = 256,
        DNS_TYPE_CAA = 257,
};

enum {
        DNS_RCODE_NOERROR = 0,
        DNS_RCODE_FORMERR = 1,
        DNS_RCODE_SERVFAIL = 2,
        DNS_RCODE_NXDOMAIN = 3,
        DNS_RCODE_NOTIMP = 4,
        DNS_RCODE_REFUSED = 5,
};

enum {
        DNS_CLASS_IN = 1,
};

/* Second 16-bit word of the header (RFC 1035 4.1.1); the rcode is in its low four bits. */
enum {
        DNS_FLAG_QR = 1 << 15,
        DNS_FLAG_TC = 1 << 9,
        DNS_FLAG_RD = 1 << 8,
        DNS_FLAG_RA = 1 << 7,
        DNS_FLAG_CD = 1 << 4,
        DNS_OPCODE_MASK = 0xf << 11,
        DNS_RCODE_MASK = 0xf,
};

#define DNS_HEADER_SIZE 12
#define DNS_UDP_MAX 1232      /* UDP payload size that we send and advertise (DNS flag day 2020) */
#define DNS_MESSAGE_MAX 65535
#define DNS_CHAIN_MAX 16      /* CNAMEs followed in one answer */
#define DNS_ADDRS_MAX 1024    /* addresses kept per answer: some headless services have hundreds */
#define DNS_SVC_MAX 15        /* HTTPS/SVCB records kept */
#define DNS_RECORDS_SIZE 16384 /* bytes of other records kept per answer, in plain form with their lengths */
#define DNS_CASE_BITS_SIZE 32 /* one bit for each letter of a name */
#define DNS_NEGATIVE_TTL_MAX 3600 /* seconds (RFC 2308 5 suggests one to three hours) */

/* A query from a client. */
typedef struct DnsQuery {
        char name[DNS_NAME_SIZE];
        uint8_t case_bits[DNS_CASE_BITS_SIZE]; /* the client's spelling, which the reply repeats */
        uint16_t id;
        uint16_t type;           /* 0: the question cannot be repeated in a reply */
        uint16_t udp_size;       /* the client's maximum payload, at least 512 */
        bool recursion_desired;
        bool has_edns;
        bool dnssec_ok;          /* DO (RFC 3225) */
        bool checking_disabled;  /* CD (RFC 4035 3.2.2) */
} DnsQuery;

/* Returns 0; -EBADMSG: not a query, or too short to answer: drop it; -EINVAL: answer FORMERR; -EOPNOTSUPP: answer
 * NOTIMP (opcode); -EPERM: well-formed but never served (class other than IN, or a name with characters that are not
 * accepted): answer REFUSED. For the last three ret->id and recursion_desired are set. For -EPERM the name is set,
 * with '?' for characters not accepted, and also the type if the question can be repeated in the reply (class IN,
 * root or canonical name). */
int dns_query_parse(const void *data, size_t size, DnsQuery *ret);

/* Builds a query to an upstream: one question, with the case of the name's letters given by case_bits (bit i: the
 * i-th letter is upper case), and EDNS with DNS_UDP_MAX and no options. Returns the length, or 0 if name is not
 * canonical; buf has at least 512 bytes. */
size_t dns_query_build(uint8_t buf[static 512], uint16_t id, const char *name, uint16_t type,
                       const uint8_t case_bits[static DNS_CASE_BITS_SIZE]);

/* The SvcParams that are passed on (RFC 9460): never ech and never address hints, so that addresses come from A and
 * AAAA records only. */
typedef struct DnsService {
        uint16_t priority;
        uint16_t port;           /* 0: none */
        bool no_default_alpn;
        uint8_t alpn_length;     /* 0: none */
        uint8_t alpn[63];        /* wire form of the value: length-prefixed ids of letters, digits, '-', '.', '/' */
} DnsService;

/* The parsed part of an upstream's answer. */
typedef struct DnsAnswer {
        uint16_t type;                       /* of the question */
        uint8_t rcode;                       /* NOERROR or NXDOMAIN; any other is returned as an error */
        uint8_t n_chain;
        uint8_t n_services;
        uint16_t n_addrs;
        uint16_t n_records;
        uint16_t records_size;
        bool truncated;
        bool has_soa;                        /* negative: the only record is the SOA of the zone */
        uint8_t zone_offset;                 /* of that zone in the last name of the chain, or in the question's */
        uint32_t ttl;                        /* seconds; lowest of the records used; negative: RFC 2308 5 */
        char chain[DNS_CHAIN_MAX][DNS_NAME_SIZE]; /* CNAME targets in order, starting from the question's name */
        uint32_t chain_ttl[DNS_CHAIN_MAX];
        InAddr addrs[DNS_ADDRS_MAX];
        DnsService services[DNS_SVC_MAX];
        uint8_t records[DNS_RECORDS_SIZE];   /* each: length in two bytes, plain form of dns-record */
} DnsAnswer;

/* An answer without records. The arrays are left as they are: elements beyond the counts have no meaning. */
void dns_answer_init(DnsAnswer *a, uint16_t type);
void dns_answer_copy(DnsAnswer *to, const DnsAnswer *from);
/* Does the proxy serve names that are allowed with this type, whatever the policy says of types? */
bool dns_type_is_served(uint16_t type);

/* Parses an answer to the query built with the same id, name, type and case_bits. Takes one linear CNAME chain that
 * starts at the question, and at its end records of the requested type only; everything else is ignored. -EBADMSG:
 * malformed; -EBADE: not the answer to this question (id, question, case); -ELOOP: the chain loops or is too long;
 * -EREMOTEIO: an rcode other than NOERROR and NXDOMAIN (ret->rcode is set, nothing else). A truncated message
 * returns 0 with ret->truncated and no records: the rest of it is not read. Types that dns-record does not know
 * yield no records. What exceeds the sizes above is left out. The ttl of a negative answer without SOA is 0; type CNAME
 * reads the first link only. */
int dns_answer_parse(const void *data, size_t size, uint16_t id, const char *name, uint16_t type,
                     const uint8_t case_bits[static DNS_CASE_BITS_SIZE], DnsAnswer *ret);

/* Builds a reply to a client from parsed values; every record gets the TTL ttl. If the whole does not fit in max
 * bytes, sets TC and leaves out the records that do not fit. q->type 0: header only. ptr_name: the target for a PTR question,
 * otherwise NULL; answer, of the requested type, may be NULL for replies without records. buf has at least max
 * bytes, max >= 512. Returns the length. */
size_t dns_reply_build(uint8_t *buf, size_t max, const DnsQuery *q, uint8_t rcode, const DnsAnswer *answer,
                       uint32_t ttl, const char *ptr_name);
/* Extended errors (RFC 8914), for who looks into a reply: programs ignore them. */
typedef enum DnsExtendedError {
        DNS_ERROR_NONE = -1,
        DNS_ERROR_BLOCKED = 15,
        DNS_ERROR_FILTERED = 17,
} DnsExtendedError;

/* A reply without records from ourselves. With NOERROR and NXDOMAIN it has a SOA record of the name itself, by which
 * clients know that it is final and for how long, ttl seconds. */
size_t dns_reply_build_negative(uint8_t *buf, size_t max, const DnsQuery *q, uint8_t rcode, uint32_t ttl,
                                DnsExtendedError error);
/* A reply that is only a header, for queries that could not be parsed. */
size_t dns_reply_build_error(uint8_t buf[static DNS_HEADER_SIZE], const DnsQuery *q, uint8_t rcode);

const char *dns_type_to_string(uint16_t type, char buf[static 12]); /* "A", "TYPE99" (RFC 3597) */
