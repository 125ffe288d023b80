/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The service on the system bus: name org.cargowall1, objects below /org/cargowall1, as dbus/ promises them and
 * org.cargowall1(5) describes them.
 *
 * Nothing here is needed for enforcement. Without a bus all notifications do nothing; the bus is waited for, and when
 * it goes away it is connected to anew, ever more slowly. Nothing here waits: there is no synchronous call. */

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "daemon/manager.h"

typedef struct Bus Bus;

typedef struct BusOptions {
        uint64_t polkit_timeout_usec; /* PolkitOptions */
        bool trust_nobody;
        /* Unit and control group of a process, both owned by the caller then; -ENODATA: it has none. NULL: by
         * sd-login(3). */
        int (*unit_of)(uint32_t pid, char **ret_unit, char **ret_cgroup);
        /* One line for the service's own log. NULL: silence. */
        void (*log)(int priority, const char *text, void *userdata);
        void *userdata;
} BusOptions;

/* Observes m, which is borrowed and outlives the Bus. bus: taken, also on failure; a peer-to-peer bus gets the same
 * objects. NULL: the system bus, connected to when m is ready. */
int bus_new(sd_event *event, sd_bus *bus, Manager *m, Bus **ret);
Bus *bus_free(Bus *b);
/* Before the loop runs. Copied. */
void bus_set_options(Bus *b, const BusOptions *options);

typedef struct BusStats {
        uint64_t events_sent, events_dropped; /* events_sent counts each subscriber */
        uint64_t connections;                 /* to the bus, since start */
        size_t subscribers, calls_pending;
} BusStats;
void bus_stats(const Bus *b, BusStats *ret);

DEFINE_CLEANUP_FUNC(Bus *, bus_free)
