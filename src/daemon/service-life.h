/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The whole service, as main() sees it. */

#include <systemd/sd-event.h>

#include "daemon/service.h"
#include "sink/service-log.h"

/* Reads the configuration, takes over what a predecessor left, enforces, and starts the self-test, after which the
 * service manager is notified that we are ready. The caller has blocked SIGHUP, SIGUSR1, SIGUSR2, SIGTERM and SIGINT. Errors
 * are logged. */
int service_new(sd_event *event, ServiceLog *log, Service **ret);
/* Emits the remaining events. service_free() would do it too, but without an observer. */
void service_stop(Service *s);
/* Enforcement continues as long as the service manager holds what it was given. */
Service *service_free(Service *s);
int service_exit_status(const Service *s);

DEFINE_CLEANUP_FUNC(Service *, service_free)
