/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Bounded answer cache, including negative answers: look-up, insertion and eviction (LRU) take constant time at any
 * fill. Pure: the clock is an argument, and TTLs count down in whole seconds. */

#include "basic/macro.h"
#include "dns/dns-message.h"

typedef struct DnsCache DnsCache;

/* Holds at most max_entries (at least 1) and max_bytes; key seeds the hash. -ENOMEM. */
int dns_cache_new(size_t max_entries, size_t max_bytes, const uint8_t key[static 16], DnsCache **ret);
DnsCache *dns_cache_free(DnsCache *c);
DEFINE_CLEANUP_FUNC(DnsCache *, dns_cache_free)
void dns_cache_flush(DnsCache *c);
/* source: of the answers, since different servers may have different ones. Copies the answer in a compact form,
 * replacing an earlier one for the same source, name and type. An answer that has ttl
 * 0, is truncated, or alone exceeds max_bytes is not stored: then the earlier one is only removed. -ENOMEM: nothing
 * has changed. */
int dns_cache_put(DnsCache *c, uint64_t source, const char *name, const DnsAnswer *a, uint64_t now_nsec);
/* Returns 1 and fills *ret (ttl: the remaining time, rounded up; the TTLs of the chain are lowered by the same
 * amount), or 0 if there is no answer or it has expired. Array elements beyond the counts are not written. Marks the
 * entry as recently used. */
int dns_cache_get(DnsCache *c, uint64_t source, const char *name, uint16_t type, uint64_t now_nsec, DnsAnswer *ret);
size_t dns_cache_n_entries(const DnsCache *c);
/* Size of the entries, without allocator overhead. */
size_t dns_cache_n_bytes(const DnsCache *c);
