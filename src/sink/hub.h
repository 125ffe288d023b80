/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Passes every event to every sink, and owns the one timer for their deferred work. */

#include <systemd/sd-event.h>

#include "basic/macro.h"
#include "sink/sink.h"

typedef struct SinkHub SinkHub;

#define SINK_HUB_MAX 8

/* Negative errno. */
int sink_hub_new(sd_event *event, SinkHub **ret);
SinkHub *sink_hub_free(SinkHub *h); /* call before freeing the sinks, which the caller owns */
DEFINE_CLEANUP_FUNC(SinkHub *, sink_hub_free)

/* sink is copied; its object is borrowed. -ENOSPC: SINK_HUB_MAX sinks already. */
int sink_hub_add(SinkHub *h, const Sink *sink);

/* Writes in the order in which the sinks were added. Must not be called from a sink. */
void sink_hub_write(SinkHub *h, const Event *e);
/* Does what is due now, as the timer does. */
void sink_hub_flush(SinkHub *h);

uint64_t sink_hub_n_lost(const SinkHub *h); /* the sum over all sinks */
