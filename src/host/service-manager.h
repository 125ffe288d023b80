/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Notifications to the service manager, sd_notify(3). Without one (no $NOTIFY_SOCKET) nothing is sent. A failure to
 * send is ignored, so the functions return nothing. Times are CLOCK_MONOTONIC. */

#include <stdbool.h>
#include <stdint.h>

#include "basic/macro.h"

#define SERVICE_STATUS_SIZE 352
#define SERVICE_STATUS_INTERVAL_USEC (2 * USEC_PER_SEC)

typedef struct ServiceManager {
        uint64_t watchdog_usec;      /* WatchdogSec=; 0: none */
        uint64_t watchdog_sent_usec;
        bool progress;               /* since the last ping */
        uint64_t status_sent_usec;   /* 0: never */
        bool status_pending;
        char status[SERVICE_STATUS_SIZE];
} ServiceManager;

/* Reads $WATCHDOG_USEC and $WATCHDOG_PID, and removes them from the environment. */
void service_manager_init(ServiceManager *m, uint64_t now_usec);

/* READY=1 with a status: after the start and after a reload, and only once enforcement is in place. */
void service_manager_ready(ServiceManager *m, const char *status, uint64_t now_usec);
/* Sets the one-line status. At most one is sent per SERVICE_STATUS_INTERVAL_USEC; a later one replaces a pending
 * one, which is sent when the interval has passed (service_manager_tick). Characters other than printable ASCII are
 * replaced, long lines truncated. */
void service_manager_status(ServiceManager *m, const char *status, uint64_t now_usec);
/* Type=notify-reload requires the time at which the reload began, which must be later than the signal: now. */
void service_manager_reloading(uint64_t now_usec);
void service_manager_stopping(void);
/* The reason for the coming exit: a negative errno and a line of text. */
void service_manager_failed(int error, const char *status);

/* Call when the actual work has advanced, not just the event loop. */
void service_manager_progress(ServiceManager *m);
/* Sends what is due: a pending status; WATCHDOG=1, twice per interval, if there was progress since the last one.
 * Returns when to call it again, UINT64_MAX for never. */
uint64_t service_manager_tick(ServiceManager *m, uint64_t now_usec);
