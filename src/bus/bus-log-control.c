/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <string.h>
#include <syslog.h>

#include "bus/bus-error.h"
#include "bus/bus-internal.h"

/* org.freedesktop.LogControl1(5), used by "systemctl service-log-level". */

#define LOG_CONTROL_PATH "/org/freedesktop/LogControl1"
#define LOG_CONTROL_INTERFACE "org.freedesktop.LogControl1"

static const struct {
        const char *name;
        int level;
} levels[] = {
        { "err", LOG_ERR },
        { "warning", LOG_WARNING },
        { "notice", LOG_NOTICE },
        { "info", LOG_INFO },
        { "debug", LOG_DEBUG },
};

static int level_from_string(const char *s, int *ret) {
        for (size_t i = 0; i < ELEMENTSOF(levels); i++)
                if (strcmp(s, levels[i].name) == 0) {
                        *ret = levels[i].level;
                        return 0;
                }
        return -EINVAL;
}

static int get_level(_unused_ sd_bus *bus, _unused_ const char *path, _unused_ const char *interface,
                     _unused_ const char *property, sd_bus_message *reply, void *userdata,
                     _unused_ sd_bus_error *error) {
        const Bus *b = userdata;

        int level = service_get_log_level(b->service);
        const char *name = level < LOG_ERR ? "err" : "debug";
        for (size_t i = 0; i < ELEMENTSOF(levels); i++)
                if (levels[i].level == level)
                        name = levels[i].name;
        return sd_bus_message_append(reply, "s", name);
}

static int get_constant(_unused_ sd_bus *bus, _unused_ const char *path, _unused_ const char *interface,
                        const char *property, sd_bus_message *reply, _unused_ void *userdata,
                        _unused_ sd_bus_error *error) {
        return sd_bus_message_append(reply, "s", strcmp(property, "LogTarget") == 0 ? "journal" : "cargowalld");
}

/* Properties are only set by on_call(). A call that reached this function would not have been authorized. */
static int set_refused(_unused_ sd_bus *bus, _unused_ const char *path, _unused_ const char *interface,
                       _unused_ const char *property, _unused_ sd_bus_message *value, _unused_ void *userdata,
                       sd_bus_error *error) {
        return sd_bus_error_set(error, SD_BUS_ERROR_ACCESS_DENIED, "Access denied.");
}

/* Filters every call to the object before its vtable: sd-bus cannot set a property asynchronously, and whether the
 * caller may set it is known only after asking the bus. */
static int on_call(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const char *interface, *property, *text, *type;
        Bus *b = userdata;
        Caller caller;
        int r, level;

        if (!sd_bus_message_is_method_call(m, "org.freedesktop.DBus.Properties", "Set"))
                return 0;
        if (!sd_bus_message_has_signature(m, "ssv"))
                return sd_bus_error_set(error, SD_BUS_ERROR_INVALID_ARGS, "Set takes ssv.");
        r = sd_bus_message_read(m, "ss", &interface, &property);
        if (r >= 0)
                r = sd_bus_message_peek_type(m, NULL, &type);
        if (r < 0)
                return r;
        if (strcmp(interface, LOG_CONTROL_INTERFACE) != 0 || strcmp(property, "LogLevel") != 0)
                return sd_bus_error_set(error, SD_BUS_ERROR_PROPERTY_READ_ONLY, "Only LogLevel can be set.");
        r = strcmp(type, "s") == 0 ? sd_bus_message_read(m, "v", "s", &text) : -EINVAL;
        if (r < 0 || level_from_string(text, &level) < 0)
                return sd_bus_error_set(error, SD_BUS_ERROR_INVALID_ARGS,
                                        "The level must be err, warning, notice, info or debug.");

        r = bus_authorize(b, m, NULL, NULL, on_call, &caller, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        service_set_log_level(b->service, level);
        (void) bus_note_result(b, "log-level", &caller, 0, NULL);
        (void) sd_bus_emit_properties_changed(b->bus, LOG_CONTROL_PATH, LOG_CONTROL_INTERFACE, "LogLevel", NULL);
        return sd_bus_reply_method_return(m, NULL);
}

static const sd_bus_vtable log_control_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_WRITABLE_PROPERTY("LogLevel", "s", get_level, set_refused, 0,
                                 SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE | SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_PROPERTY("LogTarget", "s", get_constant, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("SyslogIdentifier", "s", get_constant, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_VTABLE_END,
};

int bus_add_log_control(Bus *b) {
        int r = sd_bus_add_object(b->bus, NULL, LOG_CONTROL_PATH, on_call, b);
        return r < 0 ? r : sd_bus_add_object_vtable(b->bus, NULL, LOG_CONTROL_PATH, LOG_CONTROL_INTERFACE,
                                                    log_control_vtable, b);
}
