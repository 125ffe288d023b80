/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/bus-client.h"

#include <assert.h>
#include <string.h>

#include "ctl/output.h"
#include "ctl/variant-json.h"

#define TIMEOUT_USEC (25 * USEC_PER_SEC)
#define PASSWORD_TIMEOUT_USEC (300 * USEC_PER_SEC)

void bus_client_done(BusClient *c) {
        assert(c);

        ask_password_close(&c->agent);
        c->bus = sd_bus_flush_close_unref(c->bus);
}

/* ------------------------------------------------------------------ errors */

ExitStatus bus_error_status(const char *name, int r) {
        static const struct {
                const char *name;
                ExitStatus status;
        } known[] = {
                { BUS_NAME ".Error.InvalidPolicy", STATUS_INVALID_POLICY },
                { BUS_NAME ".Error.NoSuchScope", STATUS_NO_SUCH },
                { BUS_NAME ".Error.NoSuchJob", STATUS_NO_SUCH },
                { SD_BUS_ERROR_ACCESS_DENIED, STATUS_ACCESS_DENIED },
                { SD_BUS_ERROR_AUTH_FAILED, STATUS_ACCESS_DENIED },
                { SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED, STATUS_ACCESS_DENIED },
                { SD_BUS_ERROR_LIMITS_EXCEEDED, STATUS_BUSY },
                { SD_BUS_ERROR_SERVICE_UNKNOWN, STATUS_UNREACHABLE },
                { SD_BUS_ERROR_NAME_HAS_NO_OWNER, STATUS_UNREACHABLE },
                { SD_BUS_ERROR_NO_REPLY, STATUS_UNREACHABLE },
                { SD_BUS_ERROR_NO_SERVER, STATUS_UNREACHABLE },
                { SD_BUS_ERROR_DISCONNECTED, STATUS_UNREACHABLE },
                { SD_BUS_ERROR_TIMEOUT, STATUS_UNREACHABLE },
        };
        static const int unreachable[] = { -ECONNREFUSED, -ECONNRESET, -ENOTCONN, -ETIMEDOUT, -EHOSTDOWN, -EPIPE };

        for (size_t i = 0; name && i < ELEMENTSOF(known); i++)
                if (strcmp(name, known[i].name) == 0)
                        return known[i].status;
        for (size_t i = 0; !name && i < ELEMENTSOF(unreachable); i++)
                if (r == unreachable[i])
                        return STATUS_UNREACHABLE;
        return STATUS_FAILED;
}

static const char *hint(ExitStatus status) {
        switch (status) {
        case STATUS_UNREACHABLE:
                return "cargowalld.service is not running or does not answer; check \"systemctl status cargowalld\", "
                       "or start it with \"systemctl start cargowalld\"";
        case STATUS_ACCESS_DENIED:
                return "use sudo, or permit it in polkit; see org.cargowall1(5)";
        default:
                return "";
        }
}

int bus_client_fail(const BusClient *c, const char *what, const sd_bus_error *error, int r) {
        bool set = error && sd_bus_error_is_set(error);
        ExitStatus status = bus_error_status(set ? error->name : NULL, r);

        if (c->silent || status == (ExitStatus) c->unprinted)
                return status;
        const char *reason = set && error->message && error->message[0] != '\0' ? error->message
                             : set                                             ? error->name
                                                                               : strerrordesc_np(-r) ?: "unknown error";
        const char *advice = hint(status);
        complain("%s: %s%s%s%s", what, reason, advice[0] != '\0' ? " (" : "", advice,
                 advice[0] != '\0' ? ")" : "");
        return status;
}

/* ------------------------------------------------------------------ calls */

int bus_client_connect(BusClient *c) {
        assert(c);

        if (c->bus)
                return STATUS_OK;
        int r = sd_bus_open_system(&c->bus);
        if (r < 0) {
                if (!c->silent)
                        complain("cannot connect to the system bus: %s", strerrordesc_np(-r) ?: "unknown error");
                return STATUS_UNREACHABLE;
        }
        return STATUS_OK;
}

int bus_client_message(BusClient *c, const char *path, const char *interface, const char *member,
                       sd_bus_message **ret) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;

        int status = bus_client_connect(c);
        if (status != STATUS_OK)
                return status;
        int r = sd_bus_message_new_method_call(c->bus, &m, BUS_NAME, path, interface, member);
        if (r >= 0)
                r = sd_bus_message_set_auto_start(m, false);
        if (r < 0)
                return bus_client_fail(c, member, NULL, r);
        *ret = TAKE_PTR(m);
        return STATUS_OK;
}

int bus_client_send(BusClient *c, sd_bus_message *message, CallFlags flags, sd_bus_message **ret) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = message, *reply = NULL;
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        bool ask = (flags & CALL_PRIVILEGED) && c->ask_password;

        if (ask) {
                int r = sd_bus_message_set_allow_interactive_authorization(m, true);
                if (r < 0)
                        return bus_client_fail(c, sd_bus_message_get_member(m), NULL, r);
                ask_password_open(&c->agent);
        }
        int r = sd_bus_call(c->bus, m, ask ? PASSWORD_TIMEOUT_USEC : TIMEOUT_USEC, &error, &reply);
        if (r < 0) /* the member is read only now: appending arguments may move it in memory */
                return bus_client_fail(c, sd_bus_message_get_member(m), &error, r);
        if (ret)
                *ret = TAKE_PTR(reply);
        return STATUS_OK;
}

int bus_client_call(BusClient *c, const char *member, CallFlags flags, sd_bus_message **ret, const char *types, ...) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        va_list ap;

        int status = bus_client_message(c, BUS_PATH, BUS_MANAGER, member, &m);
        if (status != STATUS_OK)
                return status;
        if (types) {
                va_start(ap, types);
                int r = sd_bus_message_appendv(m, types, ap);
                va_end(ap);
                if (r < 0)
                        return bus_client_fail(c, member, NULL, r);
        }
        return bus_client_send(c, TAKE_PTR(m), flags, ret);
}

/* ------------------------------------------------------------------ properties */

int bus_client_properties(BusClient *c, JsonObject **ret) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL, *reply = NULL;

        int status = bus_client_message(c, BUS_PATH, "org.freedesktop.DBus.Properties", "GetAll", &m);
        if (status != STATUS_OK)
                return status;
        int r = sd_bus_message_append(m, "s", BUS_MANAGER);
        if (r < 0)
                return bus_client_fail(c, "GetAll", NULL, r);
        status = bus_client_send(c, TAKE_PTR(m), 0, &reply);
        if (status != STATUS_OK)
                return status;
        r = variant_to_json_properties(reply, ret);
        return r < 0 ? bus_client_fail(c, "GetAll", NULL, r) : STATUS_OK;
}

static int compare_paths(const void *a, const void *b) {
        return strverscmp(json_value_text(*(JsonObject *const *) a, "path"),
                          json_value_text(*(JsonObject *const *) b, "path"));
}

/* tree: path -> interface -> name -> value. */
static int pick_objects(JsonObject *tree, const char *interface, JsonObject **ret) {
        _cleanup_(json_object_putp) JsonObject *array = json_object_new_array();

        if (!array || !json_object_is_type(tree, json_type_object))
                return !array ? -ENOMEM : -EBADMSG;
        json_object_object_foreach(tree, path, interfaces) {
                _cleanup_(json_object_putp) JsonObject *o = NULL;
                JsonObject *properties = json_value_object(interfaces, interface);

                if (!properties)
                        continue;
                int r = json_rename_properties(properties, &o);
                if (r >= 0)
                        r = json_value_add(o, "path", json_object_new_string(path));
                if (r >= 0 && json_object_array_add(array, o) < 0)
                        r = -ENOMEM;
                if (r < 0)
                        return r;
                o = NULL; /* owned by the array now */
        }
        json_object_array_sort(array, compare_paths);
        *ret = TAKE_PTR(array);
        return 0;
}

int bus_client_objects(BusClient *c, const char *interface, JsonObject **ret) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL, *reply = NULL;
        _cleanup_(json_object_putp) JsonObject *tree = NULL;

        int status = bus_client_message(c, BUS_PATH, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", &m);
        if (status == STATUS_OK)
                status = bus_client_send(c, TAKE_PTR(m), 0, &reply);
        if (status != STATUS_OK)
                return status;
        int r = variant_to_json(reply, &tree);
        if (r >= 0)
                r = pick_objects(tree, interface, ret);
        return r < 0 ? bus_client_fail(c, "GetManagedObjects", NULL, r) : STATUS_OK;
}
