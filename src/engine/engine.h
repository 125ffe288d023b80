/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* One engine: policies, DNS proxy, kernel and events for a set of layers. The only place where these come together;
 * its front ends know neither BPF nor DNS. */

#include <systemd/sd-event.h>

#include "basic/macro.h"
#include "engine/dns-proxy.h"
#include "engine/layer-table.h"
#include "event/event.h"
#include "kernel/object.h"
#include "kernel/subjects.h"
#include "policy/explain.h"

typedef struct Engine Engine;

/* The layers that judge, in one number: layer_chain(). */
#define ENGINE_CHAIN_UNASSIGNED CW_CHAIN_UNASSIGNED
#define ENGINE_CHAIN_SELF CW_CHAIN(CW_LAYER_SELF, 0, 0, 0) /* the service itself, which may reach nothing */
#define ENGINE_ACTOR_MAX CW_ACTOR_MAX

/* Of a subject. */
enum {
        ENGINE_SUBJECT_SLICE = CW_SUBJECT_SLICE,         /* only contains cgroups, which wait for their own entries */
        ENGINE_SUBJECT_FORWARDER = CW_SUBJECT_FORWARDER, /* resolves for others: its queries are always captured */
        ENGINE_SUBJECT_NETWORK = CW_SUBJECT_NETWORK,     /* its DHCP clients may ask any server */
        ENGINE_SUBJECT_CONTAINER = CW_SUBJECT_CONTAINER, /* users are not followed there: it has its own */
};

/* The sender of a query. */
typedef struct EngineClient {
        const DnsPeer *peer;
        uint64_t cgroup_id;      /* 0: the kernel did not see it sent, e.g. before the hooks were attached */
        uint32_t pid, actor;     /* likewise */
        uint32_t uid;            /* real, of the process; 0: root, or likewise */
} EngineClient;

typedef void (*engine_event_fn)(const Event *e, void *userdata);
/* A query arrived from this client. *chain: ENGINE_CHAIN_UNASSIGNED if the kernel did not know it, and to be set in
 * that case. Returns whether the client resolves for others, in addition to those known to the kernel. */
typedef bool (*engine_client_fn)(const EngineClient *client, uint32_t *chain, void *userdata);

/* An address of this machine cannot be known as local, so that connections to it are judged like any other. Called
 * once: the next ones fail for the same reason. */
typedef void (*engine_not_local_fn)(const InAddr *addr, int error, void *userdata);

typedef struct EngineOptions {
        const DnsServer *servers;
        size_t n_servers;
        const int *dns_fds;      /* bound sockets, taken; none: free ports of the loopback */
        size_t n_dns_fds;
        uint8_t dns_refusal;     /* see DnsProxyOptions */
        int cgroup_fd;           /* borrowed, while the engine exists */
        uint64_t cgroup_id;
        int own_cgroup_fd;       /* borrowed during engine_new(): a cgroup that the caller is in or below */
        bool many_layers;        /* false: one, which judges every process below the cgroup */
        uint32_t network_uid;    /* the user, besides root, that runs DHCP; 0: none */
        size_t expected_prefixes; /* room to plan for beyond the policies at the start; 0: none */
        uint32_t optional_hooks; /* may fail to attach; bits, see engine_hook_name() */
        uint32_t unused_hooks;   /* of CW_HOOKS_OPTIONAL, not wanted; bits likewise */
        object_inherit_fn inherit; /* NULL */
        void *inherit_userdata;
        engine_event_fn on_event; /* every event, in order */
        engine_client_fn on_client; /* NULL: only what the kernel knows */
        dns_lease_fn on_lease;   /* may be NULL */
        engine_not_local_fn on_not_local; /* may be NULL */
        dns_upstream_forgery_fn on_forgery; /* may be NULL */
        bool has_self;           /* the service's own cgroup gets its own layer, which may reach nothing */
        uint32_t last_policy_id; /* the highest of a predecessor; 0: none */
        uint64_t first_sequence; /* of events; 0: start from 1 */
        void *userdata;
} EngineOptions;

/* Loads and fills the maps, including leases for the layers if fill adds them, and attaches. On success every socket
 * of the cgroup is judged. *ret_what: a constant sentence that says what to do. */
typedef int (*engine_fill_fn)(Engine *e, void *userdata);
int engine_new(sd_event *event, const EngineOptions *options, LayerSpec *specs, size_t n_specs, engine_fill_fn fill,
               Engine **ret, const char **ret_what);
Engine *engine_free(Engine *e);

/* Proves end to end that the hooks see the processes of the cgroup, since kernels can be set up so that they do not
 * (version 1 network controllers before 5.15). probe has a process of the cgroup perform one step and returns when
 * it is done: it connects a UDP socket to ENGINE_PROBE_ADDR, port 53, and then sends one byte over it. Neither
 * leaves the host if the hooks work, and the second step is skipped if they do not. */
#define ENGINE_PROBE_ADDR "192.0.2.1" /* TEST-NET-1, RFC 5737 */
#define ENGINE_PROBE_ADDR6 "2001:db8::1" /* RFC 3849 */
typedef enum EngineProbe {
        ENGINE_PROBE_CONNECT,
        ENGINE_PROBE_SEND,
        _ENGINE_PROBE_MAX,
} EngineProbe;
typedef int (*engine_probe_fn)(EngineProbe step, void *userdata);
int engine_self_test(Engine *e, engine_probe_fn probe, void *userdata, const char **ret_what);

/* Replaces the set of layers, as a whole or not at all. Layers of the same name keep what they have learnt; those
 * not named are removed, except for grants. The first is the host's. reassign (may be NULL) assigns cgroups to the
 * new layers before the ones without a spec are closed; what it leaves assigned to those is denied. Takes ownership
 * of the policies, even on failure; *ret_bad (may be NULL): the spec that failed. -ENOSPC: the maps are full. */
int engine_set_layers(Engine *e, LayerSpec *specs, size_t n_specs, engine_fill_fn reassign, void *userdata,
                      size_t *ret_bad);
/* Replaces one existing layer; -ENOENT: none of this name. Takes ownership of the policy, even on failure. */
int engine_set_layer(Engine *e, LayerSpec *spec);
/* Add or remove one layer. What is still assigned to a removed layer is denied; the first cannot be removed. Takes
 * ownership of the policy, even on failure. -ENOSPC: too many layers, or the maps are full. */
int engine_add_layer(Engine *e, LayerSpec *spec, Layer **ret);
void engine_remove_layer(Engine *e, const Layer *layer);
size_t engine_n_layers(const Engine *e);
Layer *engine_layer(const Engine *e, size_t i);
Layer *engine_find_layer(const Engine *e, const char *name); /* NULL: not found */
/* Restores a lease of a predecessor, before anything is attached. */
int engine_restore_lease(Engine *e, Layer *layer, const InAddr *addr, const char *name, const char *chain,
                         uint64_t expires_nsec);

/* Copies leases for which the other layer's policy has rules: for processes moved to that layer, so that their
 * connections continue where it allows them. */
void engine_copy_leases(Engine *e, const Layer *from, Layer *to);

/* Restores entries in the kernel's table of layers that were modified externally. Returns their number. */
unsigned engine_repair(Engine *e);

/* What would happen now to a connection of this layer; *ret is allowed if it does not judge. via: as for policy_explain(). */
void engine_explain(Engine *e, const Layer *layer, const Destination *d, const char *via, Explanation *ret);
int engine_set_servers(Engine *e, const DnsServer *servers, size_t n_servers);
bool engine_chain_has(uint32_t chain, const Layer *layer);
/* Sets the chain that judges the sockets of a cgroup, and its actor: a number chosen by the caller, below
 * ENGINE_ACTOR_MAX, carried by events and queries; 0: unknown. flags: ENGINE_SUBJECT_…. -ENOSPC: the map is full. */
int engine_set_subject(Engine *e, uint64_t cgroup_id, uint32_t chain, uint32_t actor, unsigned flags);
/* ENGINE_CHAIN_UNASSIGNED and 0 if it has no entry. */
void engine_get_subject(const Engine *e, uint64_t cgroup_id, uint32_t *ret_chain, uint32_t *ret_actor);
int engine_remove_subject(Engine *e, uint64_t cgroup_id);
/* Sets whose processes are judged by a chain of their own wherever only the host's layer is for them; as in kernel/subjects.h. */
int engine_follow_users(Engine *e, const FollowedUser *users, size_t n);
size_t engine_followed_users(const Engine *e, FollowedUser ret[static CW_FOLLOWED_USERS_MAX]);
/* The layer at this place of a chain; NULL: none. */
Layer *engine_layer_of_chain(const Engine *e, uint32_t chain, size_t i);
/* Lets a connection older than the engine continue. -ENOSPC: no more fit. */
int engine_keep_flow(Engine *e, uint64_t cookie, const InAddr *peer, uint16_t port);

/* The kernel's own counts since its maps were made, also those of predecessors, and the proxy's since the start. */
typedef struct EngineStats {
        uint64_t connections_allowed, connections_denied, connections_audited; /* denied: without those that audit mode let pass */
        DnsProxyStats dns;
        uint64_t tcp_connections; /* to the proxy */
        uint64_t dns_strangers;   /* queries and packets to the proxy from those whom it does not serve, dropped */
        size_t n_leases, n_cached;
} EngineStats;
void engine_stats(const Engine *e, EngineStats *ret);

/* Where the DNS proxy listens, at most max. Returns the number. */
size_t engine_dns_endpoints(const Engine *e, DnsEndpoint *ret, size_t max);
/* The cgroup in which the socket was created that sent a query: for one that the kernel did not see sent. -ENOENT. */
int engine_find_peer(const Engine *e, const DnsPeer *peer, uint64_t *ret_cgroup_id);

/* Bit i of a mask of hooks stands for the hook of this name; NULL after the last. */
const char *engine_hook_name(size_t i);
uint32_t engine_hooks(const Engine *e); /* those that are attached */
/* Reattaches hooks that were detached. Returns which were; *ret_reattached: the bits of those attached again. */
uint32_t engine_repair_hooks(Engine *e, uint32_t *ret_reattached);
int engine_device_filter(const Engine *e); /* programs_device_filter() */
/* Holds the hooks of a cgroup, even in another process, as long as it is open. Borrowed. */
int engine_hold_fd(const Engine *e);
/* Whether the kernel needs them no more: the cgroup was removed, and no socket created in it or below it exists, in any
 * network namespace. */
bool engine_hold_is_over(int fd);
bool engine_is_inherited(const Engine *e); /* a predecessor's links were taken over */
/* What a successor needs: "link-HOOK", then "map-NAME". is_new: neither inherited under this name nor stored since.
 * Returns 1: it is stored, and so not new any more; 0: it is not; a negative errno: stop. */
typedef int (*engine_object_fn)(const char *name, int fd, bool is_new, void *userdata);
int engine_for_each_object(Engine *e, engine_object_fn fn, void *userdata);

int engine_renew_self_query(Engine *e, SelfQuery *ret); /* dns_proxy_renew_self_query() */
/* Sends an event of the front end through the same pipeline, which sets its number and time. */
void engine_emit(Engine *e, Event *event);
/* Reads the facts of a process that waits for a decision of the front end, and so cannot have ended. */
void engine_note_process(Engine *e, uint32_t pid);
/* Sends a denial by the front end, in this layer, with the facts of its process. type, reason and pid are set. */
void engine_emit_refusal(Engine *e, const Layer *layer, Event *event);
uint64_t engine_sequence(const Engine *e);
/* Reads the remaining records and reports open flows as closed. */
void engine_finish(Engine *e);
/* Ends the connections to destinations that are denied, so that what they have queued does not leave when the programs
 * are detached, or when another policy applies to them. Those in other network namespaces are not reached. *ret_n: how
 * many. -ENOENT, -EOPNOTSUPP: this kernel cannot list or end connections. */
int engine_end_refused(Engine *e, size_t *ret_n);
/* Reads the remaining records; flows continue. */
void engine_drain(Engine *e);
/* The same, and reports what was only counted so far. */
void engine_flush(Engine *e);
/* true, once: the kernel had no memory to remember a flow, and connections were refused for it. */
bool engine_refused_flows(Engine *e);
uint64_t engine_events_lost(const Engine *e);
/* Number of denials of the service itself, for which there are no events: used by the self-test. */
uint64_t engine_self_refusals(const Engine *e);

DEFINE_CLEANUP_FUNC(Engine *, engine_free)
