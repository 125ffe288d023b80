/* SPDX-License-Identifier: Apache-2.0 */
#include "dns/dns-cache.h"

#include <assert.h>
#include <string.h>
#include <sys/queue.h>

#include "basic/hash-index.h"
#include "basic/macro.h"

typedef struct CacheEntry {
        HashItem item; /* first, so that a HashItem can be cast to its CacheEntry */
        TAILQ_ENTRY(CacheEntry) lru;
        uint64_t expires_nsec;
        uint64_t source;
        uint32_t ttl;  /* seconds, as stored */
        uint16_t type;
        uint16_t n_addrs;
        uint16_t n_records, records_size;
        uint8_t rcode : 4, n_services : 4;
        uint8_t all_v4 : 1; /* addresses are stored as 4 bytes each */
        uint8_t has_soa : 1;
        uint8_t zone_offset;
        uint8_t n_chain;
        /* name, addresses, services, other records, TTLs of the chain, names of the chain; names are NUL-terminated */
        uint8_t blob[];
} CacheEntry;
_Static_assert(DNS_ADDRS_MAX <= UINT16_MAX && DNS_SVC_MAX < 16 && DNS_RCODE_MASK < 16, "layout");

#define V4_OFFSET 12 /* offset of the four bytes in an InAddr */

struct DnsCache {
        HashIndex index;
        TAILQ_HEAD(, CacheEntry) lru; /* least recently used first */
        size_t max_entries;
        size_t max_bytes;
        size_t n_bytes;
};

int dns_cache_new(size_t max_entries, size_t max_bytes, const uint8_t key[static 16], DnsCache **ret) {
        assert(max_entries > 0);
        assert(ret);

        _cleanup_free_ DnsCache *c = calloc(1, sizeof(DnsCache));
        if (!c)
                return -ENOMEM;

        int r = hash_index_init(&c->index, max_entries, key);
        if (r < 0)
                return r;

        TAILQ_INIT(&c->lru);
        c->max_entries = max_entries;
        c->max_bytes = max_bytes;
        *ret = TAKE_PTR(c);
        return 0;
}

static size_t addr_offset(bool all_v4) {
        return all_v4 ? V4_OFFSET : 0;
}

/* Bytes allocated. */
static size_t entry_size(const CacheEntry *e) {
        const uint8_t *p = e->blob + strlen((const char *) e->blob) + 1;

        p += e->n_addrs * (sizeof(InAddr) - addr_offset(e->all_v4)) + e->n_services * sizeof(DnsService);
        p += e->records_size + e->n_chain * sizeof(uint32_t);
        for (size_t i = 0; i < e->n_chain; i++)
                p += strlen((const char *) p) + 1;
        return (size_t) (p - (const uint8_t *) e);
}

static void cache_drop(DnsCache *c, CacheEntry *e) {
        hash_index_remove(&c->index, &e->item);
        TAILQ_REMOVE(&c->lru, e, lru);
        c->n_bytes -= entry_size(e);
        free(e);
}

void dns_cache_flush(DnsCache *c) {
        assert(c);

        while (!TAILQ_EMPTY(&c->lru))
                cache_drop(c, TAILQ_FIRST(&c->lru));
}

DnsCache *dns_cache_free(DnsCache *c) {
        if (!c)
                return NULL;

        dns_cache_flush(c);
        hash_index_done(&c->index);
        free(c);
        return NULL;
}

static uint64_t cache_hash(const DnsCache *c, uint64_t source, const char *name, size_t length, uint16_t type) {
        char key[DNS_NAME_SIZE + sizeof(type) + sizeof(source)];

        memcpy(key, name, length);
        memcpy(key + length, &type, sizeof(type));
        memcpy(key + length + sizeof(type), &source, sizeof(source));
        return hash_index_hash(&c->index, key, length + sizeof(type) + sizeof(source));
}

static CacheEntry *cache_find(const DnsCache *c, uint64_t hash, uint64_t source, const char *name, uint16_t type) {
        for (HashItem *i = hash_index_next(&c->index, hash, NULL); i; i = hash_index_next(&c->index, hash, i)) {
                CacheEntry *e = (CacheEntry *) i;

                if (e->type == type && e->source == source && strcmp((const char *) e->blob, name) == 0)
                        return e;
        }
        return NULL;
}

static bool all_are_v4(const DnsAnswer *a) {
        for (size_t i = 0; i < a->n_addrs; i++)
                if (!in_addr_is_v4(&a->addrs[i]))
                        return false;
        return true;
}

static size_t answer_size(const char *name, const DnsAnswer *a) {
        size_t size = offsetof(CacheEntry, blob) + strlen(name) + 1;

        size += a->n_addrs * (sizeof(InAddr) - addr_offset(all_are_v4(a))) + a->n_services * sizeof(a->services[0]);
        size += a->records_size;
        for (size_t i = 0; i < a->n_chain; i++)
                size += sizeof(a->chain_ttl[0]) + strlen(a->chain[i]) + 1;
        return size;
}

static CacheEntry *entry_new(const char *name, const DnsAnswer *a, size_t size, uint64_t now_nsec) {
        CacheEntry *e = malloc(MAX(size, sizeof(CacheEntry)));
        if (!e)
                return NULL;

        *e = (CacheEntry) {
                .ttl = a->ttl,
                .expires_nsec = now_nsec + a->ttl * NSEC_PER_SEC,
                .type = a->type,
                .n_addrs = a->n_addrs,
                .n_records = a->n_records,
                .records_size = a->records_size,
                .has_soa = a->has_soa,
                .zone_offset = a->zone_offset,
                .all_v4 = all_are_v4(a),
                .rcode = a->rcode & DNS_RCODE_MASK,
                .n_chain = a->n_chain,
                .n_services = a->n_services & 15,
        };

        size_t skip = addr_offset(e->all_v4);
        uint8_t *p = mempcpy(e->blob, name, strlen(name) + 1);
        for (size_t i = 0; i < a->n_addrs; i++)
                p = mempcpy(p, a->addrs[i].b + skip, sizeof(InAddr) - skip);
        p = mempcpy(p, a->services, a->n_services * sizeof(a->services[0]));
        p = mempcpy(p, a->records, a->records_size);
        p = mempcpy(p, a->chain_ttl, a->n_chain * sizeof(a->chain_ttl[0]));
        for (size_t i = 0; i < a->n_chain; i++)
                p = mempcpy(p, a->chain[i], strlen(a->chain[i]) + 1);
        assert(p == (uint8_t *) e + size);
        return e;
}

static void entry_read(const CacheEntry *e, uint32_t ttl, DnsAnswer *ret) {
        const uint8_t *p = e->blob + strlen((const char *) e->blob) + 1;
        size_t skip = addr_offset(e->all_v4);

        ret->type = e->type;
        ret->rcode = e->rcode;
        ret->n_chain = e->n_chain;
        ret->n_addrs = e->n_addrs;
        ret->n_services = e->n_services;
        ret->n_records = e->n_records;
        ret->records_size = e->records_size;
        ret->has_soa = e->has_soa;
        ret->zone_offset = e->zone_offset;
        ret->truncated = false;
        ret->ttl = ttl;

        for (size_t i = 0; i < e->n_addrs; i++) {
                ret->addrs[i] = (InAddr) { .b = { [10] = 0xff, [11] = 0xff } }; /* v4-mapped */
                memcpy(ret->addrs[i].b + skip, p, sizeof(InAddr) - skip);
                p += sizeof(InAddr) - skip;
        }
        memcpy(ret->services, p, e->n_services * sizeof(ret->services[0]));
        p += e->n_services * sizeof(ret->services[0]);
        memcpy(ret->records, p, e->records_size);
        p += e->records_size;
        memcpy(ret->chain_ttl, p, e->n_chain * sizeof(ret->chain_ttl[0]));
        p += e->n_chain * sizeof(ret->chain_ttl[0]);

        uint32_t passed = e->ttl - ttl;
        for (size_t i = 0; i < e->n_chain; i++) {
                size_t size = strlen((const char *) p) + 1;

                ret->chain_ttl[i] -= MIN(ret->chain_ttl[i], passed);
                memcpy(ret->chain[i], p, size);
                p += size;
        }
}

int dns_cache_put(DnsCache *c, uint64_t source, const char *name, const DnsAnswer *a, uint64_t now_nsec) {
        assert(c);
        assert(name);
        assert(a);
        assert(a->n_chain <= DNS_CHAIN_MAX && a->n_addrs <= DNS_ADDRS_MAX && a->n_services <= DNS_SVC_MAX &&
               a->records_size <= DNS_RECORDS_SIZE);

        size_t length = strlen(name);
        if (length > DNS_NAME_MAX)
                return 0;

        size_t size = answer_size(name, a);
        CacheEntry *e = NULL;
        if (a->ttl > 0 && !a->truncated && size <= c->max_bytes) {
                e = entry_new(name, a, size, now_nsec);
                if (!e)
                        return -ENOMEM;
                e->source = source;
        }

        /* The new answer replaces the old one even if it is not cached itself. */
        uint64_t hash = cache_hash(c, source, name, length, a->type);
        CacheEntry *old = cache_find(c, hash, source, name, a->type);
        if (old)
                cache_drop(c, old);
        if (!e)
                return 0;

        while (c->index.n >= c->max_entries || c->n_bytes + size > c->max_bytes)
                cache_drop(c, TAILQ_FIRST(&c->lru));

        hash_index_insert(&c->index, &e->item, hash);
        TAILQ_INSERT_TAIL(&c->lru, e, lru);
        c->n_bytes += size;
        return 0;
}

int dns_cache_get(DnsCache *c, uint64_t source, const char *name, uint16_t type, uint64_t now_nsec, DnsAnswer *ret) {
        assert(c);
        assert(name);
        assert(ret);

        size_t length = strlen(name);
        if (length > DNS_NAME_MAX)
                return 0;

        CacheEntry *e = cache_find(c, cache_hash(c, source, name, length, type), source, name, type);
        if (!e)
                return 0;
        if (e->expires_nsec <= now_nsec) {
                cache_drop(c, e);
                return 0;
        }

        uint64_t remaining = (e->expires_nsec - now_nsec - 1) / NSEC_PER_SEC + 1;
        entry_read(e, (uint32_t) MIN(remaining, e->ttl), ret);

        TAILQ_REMOVE(&c->lru, e, lru);
        TAILQ_INSERT_TAIL(&c->lru, e, lru);
        return 1;
}

size_t dns_cache_n_entries(const DnsCache *c) {
        assert(c);

        return c->index.n;
}

size_t dns_cache_n_bytes(const DnsCache *c) {
        assert(c);

        return c->n_bytes;
}
