/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* One engine: policy, DNS proxy, kernel and events for one scope. The only place where the layers meet; its front ends
 * know neither BPF nor DNS. */

#include <systemd/sd-event.h>

#include "basic/macro.h"
#include "event/event.h"
#include "net/dns-upstream.h"
#include "policy/policy.h"

typedef struct Engine Engine;

typedef void (*engine_event_fn)(const Event *e, void *userdata);

typedef struct EngineOptions {
        Policy *policy;          /* taken */
        Mode mode;
        const DnsServer *servers;
        size_t n_servers;
        int cgroup_fd;           /* borrowed */
        uint64_t cgroup_id;
        engine_event_fn on_event; /* every event, in order */
        void *userdata;
} EngineOptions;

/* Loads, fills the maps, attaches. From its success on every socket of the cgroup is judged. *ret_what: a constant
 * sentence that says what to do. */
int engine_new(sd_event *event, EngineOptions *options, Engine **ret, const char **ret_what);
Engine *engine_free(Engine *e);
/* Takes the policy, also on failure; the old one stays then. */
int engine_set_policy(Engine *e, Policy *policy, Mode mode);
/* Reads what the kernel still holds and reports flows that are still open as closed. */
void engine_finish(Engine *e);
uint64_t engine_events_lost(const Engine *e);

DEFINE_CLEANUP_FUNC(Engine *, engine_free)
