/* SPDX-License-Identifier: Apache-2.0 */
#include "dns/derived-zones.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "basic/macro.h"

typedef struct Zone {
        HashItem item; /* first, so that a HashItem can be cast to its Zone */
        uint64_t expires_nsec; /* the last of the names below it */
        size_t n;              /* names below it */
        char name[];
} Zone;

int derived_zones_init(DerivedZones *z, size_t capacity, const uint8_t key[static 16]) {
        assert(z);

        return hash_index_init(&z->index, capacity, key);
}

void derived_zones_done(DerivedZones *z) {
        assert(z);
        assert(z->index.n == 0);

        hash_index_done(&z->index);
}

static Zone *zone_find(const DerivedZones *z, const char *name) {
        uint64_t hash = hash_index_hash(&z->index, name, strlen(name));

        for (HashItem *i = hash_index_next(&z->index, hash, NULL); i; i = hash_index_next(&z->index, hash, i)) {
                Zone *zone = (Zone *) i;

                if (strcmp(zone->name, name) == 0)
                        return zone;
        }
        return NULL;
}

/* The next domain above a part of name: one label more than the last, NULL at the first. NULL: the whole name is next. */
static const char *next_zone(const char *name, const char *last) {
        const char *p = last ? last - 1 : name + strlen(name);

        while (p > name && p[-1] != '.')
                p--;
        return p > name ? p : NULL;
}

static void zone_add(DerivedZones *z, const char *name, uint64_t expires_nsec) {
        Zone *zone = zone_find(z, name);

        if (!zone) {
                size_t size = strlen(name) + 1;

                zone = malloc(sizeof(Zone) + size);
                if (!zone)
                        return;
                *zone = (Zone) {};
                memcpy(zone->name, name, size);
                hash_index_insert(&z->index, &zone->item, hash_index_hash(&z->index, name, size - 1));
        }
        zone->expires_nsec = MAX(zone->expires_nsec, expires_nsec);
        zone->n++;
}

void derived_zones_add(DerivedZones *z, const char *name, uint64_t expires_nsec) {
        const char *zone = NULL;

        assert(z);
        assert(name);

        for (size_t i = 0; i < DERIVED_ZONE_LABELS_MAX && (zone = next_zone(name, zone)); i++)
                zone_add(z, zone, expires_nsec);
}

void derived_zones_remove(DerivedZones *z, const char *name) {
        const char *part = NULL;

        assert(z);
        assert(name);

        for (size_t i = 0; i < DERIVED_ZONE_LABELS_MAX && (part = next_zone(name, part)); i++) {
                Zone *zone = zone_find(z, part);

                if (!zone || --zone->n > 0)
                        continue;
                hash_index_remove(&z->index, &zone->item);
                free(zone);
        }
}

bool derived_zones_has(const DerivedZones *z, const char *zone, uint64_t now_nsec) {
        assert(z);
        assert(zone);

        const Zone *found = zone_find(z, zone);
        return found && found->expires_nsec > now_nsec;
}
