/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Bounded answer cache, negative answers included: constant time to look up, insert and evict at any fill (LRU). Pure:
 * the clock is an argument, seconds of TTL are honest. */

#include "basic/macro.h"
#include "dns/dns-message.h"

typedef struct DnsCache DnsCache;

/* max_entries (at least 1) and max_bytes bound it; key seeds the hash. -ENOMEM. */
int dns_cache_new(size_t max_entries, size_t max_bytes, const uint8_t key[static 16], DnsCache **ret);
DnsCache *dns_cache_free(DnsCache *c);
DEFINE_CLEANUP_FUNC(DnsCache *, dns_cache_free)
void dns_cache_flush(DnsCache *c);
/* Copies the answer in a compact form, in the place of an earlier one for the name and type. ttl 0, a truncated answer
 * and one that alone exceeds max_bytes are not stored: then only the earlier one goes. -ENOMEM: nothing changed. */
int dns_cache_put(DnsCache *c, const char *name, const DnsAnswer *a, uint64_t now_nsec);
/* 1 and *ret filled (ttl: what remains, rounded up; those of the chain are lowered by the same), 0 when not there or
 * expired. Array elements beyond the counts are not written. Refreshes its place in the LRU. */
int dns_cache_get(DnsCache *c, const char *name, uint16_t type, uint64_t now_nsec, DnsAnswer *ret);
size_t dns_cache_n_entries(const DnsCache *c);
/* Of the entries themselves, without what the allocator adds. */
size_t dns_cache_n_bytes(const DnsCache *c);
