/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Event -> one journal record in the native protocol (https://systemd.io/JOURNAL_NATIVE_PROTOCOL/): lines of KEY=value.
 * No allocation, no printf. docs/events.md lists the fields. */

#include <stddef.h>

#include "event/event.h"

#define EVENT_JOURNAL_MAX 16384

/* Writes the record and returns its length; every event fits. Values are cut to their share and hold no control
 * character, so each stands on one line and none can begin a field of its own. */
size_t event_journal_write(const Event *e, char buf[static EVENT_JOURNAL_MAX]);

int event_journal_priority(const Event *e);            /* of syslog(3): 2 critical to 6 informational */
const char *event_journal_message_id(const Event *e);  /* event/message-id.h */
