/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/scope.h"

#include <string.h>
#include <sys/random.h>

#define DERIVED_MAX 4096

/* A client may use an address for as long as its answer's TTL; floor and grace cover clients that keep it longer and
 * connections that are begun in the last second. */
static const LeaseTimes lease_times = {
        .floor_nsec = 60 * NSEC_PER_SEC,
        .grace_nsec = 30 * NSEC_PER_SEC,
        .cap_nsec = 3600 * NSEC_PER_SEC,
};

int scope_new(const char *name, uint32_t id, uint32_t index, size_t max_leases, Scope **ret) {
        _cleanup_(scope_freep) Scope *s = calloc(1, sizeof(*s));
        uint8_t key[16];
        int r;

        if (!s)
                return -ENOMEM;
        s->id = id;
        s->index = index;
        s->mode = MODE_OFF;
        s->name = strdup(name);
        if (!s->name)
                return -ENOMEM;
        if (getrandom(key, sizeof(key), 0) != sizeof(key))
                return -EIO;
        r = lease_table_new(max_leases, &lease_times, key, &s->leases);
        if (r >= 0)
                r = derived_names_new(DERIVED_MAX, key, &s->derived);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(s);
        return 0;
}

Scope *scope_free(Scope *s) {
        if (!s)
                return NULL;
        policy_slot_free(s->slot);
        lease_table_free(s->leases);
        derived_names_free(s->derived);
        policy_free(s->policy);
        free(s->digest);
        free(s->name);
        free(s);
        return NULL;
}
