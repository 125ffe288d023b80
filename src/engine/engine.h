/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* One engine: policies, DNS proxy, kernel and events for a set of layers. The only place where the layers meet; its
 * front ends know neither BPF nor DNS. */

#include <systemd/sd-event.h>

#include "basic/macro.h"
#include "engine/dns-proxy.h"
#include "engine/layer-table.h"
#include "event/event.h"
#include "kernel/programs.h"

typedef struct Engine Engine;

/* Which layers judge, as one number: engine_chain_get(). */
#define ENGINE_CHAIN_UNASSIGNED CW_CHAIN_UNASSIGNED
#define ENGINE_CHAIN_SELF CW_CHAIN(CW_LAYER_SELF, 0, 0, 0) /* the service itself, which reaches nothing */
#define ENGINE_ACTOR_MAX CW_ACTOR_MAX

/* Of a subject. */
enum {
        ENGINE_SUBJECT_SLICE = CW_SUBJECT_SLICE,         /* only a container of others: what is below waits for its own entry */
        ENGINE_SUBJECT_FORWARDER = CW_SUBJECT_FORWARDER, /* resolves for others: its queries are captured in every mode */
};

/* Who sent a query. */
typedef struct EngineClient {
        const DnsPeer *peer;
        uint64_t cgroup_id;      /* 0: the kernel did not see it sent, as before the hooks were there */
        uint32_t pid, actor;     /* likewise */
} EngineClient;

typedef void (*engine_event_fn)(const Event *e, void *userdata);
/* A query came from this client. *chain: ENGINE_CHAIN_UNASSIGNED where the kernel did not know, it is to be set then. Returns
 * whether it resolves for others besides those that the kernel knows of. */
typedef bool (*engine_client_fn)(const EngineClient *client, uint32_t *chain, void *userdata);

typedef struct EngineOptions {
        const DnsServer *servers;
        size_t n_servers;
        const int *dns_fds;      /* bound sockets, taken; none: free ports of the loopback */
        size_t n_dns_fds;
        int cgroup_fd;           /* borrowed */
        uint64_t cgroup_id;
        bool many_layers;        /* false: one, which judges every process below the cgroup */
        uint32_t network_uid;    /* who speaks DHCP besides root; 0: nobody */
        size_t expected_prefixes; /* room to plan for beyond the policies at the start; 0: none */
        uint32_t optional_hooks; /* bits, see kernel/programs.h */
        object_inherit_fn inherit; /* NULL */
        void *inherit_userdata;
        engine_event_fn on_event; /* every event, in order */
        engine_client_fn on_client; /* NULL: as the kernel says */
        dns_lease_fn on_lease;   /* NULL */
        bool has_self;           /* the service's own cgroup has a layer of its own, that reaches nothing */
        uint32_t last_policy_id; /* a predecessor's highest; 0: none */
        uint64_t first_sequence; /* of the events; 0: 1 */
        void *userdata;
} EngineOptions;

/* Loads and fills the maps, with leases for the layers if fill says so, and attaches. From its success on every socket of the cgroup is
 * judged. *ret_what: a constant sentence that says what to do. */
typedef int (*engine_fill_fn)(Engine *e, void *userdata);
int engine_new(sd_event *event, const EngineOptions *options, LayerSpec *specs, size_t n_specs, engine_fill_fn fill,
               Engine **ret, const char **ret_what);
Engine *engine_free(Engine *e);

/* Proves on the real path that the hooks see the processes of the cgroup, where kernels can be set up so that they do
 * not (version 1 network controllers before 5.15). probe makes a process of the cgroup take one step and returns when it
 * has: it connects a UDP socket to ENGINE_PROBE_ADDR, port 53, and after that sends one byte over it. Neither leaves the
 * host where the hooks work, and the second step is not asked for where they do not. */
#define ENGINE_PROBE_ADDR "192.0.2.1" /* TEST-NET-1, RFC 5737 */
#define ENGINE_PROBE_ADDR6 "2001:db8::1" /* RFC 3849 */
typedef enum EngineProbe {
        ENGINE_PROBE_CONNECT,
        ENGINE_PROBE_SEND,
        _ENGINE_PROBE_MAX,
} EngineProbe;
typedef int (*engine_probe_fn)(EngineProbe step, void *userdata);
int engine_self_test(Engine *e, engine_probe_fn probe, void *userdata, const char **ret_what);

/* All layers as they are to be, whole or not at all; those of the same name keep what they learnt, an unnamed one ends. The
 * first is the host's. reassign (may be NULL) gives cgroups to the new layers before the ones without a spec are closed. Takes
 * the policies, also on failure; *ret_bad (may be NULL): which spec failed. -ENOSPC: the maps are full. */
int engine_set_layers(Engine *e, LayerSpec *specs, size_t n_specs, engine_fill_fn reassign, void *userdata,
                      size_t *ret_bad);
/* One of the layers there are; -ENOENT: none of this name. Takes the policy, also on failure. */
int engine_set_layer(Engine *e, LayerSpec *spec);
/* One more, or one less: nobody may answer to it any more, and the first stays. Takes the policy, also on failure. -ENOSPC:
 * there are as many as there can be, or the maps are full. */
int engine_add_layer(Engine *e, LayerSpec *spec, Layer **ret);
void engine_remove_layer(Engine *e, const Layer *layer);
size_t engine_n_layers(const Engine *e);
Layer *engine_layer(const Engine *e, size_t i);
Layer *engine_find_layer(const Engine *e, const char *name); /* NULL */
/* One store: nothing else changes. */
void engine_set_mode(Engine *e, Layer *layer, Mode mode);
/* A lease from elsewhere, before anything is attached: what a predecessor knew. */
int engine_restore_lease(Engine *e, Layer *layer, const InAddr *addr, const char *name, const char *chain,
                         uint64_t expires_nsec);

/* What a layer learnt is known to another one as well, as far as its policy has rules for the names: for processes that answer
 * to that from now on, so that their connections continue where it allows them. */
void engine_copy_leases(Engine *e, const Layer *from, Layer *to);

/* Puts back what somebody else wrote into the kernel's table of layers. Returns how many had been changed. */
unsigned engine_repair(Engine *e);

int engine_set_servers(Engine *e, const DnsServer *servers, size_t n_servers);
/* The chain of these layers: base, restrictions, grants. -E2BIG: too many. */
int engine_chain_get(const Engine *e, Layer *const *layers, size_t n, uint32_t *ret);
bool engine_chain_has(uint32_t chain, const Layer *layer);
/* Which chain judges the sockets of a cgroup, and who acts there: a number of the caller's below ENGINE_ACTOR_MAX, that events
 * and queries carry; 0: unknown. flags: ENGINE_SUBJECT_…. -ENOSPC: the map is full. */
int engine_set_subject(Engine *e, uint64_t cgroup_id, uint32_t chain, uint32_t actor, unsigned flags);
/* ENGINE_CHAIN_UNASSIGNED and 0 where it has no entry. */
void engine_get_subject(const Engine *e, uint64_t cgroup_id, uint32_t *ret_chain, uint32_t *ret_actor);
int engine_remove_subject(Engine *e, uint64_t cgroup_id);
/* A connection that is older than the engine goes on. */
int engine_keep_flow(Engine *e, uint64_t cookie, const InAddr *peer, uint16_t port);

Programs *engine_programs(Engine *e);
const DnsProxy *engine_proxy(const Engine *e);
int engine_renew_self_query(Engine *e, SelfQuery *ret); /* dns_proxy_renew_self_query() */
/* An event of the front end's own, through the same pipeline: numbered and dated. */
void engine_tell(Engine *e, Event *event);
uint64_t engine_sequence(const Engine *e);
/* Reads what the kernel still holds and reports flows that are still open as closed. */
void engine_finish(Engine *e);
/* Reads what the kernel still holds; flows go on. */
void engine_drain(Engine *e);
uint64_t engine_events_lost(const Engine *e);
/* Counts refusals of the service itself, of which there are no events: the self-test looks for them. */
uint64_t engine_self_refusals(const Engine *e);

DEFINE_CLEANUP_FUNC(Engine *, engine_free)
