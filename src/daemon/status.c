/* SPDX-License-Identifier: Apache-2.0 */

/* What the bus reads: no function here changes anything but a scratch of names. */

#include "daemon/service.h"

#include <assert.h>
#include <string.h>

#include "basic/clock.h"
#include "daemon/service-parts.h"

static const Documents *documents_of(const Service *s) {
        return &policies_set(s->policies)->documents;
}

/* ------------------------------------------------------------------ scopes: documents, then what was granted to jobs
 */

size_t service_n_scopes(const Service *s) {
        size_t n;

        assert(s);

        n = documents_of(s)->n;
        for (size_t i = 0; grant_table_job(grants_table(s->grants), i) != 0; i++)
                n++;
        return n;
}

static Layer *grant_of(const Service *s, size_t i) {
        uint64_t job = grant_table_job(grants_table(s->grants), i - documents_of(s)->n);

        return job == 0 ? NULL : grants_layer(s->grants, job);
}

static Layer *layer_of(const Service *s, size_t i) {
        return i < documents_of(s)->n ? policies_layer(s->policies, &documents_of(s)->items[i]) : grant_of(s, i);
}

static void describe_grant(const Layer *layer, ServiceScope *ret) {
        *ret = (ServiceScope) {
                .name = layer ? layer->name : "",
                .source = DOCUMENT_SOURCE_JOB,
                .digest = "",
                .mode = layer ? layer->mode : MODE_OFF,
                .set = MODE_SETTING_CONFIGURED,
                .configured = MODE_ENFORCE,
                .n_rules = layer && layer->policy ? (uint32_t) policy_n_rules(layer->policy) : 0,
        };
}

void service_scope(const Service *s, size_t i, ServiceScope *ret) {
        const Document *d;

        assert(s);
        assert(ret);

        if (i >= documents_of(s)->n) {
                describe_grant(grant_of(s, i), ret);
                return;
        }
        d = &documents_of(s)->items[i];
        *ret = (ServiceScope) {
                .name = d->name,
                .source = d->source ?: "none",
                .digest = d->digest,
                .mode = policy_set_mode_of(policies_set(s->policies), d),
                .set = mode_table_get(policies_modes(s->policies), d->name),
                .configured = policy_set_configured_mode_of(policies_set(s->policies), d),
                .n_rules = d->n_rules,
                .narrows = d->jobs.n > 0,
        };
}

int service_find_scope(const Service *s, const char *name, size_t *ret) {
        const Document *d;
        uint64_t job;

        assert(s);
        assert(name);
        assert(ret);

        d = policy_set_find(policies_set(s->policies), name);
        if (d) {
                *ret = (size_t) (d - documents_of(s)->items);
                return 0;
        }
        for (size_t i = 0; (job = grant_table_job(grants_table(s->grants), i)) != 0; i++) {
                char own[GRANTS_NAME_SIZE];

                if (strcmp(grants_format_name(job, own), name) != 0)
                        continue;
                *ret = documents_of(s)->n + i;
                return 0;
        }
        return -ENOENT;
}

void service_scope_cgroups(const Service *s, size_t i, void (*fn)(const char *path, void *userdata), void *userdata) {
        const Layer *layer;

        assert(s);
        assert(fn);

        layer = layer_of(s, i);
        if (layer)
                assign_for_each_in(s->assign, layer, fn, userdata);
}

int service_policy_text(const Service *s, const char *scope, const char **ret_text, size_t *ret_size) {
        const Document *d;

        assert(s);
        assert(ret_text);
        assert(ret_size);

        d = policy_set_find(policies_set(s->policies), scope);
        if (!d || !d->text)
                return -ENOENT;
        *ret_text = d->text;
        *ret_size = d->size;
        return 0;
}

/* ------------------------------------------------------------------ modes, policy, hooks */

ModeSetting service_mode(const Service *s) {
        assert(s);

        return policies_modes(s->policies)->all;
}

bool service_mode_is_kept(const Service *s) {
        assert(s);

        return policies_modes_are_kept(s->policies);
}

Mode service_configured_mode(const Service *s) {
        assert(s);

        return policy_set_configured_mode(policies_set(s->policies));
}

Mode service_effective_mode(const Service *s) {
        assert(s);

        return policy_set_effective_mode(policies_set(s->policies));
}

bool service_enforcing(const Service *s) {
        assert(s);

        return supervision_is_ready(s->supervision) && !supervision_lost_sockets(s->supervision) &&
               service_effective_mode(s) == MODE_ENFORCE && policies_in_force(s->policies)->n_left_out == 0 &&
               hooks_are_complete(&s->context);
}

const char *service_policy_digest(const Service *s) {
        assert(s);

        return policies_digest(s->policies);
}

const char *service_policy_source(const Service *s) {
        const Documents *d;

        assert(s);

        d = documents_of(s);
        for (size_t i = 0; i < d->n; i++)
                if (d->items[i].source)
                        return d->items[i].source;
        return "none";
}

_Static_assert(SERVICE_FAULT_MAX == IN_FORCE_TEXT_MAX, "one text");

const char *service_policy_fault(const Service *s, char buf[static SERVICE_FAULT_MAX]) {
        assert(s);

        return in_force_format(policies_in_force(s->policies), buf);
}

uint32_t service_n_rules(const Service *s) {
        assert(s);

        return policy_set_n_rules(policies_set(s->policies));
}

const char *service_dns_wiring(const Service *s) {
        assert(s);

        return dns_wiring_to_string(s->config.dns_wiring);
}

size_t service_upstreams(const Service *s, const char *const **ret) {
        assert(s);

        return resolvers_texts(s->resolvers, ret);
}

size_t service_required_hooks(const Service *s, const char *const **ret) {
        assert(s);
        assert(ret);

        *ret = (const char *const *) s->required_hooks;
        return hooks_required(&s->context, (const char **) s->required_hooks);
}

size_t service_achieved_hooks(const Service *s, const char *const **ret) {
        assert(s);
        assert(ret);

        *ret = (const char *const *) s->achieved_hooks;
        size_t n = hooks_achieved(&s->context, (const char **) s->achieved_hooks);
        if (backstop_stands(s->backstop) && n < HOOKS_MAX)
                ((Service *) s)->achieved_hooks[n++] = BACKSTOP_NAME;
        return n;
}

uint64_t service_start_usec(const Service *s, bool monotonic) {
        assert(s);

        return monotonic ? s->start_monotonic_usec : s->start_realtime_usec;
}

int service_get_log_level(const Service *s) {
        assert(s);

        return service_log_level(s->context.log);
}

/* ------------------------------------------------------------------ what happened */

void service_counters(const Service *s, ServiceCounters *ret) {
        EngineStats stats;

        assert(s);
        assert(ret);

        engine_stats(s->context.engine, &stats);
        events_counters(s->events, ret);
        ret->connections_allowed = stats.connections_allowed; /* with what the ring lost */
        ret->connections_denied = stats.connections_denied;
        ret->connections_audited = stats.connections_audited;
        ret->queries_allowed = stats.dns.answered;
        ret->events_lost += engine_events_lost(s->context.engine);
}

void service_recent_events(const Service *s, uint64_t since_usec, size_t max, event_fn fn, void *userdata) {
        assert(s);

        events_recent(s->events, since_usec, max, fn, userdata);
}

/* ------------------------------------------------------------------ names and addresses */

int service_explain(const Service *s, const char *scope, const Destination *d, const char *via, Explanation *ret,
                    const Policy **ret_policy) {
        const Layer *layer;

        assert(s);
        assert(scope);
        assert(d);
        assert(ret && ret_policy);

        layer = engine_find_layer(s->context.engine, scope);
        if (!layer)
                return -ENOENT;
        engine_explain(s->context.engine, layer, d, via, ret);
        *ret_policy = layer->mode == MODE_OFF ? NULL : layer->policy;
        return 0;
}

bool service_judges(const Service *s, const char *scope, const char *cgroup) {
        assert(s);

        return assign_judges(s->assign, cgroup, scope);
}

typedef struct LeaseVisitor {
        const char *scope;
        uint64_t now;
        size_t left;
        service_lease_fn fn;
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

int service_for_each_lease(const Service *s, const char *scope, size_t max, service_lease_fn fn, void *userdata) {
        LeaseVisitor v = { .now = clock_nsec(CLOCK_BOOTTIME), .left = max, .fn = fn, .userdata = userdata };

        if (scope && !engine_find_layer(s->context.engine, scope))
                return -ENOENT;
        for (size_t i = 0; i < engine_n_layers(s->context.engine); i++) {
                const Layer *layer = engine_layer(s->context.engine, i);
                if (scope && strcmp(layer->name, scope) != 0)
                        continue;
                v.scope = layer->name;
                lease_table_for_each(layer->leases, visit_lease, &v);
        }
        return 0;
}

void service_dns_status(const Service *s, ServiceDnsStatus *ret) {
        EngineStats stats;

        assert(s);
        assert(ret);

        engine_stats(s->context.engine, &stats);
        *ret = (ServiceDnsStatus) {
                .queries = stats.dns.queries,
                .refused = stats.dns.refused,
                .cache_hits = stats.dns.cache_hits,
                .withheld = stats.dns.withheld,
                .expanded = stats.dns.expanded,
                .local = stats.dns.local,
                .malformed = stats.dns.malformed,
                .upstream_failures = stats.dns.upstream_failures,
                .lease_failures = stats.dns.lease_failures,
                .limited = stats.dns.crowded,
                .tcp_connections = stats.tcp_connections,
                .n_leases = stats.n_leases,
                .n_cached = stats.n_cached,
        };
}

/* ------------------------------------------------------------------ jobs */

int service_job(const Service *s, uint64_t id, ServiceJob *ret) {
        const Document *restriction;
        const Job *j;

        assert(s);
        assert(ret);

        j = jobs_get(s->jobs, id);
        if (!j)
                return -ENOENT;
        restriction = assign_restriction(s->assign, j);
        *ret = (ServiceJob) {
                .id = j->id,
                .unit = j->unit,
                .cgroup = j->cgroup,
                .labels = (const char *const *) j->labels,
                .n_labels = j->n_labels,
                .start_usec = j->start_usec,
                .allowed = j->allowed,
                .denied = j->denied,
                .scope = restriction ? restriction->name : NULL,
        };
        return 0;
}

size_t service_jobs(const Service *s, uint64_t *ret_ids, size_t max) {
        const JobTable *t;
        size_t n;

        assert(s);
        assert(ret_ids || max == 0);

        t = jobs_table(s->jobs);
        n = MIN(t->n, max);
        for (size_t i = 0; i < n; i++)
                ret_ids[i] = t->jobs[i]->id;
        return n;
}
