/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The service as seen by its front ends (bus, signals, timers): its state, and the few requests it accepts. Knows
 * nothing of D-Bus. Returned strings are borrowed until the next change. */

#include "event/event.h"
#include "policy/explain.h"
#include "policy/policy-set.h"

typedef struct Service Service;

#define SCOPE_HOST POLICY_HOST_NAME

typedef struct ServiceScope {
        const char *name;    /* SCOPE_HOST, or the document's */
        const char *source;  /* path of the document; "bus"; "none" if the host is off */
        const char *digest;  /* "sha256:…"; "" without a policy */
        Mode mode;           /* in force now */
        ModeSetting set;     /* by name */
        Mode configured;     /* what the document says or, if nothing, the configuration */
        uint32_t n_rules;
        bool narrows;        /* for jobs: the scope of the job's unit must allow as well */
} ServiceScope;

typedef struct ServiceCounters {
        uint64_t connections_allowed, connections_denied, queries_allowed, queries_denied, events_lost;
        uint64_t connections_audited, queries_audited; /* denied by the policy, and let pass by audit mode: not in the others */
} ServiceCounters;

size_t service_n_scopes(const Service *s);                    /* at least 1: the host */
void service_scope(const Service *s, size_t i, ServiceScope *ret);
int service_find_scope(const Service *s, const char *name, size_t *ret); /* -ENOENT */
/* Calls fn for each cgroup path that is currently in the scope ("/system.slice/a.service"). */
void service_scope_cgroups(const Service *s, size_t i, void (*fn)(const char *path, void *userdata), void *userdata);

ModeSetting service_mode(const Service *s);                   /* the override in force */
bool service_mode_is_kept(const Service *s);                  /* what was set, over reboots */
Mode service_configured_mode(const Service *s);               /* what documents and configuration say, the weakest */
Mode service_effective_mode(const Service *s);                /* the weakest among the scopes with a policy */
bool service_enforcing(const Service *s);                     /* effective mode is enforce, of all documents, and every required hook is there */
const char *service_policy_digest(const Service *s);
const char *service_policy_source(const Service *s);
/* Why other documents than those of this machine are in force, and which; "" if they are not. */
#define SERVICE_FAULT_MAX 1024
const char *service_policy_fault(const Service *s, char buf[static SERVICE_FAULT_MAX]);
uint32_t service_n_rules(const Service *s);
const char *service_dns_wiring(const Service *s);
size_t service_upstreams(const Service *s, const char *const **ret); /* texts "192.0.2.1:53" */
size_t service_required_hooks(const Service *s, const char *const **ret);
size_t service_achieved_hooks(const Service *s, const char *const **ret);
uint64_t service_start_usec(const Service *s, bool monotonic);
void service_counters(const Service *s, ServiceCounters *ret);

/* scope NULL: for all, where it lifts none above what its document says. keep: over reboots, otherwise until the service is
 * stopped or the machine reboots. -ENOENT: no such scope; -EOPNOTSUPP: that of a grant; others: it cannot be kept. After an
 * error nothing has changed. */
int service_set_mode(Service *s, const char *scope, ModeSetting mode, bool keep);
/* Would this turn any scope off? */
bool service_mode_disables(const Service *s, const char *scope, ModeSetting mode);
/* Reads all documents again: on error nothing has changed. -EINVAL with faults, which name their files. */
int service_reload(Service *s, FaultList *faults);
/* Replaces the document of one scope until the next reload: on error nothing has changed. -ENOENT: no such scope;
 * -EINVAL, -E2BIG; others: the engine has no room, or a successor would not have it. All but -ENOENT with faults. */
int service_load_policy(Service *s, const char *scope, const char *text, size_t size, FaultList *faults);
/* Pure check of a document, from any thread. Returns 0, or -EINVAL with faults. */
int service_validate(const char *text, size_t size, FaultList *faults);
/* The document's text; -ENOENT: no such scope or no policy. */
int service_policy_text(const Service *s, const char *scope, const char **ret_text, size_t *ret_size);

/* What would happen to a connection of the scope now. For an address the live leases count, or with via only this
 * name, as in policy_explain(); for a name, the answers that the proxy has. *ret_policy is borrowed and has the text of the
 * rule; NULL: the scope is off, everything passes. -ENOENT: no such scope. */
int service_explain(const Service *s, const char *scope, const Destination *d, const char *via, Explanation *ret,
                    const Policy **ret_policy);

/* Is a process of this control group judged by the scope's policy? */
bool service_judges(const Service *s, const char *scope, const char *cgroup);

typedef void (*service_lease_fn)(const char *scope, const InAddr *addr, const char *name, uint64_t remaining_usec,
                                 void *userdata);
/* scope NULL: all scopes. Calls fn at most max times. */
int service_for_each_lease(const Service *s, const char *scope, size_t max, service_lease_fn fn, void *userdata);

typedef struct ServiceDnsStatus {
        uint64_t queries, refused, cache_hits, malformed, upstream_failures, lease_failures, limited, tcp_connections;
        uint64_t n_leases, n_cached;
        uint64_t withheld, expanded, local; /* answered without a denial: see DnsProxyStats */
} ServiceDnsStatus;
void service_dns_status(const Service *s, ServiceDnsStatus *ret);

/* The proxy forgets its cached answers; leases stay, so that nothing closes. */
int service_flush_dns_cache(Service *s);

/* Denials and changes kept in memory, oldest first. */
void service_recent_events(const Service *s, uint64_t since_usec, size_t max, event_fn fn, void *userdata);

/* Jobs are labels for what a unit does. A document for jobs restricts what the unit may reach during the job; labels
 * never allow anything, and jobs end with their unit. */
#define SERVICE_JOBS_MAX 256
#define SERVICE_JOB_LABELS_MAX 16
typedef struct ServiceJob {
        uint64_t id;
        const char *unit;        /* the caller's, as reported by the bus */
        const char *cgroup;      /* its path */
        const char *const *labels; /* "repository=a/b": key=value, sorted */
        size_t n_labels;
        uint64_t start_usec;     /* CLOCK_REALTIME */
        uint64_t allowed, denied;
        const char *scope;       /* name of the scope that restricts it; NULL: none */
} ServiceJob;

/* cgroup: the caller's, within the unit. When this returns, the kernel also judges by the job's policy. -EEXIST: the
 * unit already has a job; -ENOSPC: too many; -EINVAL: invalid label; -ENXIO: the unit's cgroup cannot be followed;
 * -EIO: it cannot be recorded for a successor. */
int service_begin_job(Service *s, const char *unit, const char *cgroup, const char *const *labels, size_t n_labels,
                      uint64_t *ret_id);
int service_job(const Service *s, uint64_t id, ServiceJob *ret); /* -ENOENT */
size_t service_jobs(const Service *s, uint64_t *ret_ids, size_t max);
/* Brings the counts of all jobs up to date with what the kernel has denied. */
void service_count_events(Service *s);
int service_end_job(Service *s, uint64_t id); /* -ENOENT */
/* Grants the job a host, a canonical name or an address, on all ports for usec from now, or until the job ends. A
 * deny rule still applies. -ENOENT: no such job; -EOPNOTSUPP: no policy judges the job; -ENOSPC:
 * too many; -ENXIO as in service_begin_job(). After an error the job may have lost its earlier grants. */
int service_allow_once(Service *s, uint64_t id, const char *host, uint64_t usec);

/* Receives notifications of changes, from the event loop, after they took effect. Each may be NULL. */
typedef struct ServiceObserver {
        /* The service manager was notified that the service is ready: once, and never before the loop runs. */
        void (*ready)(void *userdata);
        /* The mode set by SetMode. */
        void (*mode_changed)(ModeSetting old_mode, ModeSetting new_mode, void *userdata);
        /* Scopes, rules or digests have changed. */
        void (*policy_reloaded)(void *userdata);
        /* A scope was added or removed; the documents are unchanged. */
        void (*scopes_changed)(void *userdata);
        /* A job began or ended. */
        void (*jobs_changed)(void *userdata);
        void (*hooks_changed)(void *userdata);
        void (*upstreams_changed)(void *userdata);
        /* e is borrowed for the call. */
        void (*denial)(const Event *e, void *userdata);
        /* How many denials were not passed on, since the observer was set. */
        uint64_t (*n_denials_lost)(void *userdata);
        void *userdata;
} ServiceObserver;
/* Copied; NULL: none. There is at most one. */
void service_set_observer(Service *s, const ServiceObserver *observer);

/* "debug", "info", "notice", "warning", "err": syslog levels of the service's own messages. */
int service_get_log_level(const Service *s);
void service_set_log_level(Service *s, int level);

/* A privileged request was made: by which client, for what, and with which result. For the journal. */
void service_note_call(Service *s, const char *action, const char *sender, uint32_t uid, uint32_t pid,
                       const char *unit, const char *result);
