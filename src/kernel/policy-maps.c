/* SPDX-License-Identifier: Apache-2.0 */

#include "kernel/policy-maps.h"

#include <assert.h>
#include <bpf/bpf.h>
#include <string.h>
#include <sys/mman.h>

#include "basic/clock.h"
#include "dns/lease-names.h"
#include "kernel/grace.h"
#include "kernel/port-lists.h"

/* One configured prefix in the kernel's format. */
typedef struct StaticEntry {
        InPrefix prefix;
        struct cw_port_list ports;
} StaticEntry;

typedef struct StaticEntries {
        StaticEntry *entries;
        size_t n;
} StaticEntries;

/* The memory of an array map, shared with the kernel. */
typedef struct Mapping {
        void *p;
        size_t size;
        uint32_t n; /* entries */
} Mapping;

/* The entries of a replaced policy. */
typedef struct Garbage {
        struct Garbage *next;
        struct Garbage *next_of_layer; /* in the same collection */
        uint32_t policy_id;
        StaticEntries entries;
        size_t n_removed; /* of entries */
} Garbage;

/* Policies whose entries are being removed: first the prefixes of each, then the hosts of all in a single walk. */
typedef struct Collection {
        Garbage *first;
        Garbage *by_layer[CW_LAYERS_MAX];
        struct cw_host_key cursor; /* the next key to examine in the map of hosts */
        bool has_cursor;
} Collection;

struct PolicyMaps {
        int hosts_fd, prefixes_fd, local_fd; /* borrowed from the programs */
        Mapping port_rules;
        Mapping layers;
        PortLists *lists;
        Garbage *garbage;       /* not being collected yet */
        Collection collection;
        Grace grace;
        uint64_t n_discarded; /* garbage so far */
        uint64_t n_covered;   /* ... before the current or last wait began */
        uint32_t last_ids[CW_LAYERS_MAX]; /* per layer, also by previous owners of its slot: entries and verdicts of
                                           * that id may still exist */
};

struct PolicySlot {
        PolicyMaps *maps;
        uint32_t layer;
        uint32_t policy_id;      /* 0: none yet */
        StaticEntries current;
        Garbage *current_room;   /* allocated in advance, so that a commit cannot fail */
        uint32_t staged_id;      /* 0: nothing is staged */
        StaticEntries staged;
        Garbage *staged_room;
        uint8_t staged_default;
        uint64_t shown;          /* what was last written to the kernel */
};

static struct cw_addr to_kernel(const InAddr *a) {
        struct cw_addr k;

        memcpy(k.b, a->b, sizeof(k.b));
        return k;
}

static struct cw_prefix_key prefix_key(const InPrefix *p, uint32_t policy_id) {
        return (struct cw_prefix_key) {
                .prefix_length = 64 + p->length,
                .policy_id = policy_id,
                .family = in_prefix_is_v4(p) ? 4 : 6,
                .addr = to_kernel(&p->addr),
        };
}

static struct cw_host_key host_key(const InAddr *a, uint32_t policy_id) {
        return (struct cw_host_key) { .policy_id = policy_id, .addr = to_kernel(a) };
}

static int mapping_init(Mapping *m, const Programs *programs, const char *name) {
        struct bpf_map_info info = {};
        uint32_t size = sizeof(info);
        size_t page = sysconf(_SC_PAGESIZE);
        int fd = programs_map_fd(programs, name);

        if (fd < 0)
                return fd;
        if (bpf_obj_get_info_by_fd(fd, &info, &size) < 0)
                return -errno;
        m->n = info.max_entries;
        m->size = ((size_t) info.max_entries * info.value_size + page - 1) / page * page;
        m->p = mmap(NULL, m->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (m->p == MAP_FAILED) {
                m->p = NULL;
                return -errno;
        }
        return 0;
}

static void mapping_done(Mapping *m) {
        if (m->p)
                (void) munmap(m->p, m->size);
}

int policy_maps_new(Programs *programs, PolicyMaps **ret) {
        _cleanup_(policy_maps_freep) PolicyMaps *m = calloc(1, sizeof(*m));
        int r;

        if (!m)
                return -ENOMEM;
        m->hosts_fd = programs_map_fd(programs, "hosts");
        m->prefixes_fd = programs_map_fd(programs, "prefixes");
        m->local_fd = programs_map_fd(programs, "local_addrs");
        if (m->hosts_fd < 0 || m->prefixes_fd < 0 || m->local_fd < 0)
                return -ENOENT;
        r = mapping_init(&m->layers, programs, "layers");
        if (r >= 0)
                r = mapping_init(&m->port_rules, programs, "port_rules");
        if (r >= 0)
                r = port_lists_new(m->port_rules.p, m->port_rules.n, &m->lists);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(m);
        return 0;
}

static void garbage_free(Garbage *g) {
        while (g) {
                Garbage *next = g->next;

                free(g->entries.entries);
                free(g);
                g = next;
        }
}

PolicyMaps *policy_maps_free(PolicyMaps *m) {
        if (!m)
                return NULL;
        grace_wait(&m->grace);
        garbage_free(m->garbage);
        garbage_free(m->collection.first);
        port_lists_free(m->lists);
        mapping_done(&m->port_rules);
        mapping_done(&m->layers);
        free(m);
        return NULL;
}

/* ------------------------------------------------------------------ static entries */

typedef struct Collect {
        PolicyMaps *maps;
        StaticEntries *entries;
} Collect;

static int collect_prefix(const InPrefix *prefix, const PortSet *set, void *userdata) {
        Collect *c = userdata;
        StaticEntries *e = c->entries;

        e->entries[e->n].prefix = *prefix;
        int r = port_lists_get(c->maps->lists, set, &e->entries[e->n].ports);
        if (r < 0)
                return r;
        e->n++;
        return 0;
}

/* Updates in batches if the kernel supports them for this map type, otherwise one by one. */
static int update_many(int fd, const void *keys, size_t key_size, const void *values, size_t value_size, uint32_t n) {
        uint32_t done = n;

        if (n == 0)
                return 0;
        if (bpf_map_update_batch(fd, keys, values, &done, NULL) == 0)
                return 0;
        if (errno == ENOSPC || errno == E2BIG || errno == ENOMEM)
                return -errno;
        for (uint32_t i = 0; i < n; i++)
                if (bpf_map_update_elem(fd, (const char *) keys + i * key_size, (const char *) values + i * value_size,
                                        BPF_ANY) < 0)
                        return -errno;
        return 0;
}

static int write_prefixes(PolicyMaps *m, const StaticEntries *e, uint32_t policy_id) {
        _cleanup_free_ struct cw_prefix_key *keys = calloc(e->n + 1, sizeof(*keys));
        _cleanup_free_ struct cw_port_list *values = calloc(e->n + 1, sizeof(*values));

        if (!keys || !values)
                return -ENOMEM;
        for (size_t i = 0; i < e->n; i++) {
                keys[i] = prefix_key(&e->entries[i].prefix, policy_id);
                values[i] = e->entries[i].ports;
        }
        return update_many(m->prefixes_fd, keys, sizeof(*keys), values, sizeof(*values), e->n);
}

/* Host rules are in the trie as well: a lease for the same address replaces the entry here, and when it ends the
 * trie still has the rule. */
static int write_hosts(PolicyMaps *m, const StaticEntries *e, uint32_t policy_id) {
        _cleanup_free_ struct cw_host_key *keys = calloc(e->n + 1, sizeof(*keys));
        _cleanup_free_ struct cw_host_value *values = calloc(e->n + 1, sizeof(*values));
        struct cw_host_value value;
        uint32_t n = 0;
        int r = 0;

        if (!keys || !values)
                return -ENOMEM;
        for (size_t i = 0; i < e->n && r >= 0; i++) {
                if (e->entries[i].prefix.length != 128)
                        continue;
                /* Each map entry holds its own reference, so that all are removed in the same way. */
                PortSet set = { .n = e->entries[i].ports.count };
                memcpy(set.rules, (struct cw_port_rule *) m->port_rules.p + e->entries[i].ports.first,
                       set.n * sizeof(set.rules[0]));
                r = port_lists_get(m->lists, &set, &values[n].ports);
                if (r >= 0)
                        keys[n++] = host_key(&e->entries[i].prefix.addr, policy_id);
        }
        if (r >= 0)
                r = update_many(m->hosts_fd, keys, sizeof(*keys), values, sizeof(*values), n);
        for (uint32_t i = 0; r < 0 && i < n; i++) /* entries not written are simply not found at removal */
                if (bpf_map_lookup_elem(m->hosts_fd, &keys[i], &value) < 0)
                        port_lists_put(m->lists, &values[i].ports);
        return r;
}

static void remove_host(PolicyMaps *m, const struct cw_host_key *key) {
        struct cw_host_value value;

        if (bpf_map_lookup_elem(m->hosts_fd, key, &value) < 0)
                return;
        if (bpf_map_delete_elem(m->hosts_fd, key) == 0)
                port_lists_put(m->lists, &value.ports);
}

/* ------------------------------------------------------------------ garbage */

#define BATCH 256

/* In one call, if the kernel supports that for this map type. */
static void delete_prefixes(PolicyMaps *m, const StaticEntry *entries, uint32_t n, uint32_t policy_id) {
        struct cw_prefix_key keys[BATCH];
        uint32_t done = n;

        for (uint32_t i = 0; i < n; i++)
                keys[i] = prefix_key(&entries[i].prefix, policy_id);
        if (bpf_map_delete_batch(m->prefixes_fd, keys, &done, NULL) < 0)
                for (uint32_t i = 0; i < n; i++)
                        (void) bpf_map_delete_elem(m->prefixes_fd, &keys[i]);
        for (uint32_t i = 0; i < n; i++)
                port_lists_put(m->lists, &entries[i].ports);
}

static size_t collect_prefixes(PolicyMaps *m, Garbage *g, size_t n_steps) {
        size_t n = MIN(g->entries.n - g->n_removed, n_steps);

        for (size_t i = 0; i < n; i += BATCH)
                delete_prefixes(m, &g->entries.entries[g->n_removed + i], MIN(n - i, (size_t) BATCH), g->policy_id);
        g->n_removed += n;
        return n;
}

static bool is_collected(const Collection *c, uint32_t policy_id) {
        for (const Garbage *g = c->by_layer[CW_POLICY_LAYER(policy_id)]; g; g = g->next_of_layer)
                if (g->policy_id == policy_id)
                        return true;
        return false;
}

/* Returns the number of steps, and whether the end was reached. */
static size_t collect_hosts(PolicyMaps *m, size_t n_steps, bool *ret_end) {
        Collection *c = &m->collection;
        struct cw_host_key key;
        size_t n = 0;

        *ret_end = !c->has_cursor && bpf_map_get_next_key(m->hosts_fd, NULL, &c->cursor) < 0;
        c->has_cursor = true;
        for (; n < n_steps && !*ret_end; n++) {
                key = c->cursor;
                *ret_end = bpf_map_get_next_key(m->hosts_fd, &key, &c->cursor) < 0; /* before key is removed */
                if (is_collected(c, key.policy_id))
                        remove_host(m, &key);
        }
        return n;
}

/* A program that started before a swap may still look up the old entries, and with default action allow, a missing
 * deny would let traffic pass. So discarded entries are kept until every program running at that time has ended. */
static bool is_settled(PolicyMaps *m, bool wait) {
        while (m->n_covered < m->n_discarded || m->grace.running) {
                if (wait)
                        grace_wait(&m->grace);
                else if (!grace_is_over(&m->grace))
                        return false;
                if (m->n_covered == m->n_discarded)
                        break;
                m->n_covered = m->n_discarded;
                grace_begin(&m->grace);
        }
        return true;
}

static void begin_collection(PolicyMaps *m) {
        Collection *c = &m->collection;

        *c = (Collection) { .first = TAKE_PTR(m->garbage) };
        for (Garbage *g = c->first; g; g = g->next) {
                g->next_of_layer = c->by_layer[CW_POLICY_LAYER(g->policy_id)];
                c->by_layer[CW_POLICY_LAYER(g->policy_id)] = g;
        }
}

bool policy_maps_collect(PolicyMaps *m, size_t n_steps) {
        Collection *c = &m->collection;
        bool wait = n_steps == SIZE_MAX, end;

        while (n_steps > 0 && (c->first || m->garbage)) {
                if (!c->first) {
                        if (!is_settled(m, wait))
                                break;
                        begin_collection(m);
                }
                for (Garbage *g = c->first; g; g = g->next)
                        n_steps -= collect_prefixes(m, g, n_steps);
                if (n_steps == 0)
                        break;
                n_steps -= collect_hosts(m, n_steps, &end);
                if (!end)
                        break;
                garbage_free(TAKE_PTR(c->first));
        }
        return c->first || m->garbage;
}

/* entries are taken. */
static void discard(PolicyMaps *m, Garbage *room, StaticEntries *entries, uint32_t policy_id) {
        *room = (Garbage) { .next = m->garbage, .policy_id = policy_id, .entries = *entries };
        *entries = (StaticEntries) {};
        m->garbage = room;
        m->n_discarded++;
}

/* ------------------------------------------------------------------ leases */

/* For an address with more rules than a list holds: without an entry, default action allow would open it. */
static const PortSet deny_all = {
        .rules = { { .rule = RULE_NONE, .high = UINT16_MAX, .action = CW_DENY } },
        .n = 1,
};

/* Leases end by CLOCK_BOOTTIME, the kernel side reads CLOCK_MONOTONIC: after a suspend its entries end late, until
 * the next check of the table removes them. */
static uint64_t to_monotonic(uint64_t boot_nsec) {
        uint64_t monotonic = clock_nsec(CLOCK_MONOTONIC); /* read first, so that the difference is never negative */
        uint64_t suspended = clock_nsec(CLOCK_BOOTTIME) - monotonic;

        return boot_nsec > suspended ? boot_nsec - suspended : 1;
}

static int write_lease(PolicyMaps *m, const Policy *policy, const Lease *lease, uint32_t policy_id) {
        const NameVerdict *names[LEASE_BINDINGS_MAX];
        struct cw_host_key key = host_key(&lease->addr, policy_id);
        struct cw_host_value value = { .expires_ns = to_monotonic(lease->expires_nsec) }, old;
        PortSet set = {};
        int r;

        int n = lease_names(lease, policy, names), compiled = 0;
        if (n == 0) {
                remove_host(m, &key);
                return 0;
        }
        if (n > 0)
                compiled = policy_compile_address(policy, &lease->addr, names, (size_t) n, &set);
        if (n < 0 || compiled < 0)
                set = deny_all;
        r = port_lists_get(m->lists, &set, &value.ports);
        if (r < 0)
                return r;
        /* Most leases are new: then one call suffices. */
        bool had = false;
        r = bpf_map_update_elem(m->hosts_fd, &key, &value, BPF_NOEXIST);
        if (r == -EEXIST) {
                had = bpf_map_lookup_elem(m->hosts_fd, &key, &old) == 0;
                r = bpf_map_update_elem(m->hosts_fd, &key, &value, BPF_ANY);
        }
        if (r < 0) {
                port_lists_put(m->lists, &value.ports);
                return r == -E2BIG ? -ENOSPC : r;
        }
        if (had)
                port_lists_put(m->lists, &old.ports);
        return compiled;
}

int policy_slot_set_lease(PolicySlot *s, const Policy *policy, const Lease *lease) {
        return write_lease(s->maps, policy, lease, s->policy_id);
}

typedef struct Rewrite {
        PolicyMaps *maps;
        const Policy *policy;
        uint32_t policy_id;
        int r; /* the first error */
} Rewrite;

static void rewrite_lease(const Lease *lease, void *userdata) {
        Rewrite *w = userdata;
        int r = w->r < 0 ? w->r : write_lease(w->maps, w->policy, lease, w->policy_id);

        if (r != -E2BIG) /* that address is denied, the others continue */
                w->r = r;
}

/* ------------------------------------------------------------------ swap */

static int write_policy(PolicyMaps *m, const Policy *policy, LeaseTable *leases, StaticEntries *e, uint32_t policy_id) {
        Collect collect = { .maps = m, .entries = e };
        Rewrite rewrite = { .maps = m, .policy = policy, .policy_id = policy_id };
        int r;

        e->entries = calloc(policy_size(policy).n_prefixes + 1, sizeof(*e->entries));
        if (!e->entries)
                return -ENOMEM;
        r = policy_for_each_prefix(policy, collect_prefix, &collect);
        if (r >= 0)
                r = write_prefixes(m, e, policy_id);
        if (r >= 0)
                r = write_hosts(m, e, policy_id);
        if (r >= 0 && leases) {
                lease_table_rematch(leases, policy, rewrite_lease, &rewrite);
                r = rewrite.r;
        }
        return r;
}

static uint64_t *layer_place(const PolicySlot *s) {
        return (uint64_t *) s->maps->layers.p + s->layer;
}

/* A single 64-bit store, after everything it refers to was written. */
static void flip(PolicySlot *s, const struct cw_layer *layer) {
        _Static_assert(sizeof(*layer) == sizeof(s->shown), "a layer is stored whole");
        memcpy(&s->shown, layer, sizeof(s->shown));
        __atomic_store_n(layer_place(s), s->shown, __ATOMIC_RELEASE);
}

bool policy_slot_repair(PolicySlot *s) {
        if (__atomic_load_n(layer_place(s), __ATOMIC_ACQUIRE) == s->shown)
                return false;
        __atomic_store_n(layer_place(s), s->shown, __ATOMIC_RELEASE);
        return true;
}

void policy_maps_skip_ids(PolicyMaps *m, uint32_t last) {
        for (uint32_t i = 0; i < ELEMENTSOF(m->last_ids); i++)
                m->last_ids[i] = MAX(m->last_ids[i], (last & ~(uint32_t) (CW_LAYERS_MAX - 1)) | i);
}

int policy_slot_new(PolicyMaps *m, uint32_t layer, PolicySlot **ret) {
        if (layer >= CW_LAYERS_MAX)
                return -ENOSPC;
        PolicySlot *s = calloc(1, sizeof(*s));
        if (!s)
                return -ENOMEM;
        s->maps = m;
        s->layer = layer;
        *ret = s;
        return 0;
}

PolicySlot *policy_slot_free(PolicySlot *s) {
        if (!s)
                return NULL;
        policy_slot_unstage(s);
        free(s->current.entries);
        free(s->current_room);
        free(s);
        return NULL;
}

void policy_slot_close(PolicySlot *s) {
        const struct cw_layer closed = {};

        flip(s, &closed);
        if (s->current_room)
                discard(s->maps, TAKE_PTR(s->current_room), &s->current, s->policy_id);
        s->policy_id = 0;
}

static uint32_t next_policy_id(const PolicySlot *s) {
        uint32_t id = s->maps->last_ids[s->layer] + CW_LAYERS_MAX; /* the low bits name the layer */

        id = (id & ~(uint32_t) (CW_LAYERS_MAX - 1)) | s->layer;
        return id >= CW_LAYERS_MAX ? id : CW_LAYERS_MAX | s->layer;
}

static int stage_once(PolicySlot *s, const Policy *policy, LeaseTable *leases, uint32_t policy_id) {
        int r = 0;

        if (policy && policy_n_rules(policy) >= CW_RULES_MAX)
                return -E2BIG;
        s->staged_room = calloc(1, sizeof(*s->staged_room));
        if (!s->staged_room)
                return -ENOMEM;
        s->staged_id = policy_id ?: next_policy_id(s);
        if (policy_id == 0 || policy_id > s->maps->last_ids[s->layer])
                s->maps->last_ids[s->layer] = s->staged_id;
        s->staged_default = policy ? policy_default_action(policy) : ACTION_ALLOW;
        if (policy)
                r = write_policy(s->maps, policy, leases, &s->staged, s->staged_id);
        if (r < 0)
                policy_slot_unstage(s);
        return r == -E2BIG ? -ENOSPC : r;
}

int policy_slot_stage(PolicySlot *s, const Policy *policy, LeaseTable *leases, uint32_t policy_id) {
        assert(policy_id == 0 || CW_POLICY_LAYER(policy_id) == s->layer);
        policy_slot_unstage(s);

        int r = stage_once(s, policy, leases, policy_id);
        if (r != -ENOSPC || !(s->maps->garbage || s->maps->collection.first))
                return r;
        /* Changes arrived faster than old entries were collected: the only case that waits for running programs. */
        while (policy_maps_collect(s->maps, SIZE_MAX))
                ;
        return stage_once(s, policy, leases, policy_id);
}

void policy_slot_unstage(PolicySlot *s) {
        if (s->staged_room)
                discard(s->maps, s->staged_room, &s->staged, s->staged_id);
        s->staged_room = NULL;
        s->staged_id = 0;
}

void policy_slot_commit(PolicySlot *s, LayerKind kind, Mode mode, uint8_t flags) {
        const struct cw_layer layer = {
                .policy_id = s->staged_id,
                .mode = mode,
                .default_action = s->staged_default,
                .flags = flags,
                .kind = kind,
        };

        assert(s->staged_id != 0);
        flip(s, &layer);
        if (s->current_room)
                discard(s->maps, s->current_room, &s->current, s->policy_id);
        s->policy_id = s->staged_id;
        s->current = s->staged;
        s->current_room = TAKE_PTR(s->staged_room);
        s->staged = (StaticEntries) {};
        s->staged_id = 0;
}

void policy_slot_set_mode(PolicySlot *s, Mode mode) {
        struct cw_layer layer;

        memcpy(&layer, &s->shown, sizeof(layer));
        layer.mode = mode;
        flip(s, &layer);
}

uint32_t policy_slot_policy_id(const PolicySlot *s) {
        return s->policy_id;
}

void policy_slot_remove_lease(PolicySlot *s, const InAddr *addr) {
        struct cw_host_key key = host_key(addr, s->policy_id);

        remove_host(s->maps, &key);
}

bool policy_maps_is_local(const PolicyMaps *m, const InAddr *addr) {
        struct cw_addr key = to_kernel(addr);
        uint8_t one;

        return bpf_map_lookup_elem(m->local_fd, &key, &one) == 0;
}

int policy_maps_set_local(PolicyMaps *m, const InAddr *addr, bool present) {
        struct cw_addr key = to_kernel(addr);
        uint8_t one = 1;
        int r;

        r = present ? bpf_map_update_elem(m->local_fd, &key, &one, BPF_ANY) : bpf_map_delete_elem(m->local_fd, &key);
        return r < 0 && errno != ENOENT ? -errno : 0;
}
