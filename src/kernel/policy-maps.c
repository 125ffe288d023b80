/* SPDX-License-Identifier: Apache-2.0 */

#include "kernel/policy-maps.h"

#include <assert.h>
#include <bpf/bpf.h>
#include <linux/membarrier.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "basic/clock.h"
#include "dns/lease-names.h"
#include "kernel/port-slices.h"

/* One configured prefix as the kernel has it. */
typedef struct StaticEntry {
        InPrefix prefix;
        struct cw_port_slice ports;
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

/* What a policy left behind. First its prefixes, then what it has in the exact map. */
typedef struct Garbage {
        struct Garbage *next;
        uint32_t policy_id;
        StaticEntries entries;
        size_t n_removed;            /* of entries */
        struct cw_exact_key cursor;  /* the next to be looked at in the exact map */
        bool has_cursor;
} Garbage;

struct PolicyMaps {
        int exact_fd, prefixes_fd, local_fd; /* borrowed from the programs */
        Mapping port_rules;
        Mapping scopes;
        PortSlices *slices;
        Garbage *garbage;
        bool settled; /* no program can still be looking at the garbage */
        uint32_t last_ids[CW_SCOPES_MAX]; /* used by each scope, or by whoever had its place before: what was left or
                                           * judged under them may still be there */
};

struct PolicySlot {
        PolicyMaps *maps;
        uint32_t scope;
        uint32_t policy_id;      /* 0: none yet */
        StaticEntries current;
        Garbage *current_room;   /* made beforehand, so that a commit cannot fail */
        uint32_t staged_id;      /* 0: nothing is staged */
        StaticEntries staged;
        Garbage *staged_room;
        uint8_t staged_default;
        uint64_t shown;          /* what the kernel was given last */
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

static struct cw_exact_key exact_key(const InAddr *a, uint32_t policy_id) {
        return (struct cw_exact_key) { .policy_id = policy_id, .addr = to_kernel(a) };
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
        m->exact_fd = programs_map_fd(programs, "exact");
        m->prefixes_fd = programs_map_fd(programs, "prefixes");
        m->local_fd = programs_map_fd(programs, "local_addrs");
        if (m->exact_fd < 0 || m->prefixes_fd < 0 || m->local_fd < 0)
                return -ENOENT;
        r = mapping_init(&m->scopes, programs, "scopes");
        if (r >= 0)
                r = mapping_init(&m->port_rules, programs, "port_rules");
        if (r >= 0)
                r = port_slices_new(m->port_rules.p, m->port_rules.n, &m->slices);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(m);
        return 0;
}

PolicyMaps *policy_maps_free(PolicyMaps *m) {
        if (!m)
                return NULL;
        while (m->garbage) {
                Garbage *g = m->garbage;
                m->garbage = g->next;
                free(g->entries.entries);
                free(g);
        }
        port_slices_free(m->slices);
        mapping_done(&m->port_rules);
        mapping_done(&m->scopes);
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
        int r = port_slices_get(c->maps->slices, set, &e->entries[e->n].ports);
        if (r < 0)
                return r;
        e->n++;
        return 0;
}

/* Updates in batches where the kernel has them for this map type, one by one elsewhere. */
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
        _cleanup_free_ struct cw_port_slice *values = calloc(e->n + 1, sizeof(*values));

        if (!keys || !values)
                return -ENOMEM;
        for (size_t i = 0; i < e->n; i++) {
                keys[i] = prefix_key(&e->entries[i].prefix, policy_id);
                values[i] = e->entries[i].ports;
        }
        return update_many(m->prefixes_fd, keys, sizeof(*keys), values, sizeof(*values), e->n);
}

/* Host rules are in the trie as well: a lease for the same address takes their place here, and when it ends the trie
 * still has the rule. */
static int write_hosts(PolicyMaps *m, const StaticEntries *e, uint32_t policy_id) {
        _cleanup_free_ struct cw_exact_key *keys = calloc(e->n + 1, sizeof(*keys));
        _cleanup_free_ struct cw_exact_value *values = calloc(e->n + 1, sizeof(*values));
        struct cw_exact_value value;
        uint32_t n = 0;
        int r = 0;

        if (!keys || !values)
                return -ENOMEM;
        for (size_t i = 0; i < e->n && r >= 0; i++) {
                if (e->entries[i].prefix.length != 128)
                        continue;
                /* Each entry of the map holds its own reference, so that removing it is always the same. */
                PortSet set = { .n = e->entries[i].ports.count };
                memcpy(set.rules, (struct cw_port_rule *) m->port_rules.p + e->entries[i].ports.first,
                       set.n * sizeof(set.rules[0]));
                r = port_slices_get(m->slices, &set, &values[n].ports);
                if (r >= 0)
                        keys[n++] = exact_key(&e->entries[i].prefix.addr, policy_id);
        }
        if (r >= 0)
                r = update_many(m->exact_fd, keys, sizeof(*keys), values, sizeof(*values), n);
        for (uint32_t i = 0; r < 0 && i < n; i++) /* what the map has not is not found when its remains are collected */
                if (bpf_map_lookup_elem(m->exact_fd, &keys[i], &value) < 0)
                        port_slices_put(m->slices, &values[i].ports);
        return r;
}

static void remove_exact(PolicyMaps *m, const struct cw_exact_key *key) {
        struct cw_exact_value value;

        if (bpf_map_lookup_elem(m->exact_fd, key, &value) < 0)
                return;
        if (bpf_map_delete_elem(m->exact_fd, key) == 0)
                port_slices_put(m->slices, &value.ports);
}

/* ------------------------------------------------------------------ garbage */

#define BATCH 256

/* In one call where the kernel can for this kind of map. */
static void delete_prefixes(PolicyMaps *m, const StaticEntry *entries, uint32_t n, uint32_t policy_id) {
        struct cw_prefix_key keys[BATCH];
        uint32_t done = n;

        for (uint32_t i = 0; i < n; i++)
                keys[i] = prefix_key(&entries[i].prefix, policy_id);
        if (bpf_map_delete_batch(m->prefixes_fd, keys, &done, NULL) < 0)
                for (uint32_t i = 0; i < n; i++)
                        (void) bpf_map_delete_elem(m->prefixes_fd, &keys[i]);
        for (uint32_t i = 0; i < n; i++)
                port_slices_put(m->slices, &entries[i].ports);
}

static size_t collect_prefixes(PolicyMaps *m, Garbage *g, size_t n_steps) {
        size_t n = MIN(g->entries.n - g->n_removed, n_steps);

        for (size_t i = 0; i < n; i += BATCH)
                delete_prefixes(m, &g->entries.entries[g->n_removed + i], MIN(n - i, (size_t) BATCH), g->policy_id);
        g->n_removed += n;
        return n;
}

/* Returns whether it came to the end. */
static bool collect_exact(PolicyMaps *m, Garbage *g, size_t n_steps) {
        struct cw_exact_key key;

        if (!g->has_cursor && bpf_map_get_next_key(m->exact_fd, NULL, &g->cursor) < 0)
                return true;
        g->has_cursor = true;
        for (size_t i = 0; i < n_steps; i++) {
                key = g->cursor;
                bool more = bpf_map_get_next_key(m->exact_fd, &key, &g->cursor) == 0; /* before key goes */
                if (key.policy_id == g->policy_id)
                        remove_exact(m, &key);
                if (!more)
                        return true;
        }
        return false;
}

bool policy_maps_collect(PolicyMaps *m, size_t n_steps) {
        while (m->garbage && n_steps > 0) {
                Garbage *g = m->garbage;

                /* A program that began before the flip may still look for the old entries: wait until it has ended. The
                 * global barrier is synchronize_rcu() (kernel/sched/membarrier.c). */
                if (!m->settled)
                        (void) syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
                m->settled = true;
                n_steps -= collect_prefixes(m, g, n_steps);
                if (g->n_removed < g->entries.n || !collect_exact(m, g, n_steps))
                        break;
                m->garbage = g->next;
                free(g->entries.entries);
                free(g);
        }
        return m->garbage != NULL;
}

/* entries are taken. */
static void discard(PolicyMaps *m, Garbage *room, StaticEntries *entries, uint32_t policy_id) {
        *room = (Garbage) { .next = m->garbage, .policy_id = policy_id, .entries = *entries };
        *entries = (StaticEntries) {};
        m->garbage = room;
        m->settled = false;
}

/* ------------------------------------------------------------------ leases */

/* For an address with more rules than a list holds: without an entry a default of allow would open it. */
static const PortSet deny_all = {
        .rules = { { .rule = RULE_NONE, .high = UINT16_MAX, .action = CW_DENY } },
        .n = 1,
};

/* Leases end by CLOCK_BOOTTIME, the kernel side reads CLOCK_MONOTONIC: after a suspend its entries end late, until the
 * next look at the table removes them. */
static uint64_t to_monotonic(uint64_t boot_nsec) {
        uint64_t monotonic = clock_nsec(CLOCK_MONOTONIC); /* first, so that the difference is never below zero */
        uint64_t suspended = clock_nsec(CLOCK_BOOTTIME) - monotonic;

        return boot_nsec > suspended ? boot_nsec - suspended : 1;
}

static int write_lease(PolicyMaps *m, const Policy *policy, const Lease *lease, uint32_t policy_id) {
        const NameVerdict *names[LEASE_BINDINGS_MAX];
        struct cw_exact_key key = exact_key(&lease->addr, policy_id);
        struct cw_exact_value value = { .expires_ns = to_monotonic(lease->expires_nsec) }, old;
        PortSet set = {};
        int r;

        int n = lease_names(lease, policy, names), compiled = 0;
        if (n == 0) {
                remove_exact(m, &key);
                return 0;
        }
        if (n > 0)
                compiled = policy_compile_address(policy, &lease->addr, names, (size_t) n, &set);
        if (n < 0 || compiled < 0)
                set = deny_all;
        r = port_slices_get(m->slices, &set, &value.ports);
        if (r < 0)
                return r;
        /* Most leases are new: one call then. */
        bool had = false;
        r = bpf_map_update_elem(m->exact_fd, &key, &value, BPF_NOEXIST);
        if (r == -EEXIST) {
                had = bpf_map_lookup_elem(m->exact_fd, &key, &old) == 0;
                r = bpf_map_update_elem(m->exact_fd, &key, &value, BPF_ANY);
        }
        if (r < 0) {
                port_slices_put(m->slices, &value.ports);
                return r == -E2BIG ? -ENOSPC : r;
        }
        if (had)
                port_slices_put(m->slices, &old.ports);
        return compiled;
}

int policy_slot_set_lease(PolicySlot *s, const Policy *policy, const Lease *lease) {
        return write_lease(s->maps, policy, lease, s->policy_id);
}

typedef struct Rewrite {
        PolicyMaps *maps;
        const Policy *policy;
        uint32_t policy_id;
        int r; /* first failure */
} Rewrite;

static void rewrite_lease(const Lease *lease, void *userdata) {
        Rewrite *w = userdata;
        int r = w->r < 0 ? w->r : write_lease(w->maps, w->policy, lease, w->policy_id);

        if (r != -E2BIG) /* that address is closed, the others stand */
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

static uint64_t *scope_place(const PolicySlot *s) {
        return (uint64_t *) s->maps->scopes.p + s->scope;
}

/* One 64-bit store, after everything it leads to. */
static void flip(PolicySlot *s, const struct cw_scope *scope) {
        _Static_assert(sizeof(*scope) == sizeof(s->shown), "a scope is stored whole");
        memcpy(&s->shown, scope, sizeof(s->shown));
        __atomic_store_n(scope_place(s), s->shown, __ATOMIC_RELEASE);
}

bool policy_slot_repair(PolicySlot *s) {
        if (__atomic_load_n(scope_place(s), __ATOMIC_ACQUIRE) == s->shown)
                return false;
        __atomic_store_n(scope_place(s), s->shown, __ATOMIC_RELEASE);
        return true;
}

void policy_maps_skip_ids(PolicyMaps *m, uint32_t last) {
        for (uint32_t i = 0; i < ELEMENTSOF(m->last_ids); i++)
                m->last_ids[i] = MAX(m->last_ids[i], (last & ~(uint32_t) (CW_SCOPES_MAX - 1)) | i);
}

int policy_slot_new(PolicyMaps *m, uint32_t scope, PolicySlot **ret) {
        if (scope >= CW_SCOPES_MAX)
                return -ENOSPC;
        PolicySlot *s = calloc(1, sizeof(*s));
        if (!s)
                return -ENOMEM;
        s->maps = m;
        s->scope = scope;
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
        const struct cw_scope closed = {};

        flip(s, &closed);
        if (s->current_room)
                discard(s->maps, TAKE_PTR(s->current_room), &s->current, s->policy_id);
        s->policy_id = 0;
}

static uint32_t next_policy_id(const PolicySlot *s) {
        uint32_t id = s->maps->last_ids[s->scope] + CW_SCOPES_MAX; /* the low bits name the scope */

        id = (id & ~(uint32_t) (CW_SCOPES_MAX - 1)) | s->scope;
        return id >= CW_SCOPES_MAX ? id : CW_SCOPES_MAX | s->scope;
}

static int stage_once(PolicySlot *s, const Policy *policy, LeaseTable *leases, uint32_t policy_id) {
        int r = 0;

        s->staged_room = calloc(1, sizeof(*s->staged_room));
        if (!s->staged_room)
                return -ENOMEM;
        s->staged_id = policy_id ?: next_policy_id(s);
        if (policy_id == 0 || policy_id > s->maps->last_ids[s->scope])
                s->maps->last_ids[s->scope] = s->staged_id;
        s->staged_default = policy ? policy_default_action(policy) : ACTION_ALLOW;
        if (policy)
                r = write_policy(s->maps, policy, leases, &s->staged, s->staged_id);
        if (r < 0)
                policy_slot_unstage(s);
        return r == -E2BIG ? -ENOSPC : r;
}

int policy_slot_stage(PolicySlot *s, const Policy *policy, LeaseTable *leases, uint32_t policy_id) {
        assert(policy_id == 0 || CW_POLICY_SCOPE(policy_id) == s->scope);
        policy_slot_unstage(s);

        int r = stage_once(s, policy, leases, policy_id);
        if (r != -ENOSPC || !s->maps->garbage)
                return r;
        /* Changes came faster than their remains went. */
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

void policy_slot_commit(PolicySlot *s, Mode mode, uint8_t flags) {
        const struct cw_scope scope = {
                .policy_id = s->staged_id,
                .mode = mode,
                .default_action = s->staged_default,
                .flags = flags,
        };

        assert(s->staged_id != 0);
        flip(s, &scope);
        if (s->current_room)
                discard(s->maps, s->current_room, &s->current, s->policy_id);
        s->policy_id = s->staged_id;
        s->current = s->staged;
        s->current_room = TAKE_PTR(s->staged_room);
        s->staged = (StaticEntries) {};
        s->staged_id = 0;
}

void policy_slot_set_mode(PolicySlot *s, Mode mode) {
        struct cw_scope scope;

        memcpy(&scope, &s->shown, sizeof(scope));
        scope.mode = mode;
        flip(s, &scope);
}

uint32_t policy_slot_policy_id(const PolicySlot *s) {
        return s->policy_id;
}

void policy_slot_remove_lease(PolicySlot *s, const InAddr *addr) {
        struct cw_exact_key key = exact_key(addr, s->policy_id);

        remove_exact(s->maps, &key);
}

int policy_maps_set_local(PolicyMaps *m, const InAddr *addr, bool present) {
        struct cw_addr key = to_kernel(addr);
        uint8_t one = 1;
        int r;

        r = present ? bpf_map_update_elem(m->local_fd, &key, &one, BPF_ANY) : bpf_map_delete_elem(m->local_fd, &key);
        return r < 0 && errno != ENOENT ? -errno : 0;
}
