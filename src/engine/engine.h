/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* One engine: policies, DNS proxy, kernel and events for a set of scopes. The only place where the layers meet; its
 * front ends know neither BPF nor DNS. */

#include <systemd/sd-event.h>

#include "basic/macro.h"
#include "engine/dns-proxy.h"
#include "engine/scope.h"
#include "event/event.h"
#include "kernel/programs.h"

typedef struct Engine Engine;

/* A scope as it is to be. Everything is borrowed but the policy, which is taken, also on failure. */
typedef struct ScopeSpec {
        const char *name;
        const char *digest;      /* may be NULL */
        Policy *policy;          /* NULL: nobody judges this scope */
        Mode mode;
        uint8_t flags;           /* enum cw_scope_flags */
        bool narrows;            /* see Scope */
        uint32_t previous_id;    /* a predecessor's policy id for this scope, whose place it takes; 0: none */
        bool is_same;            /* the policy is the predecessor's too: what was judged under it stays so */
        size_t max_leases;       /* 0: the default */
} ScopeSpec;

typedef void (*engine_event_fn)(const Event *e, void *userdata);
/* A query came from this client; NULL: the kernel did not see it sent, as before the hooks were there. *ret_chain:
 * CW_CHAIN_UNASSIGNED where the kernel did not know, it is to be set then. Returns whether it resolves for others. */
typedef bool (*engine_asker_fn)(const DnsPeer *peer, const struct cw_dns_client *client, uint32_t *ret_chain,
                                void *userdata);

typedef struct EngineOptions {
        const DnsServer *servers;
        size_t n_servers;
        const int *dns_fds;      /* bound sockets, taken; none: free ports of the loopback */
        size_t n_dns_fds;
        int cgroup_fd;           /* borrowed */
        uint64_t cgroup_id;
        bool many_scopes;        /* false: one, of every process below the cgroup */
        uint32_t network_uid;    /* who speaks DHCP besides root; 0: nobody */
        size_t expected_prefixes; /* room to plan for beyond the policies at the start; 0: none */
        uint32_t optional_hooks; /* bits, see kernel/programs.h */
        object_inherit_fn inherit; /* NULL */
        void *inherit_userdata;
        engine_event_fn on_event; /* every event, in order */
        engine_asker_fn on_asker; /* NULL: as the kernel says, nobody resolves for others */
        dns_lease_fn on_lease;   /* NULL */
        bool has_self;           /* the service's own cgroup has a scope, CW_SCOPE_SELF, that reaches nothing */
        uint32_t last_policy_id; /* a predecessor's highest; 0: none */
        uint64_t first_sequence; /* of the events; 0: 1 */
        void *userdata;
} EngineOptions;

/* Loads and fills the maps, with leases for the scopes if fill says so, and attaches. From its success on every socket of the cgroup is
 * judged. *ret_what: a constant sentence that says what to do. */
typedef int (*engine_fill_fn)(Engine *e, void *userdata);
int engine_new(sd_event *event, const EngineOptions *options, ScopeSpec *specs, size_t n_specs, engine_fill_fn fill,
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

/* All scopes as they are to be, whole or not at all; those of the same name keep what they learnt, an unnamed one ends. The
 * first is the host's (CW_SCOPE_HOST). reassign (may be NULL) gives cgroups to the new scopes before the ones without a
 * spec are closed. Takes the policies, also on failure; *ret_bad (may be NULL): which spec failed. -ENOSPC: the maps are full. */
int engine_set_scopes(Engine *e, ScopeSpec *specs, size_t n_specs, engine_fill_fn reassign, void *userdata,
                      size_t *ret_bad);
/* One of the scopes there are; -ENOENT: none of this name. Takes the policy, also on failure. */
int engine_set_scope(Engine *e, ScopeSpec *spec);
/* One more, or one less: nobody may answer to it any more, and the first stays. Takes the policy, also on failure. -ENOSPC:
 * there are CW_SCOPE_WAITING, or the maps are full. */
int engine_add_scope(Engine *e, ScopeSpec *spec, Scope **ret);
void engine_remove_scope(Engine *e, const Scope *scope);
size_t engine_n_scopes(const Engine *e);
Scope *engine_scope(const Engine *e, size_t i);
Scope *engine_find_scope(const Engine *e, const char *name); /* NULL */
/* One store: nothing else changes. */
void engine_set_mode(Engine *e, Scope *scope, Mode mode);
/* A lease from elsewhere, before anything is attached: what a predecessor knew. */
int engine_restore_lease(Engine *e, Scope *scope, const InAddr *addr, const char *name, const char *chain,
                         uint64_t expires_nsec);

/* What a scope learnt is known to another one as well, by whose policy it is judged: for processes that answer to that from
 * now on, so that their connections go on where it allows the names. */
void engine_copy_leases(Engine *e, const Scope *from, Scope *to);

/* Puts back what somebody else wrote into the kernel's table of scopes. Returns how many had been changed. */
unsigned engine_repair(Engine *e);

int engine_set_servers(Engine *e, const DnsServer *servers, size_t n_servers);
/* Which layers the sockets of a cgroup answer to, and who acts there; see subjects_set(). */
int engine_set_subject(Engine *e, uint64_t cgroup_id, uint32_t chain, uint32_t actor, uint32_t flags);
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
/* Counts refusals of the service's own scope, which no event tells of: the self-test looks for them. */
uint64_t engine_self_refusals(const Engine *e);

DEFINE_CLEANUP_FUNC(Engine *, engine_free)
