/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Queries of the proxy that are relayed, and their answers: unchanged where no policy is enforced, and where one is, for a
 * resolver that validates, answers with nothing in them that the policy has not judged. */

#include "engine/dns-proxy-private.h"

/* Nothing is enforced. */
void proxy_relay_message(DnsProxy *p, const DnsRequest *q, DnsClient *client, const DnsRelay *relay);
/* A query of a resolver that validates, for a name that is allowed or for keys that it needs. */
void proxy_relay_signed(DnsProxy *p, DnsRequest *q, DnsClient *client);
/* A dns_passthrough_fn. userdata: the waiter, which ends here. */
void proxy_on_relayed(int r, const DnsRelay *relay, const uint8_t *answer, size_t size, void *userdata);
