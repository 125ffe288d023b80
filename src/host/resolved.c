/* SPDX-License-Identifier: Apache-2.0 */
#include "host/resolved.h"

#include <assert.h>

#include "basic/macro.h"

#define CALL_TIMEOUT_USEC (10 * USEC_PER_SEC)

typedef struct FlushCall {
        resolved_fn fn;
        void *userdata;
} FlushCall;

/* Nobody owns the name, and no service is to be started for it: as reported by dbus-daemon and dbus-broker, and by
 * systemd if the unit is not installed. */
static bool error_is_absence(const sd_bus_error *e) {
        return sd_bus_error_has_name(e, SD_BUS_ERROR_SERVICE_UNKNOWN) ||
               sd_bus_error_has_name(e, SD_BUS_ERROR_NAME_HAS_NO_OWNER) ||
               sd_bus_error_has_name(e, "org.freedesktop.systemd1.NoSuchUnit");
}

static bool error_is_refusal(const sd_bus_error *e) {
        return sd_bus_error_has_name(e, SD_BUS_ERROR_ACCESS_DENIED) ||
               sd_bus_error_has_name(e, SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED);
}

static int resolved_on_reply(sd_bus_message *m, void *userdata, sd_bus_error *ret_error _unused_) {
        const FlushCall *c = userdata;
        const sd_bus_error *e = sd_bus_message_get_error(m);
        int r = 1;

        if (e && error_is_absence(e))
                r = 0;
        else if (e && error_is_refusal(e))
                r = -EACCES;
        else if (e) {
                r = -sd_bus_message_get_errno(m);
                if (r >= 0)
                        r = -EIO;
        }
        c->fn(r, c->userdata);
        return 0;
}

int resolved_flush_caches(sd_bus *bus, resolved_fn fn, void *userdata, sd_bus_slot **ret_slot) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        _cleanup_(sd_bus_slot_unrefp) sd_bus_slot *slot = NULL;
        _cleanup_free_ FlushCall *c = NULL;
        int r;

        assert(bus && fn && ret_slot);

        c = malloc(sizeof(*c));
        if (!c)
                return -ENOMEM;
        *c = (FlushCall) { .fn = fn, .userdata = userdata };
        r = sd_bus_message_new_method_call(bus, &m, "org.freedesktop.resolve1", "/org/freedesktop/resolve1",
                                           "org.freedesktop.resolve1.Manager", "FlushCaches");
        if (r >= 0)
                r = sd_bus_message_set_auto_start(m, 0);
        if (r >= 0)
                r = sd_bus_call_async(bus, &slot, m, resolved_on_reply, c, CALL_TIMEOUT_USEC);
        if (r < 0)
                return r;
        r = sd_bus_slot_set_destroy_callback(slot, free); /* owned by the call, whether it completes or is cancelled */
        if (r < 0)
                return r;
        (void) TAKE_PTR(c);
        (void) sd_bus_slot_set_description(slot, "resolved-flush-caches");
        *ret_slot = TAKE_PTR(slot);
        return 0;
}
