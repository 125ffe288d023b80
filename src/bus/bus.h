/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The service on the system bus: name org.cargowall1, objects below /org/cargowall1, as declared in dbus/ and
 * described in org.cargowall1(5).
 *
 * Enforcement does not depend on it. Without a bus, notifications do nothing; the service waits for a bus, and
 * reconnects with increasing delays if the connection is lost. Nothing here blocks: there are no synchronous calls. */

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "daemon/service.h"

typedef struct Bus Bus;

typedef struct BusOptions {
        uint64_t polkit_timeout_usec; /* see PolkitOptions */
        bool trust_nobody;
        /* Unit and control group of a process, both owned by the caller; -ENODATA: none. NULL: use sd-login(3). */
        int (*unit_of)(uint32_t pid, char **ret_unit, char **ret_cgroup);
        /* Writes one line to the service's own log. NULL: no messages. */
        void (*log)(int priority, const char *text, void *userdata);
        void *userdata;
} BusOptions;

/* Observes m, which is borrowed and must outlive the Bus. bus: ownership is taken, even on failure; a peer-to-peer
 * bus gets the same objects. NULL: the system bus, connected to when m is ready. */
int bus_new(sd_event *event, sd_bus *bus, Service *m, Bus **ret);
Bus *bus_free(Bus *b);
/* Call before the loop runs. options is copied. */
void bus_set_options(Bus *b, const BusOptions *options);

typedef struct BusStats {
        uint64_t events_sent, events_dropped; /* events_sent counts once per subscriber */
        uint64_t connections;                 /* to the bus, since the start */
        size_t subscribers, calls_pending;
} BusStats;
void bus_stats(const Bus *b, BusStats *ret);

DEFINE_CLEANUP_FUNC(Bus *, bus_free)
