/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Queries of clients that no policy judges, of types and with names that the proxy does not serve itself: passed on to the
 * upstream resolvers, and their answers back, as they are. */

#include "basic/macro.h"
#include "dns/dns-relay.h"
#include "net/dns-stub.h"
#include "net/dns-upstream.h"

typedef struct DnsRelayer DnsRelayer;

/* Is a client of this layer still judged by nobody when its answer has come? */
typedef bool (*dns_relayer_may_fn)(uint32_t scope_id, void *userdata);

#define DNS_RELAYS_MAX 256 /* at a time */

int dns_relayer_new(dns_relayer_may_fn may, void *userdata, DnsRelayer **ret);
/* After the upstream has been freed, which ends every relay. */
DnsRelayer *dns_relayer_free(DnsRelayer *r);
/* The upstream to ask from now on, borrowed; NULL: none. What is on its way at another one, when that is freed, is asked
 * again. */
void dns_relayer_set_upstream(DnsRelayer *r, DnsUpstream *upstream);
/* Takes the client and ends it, now or later: with what the upstream says, or with SERVFAIL. query is what it sent. */
void dns_relayer_pass(DnsRelayer *r, DnsClient *client, const void *query, size_t size, uint32_t scope_id);

typedef struct DnsRelayerStats {
        uint64_t passed, failed;
} DnsRelayerStats;

const DnsRelayerStats *dns_relayer_stats(const DnsRelayer *r);

DEFINE_CLEANUP_FUNC(DnsRelayer *, dns_relayer_free)
