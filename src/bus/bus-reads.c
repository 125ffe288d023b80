/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "basic/clock.h"
#include "bus/bus-internal.h"

/* Charges what everybody may read to the budget of the calling user. sd-bus answers most of it without us, at once; so a
 * call whose user is not known yet is held until the bus has named the user, and then handled as if it had just arrived. */

#define NAME_MAX_LENGTH 255 /* of interfaces and members, D-Bus specification */

/* Tokens, see call-budget.h. */
static const struct {
        const char *interface, *member, *signature;
        unsigned cost;
} reads[] = {
        { "org.freedesktop.DBus.Properties", "Get", "ss", 1 },
        { "org.freedesktop.DBus.Properties", "GetAll", "s", 2 },
        { "org.freedesktop.DBus.Introspectable", "Introspect", "", 2 },
        { "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", "", 20 },
        { BUS_INTERFACE_MANAGER, "GetDNSStatus", "", 2 },
        { BUS_INTERFACE_MANAGER, "Unsubscribe", "", 1 },
};

/* What a message that is held may contain: its size is bounded. */
static bool is_short(sd_bus_message *m) {
        const char *text;
        bool is = true;

        while (is && sd_bus_message_read_basic(m, SD_BUS_TYPE_STRING, &text) > 0)
                is = strlen(text) <= NAME_MAX_LENGTH;
        return sd_bus_message_rewind(m, true) >= 0 && is;
}

/* 0: it is none. sd-bus does not answer a call without an interface. */
static unsigned cost_of(sd_bus_message *m) {
        for (size_t i = 0; i < ELEMENTSOF(reads); i++)
                if (sd_bus_message_is_method_call(m, reads[i].interface, reads[i].member) > 0 &&
                    sd_bus_message_has_signature(m, reads[i].signature) > 0)
                        return reads[i].cost;
        return 0;
}

/* ------------------------------------------------------------------ senders: unique names are not used twice */

static const BusSender *sender_find(const Bus *b, const char *name) {
        for (size_t i = 0; i < SENDERS_MAX; i++)
                if (strcmp(b->senders[i].name, name) == 0)
                        return &b->senders[i];
        return NULL;
}

static void sender_add(Bus *b, const char *name, uint32_t uid) {
        BusSender *s = &b->senders[b->next_sender];

        if (strlen(name) >= sizeof(s->name) || sender_find(b, name))
                return;
        (void) snprintf(s->name, sizeof(s->name), "%s", name);
        s->uid = uid;
        b->next_sender = (b->next_sender + 1) % SENDERS_MAX;
}

/* ------------------------------------------------------------------ filter */

static int on_identified(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Bus *b = userdata;
        Caller caller;
        int r;

        r = polkit_identify(b->polkit, m, on_identified, b, &caller, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        sender_add(b, caller.sender, caller.uid);
        r = sd_bus_enqueue_for_read(b->bus, m); /* on_message() charges it */
        return r < 0 ? r : 1;
}

static int on_message(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const char *name = sd_bus_message_get_sender(m);
        const BusSender *sender;
        Bus *b = userdata;
        unsigned cost;
        Caller caller;
        int r;

        cost = name ? cost_of(m) : 0;
        if (cost == 0)
                return 0;
        sender = sender_find(b, name);
        if (sender)
                return bus_spend_tokens(b, sender->uid, cost, error);
        if (!is_short(m))
                return sd_bus_error_set(error, SD_BUS_ERROR_INVALID_ARGS, "There is no such interface or property.");
        r = polkit_identify(b->polkit, m, on_identified, b, &caller, error);
        return r < 0 ? r : 1;
}

int bus_add_reads(Bus *b) {
        assert(b);

        memset(b->senders, 0, sizeof(b->senders)); /* another bus has other names */
        return sd_bus_add_filter(b->bus, NULL, on_message, b);
}
