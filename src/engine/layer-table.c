/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/layer-table.h"

#include <assert.h>
#include <string.h>
#include <sys/random.h>

#include "kernel/subjects.h"

#define DERIVED_MAX 4096

/* A client may use an address for the TTL of the answer; floor and grace cover clients that use it longer, and
 * connections opened in the last second. */
static const LeaseTimes lease_times = {
        .floor_nsec = 60 * NSEC_PER_SEC,
        .grace_nsec = 30 * NSEC_PER_SEC,
        .cap_nsec = 3600 * NSEC_PER_SEC,
};

size_t layer_max_leases(LayerKind kind, bool is_host) {
        if (is_host)
                return 16384;
        return kind == LAYER_GRANT ? 1024 : 4096;
}

/* ------------------------------------------------------------------ one layer */

static Layer *layer_free(Layer *l) {
        if (!l)
                return NULL;
        policy_slot_free(l->slot);
        lease_table_free(l->leases);
        derived_names_free(l->derived);
        policy_free(l->policy);
        free(l->digest);
        free(l->name);
        free(l);
        return NULL;
}
DEFINE_CLEANUP_FUNC(Layer *, layer_free)

/* Creates a layer without a policy. */
static int layer_new(PolicyMaps *maps, const LayerSpec *spec, uint32_t id, uint32_t index, Layer **ret) {
        _cleanup_(layer_freep) Layer *l = calloc(1, sizeof(*l));
        size_t max_leases = spec->max_leases ?: layer_max_leases(spec->kind, index == CW_LAYER_HOST);
        uint8_t key[16];
        int r;

        if (!l)
                return -ENOMEM;
        l->id = id;
        l->index = index;
        l->mode = MODE_OFF;
        l->name = strdup(spec->name);
        if (!l->name)
                return -ENOMEM;
        if (getrandom(key, sizeof(key), 0) != sizeof(key))
                return -EIO;
        r = lease_table_new(max_leases, &lease_times, key, &l->leases);
        if (r >= 0)
                r = derived_names_new(DERIVED_MAX, key, &l->derived);
        if (r >= 0)
                r = policy_slot_new(maps, index, &l->slot);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(l);
        return 0;
}

static bool lease_denies(const Lease *lease) {
        for (size_t i = 0; i < lease->n_bindings; i++)
                if (lease->bindings[i].verdict.n_deny > 0)
                        return true;
        return false;
}

/* If the rest of the lease does not fit, the existing entry would continue to allow for a name that has ended.
 * Without the entry less is allowed, unless a name or the default action is what denies; then the entry is left to
 * expire. */
static void layer_on_lease_changed(const Lease *lease, void *userdata) {
        Layer *l = userdata;
        int r = l->policy ? policy_slot_set_lease(l->slot, l->policy, lease) : 0;

        if (r >= 0)
                return;
        if (r != -E2BIG && policy_default_action(l->policy) == ACTION_DENY && !lease_denies(lease)) /* denies all */
                policy_slot_remove_lease(l->slot, &lease->addr);
        lease_table_write_failed(l->leases, &lease->addr);
}

/* Writes the spec's policy under an id not in use yet. */
static int layer_stage(Layer *l, const LayerSpec *spec, uint64_t now_nsec) {
        int r;

        (void) layer_expire(l, now_nsec, SIZE_MAX);
        r = policy_slot_stage(l->slot, spec->policy, spec->policy ? l->leases : NULL,
                              spec->is_same ? spec->previous_id : 0);
        if (r < 0 && l->policy)
                lease_table_rematch(l->leases, l->policy, layer_on_lease_changed, l);
        return r;
}

static void layer_unstage(Layer *l) {
        policy_slot_unstage(l->slot);
        if (l->policy)
                lease_table_rematch(l->leases, l->policy, layer_on_lease_changed, l);
}

static void layer_commit(Layer *l, LayerSpec *spec, char *digest) {
        Mode mode = spec->policy ? spec->mode : MODE_OFF;

        policy_slot_commit(l->slot, spec->kind, mode,
                           (spec->inbound ? CW_LAYER_INBOUND : 0) | (spec->system ? CW_LAYER_SYSTEM : 0));
        policy_free(l->policy);
        free(l->digest);
        l->policy = TAKE_PTR(spec->policy);
        l->kind = spec->kind;
        l->mode = mode;
        l->digest = digest;
        derived_names_flush(l->derived);
}

void layer_set_mode(Layer *l, Mode mode) {
        assert(l);

        if (!l->policy)
                return;
        policy_slot_set_mode(l->slot, mode);
        l->mode = mode;
}

uint32_t layer_policy_id(const Layer *l) {
        assert(l);

        return policy_slot_policy_id(l->slot);
}

/* ------------------------------------------------------------------ leases */

int layer_write_lease(Layer *l, const Lease *lease) {
        int r;

        assert(l);
        assert(lease);

        r = policy_slot_set_lease(l->slot, l->policy, lease);
        if (r < 0)
                lease_table_write_failed(l->leases, &lease->addr);
        return r;
}

static void remove_evicted(Layer *l) {
        uint32_t displaced;
        InAddr evicted;

        if (lease_table_evicted(l->leases, &evicted, &displaced))
                policy_slot_remove_lease(l->slot, &evicted);
}

int layer_bind(Layer *l, const InAddr *addr, const char *name, const char *chain, const NameVerdict *verdict,
               uint32_t ttl_seconds, uint64_t now_nsec, const Lease **ret_lease) {
        const Lease *lease;
        int r;

        assert(l);
        assert(ret_lease);

        r = lease_table_bind(l->leases, addr, name, chain, verdict, ttl_seconds, now_nsec, &lease);
        remove_evicted(l);
        if (r > 0)
                r = layer_write_lease(l, lease) < 0 ? -ENOSPC : 1;
        if (r < 0)
                return r;
        *ret_lease = r > 0 ? lease : NULL;
        return 0;
}

int layer_restore(Layer *l, const InAddr *addr, const char *name, const char *chain, uint64_t expires_nsec,
                  uint64_t now_nsec, const Lease **ret_lease) {
        int r;

        assert(l);
        assert(l->policy);
        assert(ret_lease);

        lease_table_set_group(l->leases, 0, true);
        r = lease_table_restore(l->leases, addr, name, chain, l->policy, expires_nsec, now_nsec, ret_lease);
        remove_evicted(l);
        return r < 0 ? r : layer_write_lease(l, *ret_lease);
}

uint64_t layer_expire(Layer *l, uint64_t now_nsec, size_t max_steps) {
        assert(l);

        return lease_table_expire(l->leases, now_nsec, max_steps, layer_on_lease_changed, l);
}

/* ------------------------------------------------------------------ which */

Layer *layer_table_find(const LayerTable *t, const char *name) {
        assert(t);
        assert(name);

        for (size_t i = 0; i < t->n; i++)
                if (strcmp(t->layers[i]->name, name) == 0)
                        return t->layers[i];
        return NULL;
}

Layer *layer_table_by_id(const LayerTable *t, uint32_t id) {
        assert(t);

        for (size_t i = 0; i < t->n; i++)
                if (t->layers[i]->id == id)
                        return t->layers[i];
        return NULL;
}

Layer *layer_table_by_index(const LayerTable *t, uint32_t index) {
        assert(t);

        for (size_t i = 0; i < t->n; i++)
                if (t->layers[i]->index == index)
                        return t->layers[i];
        return NULL;
}

size_t layer_table_chain(const LayerTable *t, uint32_t chain, Layer *ret[static CW_CHAIN_MAX]) {
        size_t n = 0;

        assert(t);

        if (chain == CW_CHAIN_UNASSIGNED)
                return 0;
        for (size_t i = 0; i < CW_CHAIN_MAX; i++) {
                uint32_t index = CW_CHAIN_LAYER(chain, i);

                if (i > 0 && index == 0)
                        continue;
                ret[n] = layer_table_by_index(t, index);
                if (!ret[n++])
                        return 0; /* the client gets less than the others would allow */
        }
        return n;
}

int layer_chain(Layer *const *layers, size_t n, uint32_t *ret) {
        uint32_t chain = 0;

        assert(n > 0);
        assert(ret);

        if (n > CW_CHAIN_MAX)
                return -E2BIG;
        for (size_t i = 0; i < n; i++)
                chain |= layers[i]->index << 8 * i;
        *ret = chain;
        return 0;
}

/* ------------------------------------------------------------------ the table */

void layer_table_done(LayerTable *t) {
        assert(t);

        for (size_t i = 0; i < t->n; i++)
                layer_free(t->layers[i]);
        free(t->layers);
        *t = (LayerTable) {};
}

static bool contains(Layer *const *layers, size_t n, const Layer *l) {
        for (size_t i = 0; i < n; i++)
                if (layers[i] == l)
                        return true;
        return false;
}

/* A free slot: slots are reused, ids are not. That of a layer that was removed is free once no cgroup is assigned to
 * it: until then it judges as a layer without a policy. */
static int free_index(const LayerTable *t, const LayerSpec *specs, Layer *const *layers, size_t n, uint32_t *ret) {
        bool used[CW_LAYERS_MAX];
        int r = subjects_layers(t->programs, used);

        if (r < 0)
                return r;
        used[CW_LAYER_HOST] = false; /* no chain names it as anything but the base */
        for (size_t i = 0; i < t->n; i++)
                used[t->layers[i]->index] = true;
        for (size_t i = 0; i < n; i++) {
                if (layers[i])
                        used[layers[i]->index] = true;
                if (specs[i].previous_id != 0)
                        used[CW_POLICY_LAYER(specs[i].previous_id)] = true;
        }
        for (uint32_t index = 0; index < CW_LAYER_UNASSIGNED; index++) {
                if (used[index])
                        continue;
                *ret = index;
                return 0;
        }
        return -ENOSPC;
}

/* Each layer of the predecessor has a different slot. */
static int make_layer(LayerTable *t, const LayerSpec *specs, size_t n, const LayerSpec *spec, Layer *const *layers,
                      Layer **ret) {
        uint32_t index = CW_POLICY_LAYER(spec->previous_id);
        int r = spec->previous_id != 0 ? 0 : free_index(t, specs, layers, n, &index);

        return r < 0 ? r : layer_new(t->maps, spec, ++t->next_id, index, ret);
}

static int copy_digest(const LayerSpec *spec, char **ret) {
        *ret = spec->digest ? strdup(spec->digest) : NULL;
        return spec->digest && !*ret ? -ENOMEM : 0;
}

/* The layers of the specs, existing or new. Nothing is in effect yet. */
static int stage_all(LayerTable *t, LayerSpec *specs, size_t n, uint64_t now_nsec, Layer **layers, char **digests,
                     size_t *ret_bad) {
        int r = 0;

        for (size_t i = 0; i < n && r >= 0; i++) {
                *ret_bad = i;
                r = copy_digest(&specs[i], &digests[i]);
                if (r < 0)
                        return r;
                layers[i] = layer_table_find(t, specs[i].name);
                if (!layers[i])
                        r = make_layer(t, specs, n, &specs[i], layers, &layers[i]);
                if (r >= 0)
                        r = layer_stage(layers[i], &specs[i], now_nsec);
        }
        return r;
}

static void unstage_all(LayerTable *t, Layer **layers, size_t n) {
        for (size_t i = 0; i < n; i++) {
                if (!layers[i])
                        continue;
                if (contains(t->layers, t->n, layers[i]))
                        layer_unstage(layers[i]);
                else
                        layer_free(layers[i]);
        }
}

int layer_table_set(LayerTable *t, LayerSpec *specs, size_t n, uint64_t now_nsec, Layer ***ret_left, size_t *ret_n_left,
                    size_t *ret_bad) {
        _cleanup_free_ Layer **layers = calloc(MAX(n + t->n, (size_t) 1), sizeof(*layers));
        _cleanup_free_ Layer **left = calloc(MAX(t->n, (size_t) 1), sizeof(*left));
        _cleanup_free_ char **digests = calloc(MAX(n, (size_t) 1), sizeof(*digests));
        size_t n_left = 0, n_all = n;
        int r = -ENOMEM;

        *ret_bad = 0;
        if (layers && left && digests)
                r = stage_all(t, specs, n, now_nsec, layers, digests, ret_bad);
        if (r < 0 && layers)
                unstage_all(t, layers, n);
        for (size_t i = 0; i < n; i++) {
                if (r >= 0)
                        layer_commit(layers[i], &specs[i], digests[i]);
                else if (digests)
                        free(digests[i]);
                specs[i].policy = policy_free(specs[i].policy);
        }
        if (r < 0)
                return r;
        for (size_t i = 0; i < t->n; i++) {
                Layer *old = t->layers[i];

                if (contains(layers, n, old))
                        continue;
                if (old->kind == LAYER_GRANT)
                        layers[n_all++] = old;
                else
                        left[n_left++] = old;
        }
        free(t->layers);
        t->layers = TAKE_PTR(layers);
        t->n = n_all;
        *ret_left = TAKE_PTR(left);
        *ret_n_left = n_left;
        return 0;
}

void layers_close(Layer **layers, size_t n) {
        for (size_t i = 0; i < n; i++) {
                policy_slot_close(layers[i]->slot);
                layer_free(layers[i]);
        }
        free(layers);
}

int layer_change(Layer *l, LayerSpec *spec, uint64_t now_nsec) {
        char *digest = NULL;
        int r;

        assert(l);
        assert(spec);

        r = copy_digest(spec, &digest);
        if (r >= 0)
                r = layer_stage(l, spec, now_nsec);
        if (r >= 0)
                layer_commit(l, spec, TAKE_PTR(digest));
        free(digest);
        spec->policy = policy_free(spec->policy);
        return r;
}

int layer_table_add(LayerTable *t, LayerSpec *spec, uint64_t now_nsec, Layer **ret) {
        _cleanup_(layer_freep) Layer *l = NULL;
        Layer *none = NULL, **grown;
        int r;

        assert(t);
        assert(spec);
        assert(ret);

        grown = reallocarray(t->layers, t->n + 1, sizeof(*grown));
        r = grown ? 0 : -ENOMEM;
        if (grown)
                t->layers = grown;
        if (r >= 0)
                r = make_layer(t, spec, 1, spec, &none, &l);
        if (r >= 0)
                r = layer_change(l, spec, now_nsec);
        spec->policy = policy_free(spec->policy);
        if (r < 0)
                return r;
        *ret = t->layers[t->n++] = TAKE_PTR(l);
        return 0;
}

void layer_table_remove(LayerTable *t, const Layer *l) {
        assert(t);

        for (size_t i = 1; i < t->n; i++) {
                if (t->layers[i] != l)
                        continue;
                Layer *removed = t->layers[i];
                t->n--;
                memmove(&t->layers[i], &t->layers[i + 1], (t->n - i) * sizeof(t->layers[0]));
                policy_slot_close(removed->slot);
                layer_free(removed);
                return;
        }
}

unsigned layer_table_repair(LayerTable *t) {
        unsigned n = 0;

        assert(t);

        for (size_t i = 0; i < t->n; i++)
                n += policy_slot_repair(t->layers[i]->slot);
        return n;
}

bool layer_has_rules_for(const Layer *l, const char *name) {
        NameVerdict v;

        assert(l && l->policy);

        policy_match_name(l->policy, name, &v);
        return name_verdict_has_rules(&v);
}
