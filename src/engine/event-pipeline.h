/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Kernel records and DNS denials -> events with names, rules and processes -> one callback. */

#include "engine/dns-proxy.h"
#include "engine/layer-table.h"
#include "event/event.h"
#include "kernel/programs.h"

typedef struct EventPipeline EventPipeline;


/* layers: borrowed. */
int event_pipeline_new(const LayerTable *layers, event_fn fn, void *userdata, uint64_t first_sequence, EventPipeline **ret);
EventPipeline *event_pipeline_free(EventPipeline *p);
void event_pipeline_record(EventPipeline *p, const void *data, size_t size);
/* client: who asked, by the kernel; NULL when unknown. */
void event_pipeline_denial(EventPipeline *p, const DnsDenial *d, const struct cw_dns_client *client);
/* A process waits for an answer now: to be looked at while it is there. */
void event_pipeline_client(EventPipeline *p, const struct cw_dns_client *client);
/* Dates and numbers it, and hands it on. */
void event_pipeline_tell(EventPipeline *p, Event *e);
uint64_t event_pipeline_sequence(const EventPipeline *p); /* of the last event */
uint64_t event_pipeline_n_bad(const EventPipeline *p); /* records that could not be read */
uint64_t event_pipeline_n_self(const EventPipeline *p); /* refusals of CW_LAYER_SELF, which make no events */

DEFINE_CLEANUP_FUNC(EventPipeline *, event_pipeline_free)
