/* SPDX-License-Identifier: Apache-2.0 */

/* What the bus reads: no function here changes anything but a scratch of names. */

#include <string.h>

#include "daemon/manager-internal.h"
#include "basic/clock.h"
#include "dns/lease-names.h"

size_t manager_n_scopes(const Manager *m) {
        return m->documents.n;
}

void manager_scope(const Manager *m, size_t i, ManagerScope *ret) {
        const Document *d = &m->documents.items[i];
        const Layer *s = engine_find_layer(m->engine, d->name);

        *ret = (ManagerScope) {
                .name = d->name,
                .source = d->source ?: "none",
                .digest = d->digest,
                .mode = s ? s->mode : MODE_OFF,
                .n_rules = d->n_rules,
                .narrows = d->narrows,
        };
}

int manager_find_scope(const Manager *m, const char *name, size_t *ret) {
        for (size_t i = 0; i < m->documents.n; i++)
                if (strcmp(m->documents.items[i].name, name) == 0) {
                        *ret = i;
                        return 0;
                }
        return -ENOENT;
}

typedef struct CgroupVisitor {
        const Manager *manager;
        const Layer *layer;
        void (*fn)(const char *path, void *userdata);
        void *userdata;
} CgroupVisitor;

static void visit_cgroup(const char *path, uint64_t id, _unused_ bool is_slice, void *userdata) {
        const CgroupVisitor *v = userdata;
        uint32_t chain, actor;

        engine_get_subject(v->manager->engine, id, &chain, &actor);
        if (engine_chain_has(chain, v->layer))
                v->fn(path, v->userdata);
}

void manager_scope_cgroups(const Manager *m, size_t i, void (*fn)(const char *path, void *userdata), void *userdata) {
        CgroupVisitor v = {
                .manager = m, .layer = engine_find_layer(m->engine, m->documents.items[i].name), .fn = fn,
                .userdata = userdata,
        };

        if (v.layer)
                identity_for_each(m->identity, visit_cgroup, &v);
}

ModeSetting manager_mode(const Manager *m) {
        return m->override;
}

Mode manager_configured_mode(const Manager *m) {
        return m->config.mode;
}

static int strength(Mode mode) {
        return mode == MODE_ENFORCE ? 2 : mode == MODE_AUDIT ? 1 : 0;
}

Mode manager_effective_mode(const Manager *m) {
        Mode weakest = MODE_ENFORCE;

        for (size_t i = 0; i < engine_n_layers(m->engine); i++) {
                Mode mode = engine_layer(m->engine, i)->mode;
                if (!engine_layer(m->engine, i)->policy)
                        continue; /* nobody asked for it to be judged */
                if (strength(mode) < strength(weakest))
                        weakest = mode;
        }
        return weakest;
}

bool manager_enforcing(const Manager *m) {
        uint32_t required = m->config.required_hooks;

        return m->ready && manager_effective_mode(m) == MODE_ENFORCE &&
               (programs_attached(engine_programs(m->engine)) & required) == required;
}

const char *manager_policy_digest(const Manager *m) {
        return m->digest;
}

const char *manager_policy_source(const Manager *m) {
        for (size_t i = 0; i < m->documents.n; i++)
                if (m->documents.items[i].source)
                        return m->documents.items[i].source;
        return "none";
}

uint32_t manager_n_rules(const Manager *m) {
        uint32_t n = 0;

        for (size_t i = 0; i < m->documents.n; i++)
                n += m->documents.items[i].n_rules;
        return n;
}

const char *manager_dns_wiring(const Manager *m) {
        return dns_wiring_to_string(m->config.dns_wiring);
}

size_t manager_upstreams(const Manager *m, const char *const **ret) {
        *ret = (const char *const *) m->upstream_texts;
        return m->n_upstreams;
}

static size_t name_hooks(uint32_t mask, const char **names) {
        size_t n = 0;

        for (size_t i = 0; i < programs_n_hooks(); i++)
                if (mask & (1U << i))
                        names[n++] = programs_hook_name(i);
        return n;
}

size_t manager_required_hooks(const Manager *m, const char *const **ret) {
        *ret = (const char *const *) m->required_names;
        return name_hooks(m->config.required_hooks, (const char **) m->required_names);
}

size_t manager_achieved_hooks(const Manager *m, const char *const **ret) {
        *ret = (const char *const *) m->hook_names;
        return name_hooks(programs_attached(engine_programs(m->engine)), (const char **) m->hook_names);
}

uint64_t manager_start_usec(const Manager *m, bool monotonic) {
        return monotonic ? m->start_monotonic_usec : m->start_realtime_usec;
}

void manager_counters(const Manager *m, ManagerCounters *ret) {
        const Programs *p = engine_programs(m->engine);

        /* The kernel's own counts: they have what the ring lost, and a predecessor's. */
        *ret = m->counters;
        ret->connections_allowed = programs_counter(p, CW_COUNT_ALLOWED);
        ret->connections_denied = programs_counter(p, CW_COUNT_DENIED);
        ret->queries_allowed = dns_proxy_stats(engine_proxy(m->engine))->answered;
        ret->events_lost = engine_events_lost(m->engine) + sink_hub_n_lost(m->sinks);
}

int manager_policy_text(const Manager *m, const char *scope, const char **ret_text, size_t *ret_size) {
        size_t i;
        int r = manager_find_scope(m, scope, &i);

        if (r < 0 || !m->documents.items[i].text)
                return -ENOENT;
        *ret_text = m->documents.items[i].text;
        *ret_size = m->documents.items[i].size;
        return 0;
}

int manager_explain(const Manager *m, const char *scope, const Destination *d, const char *via, Explanation *ret,
                    const Policy **ret_policy) {
        const Layer *s = engine_find_layer(m->engine, scope);
        const NameVerdict *names[LEASE_BINDINGS_MAX];

        if (!s || !s->policy)
                return -ENOENT;
        *ret_policy = s->policy;
        const Lease *lease = d->name[0] != '\0' || via ? NULL :
                             lease_table_get(s->leases, &d->addr, clock_nsec(CLOCK_BOOTTIME));
        if (lease)
                return policy_explain_leased(s->policy, s->mode, d, names, lease_names(lease, s->policy, names), ret);
        return policy_explain(s->policy, s->mode, d, via, ret);
}

bool manager_judges(const Manager *m, const char *scope, const char *cgroup) {
        const Job *job = job_table_of_cgroup(&m->jobs, cgroup);
        const Layer *layers[] = {
                manager_scope_of_path(m, cgroup),
                job ? manager_scope_of_job(m, job) : NULL,
                job ? manager_grants_of_job(m, job) : NULL,
        };

        for (size_t i = 0; i < ELEMENTSOF(layers); i++)
                if (layers[i] && strcmp(layers[i]->name, scope) == 0)
                        return true;
        return false;
}

typedef struct LeaseVisitor {
        const char *scope;
        uint64_t now;
        size_t left;
        manager_lease_fn fn;
        void *userdata;
} LeaseVisitor;

static void visit_lease(const Lease *lease, void *userdata) {
        LeaseVisitor *v = userdata;

        for (size_t i = 0; i < lease->n_bindings && v->left > 0; i++) {
                const LeaseBinding *b = &lease->bindings[i];
                if (b->expires_nsec <= v->now)
                        continue;
                v->fn(v->scope, &lease->addr, b->name, (b->expires_nsec - v->now) / 1000, v->userdata);
                v->left--;
        }
}

int manager_for_each_lease(const Manager *m, const char *scope, size_t max, manager_lease_fn fn, void *userdata) {
        LeaseVisitor v = { .now = clock_nsec(CLOCK_BOOTTIME), .left = max, .fn = fn, .userdata = userdata };

        if (scope && !engine_find_layer(m->engine, scope))
                return -ENOENT;
        for (size_t i = 0; i < engine_n_layers(m->engine); i++) {
                const Layer *s = engine_layer(m->engine, i);
                if (scope && strcmp(s->name, scope) != 0)
                        continue;
                v.scope = s->name;
                lease_table_for_each(s->leases, visit_lease, &v);
        }
        return 0;
}

void manager_dns_status(const Manager *m, ManagerDnsStatus *ret) {
        const DnsProxyStats *p = dns_proxy_stats(engine_proxy(m->engine));

        *ret = (ManagerDnsStatus) {
                .queries = p->queries,
                .refused = p->refused,
                .cache_hits = p->cache_hits,
                .malformed = p->malformed,
                .upstream_failures = p->upstream_failures,
                .lease_failures = p->lease_failures,
                .tcp_connections = dns_proxy_stub_stats(engine_proxy(m->engine))->tcp_connections,
                .n_cached = dns_proxy_n_cached(engine_proxy(m->engine)),
        };
        for (size_t i = 0; i < engine_n_layers(m->engine); i++)
                ret->n_leases += lease_table_n(engine_layer(m->engine, i)->leases);
}

void manager_recent_events(const Manager *m, uint64_t since_usec, size_t max, event_fn fn, void *userdata) {
        recent_events_for_each(m->recent, since_usec, max, fn, userdata);
}

int manager_job(const Manager *m, uint64_t id, ManagerJob *ret) {
        const Job *j = job_table_get(&m->jobs, id);
        const Layer *scope = j ? manager_scope_of_job(m, j) : NULL;

        if (!j)
                return -ENOENT;
        *ret = (ManagerJob) {
                .id = j->id, .unit = j->unit, .cgroup = j->cgroup, .labels = (const char *const *) j->labels,
                .n_labels = j->n_labels, .start_usec = j->start_usec, .allowed = j->allowed, .denied = j->denied,
                .scope = scope ? scope->name : NULL,
        };
        return 0;
}

size_t manager_jobs(const Manager *m, uint64_t *ret_ids, size_t max) {
        size_t n = MIN(m->jobs.n, max);

        for (size_t i = 0; i < n; i++)
                ret_ids[i] = m->jobs.jobs[i]->id;
        return n;
}

int manager_log_level(const Manager *m) {
        return service_log_level(m->log);
}
