/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the files of the manager share; each has one concern. */

#include "config/service-config.h"
#include "daemon/document-files.h"
#include "daemon/manager.h"
#include "daemon/recent-events.h"
#include "daemon/self-test.h"
#include "engine/engine.h"
#include "handover/pins.h"
#include "identity/identity.h"
#include "identity/job-table.h"
#include "policy/grant-table.h"
#include "handover/handover.h"
#include "handover/inheritance.h"
#include "host/resolved.h"
#include "host/service-manager.h"
#include "host/upstreams.h"
#include "sink/hub.h"
#include "sink/journal.h"
#include "sink/ndjson-file.h"
#include "sink/service-log.h"

#define FORWARDER_CGROUPS_MAX 32
#define FOREIGN_TEXT_MAX 160
#define PIN_DIRECTORY "/run/cargowall/bpf" /* see units/cargowalld-pin.conf */

struct Manager {
        sd_event *event;
        ServiceLog *log;         /* borrowed */
        ServiceConfig config;
        ServiceManager service;
        bool ready, stopped;
        char last_status[SERVICE_STATUS_SIZE];

        /* state that outlives us */
        FdStore *store;
        Handover *handover;
        bool restoring;          /* what is done now is written already */

        Upstreams *upstreams;
        char **upstream_texts;
        size_t n_upstreams;

        int cgroup_fd;
        uint64_t cgroup_id;
        char *cgroup_path;
        char *own_path;          /* of our own unit; NULL: we have none */
        Identity *identity;
        uint64_t forwarders[FORWARDER_CGROUPS_MAX]; /* ids of the cgroups of those who resolve for others */
        size_t n_forwarders;
        bool trim_is_due;        /* memory goes back to the system with the next tick: nobody need wait for that */

        Engine *engine;
        Documents documents;
        char digest[POLICY_DIGEST_SIZE];
        ModeSetting override;
        const char *hook_names[32]; /* scratch of manager_achieved_hooks() and manager_required_hooks() */
        const char *required_names[32];

        SinkHub *sinks;
        JournalSink *journal;
        NdjsonFile *file;        /* NULL: none */
        RecentEvents *recent;
        JobTable jobs;
        GrantTable grants;
        ManagerCounters counters;

        ManagerObserver observer;
        sd_bus *resolved_bus;    /* while systemd-resolved is asked to forget its cache */
        sd_bus_slot *resolved_slot;
        SelfTest *self_test;
        char shared_socket[FOREIGN_TEXT_MAX]; /* the last that was not taken, since others share it; "": none */
        unsigned n_self_test_faults; /* in a row */
        sd_event_source *grant_end;
        sd_event_source *hup, *usr1, *term, *interrupt, *tick;
        uint64_t start_realtime_usec, start_monotonic_usec;
        int exit_status;
};


/* manager-policy.c: documents -> scopes */
int manager_start_policies(Manager *m);
void manager_log_faults(Manager *m, const FaultList *faults);
/* The specs for the documents, in their order; the policies are the engine's from then on. The caller frees the array. */
int manager_make_specs(Manager *m, Documents *d, LayerSpec **ret);
Mode manager_mode_of(const Manager *m, const Document *d);

/* manager-state.c: what a successor must know */
int manager_open_state(Manager *m);          /* and the mode and jobs that a predecessor left */
int manager_restore_leases(Manager *m);
void manager_write_scopes(Manager *m);
void manager_write_sequence(Manager *m);
void manager_write_lease(Manager *m, const Layer *scope, const Lease *lease);
void manager_write_job(Manager *m, const Job *job);
int manager_store_fds(Manager *m);

/* manager-subjects.c: cgroups -> scopes */
int manager_open_cgroups(Manager *m, const char **ret_what);
int manager_start_subjects(Manager *m);
int manager_reassign(Engine *e, void *userdata);
bool manager_attribute(const EngineClient *client, uint32_t *chain, void *userdata);
/* The one that a cgroup is in, without regard to jobs: the host's where no document is for it. */
Layer *manager_scope_of_path(const Manager *m, const char *path);
/* Tells the kernel whom a cgroup answers to, as things are now. Negative where there is no room; told. */
int manager_assign(Manager *m, const char *path, uint64_t id, bool is_slice);
int manager_keep_connections(Manager *m);

/* manager-jobs.c */
bool manager_has_job_documents(const Manager *m);
Layer *manager_scope_of_job(const Manager *m, const Job *job); /* the one that narrows; NULL: none */
void manager_fill_job_scopes(Manager *m); /* those that are new to the units of their jobs learn what these know */
void manager_end_jobs_of(Manager *m, const char *path); /* the unit with this cgroup ended */
void manager_end_left_jobs(Manager *m);                 /* of units that ended while nobody looked */

/* manager-sockets.c: the sockets that the DNS proxy listens on */
/* Those of the socket units that nobody shares, the caller's from here on; what is missing is said. */
size_t manager_take_sockets(Manager *m, int *fds, size_t max);
void manager_tell_sockets(Manager *m); /* the event about those that were not taken, once events can be told */
/* -EADDRINUSE: somebody shares one, which is said; or why that cannot be found out. */
int manager_check_sockets(Manager *m);

/* manager-allow.c: what single jobs may reach for a limited time */
Layer *manager_grants_of_job(const Manager *m, const Job *job); /* NULL: it has none */
void manager_drop_grants_of(Manager *m, const Job *job);
void manager_drop_grants(Manager *m); /* of all */

/* manager-events.c */
int manager_open_sinks(Manager *m);
void manager_on_event(const Event *e, void *userdata);
void manager_tell(Manager *m, Event *e);
void manager_tell_type(Manager *m, EventType type, const char *scope, const char *detail);
