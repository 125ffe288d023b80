/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* An event as a D-Bus dictionary, with the names and values of the event log (event/event-fields.h): text s, number
 * x, boolean b, list of names as; parents and labels as their JSON text. Every string is valid UTF-8. */

#include <systemd/sd-bus.h>

#include "event/event.h"

/* Appends one a{sv}. n_dropped > 0 adds "bus_events_dropped". */
int bus_event_append(sd_bus_message *m, const Event *e, uint64_t n_dropped);
