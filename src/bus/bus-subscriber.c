/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "basic/clock.h"
#include "basic/rate-table.h"
#include "bus/bus-event.h"
#include "bus/bus-internal.h"

/* Per subscriber. The log also has the events that exceed this. */
#define EVENTS_PER_SECOND 50
#define EVENTS_BURST 200
/* Of these, for one unit. */
#define UNIT_EVENTS_PER_SECOND 10
#define UNIT_EVENTS_BURST 50
#define UNITS_MAX 512
#define QUEUED_MAX 1024 /* outgoing messages not yet accepted by the bus */

static void subscriber_remove(Subscriber *s) {
        Bus *b = s->bus;

        sd_bus_slot_unref(s->watch);
        sd_bus_slot_unref(s->question);
        free(s->name);
        /* The slot of the array is kept: sd-bus slots point to it. */
        *s = (Subscriber) {};
        b->n_subscribers--;
}

void bus_subscribers_clear(Bus *b) {
        for (size_t i = 0; i < SUBSCRIBERS_MAX; i++)
                if (b->subscribers[i].name)
                        subscriber_remove(&b->subscribers[i]);
}

static Subscriber *subscriber_find(Bus *b, const char *name) {
        for (size_t i = 0; i < SUBSCRIBERS_MAX; i++)
                if (b->subscribers[i].name && strcmp(b->subscribers[i].name, name) == 0)
                        return &b->subscribers[i];
        return NULL;
}

static int subscriber_on_owner_changed(sd_bus_message *m, void *userdata, _unused_ sd_bus_error *error) {
        const char *name, *old_owner, *new_owner;
        Subscriber *s = userdata;

        if (sd_bus_message_read(m, "sss", &name, &old_owner, &new_owner) >= 0 && new_owner[0] == '\0' && s->name &&
            strcmp(name, s->name) == 0)
                subscriber_remove(s);
        return 0;
}

static int subscriber_on_owner(sd_bus_message *m, void *userdata, _unused_ sd_bus_error *error) {
        Subscriber *s = userdata;

        s->question = sd_bus_slot_unref(s->question);
        if (sd_bus_message_is_method_error(m, SD_BUS_ERROR_NAME_HAS_NO_OWNER))
                subscriber_remove(s);
        return 1;
}

static int subscriber_add(Bus *b, const char *name) {
        Subscriber *s = b->subscribers;
        char match[512];
        int r;

        if (subscriber_find(b, name))
                return 0;
        if (b->n_subscribers == SUBSCRIBERS_MAX)
                return -ENOSPC;
        while (s->name)
                s++;

        *s = (Subscriber) { .bus = b, .name = strdup(name) };
        if (!s->name)
                return -ENOMEM;
        b->n_subscribers++;
        (void) snprintf(match, sizeof(match),
                        "type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',"
                        "interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='%s'", name);
        r = sd_bus_add_match_async(b->bus, &s->watch, match, subscriber_on_owner_changed, NULL, s);
        /* A match is only active once the bus has confirmed it. A client that left before is no longer known to the
         * bus by then. */
        if (r >= 0)
                r = sd_bus_call_method_async(b->bus, &s->question, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                             "org.freedesktop.DBus", "GetNameOwner", subscriber_on_owner, s, "s", name);
        if (r < 0)
                subscriber_remove(s);
        return r;
}

/* ------------------------------------------------------------------ events */

static bool take_token(Bus *b) {
        uint64_t usec = clock_usec(CLOCK_MONOTONIC);

        b->tokens += (double) (usec - b->tokens_usec) * EVENTS_PER_SECOND / (double) USEC_PER_SEC;
        b->tokens = MIN(b->tokens, (double) EVENTS_BURST);
        b->tokens_usec = usec;
        if (b->tokens < 1)
                return false;
        b->tokens -= 1;
        return true;
}

/* The first of a unit that had none for a while is always sent: the flood of another cannot hide it. */
static bool may_send(Bus *b, const Event *e) {
        const char *unit = e->unit ?: "";
        RateVerdict v = rate_table_take(b->units, unit, strlen(unit), clock_nsec(CLOCK_MONOTONIC));

        return v != RATE_OVER && (take_token(b) || v == RATE_FIRST);
}

int bus_subscribers_init(Bus *b) {
        RateTableOptions units = { .max = UNITS_MAX, .rate = UNIT_EVENTS_PER_SECOND, .burst = UNIT_EVENTS_BURST };

        if (getrandom(units.hash_key, sizeof(units.hash_key), 0) != sizeof(units.hash_key))
                return -EIO;
        return rate_table_new(&units, &b->units);
}

static int send_event(Bus *b, const Subscriber *s, const Event *e) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;

        int r = sd_bus_message_new_signal(b->bus, &m, BUS_PATH, BUS_INTERFACE_MANAGER, "ConnectionDenied");
        if (r < 0)
                return r;
        r = bus_event_append(m, e, b->n_dropped);
        if (r < 0)
                return r;
        r = sd_bus_message_set_destination(m, s->name);
        return r < 0 ? r : sd_bus_send(b->bus, m, NULL);
}

void bus_send_denial(const Event *e, void *userdata) {
        Bus *b = userdata;
        uint64_t n_queued;
        bool sent = false;

        if (!bus_ready(b) || b->n_subscribers == 0)
                return;

        if (sd_bus_get_n_queued_write(b->bus, &n_queued) >= 0 && n_queued < QUEUED_MAX && may_send(b, e))
                for (size_t i = 0; i < SUBSCRIBERS_MAX; i++)
                        if (b->subscribers[i].name && send_event(b, &b->subscribers[i], e) >= 0) {
                                b->stats.events_sent++;
                                sent = true;
                        }
        b->n_dropped = sent ? 0 : b->n_dropped + 1;
        b->stats.events_dropped += !sent;
}

uint64_t bus_n_denials_lost(void *userdata) {
        const Bus *b = userdata;

        return b->stats.events_dropped;
}

/* ------------------------------------------------------------------ methods */

int bus_method_subscribe(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Bus *b = userdata;
        Caller caller;

        int r = bus_authorize(b, m, ACTION_VIEW_EVENTS, NULL, bus_method_subscribe, &caller, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = subscriber_add(b, caller.sender);
        if (r == -ENOSPC)
                r = sd_bus_error_set(error, SD_BUS_ERROR_LIMITS_EXCEEDED, "There are too many subscribers.");
        if (bus_note_result(b, ACTION_VIEW_EVENTS, &caller, r, error) < 0)
                return r;
        return sd_bus_reply_method_return(m, NULL);
}

int bus_method_unsubscribe(sd_bus_message *m, void *userdata, _unused_ sd_bus_error *error) {
        const char *sender = sd_bus_message_get_sender(m);
        Bus *b = userdata;

        Subscriber *s = sender ? subscriber_find(b, sender) : NULL;
        if (s)
                subscriber_remove(s);
        return sd_bus_reply_method_return(m, NULL);
}
