/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What listens in the place of container engines and service managers (side-doors.h): closes each connection, and reports who
 * connected. */

#include <systemd/sd-event.h>

#include "run/side-doors.h"

typedef struct EngineWatch EngineWatch;

/* path: of the service that COMMAND wanted. process: its name, of at most 15 bytes. Each path once. */
typedef void (*engine_watch_fn)(const char *path, pid_t pid, const char *process, void *userdata);

/* doors: borrowed. Negative errno. */
int engine_watch_new(sd_event *event, const SideDoors *doors, engine_watch_fn fn, void *userdata, EngineWatch **ret);
/* Takes what is still waiting. w may be NULL. */
void engine_watch_flush(EngineWatch *w);
EngineWatch *engine_watch_free(EngineWatch *w);

DEFINE_CLEANUP_FUNC(EngineWatch *, engine_watch_free)
