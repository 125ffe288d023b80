/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What we tell the service manager of ourselves, sd_notify(3). Without one (no $NOTIFY_SOCKET) nothing is sent. A
 * message that cannot be sent is not worth failing for: functions return nothing. Times are CLOCK_MONOTONIC. */

#include <stdbool.h>
#include <stdint.h>

#include "basic/macro.h"

#define SERVICE_STATUS_SIZE 256
#define SERVICE_STATUS_INTERVAL_USEC (2 * USEC_PER_SEC)

typedef struct ServiceManager {
        uint64_t watchdog_usec;      /* WatchdogSec=; 0: none */
        uint64_t watchdog_sent_usec;
        bool progress;               /* since the last ping */
        uint64_t status_sent_usec;   /* 0: never */
        bool status_pending;
        char status[SERVICE_STATUS_SIZE];
} ServiceManager;

/* Reads $WATCHDOG_USEC and $WATCHDOG_PID, and takes them out of the environment. */
void service_manager_init(ServiceManager *m, uint64_t now_usec);

/* READY=1, with a status: after the start and after a reload. Only once what we promise is true. */
void service_manager_ready(ServiceManager *m, const char *status, uint64_t now_usec);
/* One line for people. At most one is sent per SERVICE_STATUS_INTERVAL_USEC; of those between the last one is sent when
 * the time has come (service_manager_tick). Characters other than printable ASCII are replaced, long lines cut. */
void service_manager_status(ServiceManager *m, const char *status, uint64_t now_usec);
/* Type=notify-reload needs the time at which the reload began, which must be after the signal: now. */
void service_manager_reloading(uint64_t now_usec);
void service_manager_stopping(void);
/* Why we are about to exit: a negative errno and a line for people. */
void service_manager_failed(int error, const char *status);

/* The owner has seen the work itself go on, not only the loop turn. */
void service_manager_progress(ServiceManager *m);
/* Sends what is due: a status that waited; WATCHDOG=1, twice per interval, if there was progress since the last one.
 * Returns when it wants to be called again, UINT64_MAX for never. */
uint64_t service_manager_tick(ServiceManager *m, uint64_t now_usec);
