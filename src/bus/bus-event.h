/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* One line of the event log (event/event-json.h) as a dictionary of the bus: string s, integer x, boolean b, other
 * number d, array of strings as; anything else as its JSON text. null is left out. */

#include <systemd/sd-bus.h>

#include "basic/macro.h"

/* Appends one a{sv}. n_dropped > 0 adds "bus_events_dropped". -EBADMSG: the line is no JSON object, or more than
 * EVENT_LINE_MAX bytes; nothing was appended then. */
int bus_event_append(sd_bus_message *m, const char *line, size_t size, uint64_t n_dropped);
