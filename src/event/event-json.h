/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Event -> one NDJSON line. A direct writer: no allocation, no printf, fixed key order. */

#include <stddef.h>

#include "event/event-fields.h"

#define EVENT_LINE_MAX 16384

/* Writes one line that ends in '\n' and returns its length. Every event fits: strings are cut to fit their share, never
 * in the middle of a character, and whatever is not valid UTF-8 or is a control character is escaped. */
size_t event_json_write(const Event *e, char buf[static EVENT_LINE_MAX]);
/* One value alone, as it stands in the line; not terminated. Returns its length. */
size_t event_json_write_value(const EventField *f, char buf[static EVENT_LINE_MAX]);
