/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Relays queries unchanged to the upstream resolver, and hands on the answers as they came. */

#include "basic/macro.h"
#include "dns/dns-relay.h"
#include "net/upstream-groups.h"

typedef struct DnsPassthrough DnsPassthrough;

/* Called exactly once per query. answer, for dns_relay_build_reply(), is NULL if there is none. r: as for
 * dns_upstream_relay_fn; -ECANCELED: this process ends. */
typedef void (*dns_passthrough_fn)(int r, const DnsRelay *relay, const uint8_t *answer, size_t size, void *userdata);

int dns_passthrough_new(dns_passthrough_fn fn, DnsPassthrough **ret);
/* Call after freeing the upstream, which ends every query. */
DnsPassthrough *dns_passthrough_free(DnsPassthrough *p);
/* The resolvers to use from now on, borrowed; NULL: none. Queries in flight at the previous ones are asked again when
 * those are freed. */
void dns_passthrough_set_upstream(DnsPassthrough *p, UpstreamGroups *upstream);
/* asked, forwards: as for upstream_groups_find(). relay is copied. On error fn is not called. */
int dns_passthrough_query(DnsPassthrough *p, const DnsServer *asked, bool forwards, const DnsRelay *relay, void *userdata);

DEFINE_CLEANUP_FUNC(DnsPassthrough *, dns_passthrough_free)
