/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Relays, unchanged, queries of types and names that the proxy does not serve itself, for clients that are not
 * judged. */

#include "basic/macro.h"
#include "dns/dns-relay.h"
#include "net/dns-stub.h"
#include "net/dns-upstream.h"

typedef struct DnsRelayer DnsRelayer;

/* Is a client of this layer still not judged when its answer arrives? */
typedef bool (*dns_relayer_may_fn)(uint32_t scope_id, void *userdata);

#define DNS_RELAYS_MAX 256 /* in flight at a time */

int dns_relayer_new(dns_relayer_may_fn may, void *userdata, DnsRelayer **ret);
/* Call after freeing the upstream, which ends every relayed query. */
DnsRelayer *dns_relayer_free(DnsRelayer *r);
/* The upstream to use from now on, borrowed; NULL: none. Queries in flight at the previous one are asked again when
 * that is freed. */
void dns_relayer_set_upstream(DnsRelayer *r, DnsUpstream *upstream);
/* Takes ownership of the client and ends it, now or later, with the upstream's answer or with SERVFAIL. query: the
 * message from the client. */
void dns_relayer_pass(DnsRelayer *r, DnsClient *client, const void *query, size_t size, uint32_t scope_id);

DEFINE_CLEANUP_FUNC(DnsRelayer *, dns_relayer_free)
