/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Which answer of the cache a client may have. */

#include "dns/dns-cache.h"
#include "net/upstream-groups.h"

/* That of the servers that would be asked. A client that addressed none of the machine's resolvers gets what one of them
 * has answered to others, before any is asked: perhaps only that one may hear of the name. */
bool cached_answer_find(DnsCache *cache, const UpstreamGroups *groups, UpstreamKey key, const DnsQuery *q, uint64_t now_nsec,
                        DnsAnswer *ret);
