/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The query by which the service proves that its own queries reach its own proxy. Nobody else can answer it: the
 * name is unknown before it is asked, and the answer, 16 random bytes as an IPv6 address, is known only to this
 * process. */

#include "basic/in-addr.h"
#include "dns/dns-message.h"

/* Queries below this name that we send to ourselves are answered and not reported (RFC 6761 6.4). */
#define SELF_QUERY_ZONE "cargowall-self-test.invalid"

typedef struct SelfQuery {
        char name[DNS_NAME_SIZE]; /* "" before the first one */
        InAddr answer;
} SelfQuery;

/* Creates new secrets. -EIO: the kernel returned no random bytes. */
int self_query_renew(SelfQuery *q);
/* False: the question is of an earlier self-test, or of none. */
bool self_query_answer(const SelfQuery *s, const DnsQuery *question, DnsAnswer *ret);
/* Pure: is this name in the zone? */
bool self_query_owns(const char *name);
