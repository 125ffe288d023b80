/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/engine.h"

#include <string.h>

#include "basic/clock.h"
#include "engine/dns-peer.h"
#include "engine/event-pipeline.h"
#include "engine/explanation.h"
#include "engine/hook-probe.h"
#include "engine/hosts-names.h"
#include "engine/query-throttle.h"
#include "engine/refused-sockets.h"
#include "engine/requesters.h"
#include "host/local-addr.h"
#include "host/local-route.h"
#include "kernel/attach.h"
#include "kernel/denial-counts.h"
#include "kernel/event-ring.h"
#include "kernel/exemptions.h"
#include "kernel/flow-table.h"
#include "kernel/loopback-filter.h"
#include "kernel/programs.h"
#include "kernel/subjects.h"

#define FLOWS_MAX 8192          /* for one command; connections have their own memory */
#define FLOWS_MANY 65536        /* for a whole machine */
#define RING_BYTES (1U << 18)
#define EXPIRE_ACCURACY_USEC USEC_PER_SEC /* accuracy with which expired leases are removed, also after a suspend */
#define EXPIRE_STEPS 4096
#define COLLECT_USEC (20 * USEC_PER_MSEC)
#define COLLECT_STEPS 4096
#define LOSSES_USEC USEC_PER_SEC
#define SWEEP_USEC (30 * USEC_PER_SEC)
#define SWEEP_ACCURACY_USEC (10 * USEC_PER_SEC)
#define SWEEP_STEPS 2048
#define FLOW_IDLE_NSEC (120 * NSEC_PER_SEC)

struct Engine {
        LayerTable layers;      /* the host's first */
        bool many_layers;
        PolicySlot *self;       /* CW_LAYER_SELF; may be NULL */
        Policy *self_policy;
        DnsProxy *proxy;
        Programs *programs;
        int cgroup_fd;          /* borrowed; what the programs are attached to */
        uint64_t cgroup_id;
        Requesters requesters;
        int loopback_filter;    /* for the sockets of the proxy; negative: not loaded */
        PolicyMaps *maps;
        EventPipeline *pipeline;
        EventRing *ring;
        LocalAddrs *local_addrs;
        sd_event_source *expiry, *losses, *sweep, *collector; /* enabled while there is work; sweep always */
        HostsNames *hosts;
        uint64_t expiry_nsec;   /* no later than the first lease expires; UINT64_MAX: none */
        FlowTable *flows;
        FlowSweep flow_sweep;
        RefusedLooks refused;
        bool losses_due;
        bool flows_full;        /* and engine_refused_flows() has said so */
        QueryThrottle *throttle;
        uint64_t n_lost_reported;
        dns_lease_fn on_lease;
        engine_not_local_fn on_not_local; /* NULL once called */
        dns_upstream_forgery_fn on_forgery;
        void *userdata;
};

/* ------------------------------------------------------------------ callbacks */

/* Schedules one look at losses and counts a second from now. Records are lost when the ring is full, and denials are
 * only counted when others were recorded, so records are read before. */
static void arm_losses(Engine *e) {
        if (e->losses_due || !e->losses)
                return;
        e->losses_due = sd_event_source_set_time_relative(e->losses, LOSSES_USEC) >= 0 &&
                        sd_event_source_set_enabled(e->losses, SD_EVENT_ONESHOT) >= 0;
}

static void engine_on_record(const void *data, size_t size, void *userdata) {
        Engine *e = userdata;
        uint64_t n_self = event_pipeline_n_self(e->pipeline);

        if (size == sizeof(struct cw_record))
                refused_socket_abort(&e->refused, data, clock_nsec(CLOCK_MONOTONIC));
        event_pipeline_record(e->pipeline, data, size);
        if (event_pipeline_n_self(e->pipeline) > n_self)
                return; /* from a self-test: not a sign of other clients */
        arm_losses(e);
        if (e->ring)
                event_ring_expect(e->ring);
}

static void engine_on_denial(const DnsDenial *d, void *userdata) {
        Engine *e = userdata;
        struct cw_dns_client client;

        if (!e->pipeline)
                return;
        bool known = requesters_client(&e->requesters, &d->peer, &client);
        event_pipeline_denial(e->pipeline, d, known ? &client : NULL);
        arm_losses(e);
        if (known)
                query_throttle_refused(e->throttle, client.actor, clock_nsec(CLOCK_MONOTONIC));
}

static void engine_on_failure(const DnsFailure *f, void *userdata) {
        Engine *e = userdata;
        struct cw_dns_client client;

        if (e->pipeline)
                event_pipeline_failure(e->pipeline, f, requesters_client(&e->requesters, &f->peer, &client) ? &client : NULL);
}

/* Whoever continues is slowed down like one with refused names. */
static void engine_on_crowded(uint32_t actor, DnsShare share, size_t n, void *userdata) {
        Engine *e = userdata;

        event_pipeline_crowded(e->pipeline, actor, share, n);
        arm_losses(e);
        if (actor != 0)
                query_throttle_refused(e->throttle, actor, clock_nsec(CLOCK_MONOTONIC));
}

static void engine_on_flooded(uint32_t actor, void *userdata) {
        Engine *e = userdata;

        if (e->throttle)
                query_throttle_flooded(e->throttle, actor, clock_nsec(CLOCK_MONOTONIC));
        arm_losses(e);
}

static void engine_on_query(const DnsPeer *peer, DnsRequester *ret, void *userdata) {
        Engine *e = userdata;
        struct cw_dns_client client;

        if (requesters_find(&e->requesters, peer, ret, &client) && e->pipeline)
                event_pipeline_client(e->pipeline, &client);
        if (e->ring && !ret->is_self && !ret->is_stranger)
                event_ring_expect(e->ring); /* a name is usually looked up to connect to it */
}

static void engine_on_answer(const DnsRequester *requester, const char *name, const DnsAnswer *answer, void *userdata) {
        Engine *e = userdata;

        if (!e->pipeline || requester->forwards || requester->is_self)
                return;
        NameChange change = event_pipeline_renew_name(e->pipeline, requester, name, answer);
        if (change == NAME_KEPT)
                return;
        if (e->ring && change == NAME_REPLACED)
                (void) event_ring_drain(e->ring);
        event_pipeline_looked_up(e->pipeline, requester, name, answer);
}

static void arm_expiry(Engine *e, uint64_t nsec) {
        e->expiry_nsec = nsec;
        if (!e->expiry)
                return; /* start_timers() will do it */
        (void) sd_event_source_set_time(e->expiry, nsec / 1000 + 1);
        (void) sd_event_source_set_enabled(e->expiry, nsec == UINT64_MAX ? SD_EVENT_OFF : SD_EVENT_ONESHOT);
}

/* Call whenever a layer has a new lease: renewals never end earlier. */
static void note_lease(Engine *e, const Lease *lease) {
        for (size_t i = 0; i < lease->n_bindings; i++)
                if (lease->bindings[i].expires_nsec < e->expiry_nsec)
                        arm_expiry(e, lease->bindings[i].expires_nsec);
}

static void engine_on_lease(const Layer *layer, const Lease *lease, void *userdata) {
        Engine *e = userdata;

        note_lease(e, lease);
        if (e->ring)
                event_ring_expect(e->ring);
        if (e->on_lease)
                e->on_lease(layer, lease, e->userdata);
}

static void engine_on_own_socket(int fd, bool open, void *userdata) {
        Engine *e = userdata;

        /* If it cannot be registered, its queries are captured and fail. */
        if (e->programs && e->many_layers)
                (void) exemptions_set_own_socket(e->programs, fd, open);
}

static void engine_on_forgery(const Endpoint *server, void *userdata) {
        Engine *e = userdata;

        if (e->on_forgery)
                e->on_forgery(server, e->userdata);
}

static void engine_on_local_addr(const InAddr *addr, bool added, void *userdata) {
        Engine *e = userdata;
        InAddr far, own; /* far: for documentation (RFC 5737, RFC 3849); nothing is sent */

        for (int v6 = 0; v6 < 2; v6++) {
                bool known = in_addr_parse(v6 ? "2001:db8::1" : "192.0.2.1", &far) >= 0 &&
                             local_route_source(&far, &own) >= 0;
                programs_set_source(e->programs, v6, known ? &own : NULL);
        }
        int r = policy_maps_set_local(e->maps, addr, added);
        if (r >= 0 || !e->on_not_local)
                return;
        e->on_not_local(addr, r, e->userdata);
        e->on_not_local = NULL;
}

static void report_losses(Engine *e) {
        uint64_t lost = engine_events_lost(e);
        Event event = { .type = EVENT_EVENTS_LOST, .rule = RULE_NONE, .count = lost - e->n_lost_reported };

        if (lost <= e->n_lost_reported)
                return;
        event.mode = e->layers.n > 0 ? e->layers.layers[0]->mode : MODE_ENFORCE;
        engine_emit(e, &event);
        e->n_lost_reported = lost;
        programs_set_counter(e->programs, CW_COUNT_RING_REPORTED, programs_counter(e->programs, CW_COUNT_RING_FULL));
}

/* If more than EXPIRE_STEPS are due, the rest follows at once, after other pending work. */
static int engine_on_expiry(_unused_ sd_event_source *s, _unused_ uint64_t usec, void *userdata) {
        Engine *e = userdata;
        uint64_t next = UINT64_MAX;

        for (size_t i = 0; i < e->layers.n; i++)
                next = MIN(next, layer_expire(e->layers.layers[i], clock_nsec(CLOCK_BOOTTIME), EXPIRE_STEPS));
        arm_expiry(e, next);
        return 0;
}

/* Denials that were only counted. all: every one, nothing more will come. Returns whether some are left. */
static bool report_counts(Engine *e, bool all) {
        const DenialCountsReader reader = {
                .repeats = event_pipeline_repeats, .over = event_pipeline_suppressed, .userdata = e->pipeline,
        };
        bool left = denial_counts_read(e->programs, all, &reader);

        return event_pipeline_flush(e->pipeline, all) || left;
}

static int engine_on_losses(_unused_ sd_event_source *s, _unused_ uint64_t usec, void *userdata) {
        Engine *e = userdata;

        e->losses_due = false;
        refused_sockets_look(&e->refused);
        report_losses(e);
        if (report_counts(e, false))
                arm_losses(e);
        return 0;
}

static void begin_sweep(Engine *e, bool all) {
        e->flow_sweep = (FlowSweep) {
                .idle_nsec = FLOW_IDLE_NSEC, .all = all, .on_record = engine_on_record, .userdata = e,
        };
}

/* One walk every SWEEP_USEC, in slices. */
static int engine_on_sweep(sd_event_source *s, _unused_ uint64_t usec, void *userdata) {
        Engine *e = userdata;
        bool more;

        if (e->flow_sweep.n_steps == 0 && e->flow_sweep.table == 0)
                begin_sweep(e, false);
        more = flow_table_sweep(e->flows, &e->flow_sweep, SWEEP_STEPS) > 0;
        report_losses(e);
        if (!more)
                denial_counts_forget(e->programs);
        (void) sd_event_source_set_time_accuracy(s, more ? COLLECT_USEC : SWEEP_ACCURACY_USEC);
        (void) sd_event_source_set_time_relative(s, more ? COLLECT_USEC : SWEEP_USEC);
        return sd_event_source_set_enabled(s, SD_EVENT_ONESHOT);
}

static int engine_on_collect(sd_event_source *s, _unused_ uint64_t usec, void *userdata) {
        Engine *e = userdata;

        if (!policy_maps_collect(e->maps, COLLECT_STEPS))
                return 0;
        (void) sd_event_source_set_time_relative(s, COLLECT_USEC);
        return sd_event_source_set_enabled(s, SD_EVENT_ONESHOT);
}

/* ------------------------------------------------------------------ layers */

static void start_collecting(Engine *e) {
        if (!e->collector)
                return;
        (void) sd_event_source_set_time_relative(e->collector, COLLECT_USEC);
        (void) sd_event_source_set_enabled(e->collector, SD_EVENT_ONESHOT);
}

/* Records made under the policy that is about to change must still find its rules. */
static void drain_before_change(Engine *e) {
        if (!e->ring)
                return;
        (void) event_ring_drain(e->ring);
        (void) report_counts(e, true);
}

static void layers_changed(Engine *e) {
        if (e->hosts) /* not those that the start makes */
                hosts_names_open(e->hosts);
        start_collecting(e);
}

int engine_set_layers(Engine *e, LayerSpec *specs, size_t n_specs, engine_fill_fn reassign, void *userdata,
                      size_t *ret_bad) {
        size_t n_left, bad = 0;
        Layer **left;
        int r;

        drain_before_change(e);
        r = layer_table_set(&e->layers, specs, n_specs, clock_nsec(CLOCK_BOOTTIME), &left, &n_left, &bad);
        if (ret_bad)
                *ret_bad = bad;
        if (r < 0)
                return r;
        if (reassign)
                (void) reassign(e, userdata); /* what could not be assigned is denied */
        layers_close(left, n_left);
        layers_changed(e);
        return 0;
}

int engine_set_layer(Engine *e, LayerSpec *spec) {
        Layer *l = layer_table_find(&e->layers, spec->name);
        int r = -ENOENT;

        drain_before_change(e);
        if (l)
                r = layer_change(l, spec, clock_nsec(CLOCK_BOOTTIME));
        spec->policy = policy_free(spec->policy);
        layers_changed(e);
        return r;
}

int engine_add_layer(Engine *e, LayerSpec *spec, Layer **ret) {
        int r = layer_table_add(&e->layers, spec, clock_nsec(CLOCK_BOOTTIME), ret);

        layers_changed(e);
        return r;
}

void engine_remove_layer(Engine *e, const Layer *layer) {
        drain_before_change(e);
        layer_table_remove(&e->layers, layer);
        start_collecting(e);
}

unsigned engine_repair(Engine *e) {
        return layer_table_repair(&e->layers) + (e->self && policy_slot_repair(e->self) ? 1U : 0U);
}

size_t engine_n_layers(const Engine *e) {
        return e->layers.n;
}

Layer *engine_layer(const Engine *e, size_t i) {
        return e->layers.layers[i];
}

Layer *engine_find_layer(const Engine *e, const char *name) {
        return layer_table_find(&e->layers, name);
}

int engine_restore_lease(Engine *e, Layer *layer, const InAddr *addr, const char *name, const char *chain,
                         uint64_t expires_nsec) {
        const Lease *lease;
        int r;

        if (!layer->policy)
                return 0;
        r = layer_restore(layer, addr, name, chain, expires_nsec, clock_nsec(CLOCK_BOOTTIME), &lease);
        if (r >= 0)
                note_lease(e, lease);
        return r;
}

typedef struct LeaseCopy {
        Engine *engine;
        Layer *to;
} LeaseCopy;

/* A lease that does not fit is requested again by its name. */
static void copy_lease(const Lease *lease, void *userdata) {
        const LeaseCopy *c = userdata;

        for (size_t i = 0; i < lease->n_bindings; i++) {
                const LeaseBinding *b = &lease->bindings[i];

                if (!layer_has_rules_for(c->to, b->name) ||
                    engine_restore_lease(c->engine, c->to, &lease->addr, b->name, b->chain, b->expires_nsec) < 0)
                        continue;
                const Lease *copy = lease_table_find(c->to->leases, &lease->addr);
                if (copy && c->engine->on_lease)
                        c->engine->on_lease(c->to, copy, c->engine->userdata);
        }
}

void engine_copy_leases(Engine *e, const Layer *from, Layer *to) {
        LeaseCopy c = { .engine = e, .to = to };

        if (to->policy)
                lease_table_for_each(from->leases, copy_lease, &c);
}

/* ------------------------------------------------------------------ start */

/* Maps are sized for twice the policies, so that the new one fits beside the old during a swap. */
static int load_programs(Engine *e, const EngineOptions *options, const LayerSpec *specs, size_t n_specs,
                         const char **ret_what) {
        uint32_t n[2] = { options->expected_prefixes, options->expected_prefixes }, leases = 0;
        ProgramsOptions o = {
                .many_layers = options->many_layers,
                .own_cgroup_fd = options->own_cgroup_fd,
                .root_cgroup = options->many_layers ? options->cgroup_id : 0,
                .network_uid = options->network_uid,
                .max_flows = options->many_layers ? FLOWS_MANY : FLOWS_MAX,
                .ring_bytes = RING_BYTES,
                .optional_hooks = options->optional_hooks,
                .unused_hooks = options->unused_hooks,
                .inherit = options->inherit,
                .inherit_userdata = options->inherit_userdata,
        };

        for (size_t i = 0; i < n_specs; i++) {
                const PolicySize size = specs[i].policy ? policy_size(specs[i].policy) : (PolicySize) {};

                n[0] += size.n_prefixes;
                n[1] += size.n_port_rules * 2; /* lists are rounded up to powers of two */
                leases += specs[i].max_leases ?: layer_max_leases(specs[i].kind, i == 0);
        }
        o.max_prefixes = n[0] * 2 + 65536;
        o.max_hosts = n[0] * 2 + leases * 2 + (options->many_layers ? 65536 : 0);
        o.max_port_rules = n[1] * 2 + 16384;
        dns_proxy_address(e->proxy, &o.proxy_addr4, &o.proxy_port4, &o.proxy_port6);
        return programs_load(&o, &e->programs, ret_what);
}

static int start_proxy(Engine *e, sd_event *event, const EngineOptions *o, const char **ret_what) {
        const DnsProxyOptions proxy = {
                .servers = o->servers, .n_servers = o->n_servers, .fds = o->dns_fds, .n_fds = o->n_dns_fds,
                .one_group = !o->many_layers,
                .on_denial = engine_on_denial, .on_crowded = engine_on_crowded, .on_flooded = engine_on_flooded,
                .on_failure = engine_on_failure,
                .on_query = engine_on_query, .on_answer = engine_on_answer, .on_lease = engine_on_lease,
                .upstream_hooks = { .on_socket = engine_on_own_socket, .on_forgery = engine_on_forgery,
                                    .is_local = local_route_has, .loopback_filter = MAX(e->loopback_filter, 0) },
                .refusal = o->dns_refusal, .name_files = &local_name_files_default,
                .layers = &e->layers, .userdata = e,
        };
        int r = dns_proxy_new(event, &proxy, &e->proxy);

        if (r < 0)
                *ret_what = "the DNS proxy cannot listen on 127.0.0.1: check that the loopback device is up";
        return r;
}

/* Denies everything in every mode: for a probe that must be denied, and as a limit if this process were taken over. */
static int start_self(Engine *e) {
        PolicySource nothing = { .default_action = ACTION_DENY };
        int r = policy_new(&nothing, &e->self_policy);

        if (r >= 0)
                r = policy_slot_new(e->maps, CW_LAYER_SELF, &e->self);
        if (r >= 0)
                r = policy_slot_stage(e->self, e->self_policy, NULL, 0);
        if (r >= 0)
                policy_slot_commit(e->self, LAYER_BASE, MODE_ENFORCE, 0);
        return r;
}

/* What the filter refuses is not received. */
static int register_proxy_socket(int fd, void *userdata) {
        const Engine *e = userdata;
        int filter = programs_socket_filter(e->programs);

        if (filter >= 0 && setsockopt(fd, SOL_SOCKET, SO_ATTACH_BPF, &filter, sizeof(filter)) < 0)
                return -errno;
        return exemptions_set_proxy_socket(e->programs, fd);
}

static int start_kernel(Engine *e, sd_event *event, const EngineOptions *o, LayerSpec *specs, size_t n_specs,
                        const char **ret_what) {
        int r;

        r = load_programs(e, o, specs, n_specs, ret_what);
        if (r < 0)
                return r;
        r = dns_proxy_for_each_socket(e->proxy, register_proxy_socket, e);
        if (r < 0)
                return r;
        e->requesters.dns_clients_fd = programs_map_fd(e->programs, "dns_clients");
        e->n_lost_reported = programs_counter(e->programs, CW_COUNT_RING_REPORTED); /* a predecessor's */
        r = policy_maps_new(e->programs, &e->maps);
        if (r >= 0)
                r = flow_table_new(e->programs, &e->flows);
        if (r < 0)
                return r;
        e->layers.programs = e->programs;
        e->layers.maps = e->maps;
        policy_maps_skip_ids(e->maps, o->last_policy_id);
        r = o->has_self ? start_self(e) : 0;
        if (r >= 0)
                r = engine_set_layers(e, specs, n_specs, NULL, NULL, NULL);
        if (r < 0) {
                *ret_what = "the policy does not fit into the kernel's maps";
                return r;
        }
        r = local_addrs_new(event, engine_on_local_addr, e, &e->local_addrs);
        if (r < 0)
                return r;
        r = query_throttle_new(e->programs, &e->throttle);
        if (r < 0)
                return r;
        r = event_pipeline_new(&e->layers, o->on_event, o->userdata, o->first_sequence, &e->pipeline);
        if (r < 0)
                return r;
        return event_ring_new(event, e->programs, engine_on_record, e, &e->ring);
}

static int start_timers(Engine *e, sd_event *event) {
        int r;

        r = sd_event_add_time(event, &e->expiry, CLOCK_BOOTTIME, 0, EXPIRE_ACCURACY_USEC, engine_on_expiry, e);
        if (r >= 0)
                r = sd_event_add_time(event, &e->losses, CLOCK_MONOTONIC, 0, LOSSES_USEC, engine_on_losses, e);
        if (r >= 0)
                r = sd_event_source_set_enabled(e->losses, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_time_relative(event, &e->sweep, CLOCK_MONOTONIC, SWEEP_USEC, SWEEP_ACCURACY_USEC,
                                               engine_on_sweep, e);
        if (r >= 0)
                r = sd_event_add_time_relative(event, &e->collector, CLOCK_MONOTONIC, 0, 0, engine_on_collect, e);
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

int engine_new(sd_event *event, const EngineOptions *o, LayerSpec *specs, size_t n_specs, engine_fill_fn fill,
               Engine **ret, const char **ret_what) {
        _cleanup_(engine_freep) Engine *e = NULL;
        int r;

        *ret_what = "cannot start the engine";
        e = calloc(1, sizeof(*e));
        r = e ? 0 : -ENOMEM;
        if (r >= 0) {
                e->many_layers = o->many_layers;
                e->cgroup_fd = o->cgroup_fd;
                e->cgroup_id = o->cgroup_id;
                e->loopback_filter = loopback_filter_load(); /* without it, each socket has a filter of its own */
                e->expiry_nsec = UINT64_MAX;
                e->requesters = (Requesters) {
                        .layers = &e->layers, .many_layers = o->many_layers, .dns_clients_fd = -EBADF,
                        .on_client = o->on_client, .userdata = o->userdata,
                };
                e->on_lease = o->on_lease;
                e->on_not_local = o->on_not_local;
                e->on_forgery = o->on_forgery;
                e->userdata = o->userdata;
                r = start_proxy(e, event, o, ret_what);
        } else
                for (size_t i = 0; i < o->n_dns_fds; i++)
                        (void) close(o->dns_fds[i]);
        if (r >= 0)
                r = start_kernel(e, event, o, specs, n_specs, ret_what);
        if (r >= 0)
                r = start_timers(e, event);
        if (r >= 0)
                r = hosts_names_new(event, local_name_files_default.hosts, &e->layers, engine_on_lease, e, &e->hosts);
        if (r >= 0 && fill)
                r = fill(e, o->userdata);
        if (r >= 0)
                hosts_names_open(e->hosts);
        if (r >= 0)
                r = programs_attach(e->programs, o->cgroup_fd, ret_what);
        for (size_t i = 0; i < n_specs; i++)
                specs[i].policy = policy_free(specs[i].policy); /* policies that were not taken */
        if (r < 0)
                return r;
        *ret = TAKE_PTR(e);
        return 0;
}

int engine_self_test(Engine *e, engine_probe_fn probe, void *userdata, const char **ret_what) {
        return hook_probe_run(e->programs, probe, userdata, ret_what);
}

Engine *engine_free(Engine *e) {
        if (!e)
                return NULL;
        e->expiry = sd_event_source_disable_unref(e->expiry);
        e->losses = sd_event_source_disable_unref(e->losses);
        sd_event_source_disable_unref(e->sweep);
        sd_event_source_disable_unref(e->collector);
        hosts_names_free(e->hosts);
        local_addrs_free(e->local_addrs);
        e->ring = event_ring_free(e->ring);
        dns_proxy_free(e->proxy); /* may still report a denial */
        if (e->loopback_filter >= 0)
                (void) close(e->loopback_filter);
        event_pipeline_free(e->pipeline);
        query_throttle_free(e->throttle);
        layer_table_done(&e->layers);
        policy_slot_free(e->self);
        policy_free(e->self_policy);
        policy_maps_free(e->maps);
        flow_table_free(e->flows);
        programs_free(e->programs);
        free(e);
        return NULL;
}

/* ------------------------------------------------------------------ what front ends ask for */

void engine_explain(Engine *e, const Layer *layer, const Destination *d, const char *via, Explanation *ret) {
        const ExplanationSources sources = { .layers = &e->layers, .maps = e->maps, .proxy = e->proxy };

        explanation_find(&sources, layer, d, via, clock_nsec(CLOCK_BOOTTIME), ret);
}

int engine_set_servers(Engine *e, const DnsServer *servers, size_t n_servers) {
        return dns_proxy_set_servers(e->proxy, servers, n_servers);
}

bool engine_chain_has(uint32_t chain, const Layer *layer) {
        for (size_t i = 0; i < CW_CHAIN_MAX && chain != CW_CHAIN_UNASSIGNED; i++)
                if (CW_CHAIN_LAYER(chain, i) == layer->index && (i == 0 || layer->index != CW_LAYER_HOST))
                        return true;
        return false;
}

int engine_set_subject(Engine *e, uint64_t cgroup_id, uint32_t chain, uint32_t actor, unsigned flags) {
        return subjects_set(e->programs, cgroup_id, chain, actor, flags);
}

void engine_get_subject(const Engine *e, uint64_t cgroup_id, uint32_t *ret_chain, uint32_t *ret_actor) {
        const struct cw_subject s = subjects_get(e->programs, cgroup_id);

        *ret_chain = s.chain;
        *ret_actor = s.actor;
}

int engine_remove_subject(Engine *e, uint64_t cgroup_id) {
        return subjects_remove(e->programs, cgroup_id);
}

int engine_follow_users(Engine *e, const FollowedUser *users, size_t n) {
        return subjects_follow_users(e->programs, users, n);
}

size_t engine_followed_users(const Engine *e, FollowedUser ret[static CW_FOLLOWED_USERS_MAX]) {
        return subjects_followed_users(e->programs, ret);
}

Layer *engine_layer_of_chain(const Engine *e, uint32_t chain, size_t i) {
        uint32_t index = CW_CHAIN_LAYER(chain, i);

        return i >= CW_CHAIN_MAX || index == CW_LAYER_HOST ? NULL : layer_table_by_index(&e->layers, index);
}

int engine_keep_flow(Engine *e, uint64_t cookie, const InAddr *peer, uint16_t port) {
        return exemptions_add_connection(e->programs, cookie, peer, port);
}

void engine_stats(const Engine *e, EngineStats *ret) {
        *ret = (EngineStats) {
                .connections_allowed = programs_counter(e->programs, CW_COUNT_ALLOWED),
                .connections_audited = programs_counter(e->programs, CW_COUNT_AUDITED),
                .dns = *dns_proxy_stats(e->proxy),
                .tcp_connections = dns_proxy_stub_stats(e->proxy)->tcp_connections,
                .dns_strangers = programs_counter(e->programs, CW_COUNT_DNS_STRANGERS) +
                                 dns_proxy_stats(e->proxy)->strangers,
                .n_cached = dns_proxy_n_cached(e->proxy),
        };
        uint64_t denied = programs_counter(e->programs, CW_COUNT_DENIED); /* read last: no less than those */
        ret->connections_denied = denied - MIN(denied, ret->connections_audited);
        for (size_t i = 0; i < e->layers.n; i++)
                ret->n_leases += lease_table_n(e->layers.layers[i]->leases);
}

size_t engine_dns_endpoints(const Engine *e, DnsEndpoint *ret, size_t max) {
        return dns_proxy_endpoints(e->proxy, ret, max);
}

int engine_find_peer(const Engine *e, const DnsPeer *peer, uint64_t *ret_cgroup_id) {
        return dns_peer_find(e->proxy, peer, ret_cgroup_id);
}

/* ------------------------------------------------------------------ hooks */

const char *engine_hook_name(size_t i) {
        return programs_hook_name(i);
}

uint32_t engine_hooks(const Engine *e) {
        return programs_attached(e->programs);
}

uint32_t engine_repair_hooks(Engine *e, uint32_t *ret_reattached) {
        uint32_t lost = programs_check(e->programs, e->cgroup_id);

        *ret_reattached = lost == 0 ? 0 : programs_reattach(e->programs, lost, e->cgroup_fd);
        return lost;
}

int engine_device_filter(const Engine *e) {
        return programs_device_filter(e->programs);
}

int engine_hold_fd(const Engine *e) {
        return programs_egress_link(e->programs);
}

bool engine_hold_is_over(int fd) {
        return attachment_link_is_released(fd);
}

bool engine_is_inherited(const Engine *e) {
        return programs_inherited(e->programs);
}

int engine_for_each_object(Engine *e, engine_object_fn fn, void *userdata) {
        return programs_for_each_fd(e->programs, fn, userdata);
}

/* ------------------------------------------------------------------ events */

int engine_renew_self_query(Engine *e, SelfQuery *ret) {
        return dns_proxy_renew_self_query(e->proxy, ret);
}

void engine_emit(Engine *e, Event *event) {
        event_pipeline_emit(e->pipeline, event);
}

void engine_note_process(Engine *e, uint32_t pid) {
        event_pipeline_process(e->pipeline, pid);
}

void engine_emit_refusal(Engine *e, const Layer *layer, Event *event) {
        event_pipeline_refusal(e->pipeline, layer, event);
}

uint64_t engine_sequence(const Engine *e) {
        return event_pipeline_sequence(e->pipeline);
}

void engine_drain(Engine *e) {
        (void) event_ring_drain(e->ring);
        report_losses(e);
}

void engine_flush(Engine *e) {
        engine_drain(e);
        (void) report_counts(e, true);
}

void engine_finish(Engine *e) {
        engine_drain(e);
        begin_sweep(e, true);
        (void) flow_table_sweep(e->flows, &e->flow_sweep, SIZE_MAX);
        report_losses(e);
        (void) report_counts(e, true);
}

int engine_end_refused(Engine *e, size_t *ret_n) {
        return refused_sockets_end(e->programs, ret_n);
}

bool engine_refused_flows(Engine *e) {
        uint64_t n = programs_counter(e->programs, CW_COUNT_FLOWS_FULL);
        bool first = n > 0 && !e->flows_full;

        e->flows_full = n > 0;
        return first;
}

uint64_t engine_events_lost(const Engine *e) {
        return programs_counter(e->programs, CW_COUNT_RING_FULL) + event_pipeline_n_bad(e->pipeline);
}

uint64_t engine_self_refusals(const Engine *e) {
        return event_pipeline_n_self(e->pipeline);
}
