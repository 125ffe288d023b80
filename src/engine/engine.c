/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/engine.h"

#include <bpf/bpf.h>
#include <string.h>

#include "basic/clock.h"
#include "engine/event-pipeline.h"
#include "host/existing-sockets.h"
#include "host/local-addr.h"
#include "kernel/event-ring.h"
#include "kernel/flow-table.h"
#include "kernel/subjects.h"

#define LEASES_MAX 16384        /* of a scope that does not say */
#define FLOWS_MAX 16384         /* of one scope */
#define FLOWS_MANY 65536        /* of a whole machine */
#define RING_BYTES (1U << 18)
#define EXPIRE_ACCURACY_USEC USEC_PER_SEC /* so late a lease that has ended is removed at most, also after a suspend */
#define EXPIRE_STEPS 4096
#define COLLECT_USEC (20 * USEC_PER_MSEC)
#define COLLECT_STEPS 4096
#define PEERS_PER_SEC 500
#define LOSSES_USEC USEC_PER_SEC
#define SWEEP_USEC (30 * USEC_PER_SEC)
#define SWEEP_ACCURACY_USEC (10 * USEC_PER_SEC)
#define FLOW_IDLE_NSEC (120 * NSEC_PER_SEC)

struct Engine {
        Scope **scopes;         /* the host's first */
        size_t n_scopes;
        uint32_t next_scope_id;
        bool many_scopes;
        PolicySlot *self;       /* CW_SCOPE_SELF; may be NULL */
        Policy *self_policy;
        DnsProxy *proxy;
        Programs *programs;
        int dns_clients_fd;     /* borrowed from the programs */
        PolicyMaps *maps;
        EventPipeline *pipeline;
        EventRing *ring;
        LocalAddrs *local_addrs;
        sd_event_source *expiry, *losses, *sweep, *collector; /* run while there is something to do, sweep always */
        uint64_t expiry_nsec;   /* of the lease that ends first, at the latest; UINT64_MAX: there is none */
        bool losses_due;
        uint64_t peers_sec;     /* CLOCK_BOOTTIME, whole seconds */
        unsigned n_peers_left;  /* looks at processes that ask, in that second */
        uint64_t n_lost_told;
        engine_asker_fn on_asker;
        dns_lease_fn on_lease;
        void *userdata;
};

/* ------------------------------------------------------------------ callbacks */

/* A refusal that the socket hooks did not see, for want of a scope then or because the policy changed, is no error that
 * TCP hands on: whoever waits in connect(2) or for data would go on waiting. Best effort: a socket of another network
 * namespace is not found, and ends by its own time limit. */
static void end_refused(const struct cw_record *r) {
        InAddr local, remote;

        if (r->type != CW_RECORD_DENY || r->hook != CW_HOOK_PACKET || r->protocol != IPPROTO_TCP ||
            r->mode != CW_ENFORCE || r->cookie == 0)
                return;
        memcpy(local.b, r->src.b, sizeof(local.b));
        memcpy(remote.b, r->dst.b, sizeof(remote.b));
        (void) existing_socket_abort(r->cookie, &local, r->src_port, &remote, r->dst_port);
}

/* Looks for losses a second from now, once. Records are lost where the ring is full, so others are read after them. */
static void arm_losses(Engine *e) {
        if (e->losses_due || !e->losses)
                return;
        e->losses_due = sd_event_source_set_time_relative(e->losses, LOSSES_USEC) >= 0 &&
                        sd_event_source_set_enabled(e->losses, SD_EVENT_ONESHOT) >= 0;
}

static void on_record(const void *data, size_t size, void *userdata) {
        Engine *e = userdata;
        uint64_t n_self = event_pipeline_n_self(e->pipeline);

        if (size == sizeof(struct cw_record))
                end_refused(data);
        event_pipeline_record(e->pipeline, data, size);
        if (event_pipeline_n_self(e->pipeline) > n_self)
                return; /* of a self-test: no sign that anybody else is there */
        arm_losses(e);
        if (e->ring)
                event_ring_expect(e->ring);
}

/* Which process a query came from, by the kernel. */
static bool find_client(const Engine *e, const DnsPeer *peer, struct cw_dns_client *ret) {
        struct cw_dns_client_key key = {
                .src_port = peer->port,
                .protocol = peer->is_tcp ? IPPROTO_TCP : IPPROTO_UDP,
        };
        int fd = e->dns_clients_fd;

        memcpy(key.src.b, peer->addr.b, sizeof(key.src.b));
        return fd >= 0 && bpf_map_lookup_elem(fd, &key, ret) == 0;
}

static void on_denial(const DnsDenial *d, void *userdata) {
        Engine *e = userdata;
        struct cw_dns_client client;

        if (e->pipeline)
                event_pipeline_denial(e->pipeline, d, find_client(e, &d->peer, &client) ? &client : NULL);
}

static Scope *scope_by_index(const Engine *e, uint32_t index) {
        for (size_t i = 0; i < e->n_scopes; i++)
                if (e->scopes[i]->index == index)
                        return e->scopes[i];
        return NULL;
}

/* client: NULL when the kernel knows nothing of it. */
static void attribute(Engine *e, const DnsPeer *peer, const struct cw_dns_client *client, DnsAsker *ret) {
        uint32_t chain = client ? client->chain : CW_CHAIN_UNASSIGNED, index, job;

        if (e->on_asker)
                ret->forwards = e->on_asker(peer, client, &chain, e->userdata);
        index = chain == CW_CHAIN_UNASSIGNED ? CW_SCOPE_UNKNOWN : CW_CHAIN_LAYER(chain, 0);
        job = chain == CW_CHAIN_UNASSIGNED ? 0 : CW_CHAIN_LAYER(chain, 1);
        ret->scope = scope_by_index(e, index);
        ret->job = job ? scope_by_index(e, job) : NULL;
        if (job && !ret->job)
                ret->scope = NULL; /* it went a moment ago: who asks has a narrower policy than this one */
        ret->group = client ? client->process.cgroup_id : 0;
        ret->is_self = index == CW_SCOPE_SELF || (client && client->process.pid == (uint32_t) getpid());
        if (ret->is_self) {
                ret->scope = e->scopes[0];
                ret->job = NULL;
        }
}

/* So many looks at processes a second, and no more: under a flood of queries the same few ask again and again. */
static bool may_look_at_peer(Engine *e) {
        uint64_t sec = clock_nsec(CLOCK_BOOTTIME) / NSEC_PER_SEC;

        if (sec != e->peers_sec)
                e->n_peers_left = PEERS_PER_SEC;
        e->peers_sec = sec;
        return e->pipeline && e->n_peers_left > 0;
}

static void find_asker(Engine *e, const DnsPeer *peer, DnsAsker *ret) {
        struct cw_dns_client client;
        bool look = may_look_at_peer(e), known;

        if (!e->many_scopes)
                ret->scope = e->n_scopes > 0 ? e->scopes[0] : NULL;
        else if (e->n_scopes == 0)
                return;
        if (!e->many_scopes && !look)
                return;
        known = find_client(e, peer, &client);
        if (e->many_scopes)
                attribute(e, peer, known ? &client : NULL, ret);
        if (!known || !look)
                return;
        e->n_peers_left--;
        event_pipeline_client(e->pipeline, &client);
}

static void on_query(const DnsPeer *peer, DnsAsker *ret, void *userdata) {
        Engine *e = userdata;

        find_asker(e, peer, ret);
        if (e->ring && !ret->is_self)
                event_ring_expect(e->ring); /* a name is looked up to be connected to */
}

static void arm_expiry(Engine *e, uint64_t nsec) {
        e->expiry_nsec = nsec;
        if (!e->expiry)
                return; /* start_timers() will */
        (void) sd_event_source_set_time(e->expiry, nsec / 1000 + 1);
        (void) sd_event_source_set_enabled(e->expiry, nsec == UINT64_MAX ? SD_EVENT_OFF : SD_EVENT_ONESHOT);
}

/* To be called whenever a scope has a new lease: none of its renewals ends earlier. */
static void note_lease(Engine *e, const Lease *lease) {
        for (size_t i = 0; i < lease->n_bindings; i++)
                if (lease->bindings[i].expires_nsec < e->expiry_nsec)
                        arm_expiry(e, lease->bindings[i].expires_nsec);
}

static void on_lease(const Scope *scope, const Lease *lease, void *userdata) {
        Engine *e = userdata;

        note_lease(e, lease);
        if (e->ring)
                event_ring_expect(e->ring);
        if (e->on_lease)
                e->on_lease(scope, lease, e->userdata);
}

static void on_own_socket(int fd, bool open, void *userdata) {
        Engine *e = userdata;

        /* One that cannot be registered has its queries captured, and fails. */
        if (e->programs && e->many_scopes)
                (void) own_sockets_set(e->programs, fd, open);
}

static void on_local_addr(const InAddr *addr, bool added, void *userdata) {
        Engine *e = userdata;

        /* What is not known as local is judged like everything else: closed. */
        (void) policy_maps_set_local(e->maps, addr, added);
}

static bool denies(const Lease *lease) {
        for (size_t i = 0; i < lease->n_bindings; i++)
                if (lease->bindings[i].verdict.n_deny > 0)
                        return true;
        return false;
}

/* Where there is no room for what is left of it, the entry that stands would go on allowing for a name that ended. Without
 * one less is allowed, unless a name or the default is what denies there; then it ends by itself. */
static void on_lease_changed(const Lease *lease, void *userdata) {
        Scope *s = userdata;
        int r = s->policy ? policy_slot_set_lease(s->slot, s->policy, lease) : 0;

        if (r >= 0)
                return;
        if (r != -E2BIG && policy_default_action(s->policy) == ACTION_DENY && !denies(lease)) /* -E2BIG: it denies all */
                policy_slot_remove_lease(s->slot, &lease->addr);
        lease_table_write_failed(s->leases, &lease->addr);
}

static void tell_losses(Engine *e) {
        uint64_t lost = engine_events_lost(e);
        Event event = { .type = EVENT_EVENTS_LOST, .rule = RULE_NONE, .count = lost - e->n_lost_told };

        if (lost <= e->n_lost_told)
                return;
        event.mode = e->n_scopes > 0 ? e->scopes[0]->mode : MODE_ENFORCE;
        engine_tell(e, &event);
        e->n_lost_told = lost;
        programs_set_counter(e->programs, CW_COUNT_RING_TOLD, programs_counter(e->programs, CW_COUNT_RING_FULL));
}

/* What is left of more than EXPIRE_STEPS is due at once, after whoever else has something to do. */
static int on_expiry(_unused_ sd_event_source *s, _unused_ uint64_t usec, void *userdata) {
        Engine *e = userdata;
        uint64_t next = UINT64_MAX;

        for (size_t i = 0; i < e->n_scopes; i++)
                next = MIN(next, lease_table_expire(e->scopes[i]->leases, clock_nsec(CLOCK_BOOTTIME), EXPIRE_STEPS, on_lease_changed,
                                                    e->scopes[i]));
        arm_expiry(e, next);
        return 0;
}

static int on_losses(_unused_ sd_event_source *s, _unused_ uint64_t usec, void *userdata) {
        Engine *e = userdata;

        e->losses_due = false;
        tell_losses(e);
        return 0;
}

static int on_sweep(sd_event_source *s, _unused_ uint64_t usec, void *userdata) {
        Engine *e = userdata;

        (void) flow_table_sweep(e->programs, FLOW_IDLE_NSEC, false, on_record, e);
        tell_losses(e);
        (void) sd_event_source_set_time_relative(s, SWEEP_USEC);
        return sd_event_source_set_enabled(s, SD_EVENT_ONESHOT);
}

static int on_collect(sd_event_source *s, _unused_ uint64_t usec, void *userdata) {
        Engine *e = userdata;

        if (!policy_maps_collect(e->maps, COLLECT_STEPS))
                return 0;
        (void) sd_event_source_set_time_relative(s, COLLECT_USEC);
        return sd_event_source_set_enabled(s, SD_EVENT_ONESHOT);
}

/* ------------------------------------------------------------------ scopes */

/* A place that no scope has; places are used again, ids are not. */
static uint32_t free_index(const Engine *e, const ScopeSpec *specs, Scope *const *scopes, size_t n) {
        for (uint32_t index = 0; index < CW_SCOPE_WAITING; index++) {
                bool used = scope_by_index(e, index) != NULL;
                for (size_t i = 0; i < n && !used; i++)
                        used = (scopes[i] && scopes[i]->index == index) ||
                               (specs[i].previous_id != 0 && CW_POLICY_SCOPE(specs[i].previous_id) == index);
                if (!used)
                        return index;
        }
        return CW_SCOPE_UNKNOWN;
}

static int new_scope(Engine *e, const ScopeSpec *specs, size_t n, const ScopeSpec *spec, Scope *const *scopes,
                     Scope **ret) {
        _cleanup_(scope_freep) Scope *s = NULL;
        uint32_t index = free_index(e, specs, scopes, n);
        int r;

        if (spec->previous_id != 0)
                index = CW_POLICY_SCOPE(spec->previous_id); /* a predecessor gave each scope its own */
        if (index == CW_SCOPE_UNKNOWN)
                return -ENOSPC;
        r = scope_new(spec->name, ++e->next_scope_id, index, spec->max_leases ?: LEASES_MAX, &s);
        if (r >= 0)
                r = policy_slot_new(e->maps, index, &s->slot);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(s);
        return 0;
}

/* Writes the spec's policy, unseen. */
static int stage_scope(Scope *s, const ScopeSpec *spec) {
        int r;

        (void) lease_table_expire(s->leases, clock_nsec(CLOCK_BOOTTIME), SIZE_MAX, on_lease_changed, s);
        r = policy_slot_stage(s->slot, spec->policy, spec->policy ? s->leases : NULL,
                              spec->is_same ? spec->previous_id : 0);
        if (r < 0 && s->policy)
                lease_table_rematch(s->leases, s->policy, on_lease_changed, s);
        return r;
}

static void commit_scope(Scope *s, ScopeSpec *spec, char *digest) {
        policy_slot_commit(s->slot, spec->policy ? spec->mode : MODE_OFF, spec->flags);
        policy_free(s->policy);
        free(s->digest);
        s->policy = TAKE_PTR(spec->policy);
        s->mode = s->policy ? spec->mode : MODE_OFF;
        s->flags = spec->flags;
        s->narrows = spec->narrows;
        s->digest = digest;
        derived_names_flush(s->derived);
}

/* The scopes of the specs: those there are, or new ones. Nothing changes yet but what is unseen. */
static int stage_scopes(Engine *e, ScopeSpec *specs, size_t n, Scope **scopes, char **digests, size_t *ret_bad) {
        int r = 0;

        for (size_t i = 0; i < n; i++) {
                *ret_bad = i;
                digests[i] = specs[i].digest ? strdup(specs[i].digest) : NULL;
                if (specs[i].digest && !digests[i])
                        return -ENOMEM;
                scopes[i] = engine_find_scope(e, specs[i].name);
                if (!scopes[i])
                        r = new_scope(e, specs, n, &specs[i], scopes, &scopes[i]);
                if (r >= 0)
                        r = stage_scope(scopes[i], &specs[i]);
                if (r < 0)
                        return r;
        }
        return 0;
}

static void unstage_scopes(Engine *e, Scope **scopes, size_t n) {
        for (size_t i = 0; i < n; i++) {
                if (!scopes[i])
                        continue;
                if (scope_by_index(e, scopes[i]->index) != scopes[i]) {
                        scope_free(scopes[i]);
                        continue;
                }
                policy_slot_unstage(scopes[i]->slot);
                if (scopes[i]->policy)
                        lease_table_rematch(scopes[i]->leases, scopes[i]->policy, on_lease_changed, scopes[i]);
        }
}

static void start_collecting(Engine *e) {
        if (!e->collector)
                return;
        (void) sd_event_source_set_time_relative(e->collector, COLLECT_USEC);
        (void) sd_event_source_set_enabled(e->collector, SD_EVENT_ONESHOT);
}

static bool contains(Scope *const *scopes, size_t n, const Scope *s) {
        for (size_t i = 0; i < n; i++)
                if (scopes[i] == s)
                        return true;
        return false;
}

static void replace_scopes(Engine *e, Scope **scopes, size_t n, engine_fill_fn reassign, void *userdata) {
        Scope **old = e->scopes;
        size_t n_old = e->n_scopes;

        e->scopes = scopes;
        e->n_scopes = n;
        if (e->pipeline)
                event_pipeline_set_scopes(e->pipeline, e->scopes, n);
        dns_proxy_set_scopes(e->proxy, e->scopes, n);
        if (reassign)
                (void) reassign(e, userdata);
        for (size_t i = 0; i < n_old; i++)
                if (!contains(scopes, n, old[i])) {
                        policy_slot_close(old[i]->slot);
                        scope_free(old[i]);
                }
        free(old);
        start_collecting(e);
}

int engine_set_scopes(Engine *e, ScopeSpec *specs, size_t n_specs, engine_fill_fn reassign, void *userdata,
                      size_t *ret_bad) {
        _cleanup_free_ Scope **scopes = calloc(MAX(n_specs, (size_t) 1), sizeof(*scopes));
        _cleanup_free_ char **digests = calloc(MAX(n_specs, (size_t) 1), sizeof(*digests));
        size_t bad = 0;
        int r = -ENOMEM;

        if (e->ring)
                (void) event_ring_drain(e->ring); /* records of the old policies still find their rules */
        if (scopes && digests)
                r = stage_scopes(e, specs, n_specs, scopes, digests, &bad);
        if (ret_bad)
                *ret_bad = bad;
        if (r < 0 && scopes)
                unstage_scopes(e, scopes, n_specs);
        for (size_t i = 0; i < n_specs; i++) {
                if (r >= 0)
                        commit_scope(scopes[i], &specs[i], digests[i]);
                else if (digests)
                        free(digests[i]);
                specs[i].policy = policy_free(specs[i].policy);
        }
        if (r >= 0)
                replace_scopes(e, TAKE_PTR(scopes), n_specs, reassign, userdata);
        return r;
}

int engine_set_scope(Engine *e, ScopeSpec *spec) {
        Scope *s = engine_find_scope(e, spec->name);
        char *digest = spec->digest ? strdup(spec->digest) : NULL;
        int r = s ? 0 : -ENOENT;

        if (spec->digest && !digest)
                r = -ENOMEM;
        (void) event_ring_drain(e->ring);
        if (r >= 0)
                r = stage_scope(s, spec);
        if (r >= 0)
                commit_scope(s, spec, TAKE_PTR(digest));
        free(digest);
        spec->policy = policy_free(spec->policy);
        start_collecting(e);
        return r;
}

static int add_scope(Engine *e, ScopeSpec *spec, Scope **scopes, Scope **ret) {
        _cleanup_free_ char *digest = spec->digest ? strdup(spec->digest) : NULL;
        Scope *none = NULL, *s;
        int r;

        if (spec->digest && !digest)
                return -ENOMEM;
        r = new_scope(e, spec, 1, spec, &none, &s);
        if (r < 0)
                return r;
        r = stage_scope(s, spec);
        if (r < 0) {
                scope_free(s);
                return r;
        }
        commit_scope(s, spec, TAKE_PTR(digest));
        memcpy(scopes, e->scopes, e->n_scopes * sizeof(*scopes));
        scopes[e->n_scopes] = s;
        *ret = s;
        return 0;
}

int engine_add_scope(Engine *e, ScopeSpec *spec, Scope **ret) {
        _cleanup_free_ Scope **scopes = calloc(e->n_scopes + 1, sizeof(*scopes));
        int r = scopes ? add_scope(e, spec, scopes, ret) : -ENOMEM;

        spec->policy = policy_free(spec->policy);
        if (r >= 0)
                replace_scopes(e, TAKE_PTR(scopes), e->n_scopes + 1, NULL, NULL);
        return r;
}

/* In place: there is nothing that can fail. */
void engine_remove_scope(Engine *e, const Scope *scope) {
        size_t i = 1;

        while (i < e->n_scopes && e->scopes[i] != scope)
                i++;
        if (i >= e->n_scopes)
                return;
        Scope *s = e->scopes[i];
        (void) event_ring_drain(e->ring); /* its records still find its rules */
        e->n_scopes--;
        memmove(&e->scopes[i], &e->scopes[i + 1], (e->n_scopes - i) * sizeof(e->scopes[0]));
        event_pipeline_set_scopes(e->pipeline, e->scopes, e->n_scopes);
        dns_proxy_set_scopes(e->proxy, e->scopes, e->n_scopes);
        policy_slot_close(s->slot);
        scope_free(s);
        start_collecting(e);
}

unsigned engine_repair(Engine *e) {
        unsigned n = e->self ? policy_slot_repair(e->self) : 0;

        for (size_t i = 0; i < e->n_scopes; i++)
                n += policy_slot_repair(e->scopes[i]->slot);
        return n;
}

size_t engine_n_scopes(const Engine *e) {
        return e->n_scopes;
}

Scope *engine_scope(const Engine *e, size_t i) {
        return e->scopes[i];
}

Scope *engine_find_scope(const Engine *e, const char *name) {
        for (size_t i = 0; i < e->n_scopes; i++)
                if (strcmp(e->scopes[i]->name, name) == 0)
                        return e->scopes[i];
        return NULL;
}

void engine_set_mode(_unused_ Engine *e, Scope *scope, Mode mode) {
        if (!scope->policy)
                return;
        policy_slot_set_mode(scope->slot, mode);
        scope->mode = mode;
}

int engine_restore_lease(Engine *e, Scope *scope, const InAddr *addr, const char *name, const char *chain,
                         uint64_t expires_nsec) {
        const Lease *lease;
        InAddr evicted;
        int r;

        if (!scope->policy)
                return 0;
        r = lease_table_restore(scope->leases, addr, name, chain, scope->policy, expires_nsec, clock_nsec(CLOCK_BOOTTIME), &lease);
        if (lease_table_evicted(scope->leases, &evicted))
                policy_slot_remove_lease(scope->slot, &evicted);
        if (r < 0)
                return r;
        note_lease(e, lease);
        r = policy_slot_set_lease(scope->slot, scope->policy, lease);
        if (r < 0)
                lease_table_write_failed(scope->leases, addr);
        return r;
}

typedef struct LeaseCopy {
        Engine *engine;
        Scope *to;
} LeaseCopy;

static bool says_something(const Policy *policy, const char *name) {
        NameVerdict v;

        policy_match_name(policy, name, &v);
        return v.n_deny + v.n_allow + v.n_late > 0;
}

/* One for which there is no room is asked for again by its name. */
static void copy_lease(const Lease *lease, void *userdata) {
        const LeaseCopy *c = userdata;

        for (size_t i = 0; i < lease->n_bindings; i++) {
                const LeaseBinding *b = &lease->bindings[i];

                if (!says_something(c->to->policy, b->name) ||
                    engine_restore_lease(c->engine, c->to, &lease->addr, b->name, b->chain, b->expires_nsec) < 0)
                        continue;
                const Lease *copy = lease_table_find(c->to->leases, &lease->addr);
                if (copy && c->engine->on_lease)
                        c->engine->on_lease(c->to, copy, c->engine->userdata);
        }
}

void engine_copy_leases(Engine *e, const Scope *from, Scope *to) {
        LeaseCopy c = { .engine = e, .to = to };

        if (to->policy)
                lease_table_for_each(from->leases, copy_lease, &c);
}

/* ------------------------------------------------------------------ start */

/* Maps are sized by the policies, twice over so that a second one fits beside each during a swap. */
static int load_programs(Engine *e, const EngineOptions *options, const ScopeSpec *specs, size_t n_specs,
                         const char **ret_what) {
        uint32_t n[2] = { options->expected_prefixes, options->expected_prefixes }, leases = 0;
        ProgramsOptions o = {
                .many_scopes = options->many_scopes,
                .root_cgroup = options->many_scopes ? options->cgroup_id : 0,
                .network_uid = options->network_uid,
                .max_flows = options->many_scopes ? FLOWS_MANY : FLOWS_MAX,
                .ring_bytes = RING_BYTES,
                .optional_hooks = options->optional_hooks,
                .inherit = options->inherit,
                .inherit_userdata = options->inherit_userdata,
        };

        for (size_t i = 0; i < n_specs; i++) {
                const PolicySize size = specs[i].policy ? policy_size(specs[i].policy) : (PolicySize) {};

                n[0] += size.n_prefixes;
                n[1] += size.n_port_rules * 2; /* runs are rounded up to powers of two */
                leases += specs[i].max_leases ?: LEASES_MAX;
        }
        o.max_prefixes = n[0] * 2 + 65536;
        o.max_exact = n[0] * 2 + leases * 2 + (options->many_scopes ? 65536 : 0);
        o.max_port_rules = n[1] * 2 + 16384;
        dns_proxy_address(e->proxy, &o.proxy_addr4, &o.proxy_port4, &o.proxy_port6);
        return programs_load(&o, &e->programs, ret_what);
}

static int start_proxy(Engine *e, sd_event *event, const EngineOptions *o, const char **ret_what) {
        const DnsProxyOptions proxy = {
                .servers = o->servers, .n_servers = o->n_servers, .fds = o->dns_fds, .n_fds = o->n_dns_fds,
                .on_denial = on_denial, .on_query = on_query, .on_lease = on_lease, .on_socket = on_own_socket,
                .userdata = e,
        };
        int r = dns_proxy_new(event, &proxy, &e->proxy);

        if (r < 0)
                *ret_what = "the DNS proxy cannot listen on 127.0.0.1: is the loopback device up?";
        return r;
}

/* Deny all, in force in every mode: a probe that must be refused, and a bound for whoever should take us over. */
static int start_self(Engine *e) {
        PolicySource nothing = { .default_action = ACTION_DENY };
        int r = policy_new(&nothing, &e->self_policy);

        if (r >= 0)
                r = policy_slot_new(e->maps, CW_SCOPE_SELF, &e->self);
        if (r >= 0)
                r = policy_slot_stage(e->self, e->self_policy, NULL, 0);
        if (r >= 0)
                policy_slot_commit(e->self, MODE_ENFORCE, 0);
        return r;
}

static int start_kernel(Engine *e, sd_event *event, const EngineOptions *o, ScopeSpec *specs, size_t n_specs,
                        const char **ret_what) {
        int r;

        r = load_programs(e, o, specs, n_specs, ret_what);
        if (r < 0)
                return r;
        e->dns_clients_fd = programs_map_fd(e->programs, "dns_clients");
        e->n_lost_told = programs_counter(e->programs, CW_COUNT_RING_TOLD); /* a predecessor's */
        r = policy_maps_new(e->programs, &e->maps);
        if (r < 0)
                return r;
        policy_maps_skip_ids(e->maps, o->last_policy_id);
        r = o->has_self ? start_self(e) : 0;
        if (r >= 0)
                r = engine_set_scopes(e, specs, n_specs, NULL, NULL, NULL);
        if (r < 0) {
                *ret_what = "the policy does not fit into the kernel's maps";
                return r;
        }
        r = local_addrs_new(event, on_local_addr, e, &e->local_addrs);
        if (r < 0)
                return r;
        r = event_pipeline_new(o->on_event, o->userdata, o->first_sequence, &e->pipeline);
        if (r < 0)
                return r;
        event_pipeline_set_scopes(e->pipeline, e->scopes, e->n_scopes);
        return event_ring_new(event, e->programs, on_record, e, &e->ring);
}

static int start_timers(Engine *e, sd_event *event) {
        int r;

        r = sd_event_add_time(event, &e->expiry, CLOCK_BOOTTIME, 0, EXPIRE_ACCURACY_USEC, on_expiry, e);
        if (r >= 0)
                r = sd_event_add_time(event, &e->losses, CLOCK_MONOTONIC, 0, LOSSES_USEC, on_losses, e);
        if (r >= 0)
                r = sd_event_source_set_enabled(e->losses, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_time_relative(event, &e->sweep, CLOCK_MONOTONIC, SWEEP_USEC, SWEEP_ACCURACY_USEC,
                                               on_sweep, e);
        if (r >= 0)
                r = sd_event_add_time_relative(event, &e->collector, CLOCK_MONOTONIC, 0, 0, on_collect, e);
        if (r >= 0)
                r = sd_event_source_set_enabled(e->collector, SD_EVENT_OFF);
        if (r < 0)
                return r;
        arm_expiry(e, e->expiry_nsec);
        arm_losses(e);
        (void) sd_event_source_set_description(e->expiry, "engine-expiry");
        (void) sd_event_source_set_description(e->losses, "engine-losses");
        (void) sd_event_source_set_description(e->sweep, "engine-sweep");
        (void) sd_event_source_set_description(e->collector, "engine-collector");
        return 0;
}

int engine_new(sd_event *event, const EngineOptions *o, ScopeSpec *specs, size_t n_specs, engine_fill_fn fill,
               Engine **ret, const char **ret_what) {
        _cleanup_(engine_freep) Engine *e = NULL;
        int r;

        *ret_what = "the engine could not be started";
        e = calloc(1, sizeof(*e));
        r = e ? 0 : -ENOMEM;
        if (r >= 0) {
                e->many_scopes = o->many_scopes;
                e->dns_clients_fd = -EBADF;
                e->expiry_nsec = UINT64_MAX;
                e->on_asker = o->on_asker;
                e->on_lease = o->on_lease;
                e->userdata = o->userdata;
                r = start_proxy(e, event, o, ret_what);
        } else
                for (size_t i = 0; i < o->n_dns_fds; i++)
                        (void) close(o->dns_fds[i]);
        if (r >= 0)
                r = start_kernel(e, event, o, specs, n_specs, ret_what);
        if (r >= 0)
                r = start_timers(e, event);
        if (r >= 0 && fill)
                r = fill(e, o->userdata);
        if (r >= 0)
                r = programs_attach(e->programs, o->cgroup_fd, ret_what);
        for (size_t i = 0; i < n_specs; i++)
                specs[i].policy = policy_free(specs[i].policy); /* those that nobody took */
        if (r < 0)
                return r;
        *ret = TAKE_PTR(e);
        return 0;
}

static bool knows_a_client(const Engine *e) {
        struct cw_dns_client_key key;

        return bpf_map_get_next_key(e->dns_clients_fd, NULL, &key) == 0;
}

int engine_self_test(Engine *e, engine_probe_fn probe, void *userdata, const char **ret_what) {
        int r;

        *ret_what = "the self-test could not be run";
        r = probe(ENGINE_PROBE_CONNECT, userdata);
        if (r < 0)
                return r;
        if (programs_counter(e->programs, CW_COUNT_DNS_CAPTURED) == 0) {
                *ret_what = "self-test failed: this kernel does not show the command's sockets to the firewall";
                return -EOPNOTSUPP;
        }
        r = probe(ENGINE_PROBE_SEND, userdata);
        if (r < 0)
                return r;
        if (!knows_a_client(e)) {
                *ret_what = "self-test failed: this kernel does not show the command's packets to the firewall (are the "
                            "net_cls or net_prio controllers in use?)";
                return -EOPNOTSUPP;
        }
        return 0;
}

Engine *engine_free(Engine *e) {
        if (!e)
                return NULL;
        e->expiry = sd_event_source_disable_unref(e->expiry);
        e->losses = sd_event_source_disable_unref(e->losses);
        sd_event_source_disable_unref(e->sweep);
        sd_event_source_disable_unref(e->collector);
        local_addrs_free(e->local_addrs);
        e->ring = event_ring_free(e->ring);
        dns_proxy_free(e->proxy); /* may still report a refusal */
        event_pipeline_free(e->pipeline);
        for (size_t i = 0; i < e->n_scopes; i++)
                scope_free(e->scopes[i]);
        free(e->scopes);
        policy_slot_free(e->self);
        policy_free(e->self_policy);
        policy_maps_free(e->maps);
        programs_free(e->programs);
        free(e);
        return NULL;
}

/* ------------------------------------------------------------------ what front ends ask for */

int engine_set_servers(Engine *e, const DnsServer *servers, size_t n_servers) {
        return dns_proxy_set_servers(e->proxy, servers, n_servers);
}

int engine_set_subject(Engine *e, uint64_t cgroup_id, uint32_t chain, uint32_t actor, uint32_t flags) {
        return subjects_set(e->programs, cgroup_id, chain, actor, flags);
}

int engine_remove_subject(Engine *e, uint64_t cgroup_id) {
        return subjects_remove(e->programs, cgroup_id);
}

int engine_keep_flow(Engine *e, uint64_t cookie, const InAddr *peer, uint16_t port) {
        return flows_keep(e->programs, cookie, peer, port);
}

Programs *engine_programs(Engine *e) {
        return e->programs;
}

const DnsProxy *engine_proxy(const Engine *e) {
        return e->proxy;
}

int engine_renew_self_query(Engine *e, SelfQuery *ret) {
        return dns_proxy_renew_self_query(e->proxy, ret);
}

void engine_tell(Engine *e, Event *event) {
        event_pipeline_tell(e->pipeline, event);
}

uint64_t engine_sequence(const Engine *e) {
        return event_pipeline_sequence(e->pipeline);
}

void engine_drain(Engine *e) {
        (void) event_ring_drain(e->ring);
        tell_losses(e);
}

void engine_finish(Engine *e) {
        engine_drain(e);
        (void) flow_table_sweep(e->programs, 0, true, on_record, e);
        tell_losses(e);
}

uint64_t engine_events_lost(const Engine *e) {
        return programs_counter(e->programs, CW_COUNT_RING_FULL) + event_pipeline_n_bad(e->pipeline);
}

uint64_t engine_self_refusals(const Engine *e) {
        return event_pipeline_n_self(e->pipeline);
}
