/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The service as its front ends (bus, signals, timers) see it: state to read, and the few things that can be asked of
 * it. Knows nothing of D-Bus. Strings handed out are borrowed until the next change. */

#include "event/event.h"
#include "policy/explain.h"
#include "policy/policy-set.h"

typedef struct Manager Manager;

#define SCOPE_HOST POLICY_HOST_NAME

typedef struct ManagerScope {
        const char *name;    /* SCOPE_HOST, or the document's */
        const char *source;  /* path of the document; "bus"; "none" where the host is off */
        const char *digest;  /* "sha256:…"; "" without a policy */
        Mode mode;           /* in force now */
        uint32_t n_rules;
        bool narrows;        /* for jobs: what it allows, the scope of the job's unit has to allow as well */
} ManagerScope;

typedef struct ManagerCounters {
        uint64_t connections_allowed, connections_denied, queries_allowed, queries_denied, events_lost;
} ManagerCounters;

size_t manager_n_scopes(const Manager *m);                    /* at least 1: the host */
void manager_scope(const Manager *m, size_t i, ManagerScope *ret);
int manager_find_scope(const Manager *m, const char *name, size_t *ret); /* -ENOENT */
/* Calls fn for each cgroup path that is in the scope now ("/system.slice/a.service"). */
void manager_scope_cgroups(const Manager *m, size_t i, void (*fn)(const char *path, void *userdata), void *userdata);

ModeSetting manager_mode(const Manager *m);                   /* the override in force */
Mode manager_configured_mode(const Manager *m);               /* of cargowall.conf */
Mode manager_effective_mode(const Manager *m);                /* the weakest of the scopes with a policy */
bool manager_enforcing(const Manager *m);                     /* effective mode is enforce and every required hook is there */
const char *manager_policy_digest(const Manager *m);
const char *manager_policy_source(const Manager *m);
uint32_t manager_n_rules(const Manager *m);
const char *manager_dns_wiring(const Manager *m);
size_t manager_upstreams(const Manager *m, const char *const **ret); /* texts "192.0.2.1:53" */
size_t manager_required_hooks(const Manager *m, const char *const **ret);
size_t manager_achieved_hooks(const Manager *m, const char *const **ret);
uint64_t manager_start_usec(const Manager *m, bool monotonic);
void manager_counters(const Manager *m, ManagerCounters *ret);

/* On error nothing changed. */
int manager_set_mode(Manager *m, ModeSetting mode);
/* All documents anew, whole or not at all. -EINVAL with faults, whose path begins with the file. */
int manager_reload(Manager *m, FaultList *faults);
/* Another document for one scope, until the next reload. -ENOENT: no such scope; -EINVAL, -E2BIG with faults; -ENOSPC. */
int manager_load_policy(Manager *m, const char *scope, const char *text, size_t size, FaultList *faults);
/* Pure check of a document, by any thread. Returns 0, or -EINVAL with faults. */
int manager_validate(const char *text, size_t size, FaultList *faults);
/* The document's text; -ENOENT: no such scope or no policy. */
int manager_policy_text(const Manager *m, const char *scope, const char **ret_text, size_t *ret_size);

/* What would happen to a connection of the scope now. For an address the live leases count, or with via only this name, as
 * policy_explain() says; *ret_policy is borrowed and gives the rule's text. -ENOENT: no such scope, or the scope is off. */
int manager_explain(const Manager *m, const char *scope, const Destination *d, const char *via, Explanation *ret,
                    const Policy **ret_policy);

/* Is a process of this control group judged by the scope's policy? */
bool manager_judges(const Manager *m, const char *scope, const char *cgroup);

typedef void (*manager_lease_fn)(const char *scope, const InAddr *addr, const char *name, uint64_t remaining_usec,
                                 void *userdata);
/* scope NULL: all. At most max. */
int manager_for_each_lease(const Manager *m, const char *scope, size_t max, manager_lease_fn fn, void *userdata);

typedef struct ManagerDnsStatus {
        uint64_t queries, refused, cache_hits, malformed, upstream_failures, lease_failures, tcp_connections;
        uint64_t n_leases, n_cached;
} ManagerDnsStatus;
void manager_dns_status(const Manager *m, ManagerDnsStatus *ret);

/* Denials and changes kept in memory, oldest first. */
void manager_recent_events(const Manager *m, uint64_t since_usec, size_t max, event_fn fn, void *userdata);

/* Jobs are labels on what a unit does. Where a document is for them, it narrows what the unit may meanwhile; they never
 * widen anything, and end with their unit. */
#define MANAGER_JOBS_MAX 256
#define MANAGER_JOB_LABELS_MAX 16
typedef struct ManagerJob {
        uint64_t id;
        const char *unit;        /* the caller's, by the bus */
        const char *cgroup;      /* its path */
        const char *const *labels; /* "repository=a/b": key=value, sorted */
        size_t n_labels;
        uint64_t start_usec;     /* CLOCK_REALTIME */
        uint64_t allowed, denied;
        const char *scope;       /* the name of the one that narrows; NULL: none */
} ManagerJob;

/* cgroup: of the caller, in the unit. When it returns the kernel judges by the job's policy, too. -EEXIST: the unit has a
 * job; -ENOSPC: too many; -EINVAL: a label is bad; -ENXIO: the unit's cgroup cannot be followed. */
int manager_begin_job(Manager *m, const char *unit, const char *cgroup, const char *const *labels, size_t n_labels,
                      uint64_t *ret_id);
int manager_job(const Manager *m, uint64_t id, ManagerJob *ret); /* -ENOENT */
size_t manager_jobs(const Manager *m, uint64_t *ret_ids, size_t max);
int manager_end_job(Manager *m, uint64_t id); /* -ENOENT */
/* This job may reach host, a canonical name or an address, as well: by all ports, for usec from now, until it ends, or until
 * a policy is loaded. Policies that deny it by a rule of higher precedence still do. -ENOENT: no such job; -EOPNOTSUPP: nothing
 * judges the job; -ENOSPC: too many; -ENXIO as for manager_begin_job(). After an error the job may have lost those it had. */
int manager_allow_once(Manager *m, uint64_t id, const char *host, uint64_t usec);

/* Who is told of changes, from the event loop, after they took effect. Each may be NULL. */
typedef struct ManagerObserver {
        /* The service manager was told that the service is ready: once, and never before the loop runs. */
        void (*ready)(void *userdata);
        /* What SetMode set. */
        void (*mode_changed)(ModeSetting old_mode, ModeSetting new_mode, void *userdata);
        /* Scopes, rules or digests are others now. */
        void (*policy_reloaded)(void *userdata);
        /* A scope came or went, the documents are the same. */
        void (*scopes_changed)(void *userdata);
        /* A job began or ended. */
        void (*jobs_changed)(void *userdata);
        void (*hooks_changed)(void *userdata);
        void (*upstreams_changed)(void *userdata);
        /* Borrowed for the call. */
        void (*denial)(const Event *e, void *userdata);
        /* How many of those were not passed on, since it began to observe. */
        uint64_t (*n_denials_lost)(void *userdata);
        void *userdata;
} ManagerObserver;
/* Copied; NULL: nobody. There is one at most. */
void manager_set_observer(Manager *m, const ManagerObserver *observer);

/* "debug", "info", "notice", "warning", "err": syslog levels of the service's own messages. */
int manager_log_level(const Manager *m);
void manager_set_log_level(Manager *m, int level);

/* A privileged request was made: who asked for what, and what came of it. For the journal. */
void manager_note_call(Manager *m, const char *action, const char *sender, uint32_t uid, uint32_t pid,
                       const char *unit, const char *result);
