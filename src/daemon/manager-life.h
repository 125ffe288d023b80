/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The whole service, as main() sees it. */

#include <systemd/sd-event.h>

#include "daemon/manager.h"
#include "sink/service-log.h"

/* Reads the configuration, takes over what a predecessor left, enforces, and has begun the self-test after which the
 * service manager is told that we are ready. SIGHUP, SIGUSR1, SIGTERM and SIGINT are blocked by the caller. What went
 * wrong is in the log. */
int manager_new(sd_event *event, ServiceLog *log, Manager **ret);
/* Emits what is left of the events. manager_free() does it otherwise; then nobody observes any more. */
void manager_stop(Manager *m);
/* Enforcement goes on as long as the service manager holds what it was given. */
Manager *manager_free(Manager *m);
int manager_exit_status(const Manager *m);

DEFINE_CLEANUP_FUNC(Manager *, manager_free)
