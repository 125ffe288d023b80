/* SPDX-License-Identifier: Apache-2.0 */

#include "kernel/policy-maps.h"

#include <assert.h>
#include <bpf/bpf.h>
#include <linux/membarrier.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

#include "kernel/port-slices.h"

/* One configured prefix as the kernel has it. */
typedef struct StaticEntry {
        InPrefix prefix;
        struct cw_port_slice ports;
} StaticEntry;

typedef struct StaticEntries {
        StaticEntry *entries;
        size_t n, n_allocated;
} StaticEntries;

/* The memory of an array map, shared with the kernel. */
typedef struct Mapping {
        void *p;
        size_t size;
        uint32_t n; /* entries */
} Mapping;

struct PolicyMaps {
        uint32_t policy_id; /* 0: none yet */
        int exact_fd, prefixes_fd, local_fd; /* borrowed from the programs */
        Mapping port_rules;
        Mapping scopes;
        PortSlices *slices;
        StaticEntries current;
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
        port_slices_free(m->slices);
        mapping_done(&m->port_rules);
        mapping_done(&m->scopes);
        free(m->current.entries);
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

        if (e->n == e->n_allocated) {
                size_t n = e->n_allocated ? e->n_allocated * 2 : 64;
                StaticEntry *grown = reallocarray(e->entries, n, sizeof(*grown));
                if (!grown)
                        return -ENOMEM;
                e->entries = grown;
                e->n_allocated = n;
        }
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
        uint32_t n = 0;

        if (!keys || !values)
                return -ENOMEM;
        for (size_t i = 0; i < e->n; i++) {
                if (e->entries[i].prefix.length != 128)
                        continue;
                /* Each entry of the map holds its own reference, so that removing it is always the same. */
                PortSet set = { .n = e->entries[i].ports.count };
                memcpy(set.rules, (struct cw_port_rule *) m->port_rules.p + e->entries[i].ports.first,
                       set.n * sizeof(set.rules[0]));
                int r = port_slices_get(m->slices, &set, &values[n].ports);
                if (r < 0)
                        return r;
                keys[n++] = exact_key(&e->entries[i].prefix.addr, policy_id);
        }
        return update_many(m->exact_fd, keys, sizeof(*keys), values, sizeof(*values), n);
}

static void remove_prefixes(PolicyMaps *m, StaticEntries *e, uint32_t policy_id) {
        for (size_t i = 0; i < e->n; i++) {
                struct cw_prefix_key key = prefix_key(&e->entries[i].prefix, policy_id);
                (void) bpf_map_delete_elem(m->prefixes_fd, &key);
                port_slices_put(m->slices, &e->entries[i].ports);
        }
        free(e->entries);
        *e = (StaticEntries) {};
}

static void remove_exact(PolicyMaps *m, const struct cw_exact_key *key) {
        struct cw_exact_value value;

        if (bpf_map_lookup_elem(m->exact_fd, key, &value) < 0)
                return;
        if (bpf_map_delete_elem(m->exact_fd, key) == 0)
                port_slices_put(m->slices, &value.ports);
}

static void remove_policy(PolicyMaps *m, StaticEntries *e, uint32_t policy_id) {
        struct cw_exact_key key, next;
        bool more = bpf_map_get_next_key(m->exact_fd, NULL, &next) == 0;

        remove_prefixes(m, e, policy_id);
        while (more) {
                key = next;
                more = bpf_map_get_next_key(m->exact_fd, &key, &next) == 0; /* before key goes */
                if (key.policy_id == policy_id)
                        remove_exact(m, &key);
        }
}

/* ------------------------------------------------------------------ leases */

static bool lease_says_something(const Lease *lease) {
        for (size_t i = 0; i < lease->n_bindings; i++) {
                const NameVerdict *v = &lease->bindings[i].verdict;
                if (v->n_deny + v->n_allow + v->n_late > 0 || v->overflow)
                        return true;
        }
        return false;
}

/* For an address with more rules than a list holds: without an entry a default of allow would open it. */
static const PortSet deny_all = {
        .rules = { { .rule = RULE_NONE, .high = UINT16_MAX, .action = CW_DENY } },
        .n = 1,
};

/* Leases end by CLOCK_BOOTTIME, the kernel side reads CLOCK_MONOTONIC: after a suspend its entries end late, until the
 * next look at the table removes them. */
static uint64_t to_monotonic(uint64_t boot_nsec) {
        struct timespec monotonic = {}, boot = {};

        (void) clock_gettime(CLOCK_MONOTONIC, &monotonic); /* first, so that the difference is never below zero */
        (void) clock_gettime(CLOCK_BOOTTIME, &boot);
        uint64_t suspended = (uint64_t) (boot.tv_sec - monotonic.tv_sec) * NSEC_PER_SEC + (uint64_t) boot.tv_nsec -
                             (uint64_t) monotonic.tv_nsec;
        return boot_nsec > suspended ? boot_nsec - suspended : 1;
}

static int write_lease(PolicyMaps *m, const Policy *policy, const Lease *lease, uint32_t policy_id) {
        const NameVerdict *names[LEASE_BINDINGS_MAX];
        struct cw_exact_key key = exact_key(&lease->addr, policy_id);
        struct cw_exact_value value = { .expires_ns = to_monotonic(lease->expires_nsec) }, old;
        PortSet set = {};
        int r;

        if (!lease_says_something(lease)) {
                remove_exact(m, &key);
                return 0;
        }
        for (size_t i = 0; i < lease->n_bindings; i++)
                names[i] = &lease->bindings[i].verdict;
        int compiled = policy_compile_address(policy, &lease->addr, names, lease->n_bindings, &set);
        if (compiled < 0)
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

int policy_maps_set_lease(PolicyMaps *m, const Policy *policy, const Lease *lease) {
        return write_lease(m, policy, lease, m->policy_id);
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

/* One 64-bit store, after everything it leads to. */
static void flip(PolicyMaps *m, const struct cw_scope *scope) {
        uint64_t value;

        _Static_assert(sizeof(*scope) == sizeof(value), "a scope is stored whole");
        memcpy(&value, scope, sizeof(value));
        __atomic_store_n((uint64_t *) m->scopes.p, value, __ATOMIC_RELEASE);
}

int policy_maps_swap(PolicyMaps *m, const Policy *policy, Mode mode, LeaseTable *leases) {
        StaticEntries e = {};
        struct cw_scope scope = {
                .policy_id = m->policy_id + 1,
                .mode = mode,
                .default_action = policy_default_action(policy),
        };
        int r;

        r = write_policy(m, policy, leases, &e, scope.policy_id);
        if (r < 0) {
                remove_policy(m, &e, scope.policy_id);
                return r == -E2BIG ? -ENOSPC : r;
        }
        flip(m, &scope);

        /* A program that began before the flip may still look for the old entries: wait until it has ended. The global
         * barrier is synchronize_rcu() (kernel/sched/membarrier.c). */
        if (m->policy_id != 0) {
                (void) syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
                remove_policy(m, &m->current, m->policy_id);
        }
        m->current = e;
        m->policy_id = scope.policy_id;
        return 0;
}

void policy_maps_remove_lease(PolicyMaps *m, const InAddr *addr) {
        struct cw_exact_key key = exact_key(addr, m->policy_id);

        remove_exact(m, &key);
}

int policy_maps_set_local(PolicyMaps *m, const InAddr *addr, bool present) {
        struct cw_addr key = to_kernel(addr);
        uint8_t one = 1;
        int r;

        r = present ? bpf_map_update_elem(m->local_fd, &key, &one, BPF_ANY) : bpf_map_delete_elem(m->local_fd, &key);
        return r < 0 && errno != ENOENT ? -errno : 0;
}

uint32_t policy_maps_policy_id(const PolicyMaps *m) {
        return m->policy_id;
}
