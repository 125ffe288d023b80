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

#define MODE_KEEP UINT64_C(1) /* a flag of SetMode and SetScopeMode */

/* ------------------------------------------------------------------ mode */

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

/* "  audit: a, b": the scopes with this mode in effect, for what reason. */
static int print_group(const Ctl *c, JsonObject *scopes, const char *mode, bool held, const char *note) {
        bool any = false;

        for (size_t i = 0; i < json_value_length(scopes); i++) {
                JsonObject *o = json_object_array_get_idx(scopes, i);
                const char *name = json_value_text(o, "name"), *source = json_value_text(o, "policy_source");
                bool is_held = strcmp(json_value_text(o, "mode_setting"), "configured") == 0 &&
                               strcmp(json_value_text(o, "configured_mode"), mode) == 0;

                /* Without a document, nothing is judged; what is granted to a job has its modes. */
                if (strcmp(json_value_text(o, "mode"), mode) != 0 || is_held != held || strcmp(source, "none") == 0 ||
                    strcmp(source, "job") == 0)
                        continue;
                _cleanup_free_ char *safe = output_safe(&c->output, name);
                if (!safe)
                        return ctl_fail(-ENOMEM);
                if (any)
                        (void) printf(", %s", safe);
                else
                        (void) printf("  %s: %s", mode, safe);
                any = true;
        }
        if (any)
                (void) printf("%s\n", note);
        return STATUS_OK;
}

/* For whom: every scope, by the mode that it has now. */
static int print_scopes_by_mode(Ctl *c, const char *set) {
        static const char *const modes[] = { "enforce", "audit", "off" };
        static const char advice[] = " (as documents say; \"cargowallctl mode enforce --scope SCOPE\" enforces one)";
        _cleanup_(json_object_putp) JsonObject *scopes = NULL;

        int status = bus_client_objects(&c->client, BUS_SCOPE, &scopes);
        for (size_t i = 0; i < ELEMENTSOF(modes) && status == STATUS_OK; i++) {
                bool weaker = strcmp(set, "enforce") == 0 && i > 0;

                status = print_group(c, scopes, modes[i], false, "");
                if (status == STATUS_OK)
                        status = print_group(c, scopes, modes[i], true, weaker ? advice : "");
        }
        return status;
}

static int print_set(Ctl *c, const char *mode) {
        bool configured = strcmp(mode, "configured") == 0;
        _cleanup_free_ char *safe = c->scope ? output_safe(&c->output, c->scope) : strdup("");
        _cleanup_(json_object_putp) JsonObject *p = NULL;

        if (!safe)
                return ctl_fail(-ENOMEM);
        int status = bus_client_properties(&c->client, &p);
        if (status != STATUS_OK)
                return status;
        (void) printf("%s%s%s ", configured ? "As configured" : mode, c->scope ? " for scope " : "", safe);
        if (json_value_bool(p, "mode_kept"))
                (void) puts("until changed; kept over reboots.");
        else
                (void) puts("until cargowalld is stopped or the machine reboots (--persist keeps it).");
        return print_scopes_by_mode(c, mode);
}

int verb_mode(Ctl *c, int argc, char **argv) {
        static const char *const modes[] = { "enforce", "audit", "off", "configured" };
        uint64_t flags = c->keep ? MODE_KEEP : 0;
        int status;

        if (argc == 0 && (c->scope || c->keep)) {
                complain("a mode is missing: enforce, audit, off or configured");
                return STATUS_USAGE;
        }
        if (argc == 0)
                return show_mode(c);
        if (!is_one_of(argv[0], modes, ELEMENTSOF(modes))) {
                complain("%s: the mode must be enforce, audit, off or configured", argv[0]);
                return STATUS_USAGE;
        }
        if (c->scope)
                status = bus_client_call(&c->client, "SetScopeMode", CALL_PRIVILEGED, NULL, "sst", c->scope, argv[0], flags);
        else
                status = bus_client_call(&c->client, "SetMode", CALL_PRIVILEGED, NULL, "st", argv[0], flags);
        return status != STATUS_OK || c->quiet || c->json != JSON_OFF ? status : print_set(c, argv[0]);
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
