/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* daemon/service.h over plain fields, for tests of the bus. */

#include "daemon/service.h"

#define FAKE_SCOPES_MAX 4
#define FAKE_NOTES_MAX 4096

typedef struct FakeNote {
        char action[48], sender[32], result[200], unit[64];
        uint32_t uid, pid;
} FakeNote;

struct Service {
        ServiceObserver observer;
        ModeSetting mode;
        Mode configured;
        char *texts[FAKE_SCOPES_MAX];
        size_t n_scopes;
        const char *source;    /* of all scopes; borrowed */
        const char *cgroup;    /* in each scope; borrowed */
        uint64_t job_ids[SERVICE_JOBS_MAX];
        char *job_units[SERVICE_JOBS_MAX];
        char *job_labels[SERVICE_JOBS_MAX][SERVICE_JOB_LABELS_MAX];
        size_t n_job_labels[SERVICE_JOBS_MAX];
        size_t n_jobs;
        uint64_t next_job;
        Event event;           /* each recent event */
        size_t n_events;
        size_t n_leases;
        int log_level;
        Policy *policy;        /* of every scope but "off"; borrowed */
        FakeNote notes[FAKE_NOTES_MAX];
        size_t n_notes;
        size_t n_set_mode, n_set_scope_mode, n_reloads, n_flushes;
        bool mode_is_kept;
        int set_mode_error;
        bool reload_fails;
        int reload_error; /* with one fault; 0: none */
};

/* Each check of a document takes a byte from here first, in the thread that makes it; -1: not. */
extern int fake_validate_gate;

Service *fake_service_new(void);
Service *fake_service_free(Service *m);
DEFINE_CLEANUP_FUNC(Service *, fake_service_free)
