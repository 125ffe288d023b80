/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Every event to every sink, and one timer for what they have to do later. */

#include <systemd/sd-event.h>

#include "basic/macro.h"
#include "sink/sink.h"

typedef struct SinkHub SinkHub;

#define SINK_HUB_MAX 8

/* Negative errno. */
int sink_hub_new(sd_event *event, SinkHub **ret);
SinkHub *sink_hub_free(SinkHub *h); /* before the sinks, which stay the caller's */
DEFINE_CLEANUP_FUNC(SinkHub *, sink_hub_free)

/* Copied; its object is borrowed. -ENOSPC: there are SINK_HUB_MAX. */
int sink_hub_add(SinkHub *h, const Sink *sink);

/* In the order they were added. Must not be called from a sink. */
void sink_hub_write(SinkHub *h, const Event *e);
/* Does what is due now, as the timer would. */
void sink_hub_flush(SinkHub *h);

uint64_t sink_hub_n_lost(const SinkHub *h); /* of all sinks together */
