/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Kernel records and DNS denials -> events with names, rules and processes -> one callback. */

#include "dns/lease.h"
#include "engine/dns-proxy.h"
#include "engine/engine.h"
#include "kernel/programs.h"

typedef struct EventPipeline EventPipeline;

int event_pipeline_new(LeaseTable *leases, engine_event_fn fn, void *userdata, EventPipeline **ret);
EventPipeline *event_pipeline_free(EventPipeline *p);
/* policy_id: under which the kernel knows it. Both borrowed. */
void event_pipeline_set_policy(EventPipeline *p, const Policy *policy, uint32_t policy_id, Mode mode);
void event_pipeline_record(EventPipeline *p, const void *data, size_t size);
/* client: who asked, by the kernel; NULL when unknown. */
void event_pipeline_denial(EventPipeline *p, const DnsDenial *d, const struct cw_dns_client *client);
/* A process waits for an answer now: to be looked at while it is there. */
void event_pipeline_client(EventPipeline *p, const struct cw_dns_client *client);
void event_pipeline_note(EventPipeline *p, EventType type, uint64_t count);
uint64_t event_pipeline_n_bad(const EventPipeline *p); /* records that could not be read */

DEFINE_CLEANUP_FUNC(EventPipeline *, event_pipeline_free)
