/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Event -> one NDJSON line. Written directly: no allocation, no printf, fixed key order. */

#include <stddef.h>

#include "event/event-fields.h"

#define EVENT_LINE_MAX 16384

/* Writes one line ending in '\n' and returns its length. Every event fits: strings are truncated to their share,
 * never inside a character; invalid UTF-8 and control characters are escaped. */
size_t event_json_write(const Event *e, char buf[static EVENT_LINE_MAX]);
/* A single value as it appears in the line; not terminated. Returns its length. */
size_t event_json_write_value(const EventField *f, char buf[static EVENT_LINE_MAX]);
