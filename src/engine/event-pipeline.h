/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Turns kernel records and DNS denials into events with names, rules and processes, for one callback. */

#include "engine/dns-proxy.h"
#include "engine/layer-table.h"
#include "event/event.h"
#include "event/name-history.h"
#include "kernel/programs.h"

typedef struct EventPipeline EventPipeline;

/* Events for refused names, by client: per second, and at once. The others are counted. */
#define PIPELINE_QUERY_RATE 100
#define PIPELINE_QUERY_BURST 500

/* layers: borrowed. */
int event_pipeline_new(const LayerTable *layers, event_fn fn, void *userdata, uint64_t first_sequence, EventPipeline **ret);
EventPipeline *event_pipeline_free(EventPipeline *p);
void event_pipeline_record(EventPipeline *p, const void *data, size_t size);
/* Repeats of a recent record, and what the kernel only counted; for denial_counts_read() with userdata: the
 * EventPipeline. */
void event_pipeline_repeats(const struct cw_repeat *repeat, void *userdata);
void event_pipeline_suppressed(uint32_t actor, const uint64_t n[static CW_OVER_MAX], void *userdata);
/* As for dns_crowded_fn: the first is emitted at once, further ones as a count each second. */
void event_pipeline_crowded(EventPipeline *p, uint32_t actor, DnsShare share, size_t n);
/* The first of a client are emitted, further ones as a count each second. */
void event_pipeline_failure(EventPipeline *p, const DnsFailure *f, const struct cw_dns_client *client);
/* client: the sender as recorded by the kernel; NULL if unknown. */
void event_pipeline_denial(EventPipeline *p, const DnsDenial *d, const struct cw_dns_client *client);
/* It receives addresses for a name, under which its connections to them are reported. First ask what changes: nothing if
 * the names are kept; if one is replaced, the records of the connections until now must be read first. */
NameChange event_pipeline_renew_name(EventPipeline *p, const DnsRequester *requester, const char *name,
                                     const DnsAnswer *answer);
void event_pipeline_looked_up(EventPipeline *p, const DnsRequester *requester, const char *name,
                              const DnsAnswer *answer);
/* A process is waiting for an answer: read its facts while it is alive. */
void event_pipeline_client(EventPipeline *p, const struct cw_dns_client *client);
/* The same for a process that waits for something else. */
void event_pipeline_process(EventPipeline *p, uint32_t pid);
/* A refusal that neither the kernel's programs nor the proxy reports: sets what they would, and emits it. type, reason
 * and pid are set; the process was read before. */
void event_pipeline_refusal(EventPipeline *p, const Layer *layer, Event *e);
/* Denials are merged: the first is emitted at once, what repeats it within a second as one event with a count.
 * Emits what is due, and what was suppressed; all: every count, at the end. Returns whether more will be due. */
bool event_pipeline_flush(EventPipeline *p, bool all);
/* Sets the event's time and number, and emits it. */
void event_pipeline_emit(EventPipeline *p, Event *e);
uint64_t event_pipeline_sequence(const EventPipeline *p); /* of the last event */
uint64_t event_pipeline_n_bad(const EventPipeline *p); /* invalid records */
uint64_t event_pipeline_n_self(const EventPipeline *p); /* denials by CW_LAYER_SELF, for which there are no events */

DEFINE_CLEANUP_FUNC(EventPipeline *, event_pipeline_free)
