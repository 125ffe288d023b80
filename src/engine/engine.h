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
/* Proves on the real path that the hooks see the processes of the cgroup, where kernels can be set up so that they do
 * not (version 1 network controllers before 5.15). probe makes a process of the cgroup take one step and returns when it
 * has: it connects a UDP socket to ENGINE_PROBE_ADDR, port 53, and after that sends one byte over it. Neither leaves the
 * host where the hooks work, and the second step is not asked for where they do not. */
#define ENGINE_PROBE_ADDR "192.0.2.1" /* TEST-NET-1, RFC 5737 */
typedef enum EngineProbe {
        ENGINE_PROBE_CONNECT,
        ENGINE_PROBE_SEND,
        _ENGINE_PROBE_MAX,
} EngineProbe;
typedef int (*engine_probe_fn)(EngineProbe step, void *userdata);
int engine_self_test(Engine *e, engine_probe_fn probe, void *userdata, const char **ret_what);
/* Takes the policy, also on failure; the old one stays then. */
int engine_set_policy(Engine *e, Policy *policy, Mode mode);
/* Reads what the kernel still holds and reports flows that are still open as closed. */
void engine_finish(Engine *e);
uint64_t engine_events_lost(const Engine *e);

DEFINE_CLEANUP_FUNC(Engine *, engine_free)
