/* SPDX-License-Identifier: Apache-2.0 */
#include "bus/bus.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "basic/rate-table.h"
#include "bus/bus-error.h"
#include "bus/bus-internal.h"

#define SYSTEM_BUS_ADDRESS "unix:path=/run/dbus/system_bus_socket"

#define RETRY_MIN_USEC (500 * USEC_PER_MSEC)
#define RETRY_MAX_USEC (60 * USEC_PER_SEC)

static int bus_connect(Bus *b);

/* ------------------------------------------------------------------ connection */

/* Also removes everything attached to the connection. No flush: that would block. */
static void bus_drop(Bus *b) {
        polkit_reset(b->polkit);
        if (b->validator)
                validator_cancel(b->validator);
        bus_subscribers_clear(b);
        b->bus = sd_bus_close_unref(b->bus);
}

static int on_retry(_unused_ sd_event_source *s, _unused_ uint64_t usec, void *userdata) {
        Bus *b = userdata;

        bus_drop(b);
        (void) bus_connect(b);
        return 0;
}

/* Must not run in a callback of the connection that is being dropped: its object is freed when the timer fires. */
static int bus_retry(Bus *b) {
        int r;

        if (b->retry_usec == 0)
                b->retry_usec = RETRY_MIN_USEC;
        if (b->retry) {
                r = sd_event_source_set_time_relative(b->retry, b->retry_usec);
                if (r >= 0)
                        r = sd_event_source_set_enabled(b->retry, SD_EVENT_ONESHOT);
        } else {
                r = sd_event_add_time_relative(b->event, &b->retry, CLOCK_MONOTONIC, b->retry_usec, 0, on_retry, b);
                if (r >= 0)
                        (void) sd_event_source_set_description(b->retry, "bus-retry");
        }
        b->retry_usec = MIN(2 * b->retry_usec, RETRY_MAX_USEC);
        return r;
}

/* Logs each failure once: what is retried every minute is not logged every minute. why may contain numbers that
 * change, such as our unique name. */
static void bus_failed(Bus *b, const char *what, const char *kind, const char *why) {
        char failure[sizeof(b->failure)];

        (void) snprintf(failure, sizeof(failure), "%s: %s", what, kind);
        bool new = strcmp(failure, b->failure) != 0;
        memcpy(b->failure, failure, sizeof(failure));
        bus_log(b, new ? LOG_ERR : LOG_DEBUG,
                "%s: %s; enforcement continues, but cargowallctl cannot reach the service; trying again", what, why);
}

static int on_disconnected(_unused_ sd_bus_message *m, void *userdata, _unused_ sd_bus_error *error) {
        Bus *b = userdata;

        bus_failed(b, "system bus", "", "connection lost");
        if (b->own)
                (void) bus_retry(b);
        return 0;
}

/* Also called for our unique name, when the connection ends. */
static int on_name_lost(sd_bus_message *m, void *userdata, _unused_ sd_bus_error *error) {
        const char *name, *from = sd_bus_message_get_sender(m);
        Bus *b = userdata;

        if (!from || strcmp(from, "org.freedesktop.DBus") != 0 || sd_bus_message_read(m, "s", &name) < 0 ||
            strcmp(name, BUS_NAME) != 0)
                return 0;
        bus_failed(b, "lost bus name " BUS_NAME, "", "another process owns it");
        if (b->own)
                (void) bus_retry(b);
        return 0;
}

static int on_name(sd_bus_message *m, void *userdata, _unused_ sd_bus_error *error) {
        const sd_bus_error *e = sd_bus_message_get_error(m);
        uint32_t result = 0;
        Bus *b = userdata;

        /* 1 and 4: D-Bus specification, RequestName: primary owner, already owner */
        if (!sd_bus_message_is_method_error(m, NULL) && sd_bus_message_read(m, "u", &result) >= 0 &&
            (result == 1 || result == 4)) {
                b->retry_usec = 0;
                b->stats.connections++;
                bus_log(b, b->failure[0] != '\0' ? LOG_NOTICE : LOG_DEBUG, "acquired bus name " BUS_NAME);
                b->failure[0] = '\0';
                return 1;
        }
        bus_failed(b, "cannot acquire bus name " BUS_NAME, e ? e->name : "",
                   e ? e->message : "another process owns it");
        (void) bus_retry(b);
        return 1;
}

static int bus_add_objects(Bus *b) {
        int r = bus_add_reads(b);
        if (r >= 0)
                r = sd_bus_add_object_manager(b->bus, NULL, BUS_PATH);
        if (r >= 0)
                r = bus_add_manager(b);
        if (r >= 0)
                r = bus_add_scopes(b);
        if (r >= 0)
                r = bus_add_jobs(b);
        if (r >= 0)
                r = bus_add_log_control(b);
        return r;
}

/* b->bus is started. */
static int bus_setup(Bus *b) {
        int r = bus_add_objects(b);
        if (r < 0)
                return r;
        r = sd_bus_match_signal_async(b->bus, NULL, "org.freedesktop.DBus.Local", "/org/freedesktop/DBus/Local",
                                      "org.freedesktop.DBus.Local", "Disconnected", on_disconnected, NULL, b);
        if (r < 0)
                return r;
        r = sd_bus_match_signal_async(b->bus, NULL, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                      "org.freedesktop.DBus", "NameLost", on_name_lost, NULL, b);
        if (r < 0)
                return r;
        if (sd_bus_is_bus_client(b->bus) > 0) {
                r = sd_bus_request_name_async(b->bus, NULL, BUS_NAME, 0, on_name, b);
                if (r < 0)
                        return r;
        }
        r = bus_scopes_update(b, false);
        if (r < 0)
                return r;
        bus_jobs_update(b, false);
        return sd_bus_attach_event(b->bus, b->event, SD_EVENT_PRIORITY_NORMAL);
}

/* Like sd_bus_open_system(), but waits for a bus that does not exist yet. */
static int open_system_bus(sd_bus **ret) {
        _cleanup_(sd_bus_unrefp) sd_bus *bus = NULL;
        int r;

        r = sd_bus_new(&bus);
        if (r < 0)
                return r;
        r = sd_bus_set_address(bus, secure_getenv("DBUS_SYSTEM_BUS_ADDRESS") ?: SYSTEM_BUS_ADDRESS);
        if (r < 0)
                return r;
        r = sd_bus_set_bus_client(bus, true);
        if (r < 0)
                return r;
        r = sd_bus_set_watch_bind(bus, true);
        if (r < 0)
                return r;
        (void) sd_bus_set_description(bus, "system");
        r = sd_bus_start(bus);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(bus);
        return 0;
}

static int bus_connect(Bus *b) {
        int r;

        assert(!b->bus);

        r = open_system_bus(&b->bus);
        if (r >= 0)
                r = bus_setup(b);
        if (r >= 0)
                return 0;

        bus_failed(b, "cannot connect to the system bus", strerror(-r), strerror(-r));
        b->bus = sd_bus_close_unref(b->bus);
        return bus_retry(b);
}

/* ------------------------------------------------------------------ notifications of the service */

static void on_ready(void *userdata) {
        Bus *b = userdata;
        int r;

        if (!b->own || b->bus)
                return;
        r = bus_connect(b);
        if (r < 0)
                bus_log(b, LOG_ERR, "cannot connect to the system bus: %s; cargowallctl cannot reach the service",
                        strerror(-r));
}

static void on_mode_changed(ModeSetting old_mode, ModeSetting new_mode, void *userdata) {
        Bus *b = userdata;

        if (!bus_ready(b))
                return;
        if (old_mode != new_mode)
                (void) sd_bus_emit_signal(b->bus, BUS_PATH, BUS_INTERFACE_MANAGER, "ModeChanged", "ss",
                                          bus_mode_to_string(old_mode), bus_mode_to_string(new_mode));
        bus_properties_changed(b, "Mode", "ModeKept", "EffectiveMode", "Enforcing", NULL);
        bus_scopes_emit_changed(b);
}

static void on_scopes_changed(void *userdata) {
        Bus *b = userdata;

        if (bus_ready(b) && bus_scopes_update(b, true) < 0)
                bus_log(b, LOG_WARNING, "cannot announce changed scopes on the bus: out of memory");
}

static void on_policy_reloaded(void *userdata) {
        Bus *b = userdata;

        if (!bus_ready(b))
                return;
        on_scopes_changed(b);
        (void) sd_bus_emit_signal(b->bus, BUS_PATH, BUS_INTERFACE_MANAGER, "PolicyReloaded", "s",
                                  service_policy_digest(b->service));
        bus_properties_changed(b, "PolicyDigest", "PolicySource", "PolicyFault", "RuleCount", "ConfiguredMode",
                               "EffectiveMode", "Enforcing", NULL);
        bus_scopes_emit_changed(b);
}

static void on_jobs_changed(void *userdata) {
        Bus *b = userdata;

        if (bus_ready(b))
                bus_jobs_update(b, true);
}

static void on_hooks_changed(void *userdata) {
        bus_properties_changed(userdata, "AchievedHooks", "Enforcing", NULL);
}

static void on_upstreams_changed(void *userdata) {
        bus_properties_changed(userdata, "Upstreams", NULL);
}

/* ------------------------------------------------------------------ life */

static void observe(Bus *b) {
        service_set_observer(b->service, &(ServiceObserver) {
                .ready = on_ready,
                .mode_changed = on_mode_changed,
                .policy_reloaded = on_policy_reloaded,
                .scopes_changed = on_scopes_changed,
                .jobs_changed = on_jobs_changed,
                .hooks_changed = on_hooks_changed,
                .upstreams_changed = on_upstreams_changed,
                .denial = bus_send_denial,
                .n_denials_lost = bus_n_denials_lost,
                .userdata = b,
        });
}

int bus_new(sd_event *event, sd_bus *bus, Service *m, Bus **ret) {
        _cleanup_(bus_freep) Bus *b = calloc(1, sizeof(*b));
        int r;

        assert(event);
        assert(m);
        assert(ret);

        if (!b) {
                sd_bus_close_unref(bus);
                return -ENOMEM;
        }
        b->event = sd_event_ref(event);
        b->service = m;
        b->bus = bus;
        b->own = !bus;
        r = polkit_new(&b->polkit);
        if (r >= 0)
                r = validator_new(event, service_validate, &b->validator);
        if (r >= 0)
                r = bus_subscribers_init(b);
        if (r < 0)
                return r;
        r = bus_error_register();
        if (r < 0)
                return r;
        r = bus ? bus_setup(b) : 0;
        if (r < 0)
                return r;
        observe(b);
        *ret = TAKE_PTR(b);
        return 0;
}

Bus *bus_free(Bus *b) {
        if (!b)
                return NULL;

        service_set_observer(b->service, NULL);
        if (b->polkit)
                bus_drop(b);
        sd_bus_close_unref(b->bus);
        polkit_free(b->polkit);
        validator_free(b->validator);
        rate_table_free(b->units);
        sd_event_source_disable_unref(b->retry);
        bus_strv_free(b->scopes);
        sd_event_unref(b->event);
        free(b);
        return NULL;
}

void bus_set_options(Bus *b, const BusOptions *options) {
        assert(b);
        assert(options);

        b->options = *options;
        polkit_set_options(b->polkit, &(PolkitOptions) {
                .timeout_usec = options->polkit_timeout_usec,
                .trust_nobody = options->trust_nobody,
        });
}

void bus_stats(const Bus *b, BusStats *ret) {
        assert(b);
        assert(ret);

        *ret = b->stats;
        ret->subscribers = b->n_subscribers;
        ret->calls_pending = polkit_n_pending(b->polkit);
}
