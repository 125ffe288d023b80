/* SPDX-License-Identifier: Apache-2.0 */
#include "host/service-manager.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <systemd/sd-daemon.h>

/* A newline would start another assignment, and the manager drops a status that is not UTF-8. */
static void status_copy(const char *status, char ret[static SERVICE_STATUS_SIZE]) {
        size_t n = strnlen(status, SERVICE_STATUS_SIZE - 1);

        for (size_t i = 0; i < n; i++)
                ret[i] = status[i] >= ' ' && status[i] <= '~' ? status[i] : '?';
        ret[n] = '\0';
}

static void status_sent(ServiceManager *m, uint64_t now_usec) {
        m->status_sent_usec = now_usec;
        m->status_pending = false;
}

static bool status_is_due(const ServiceManager *m, uint64_t now_usec) {
        return m->status_sent_usec == 0 || now_usec - m->status_sent_usec >= SERVICE_STATUS_INTERVAL_USEC;
}

static void status_send(ServiceManager *m, uint64_t now_usec) {
        (void) sd_notifyf(0, "STATUS=%s", m->status);
        status_sent(m, now_usec);
}

void service_manager_init(ServiceManager *m, uint64_t now_usec) {
        uint64_t usec = 0;

        assert(m);

        *m = (ServiceManager) { .watchdog_sent_usec = now_usec };
        if (sd_watchdog_enabled(1, &usec) > 0)
                m->watchdog_usec = usec;
}

void service_manager_ready(ServiceManager *m, const char *status, uint64_t now_usec) {
        assert(m);
        assert(status);

        status_copy(status, m->status);
        (void) sd_notifyf(0, "READY=1\nSTATUS=%s", m->status);
        status_sent(m, now_usec);
}

void service_manager_status(ServiceManager *m, const char *status, uint64_t now_usec) {
        char text[SERVICE_STATUS_SIZE];

        assert(m);
        assert(status);

        status_copy(status, text);
        if (strcmp(text, m->status) == 0)
                return;
        memcpy(m->status, text, sizeof(text));
        if (status_is_due(m, now_usec))
                status_send(m, now_usec);
        else
                m->status_pending = true;
}

void service_manager_reloading(uint64_t now_usec) {
        (void) sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, now_usec);
}

void service_manager_stopping(void) {
        (void) sd_notify(0, "STOPPING=1");
}

void service_manager_failed(int error, const char *status) {
        char text[SERVICE_STATUS_SIZE];

        assert(error < 0);
        assert(status);

        status_copy(status, text);
        (void) sd_notifyf(0, "STATUS=%s\nERRNO=%d", text, -error);
}

void service_manager_progress(ServiceManager *m) {
        assert(m);

        m->progress = true;
}

static uint64_t watchdog_tick(ServiceManager *m, uint64_t now_usec) {
        uint64_t due = m->watchdog_sent_usec + m->watchdog_usec / 2;

        if (m->watchdog_usec == 0)
                return UINT64_MAX;
        if (now_usec < due)
                return due;
        /* No progress: check again later, and send nothing. */
        if (!m->progress)
                return now_usec + MAX(m->watchdog_usec / 8, (uint64_t) 1);
        m->progress = false;
        m->watchdog_sent_usec = now_usec;
        (void) sd_notify(0, "WATCHDOG=1");
        return now_usec + m->watchdog_usec / 2;
}

uint64_t service_manager_tick(ServiceManager *m, uint64_t now_usec) {
        assert(m);

        uint64_t next = watchdog_tick(m, now_usec);
        if (m->status_pending && status_is_due(m, now_usec))
                status_send(m, now_usec);
        return m->status_pending ? MIN(next, m->status_sent_usec + SERVICE_STATUS_INTERVAL_USEC) : next;
}
