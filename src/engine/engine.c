/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/engine.h"

#include <bpf/bpf.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "basic/macro.h"
#include "engine/dns-proxy.h"
#include "engine/event-pipeline.h"
#include "host/local-addr.h"
#include "kernel/event-ring.h"
#include "kernel/flow-table.h"
#include "kernel/policy-maps.h"
#include "kernel/programs.h"

#define LEASES_MAX 16384
#define FLOWS_MAX 16384
#define RING_BYTES (1U << 18)
#define EXPIRE_USEC USEC_PER_SEC
#define EXPIRE_STEPS 4096
#define PEERS_PER_TICK 500
#define SWEEP_EVERY 30          /* expiry ticks between two looks at the flows */
#define FLOW_IDLE_NSEC (120 * NSEC_PER_SEC)

/* A client may use an address for as long as its answer's TTL; floor and grace cover clients that keep it longer and
 * connections that are begun in the last second. */
static const LeaseTimes lease_times = {
        .floor_nsec = 60 * NSEC_PER_SEC,
        .grace_nsec = 30 * NSEC_PER_SEC,
        .cap_nsec = 3600 * NSEC_PER_SEC,
};

struct Engine {
        Policy *policy;
        Mode mode;
        uint64_t scope;
        LeaseTable *leases;
        DnsProxy *proxy;
        Programs *programs;
        int dns_clients_fd; /* borrowed from the programs */
        PolicyMaps *maps;
        EventPipeline *pipeline;
        EventRing *ring;
        LocalAddrs *local_addrs;
        sd_event_source *timer;
        unsigned n_ticks;
        unsigned n_peers_left; /* looks at processes that ask, until the next tick */
        uint64_t n_lost_told;
};

static uint64_t now_nsec(void) {
        struct timespec t = {};

        (void) clock_gettime(CLOCK_BOOTTIME, &t);
        return (uint64_t) t.tv_sec * NSEC_PER_SEC + (uint64_t) t.tv_nsec;
}

/* ------------------------------------------------------------------ callbacks */

static void on_record(const void *data, size_t size, void *userdata) {
        Engine *e = userdata;

        event_pipeline_record(e->pipeline, data, size);
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

/* So many a second, and no more: under a flood of queries the same few processes ask again and again. */
static void on_peer(const DnsPeer *peer, void *userdata) {
        Engine *e = userdata;
        struct cw_dns_client client;

        if (!e->pipeline || e->n_peers_left == 0)
                return;
        e->n_peers_left--;
        if (find_client(e, peer, &client))
                event_pipeline_client(e->pipeline, &client);
}

static void on_local_addr(const InAddr *addr, bool added, void *userdata) {
        Engine *e = userdata;

        /* What is not known as local is judged like everything else: closed. */
        (void) policy_maps_set_local(e->maps, addr, added);
}

static void on_lease_changed(const Lease *lease, void *userdata) {
        Engine *e = userdata;

        if (policy_maps_set_lease(e->maps, e->policy, lease) < 0)
                lease_table_write_failed(e->leases, &lease->addr); /* the kernel's entry ends by itself */
}

static void tell_losses(Engine *e) {
        uint64_t lost = engine_events_lost(e);

        if (lost <= e->n_lost_told)
                return;
        event_pipeline_note(e->pipeline, EVENT_EVENTS_LOST, lost - e->n_lost_told);
        e->n_lost_told = lost;
}

static int on_tick(sd_event_source *s, _unused_ uint64_t usec, void *userdata) {
        Engine *e = userdata;

        (void) lease_table_expire(e->leases, now_nsec(), EXPIRE_STEPS, on_lease_changed, e);
        if (++e->n_ticks % SWEEP_EVERY == 0)
                (void) flow_table_sweep(e->programs, e->scope, FLOW_IDLE_NSEC, false, on_record, e);
        tell_losses(e);
        e->n_peers_left = PEERS_PER_TICK;
        (void) sd_event_source_set_time_relative(s, EXPIRE_USEC);
        return sd_event_source_set_enabled(s, SD_EVENT_ONESHOT);
}

/* ------------------------------------------------------------------ start */

static int count_prefix(_unused_ const InPrefix *prefix, const PortSet *set, void *userdata) {
        uint32_t *n = userdata;

        n[0]++;
        n[1] += set->n * 2; /* runs are rounded up to powers of two */
        return 0;
}

/* Maps are sized by the policy, twice over so that a second one fits beside it during a swap. */
static int load_programs(Engine *e, const char **ret_what) {
        uint32_t n[2] = { 0, 0 };
        ProgramsOptions o = { .scope = e->scope, .max_flows = FLOWS_MAX, .ring_bytes = RING_BYTES };
        int r = policy_for_each_prefix(e->policy, count_prefix, n);

        if (r < 0)
                return r;
        o.max_prefixes = n[0] * 2 + 65536;
        o.max_exact = n[0] * 2 + LEASES_MAX * 2;
        o.max_port_rules = n[1] * 2 + 16384;
        dns_proxy_ports(e->proxy, &o.proxy_port4, &o.proxy_port6);
        return programs_load(&o, &e->programs, ret_what);
}

static int start_proxy(Engine *e, sd_event *event, const EngineOptions *o, const char **ret_what) {
        uint8_t key[16];
        int r;

        if (getrandom(key, sizeof(key), 0) != sizeof(key))
                return -EIO;
        r = lease_table_new(LEASES_MAX, &lease_times, key, &e->leases);
        if (r < 0)
                return r;
        DnsProxyOptions proxy = { .servers = o->servers, .n_servers = o->n_servers, .leases = e->leases,
                                  .on_denial = on_denial, .on_peer = on_peer, .userdata = e };
        r = dns_proxy_new(event, &proxy, &e->proxy);
        if (r < 0)
                *ret_what = "the DNS proxy cannot listen on 127.0.0.1: is the loopback device up?";
        return r;
}

static int start_kernel(Engine *e, sd_event *event, const EngineOptions *o, const char **ret_what) {
        int r;

        r = load_programs(e, ret_what);
        if (r < 0)
                return r;
        e->dns_clients_fd = programs_map_fd(e->programs, "dns_clients");
        r = policy_maps_new(e->programs, &e->maps);
        if (r < 0)
                return r;
        r = policy_maps_swap(e->maps, e->policy, e->mode, NULL);
        if (r < 0) {
                *ret_what = "the policy does not fit into the kernel's maps";
                return r;
        }
        r = local_addrs_new(event, on_local_addr, e, &e->local_addrs);
        if (r < 0)
                return r;
        r = event_pipeline_new(e->leases, o->on_event, o->userdata, &e->pipeline);
        if (r < 0)
                return r;
        r = event_ring_new(event, e->programs, on_record, e, &e->ring);
        if (r < 0)
                return r;
        event_pipeline_set_policy(e->pipeline, e->policy, policy_maps_policy_id(e->maps), e->mode);
        dns_proxy_set_policy(e->proxy, e->policy, e->mode, e->maps);
        return programs_attach(e->programs, o->cgroup_fd, ret_what);
}

int engine_new(sd_event *event, EngineOptions *o, Engine **ret, const char **ret_what) {
        _cleanup_(engine_freep) Engine *e = NULL;
        int r;

        *ret_what = "the engine could not be started";
        e = calloc(1, sizeof(*e));
        if (!e) {
                o->policy = policy_free(o->policy);
                return -ENOMEM;
        }
        e->policy = TAKE_PTR(o->policy);
        e->mode = o->mode;
        e->scope = o->cgroup_id;
        e->dns_clients_fd = -EBADF;
        e->n_peers_left = PEERS_PER_TICK;

        r = start_proxy(e, event, o, ret_what);
        if (r >= 0)
                r = start_kernel(e, event, o, ret_what);
        if (r >= 0)
                r = sd_event_add_time_relative(event, &e->timer, CLOCK_BOOTTIME, EXPIRE_USEC, EXPIRE_USEC, on_tick, e);
        if (r < 0)
                return r;
        (void) sd_event_source_set_description(e->timer, "engine-tick");
        event_pipeline_note(e->pipeline, EVENT_RUN_STARTED, 0);
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
        sd_event_source_disable_unref(e->timer);
        local_addrs_free(e->local_addrs);
        event_ring_free(e->ring);
        dns_proxy_free(e->proxy); /* may still report a refusal */
        event_pipeline_free(e->pipeline);
        policy_maps_free(e->maps);
        programs_free(e->programs); /* detaches */
        lease_table_free(e->leases);
        policy_free(e->policy);
        free(e);
        return NULL;
}

int engine_set_policy(Engine *e, Policy *policy, Mode mode) {
        _cleanup_(policy_freep) Policy *p = policy;
        int r;

        (void) event_ring_drain(e->ring); /* records of the old policy still find its rules */
        (void) lease_table_expire(e->leases, now_nsec(), SIZE_MAX, on_lease_changed, e);
        r = policy_maps_swap(e->maps, p, mode, e->leases);
        if (r < 0) {
                lease_table_rematch(e->leases, e->policy, on_lease_changed, e);
                return r;
        }
        policy_free(e->policy);
        e->policy = TAKE_PTR(p);
        e->mode = mode;
        event_pipeline_set_policy(e->pipeline, e->policy, policy_maps_policy_id(e->maps), mode);
        dns_proxy_set_policy(e->proxy, e->policy, mode, e->maps);
        return 0;
}

void engine_finish(Engine *e) {
        (void) event_ring_drain(e->ring);
        (void) flow_table_sweep(e->programs, e->scope, 0, true, on_record, e);
        tell_losses(e);
        event_pipeline_note(e->pipeline, EVENT_RUN_ENDED, 0);
}

uint64_t engine_events_lost(const Engine *e) {
        return programs_counter(e->programs, CW_COUNT_RING_FULL) + event_pipeline_n_bad(e->pipeline);
}
