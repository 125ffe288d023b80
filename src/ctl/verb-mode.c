/* SPDX-License-Identifier: Apache-2.0 */

/* mode, reload, log-level: settings of the service as a whole. */

#include <stdio.h>
#include <string.h>

#include "ctl/ctl.h"

static bool is_one_of(const char *word, const char *const *words, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (strcmp(word, words[i]) == 0)
                        return true;
        return false;
}

static int show_mode(Ctl *c) {
        static const struct {
                const char *key, *label;
        } fields[] = {
                { "effective_mode", "Effective" },
                { "mode", "Set" },
                { "configured_mode", "Configured" },
        };
        _cleanup_(json_object_putp) JsonObject *p = NULL, *o = json_object_new_object();

        int status = bus_client_properties(&c->client, &p);
        for (size_t i = 0; i < ELEMENTSOF(fields) && status == STATUS_OK; i++) {
                const char *value = json_value_text(p, fields[i].key);

                if (c->json == JSON_OFF)
                        status = ctl_print_field(c, fields[i].label, value);
                else if (json_value_add(o, fields[i].key, json_object_new_string(value)) < 0)
                        status = ctl_fail(-ENOMEM);
        }
        return status == STATUS_OK && c->json != JSON_OFF ? ctl_print_json(c, o) : status;
}

int verb_mode(Ctl *c, int argc, char **argv) {
        static const char *const modes[] = { "enforce", "audit", "off", "configured" };

        if (argc == 0)
                return show_mode(c);
        if (!is_one_of(argv[0], modes, ELEMENTSOF(modes))) {
                complain("%s: the mode must be enforce, audit, off or configured", argv[0]);
                return STATUS_USAGE;
        }
        return bus_client_call(&c->client, "SetMode", CALL_PRIVILEGED, NULL, "st", argv[0], (uint64_t) 0);
}

int verb_reload(Ctl *c, _unused_ int argc, _unused_ char **argv) {
        return bus_client_call(&c->client, "Reload", CALL_PRIVILEGED, NULL, NULL);
}

/* ------------------------------------------------------------------ log-level */

static int show_log_level(Ctl *c) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL, *reply = NULL;
        _cleanup_(json_object_putp) JsonObject *o = NULL;

        int status = bus_client_message(&c->client, BUS_LOG_PATH, "org.freedesktop.DBus.Properties", "Get", &m);
        if (status != STATUS_OK)
                return status;
        int r = sd_bus_message_append(m, "ss", BUS_LOG, "LogLevel");
        if (r < 0)
                return ctl_fail(r);
        status = bus_client_send(&c->client, TAKE_PTR(m), 0, &reply);
        if (status != STATUS_OK)
                return status;

        const char *level;
        r = sd_bus_message_read(reply, "v", "s", &level);
        if (r < 0)
                return ctl_fail(r);
        if (c->json != JSON_OFF) {
                o = json_object_new_object();
                r = json_value_add(o, "log_level", json_object_new_string(level));
                return r < 0 ? ctl_fail(r) : ctl_print_json(c, o);
        }
        _cleanup_free_ char *safe = output_safe(&c->output, level);
        if (!safe)
                return ctl_fail(-ENOMEM);
        (void) puts(safe);
        return STATUS_OK;
}

int verb_log_level(Ctl *c, int argc, char **argv) {
        static const char *const levels[] = { "debug", "info", "notice", "warning", "err" };
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;

        if (argc == 0)
                return show_log_level(c);
        if (!is_one_of(argv[0], levels, ELEMENTSOF(levels))) {
                complain("%s: the level must be debug, info, notice, warning or err", argv[0]);
                return STATUS_USAGE;
        }
        int status = bus_client_message(&c->client, BUS_LOG_PATH, "org.freedesktop.DBus.Properties", "Set", &m);
        if (status != STATUS_OK)
                return status;
        int r = sd_bus_message_append(m, "ssv", BUS_LOG, "LogLevel", "s", argv[0]);
        return r < 0 ? ctl_fail(r) : bus_client_send(&c->client, TAKE_PTR(m), CALL_PRIVILEGED, NULL);
}
