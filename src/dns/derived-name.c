/* SPDX-License-Identifier: Apache-2.0 */
#include "dns/derived-name.h"

#include <assert.h>
#include <string.h>
#include <sys/queue.h>

#include "basic/hash-index.h"
#include "dns/derived-zones.h"
#include "dns/dns-name.h"

typedef struct DerivedName {
        HashItem item; /* first, so that a HashItem can be cast to its DerivedName */
        TAILQ_ENTRY(DerivedName) age;
        NameVerdict verdict;
        uint64_t expires_nsec;
        const char *origin; /* borrowed: points into names */
        char names[];       /* target, origin; each ends in NUL */
} DerivedName;

struct DerivedNames {
        HashIndex index;
        DerivedZones zones;
        TAILQ_HEAD(, DerivedName) age; /* oldest first */
        size_t max;
};

uint32_t derived_chain_ttl(uint32_t previous, uint32_t record_ttl) {
        uint32_t floored = MAX(record_ttl, (uint32_t) DERIVED_TTL_FLOOR);

        return MAX(previous, floored);
}

int derived_names_new(size_t max, const uint8_t key[static 16], DerivedNames **ret) {
        assert(max > 0);
        assert(ret);

        _cleanup_free_ DerivedNames *d = calloc(1, sizeof(DerivedNames));
        if (!d)
                return -ENOMEM;

        int r = hash_index_init(&d->index, max, key);
        if (r >= 0)
                r = derived_zones_init(&d->zones, max, key);
        if (r < 0) {
                hash_index_done(&d->index);
                return r;
        }

        TAILQ_INIT(&d->age);
        d->max = max;
        *ret = TAKE_PTR(d);
        return 0;
}

static void derived_drop(DerivedNames *d, DerivedName *n) {
        hash_index_remove(&d->index, &n->item);
        derived_zones_remove(&d->zones, n->names);
        TAILQ_REMOVE(&d->age, n, age);
        free(n);
}

void derived_names_flush(DerivedNames *d) {
        assert(d);

        while (!TAILQ_EMPTY(&d->age))
                derived_drop(d, TAILQ_FIRST(&d->age));
}

DerivedNames *derived_names_free(DerivedNames *d) {
        if (!d)
                return NULL;

        derived_names_flush(d);
        hash_index_done(&d->index);
        derived_zones_done(&d->zones);
        free(d);
        return NULL;
}

static DerivedName *derived_find(const DerivedNames *d, uint64_t hash, const char *name) {
        for (HashItem *i = hash_index_next(&d->index, hash, NULL); i; i = hash_index_next(&d->index, hash, i)) {
                DerivedName *n = (DerivedName *) i;

                if (strcmp(n->names, name) == 0)
                        return n;
        }
        return NULL;
}

static DerivedName *derived_name_new(const char *target, const char *origin, const NameVerdict *verdict) {
        size_t target_size = strlen(target) + 1, origin_size = strlen(origin) + 1;

        DerivedName *n = malloc(sizeof(DerivedName) + target_size + origin_size);
        if (!n)
                return NULL;

        *n = (DerivedName) { .verdict = *verdict, .origin = n->names + target_size };
        memcpy(n->names, target, target_size);
        memcpy(n->names + target_size, origin, origin_size);
        return n;
}

int derived_names_add(DerivedNames *d, const char *target, const char *origin, const NameVerdict *origin_verdict,
                      uint32_t ttl_seconds, uint64_t now_nsec) {
        assert(d);
        assert(target);
        assert(origin);
        assert(origin_verdict);

        if (strlen(target) > DNS_NAME_MAX || strlen(origin) > DNS_NAME_MAX)
                return -EINVAL;

        DerivedName *n = derived_name_new(target, origin, origin_verdict);
        if (!n)
                return -ENOMEM;
        n->expires_nsec = now_nsec + derived_chain_ttl(0, ttl_seconds) * NSEC_PER_SEC;

        uint64_t hash = hash_index_hash(&d->index, target, strlen(target));
        DerivedName *old = derived_find(d, hash, target);
        if (old && memcmp(&old->verdict, origin_verdict, sizeof(NameVerdict)) == 0)
                n->expires_nsec = MAX(n->expires_nsec, old->expires_nsec);
        if (old)
                derived_drop(d, old);
        else if (d->index.n >= d->max)
                derived_drop(d, TAILQ_FIRST(&d->age));

        hash_index_insert(&d->index, &n->item, hash);
        TAILQ_INSERT_TAIL(&d->age, n, age);
        derived_zones_add(&d->zones, target, n->expires_nsec);
        return 0;
}

int derived_names_get(DerivedNames *d, const char *name, uint64_t now_nsec, NameVerdict *ret, const char **ret_origin) {
        assert(d);
        assert(name);
        assert(ret);
        assert(ret_origin);

        DerivedName *n = derived_find(d, hash_index_hash(&d->index, name, strlen(name)), name);
        if (!n)
                return 0;
        if (n->expires_nsec <= now_nsec) {
                derived_drop(d, n);
                return 0;
        }

        *ret = n->verdict;
        *ret_origin = n->origin;
        return 1;
}

bool derived_names_have_zone(const DerivedNames *d, const char *zone, uint64_t now_nsec) {
        assert(d);

        return derived_zones_has(&d->zones, zone, now_nsec);
}

size_t derived_names_n(const DerivedNames *d) {
        assert(d);

        return d->index.n;
}
